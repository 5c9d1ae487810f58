"""Text files: what is found, how it is cut into pieces, and what is refused with which line."""

from __future__ import annotations

import gzip
import os
import random
import sys
import tracemalloc
from pathlib import Path

import pytest

from lstmkit import InputError
from lstmkit.language.text import reading
from lstmkit.language.text.reading import read_lines, read_pieces, text_files

TEXT = "Grüße, 世界 \U0001f600!\r\n\r\nA\rB\u2028C\x0bD\x85E\n last"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read seven bytes at a time."""
    monkeypatch.setattr(reading, "BLOCK", 7)


def refused(source: Path) -> str:
    """Return the one line with which a text is refused, without its path."""
    with pytest.raises(InputError) as error:
        list(read_lines(source))
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(f"{source}")
    return line.removeprefix(f"{source}").removeprefix(": ")


def test_lines_keep_their_ends_and_only_line_feeds_end_them(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(TEXT.encode())
    assert list(read_lines(tmp_path / "a.txt")) == [
        *("Grüße, 世界 \U0001f600!\n", "\n", "A\rB\u2028C\x0bD\x85E\n", " last"),
    ]


@pytest.mark.parametrize("block", range(1, 12))
def test_characters_and_line_ends_may_lie_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(reading, "BLOCK", block)
    (tmp_path / "a.txt").write_bytes(TEXT.encode() + b"\r")
    assert "".join(read_lines(tmp_path / "a.txt")) == TEXT.replace("\r\n", "\n") + "\r"


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a"])
def test_gzip_and_a_byte_order_mark_are_seen_through(tmp_path: Path, name: str):
    content = b"\xef\xbb\xbfone\ntwo\n"
    (tmp_path / name).write_bytes(gzip.compress(content) if name != "a.txt" else content)
    assert list(read_lines(tmp_path / name)) == ["one\n", "two\n"]


def test_a_folder_is_one_text_in_the_order_of_names(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.tokens").write_text("third\n")
    (tmp_path / "a.txt").write_text("first, without an end")
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"fourth"))
    (tmp_path / "aa.txt").write_text("")
    (tmp_path / "ab.txt").write_text("second\n")
    (tmp_path / "notes.md").write_text("not this\n")
    names = [str(path.relative_to(tmp_path)) for path in text_files(tmp_path)]
    assert names == ["a.txt", "aa.txt", "ab.txt", os.path.join("b", "x.tokens"), "c.txt.gz"]
    assert "".join(read_lines(tmp_path)) == "first, without an end\nsecond\nthird\nfourth"


@pytest.mark.usefixtures("small_blocks")
def test_long_lines_are_cut_only_after_white_space(tmp_path: Path):
    draw = random.Random(2)
    words = [draw.choice("abcde") * draw.randrange(1, 7) for _ in range(500)]
    text = "".join(word + draw.choice("    \t\n") for word in words)
    (tmp_path / "a.txt").write_text(text)
    pieces = list(read_pieces(tmp_path / "a.txt"))
    assert "".join(pieces) == text
    assert all(piece[-1].isspace() for piece in pieces)
    assert any(not piece.endswith("\n") for piece in pieces)
    assert max(map(len, pieces)) <= 14


@pytest.mark.usefixtures("small_blocks")
def test_a_word_longer_than_a_block_is_cut_and_complete(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a " + "x" * 100)
    pieces = list(read_lines(tmp_path / "a.txt"))
    assert "".join(pieces) == "a " + "x" * 100
    assert max(map(len, pieces)) <= 14


@pytest.mark.parametrize("line", ["one two three\n", "one two three "])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str):
    size = 4 << 20
    monkeypatch.setattr(reading, "BLOCK", 1 << 14)  # memory grows with the block, and tracing a large one is slow
    (tmp_path / "a.txt").write_text(line * (size // len(line)))
    tracemalloc.start()
    characters = sum(map(len, read_lines(tmp_path / "a.txt")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert characters == size // len(line) * len(line)
    assert peak < size / 10


def test_a_file_that_is_not_there(tmp_path: Path):
    assert refused(tmp_path / "no.txt") == "no such file or folder"


def test_a_folder_without_text_says_what_is_looked_for(tmp_path: Path):
    (tmp_path / "a.csv").write_text("a")
    assert refused(tmp_path) == "no text in this folder; looked for *.txt, *.txt.gz, *.tokens"


@pytest.mark.parametrize("content", ["", " \n\t \r\n\n", "\ufeff"])
def test_a_text_of_nothing_is_empty(tmp_path: Path, content: str):
    (tmp_path / "a.txt").write_bytes(content.encode())
    (tmp_path / "b.txt").write_bytes(b"")
    assert refused(tmp_path / "a.txt") == "the text is empty"
    assert refused(tmp_path) == "the text is empty"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("offset", [0, 1, 10, 700_000])
def test_a_binary_file_names_the_offset_of_its_zero_byte(tmp_path: Path, offset: int, compressed: bool):
    content = b"x" * offset + b"\x00" + b"\xff\x00" * 9
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert refused(path) == f"a binary file (a zero byte at offset {offset}); a text file is needed"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("block", [1, 3, 7, 1 << 19])
@pytest.mark.parametrize("wrong", [b"\xe9t\xe9", b"\xe4\xb8x", b"\xff", b"\xe4\xb8"])
def test_a_wrong_encoding_names_byte_and_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes, block: int, wrong: bytes
):
    monkeypatch.setattr(reading, "BLOCK", max(block, len(mark)))
    content = mark + "Grüße\r\n".encode() * 5 + wrong
    with pytest.raises(UnicodeDecodeError) as whole:
        content.decode()
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    expected = f"not UTF-8 text (byte 0x{wrong[0]:02x} at offset {whole.value.start}); save it as UTF-8"
    assert refused(tmp_path / "a.txt") == expected
    assert refused(tmp_path / "a.gz") == expected


def test_utf_16_is_a_wrong_encoding_and_not_binary(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe" + "text".encode("utf-16-le"))
    assert refused(tmp_path / "a.txt") == "not UTF-8 text (byte 0xff at offset 0); save it as UTF-8"


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:40] + b"???" + b[43:]])
def test_a_damaged_gzip_file(tmp_path: Path, damage):
    content = gzip.compress(random.Random(3).randbytes(2000).hex().encode())
    (tmp_path / "a.txt.gz").write_bytes(damage(content))
    assert refused(tmp_path / "a.txt.gz") == "not a readable gzip file; it is damaged or cut short"


def test_a_text_that_is_not_packed_may_be_named_so(tmp_path: Path):
    (tmp_path / "a.txt.gz").write_bytes(b"the cat\n")
    assert list(read_lines(tmp_path / "a.txt.gz")) == ["the cat\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes here")
def test_a_pipe_is_refused_before_anything_waits_for_it(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").startswith("not a regular file; a text is read more than once")
