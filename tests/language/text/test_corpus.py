"""Corpora: three parts, a vocabulary of the training part alone, and ids in memory or in a file."""

from __future__ import annotations

import dataclasses
import gzip
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.language.text import Corpus, VocabularySettings, read_corpus, reading
from lstmkit.language.text import corpus as corpus_module
from lstmkit.language.text.corpus import encode_counted
from lstmkit.language.vocabulary import END, UNKNOWN, Subwords, Words
from lstmkit.language.vocabulary import words as words_module


def lines_of_words(count: int, seed: int = 0) -> list[str]:
    """Return lines of 0 to 8 words, of which some are frequent."""
    draw = random.Random(seed)
    return [" ".join(f"w{int(draw.expovariate(0.1))}" for _ in range(draw.randrange(9))) + "\n" for _ in range(count)]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("".join(lines_of_words(400)))
    return tmp_path / "text.txt"


def symbols(corpus: Corpus, part: str) -> list[str]:
    return [corpus.tokens.symbols[i] for i in getattr(corpus, part)]


def test_three_files_are_three_parts(tmp_path: Path):
    paths = []
    for seed, part in enumerate(("train", "valid", "test")):
        paths.append(tmp_path / f"{part}.txt")
        paths[-1].write_text("".join(lines_of_words(50, seed)))
    corpus = read_corpus(*paths, settings=VocabularySettings(split="space", min_count=2))
    known = {word for word in set(paths[0].read_text().split()) if paths[0].read_text().split().count(word) > 1}
    for path, part in zip(paths, ("train", "valid", "test"), strict=True):
        expected = []
        for line in path.read_text().splitlines():
            expected += [word if word in known else UNKNOWN for word in line.split()] + [END]
        assert symbols(corpus, part) == expected
        assert getattr(corpus, part).dtype == np.int32
        assert corpus.characters[part] == len(path.read_text())
        assert corpus.unknown[part] == expected.count(UNKNOWN)
    assert corpus.unknown["valid"] > 0
    assert corpus.notes[0] == "split at white space, as already tokenised"
    share = 100 * corpus.unknown["test"] / len(corpus.test)
    assert corpus.notes[-1].startswith("what is not in the vocabulary becomes <unk>: ")
    assert corpus.notes[-1].endswith(f"{share:.2g} % of the test part")


@pytest.mark.parametrize("block", [50, 1 << 19])
def test_shares_are_cut_at_the_last_line_end_before_them(text: Path, monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr(reading, "BLOCK", block)
    corpus = read_corpus(text, settings=VocabularySettings(min_count=1), valid_share=0.2, test_share=0.3)
    whole = text.read_text()
    to_valid = whole.rfind("\n", 0, len(whole) // 2) + 1
    to_test = whole.rfind("\n", 0, len(whole) * 7 // 10) + 1
    parts = {"train": whole[:to_valid], "valid": whole[to_valid:to_test], "test": whole[to_test:]}
    assert corpus.characters == {part: len(piece) for part, piece in parts.items()}
    assert set(corpus.tokens.symbols) == {*parts["train"].split(), UNKNOWN, END}
    for part, piece in parts.items():
        assert getattr(corpus, part).tolist() == corpus.tokens.encode(piece).tolist()
    assert corpus.notes[0] == "cut off the end of the training text: 20 % for validation, then 30 % for the test"


@pytest.mark.parametrize(("n", "share", "rest"), [(10, 0.1, 9), (15, 0.1, 13), (100, 0.29, 71), (1000, 0.3, 700)])
def test_characters_are_cut_exactly(tmp_path: Path, n: int, share: float, rest: int):
    path = tmp_path / "text.txt"
    path.write_text("".join(random.Random(1).choices("abc\n", k=n - 1)) + "a")
    corpus = read_corpus(path, unit="character", valid_share=0.2, test_share=share)
    assert len(corpus.train) + len(corpus.valid) == rest
    assert "".join(corpus.tokens.decode(getattr(corpus, p)) for p in ("train", "valid", "test")) == path.read_text()


def test_a_part_with_a_file_of_its_own_is_not_cut_off(text: Path, tmp_path: Path):
    (tmp_path / "test.txt").write_text("w1 w2\n")
    corpus = read_corpus(text, test=tmp_path / "test.txt", valid_share=0.5)
    assert corpus.characters["train"] + corpus.characters["valid"] == len(text.read_text())
    assert corpus.characters["valid"] >= len(text.read_text()) / 2
    assert symbols(corpus, "test") == ["w1", "w2", END]


def test_the_vocabulary_knows_only_the_training_part(text: Path):
    before = read_corpus(text)
    kept = before.characters["train"]
    whole = text.read_text()
    text.write_text(whole[:kept] + whole[kept:].replace("w", "v"))
    after = read_corpus(text)
    assert after.tokens == before.tokens
    np.testing.assert_array_equal(after.train, before.train)
    ends = np.count_nonzero(after.test == after.tokens.end)
    assert after.unknown["test"] == len(after.test) - ends


def test_a_last_line_without_end_is_ended_but_no_character_is_invented(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("a b\na b")
    words = Words(("a", "b", UNKNOWN, END))
    assert encode_counted(path, words)[0].tolist() == [0, 1, 3, 0, 1, 3]
    path.write_text("a b\na b\n")
    assert encode_counted(path, words)[0].tolist() == [0, 1, 3, 0, 1, 3]
    corpus = read_corpus(path, path, path, "character")
    assert len(corpus.train) == 8


def test_a_text_in_one_line_is_encoded_and_cut_as_if_its_words_stood_in_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading, "BLOCK", 64)
    words = "".join(lines_of_words(500)).split()
    (tmp_path / "line.txt").write_text(" ".join(words))
    corpus = read_corpus(
        tmp_path / "line.txt", settings=VocabularySettings(min_count=1), valid_share=0.2, test_share=0.2
    )
    shown = [symbols(corpus, part) for part in ("train", "valid", "test")]
    assert [part.count(END) for part in shown] == [1, 1, 1]
    position = 0
    for part in shown:
        stretch = words[position : position + len(part) - 1]
        known = [word if word in corpus.tokens.symbols else UNKNOWN for word in stretch]
        assert part == [*known, END]
        position += len(stretch)
    assert position == len(words)
    assert 0.5 < len(shown[0]) / len(words) < 0.6


@pytest.mark.parametrize("unit", ["word", "character", "subword"])
@pytest.mark.parametrize("own_folder", [False, True])
def test_a_large_text_has_the_same_ids_in_a_file(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, own_folder: bool
):
    settings = VocabularySettings(max_size=25)
    held = read_corpus(text, unit=unit, settings=settings)
    monkeypatch.setattr(corpus_module, "ON_DISK", text.stat().st_size - 1)
    folder = tmp_path / "ids" if own_folder else None
    mapped = read_corpus(text, unit=unit, settings=settings, folder=folder)
    assert mapped.tokens == held.tokens
    for part in ("train", "valid", "test"):
        ids = getattr(mapped, part)
        assert isinstance(ids, np.memmap)
        assert not ids.flags.writeable
        np.testing.assert_array_equal(ids, getattr(held, part))
        if own_folder:
            assert (tmp_path / "ids" / part / "tokens.bin").stat().st_size == 4 * len(ids)
    assert (mapped.characters, mapped.unknown) == (held.characters, held.unknown)
    large = "ids in a file, not in memory, because the text is large: training part, validation part, test part"
    assert large in mapped.notes
    assert large not in held.notes


def test_subwords_of_a_large_text_are_learnt_from_some_of_its_pieces(text: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "BLOCK", 1 << 10)
    monkeypatch.setattr(corpus_module, "ON_DISK", text.stat().st_size // 3 + 1)
    corpus = read_corpus(text, text, text, "subword", settings=VocabularySettings(max_size=25))
    assert corpus.tokens == Subwords.learn(list(reading.read_pieces(text))[::3], 25)
    assert "sub-words learnt from one in 3 pieces of the text" in corpus.notes


def test_ids_that_are_written_again_leave_the_old_ones_readable(text: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(corpus_module, "ON_DISK", 0)
    tokens = Words.learn(lines_of_words(10))
    first = encode_counted(text, tokens, tmp_path)[0]
    copy = first.copy()
    text.write_text("w1\n")
    second, characters = encode_counted(text, tokens, tmp_path)
    assert (len(second), characters) == (2, 3)
    np.testing.assert_array_equal(first, copy)


def test_gzip_counts_for_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = "".join(lines_of_words(2000)).encode()
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(corpus_module, "ON_DISK", 2 * (tmp_path / "a.txt.gz").stat().st_size)
    assert isinstance(encode_counted(tmp_path / "a.txt.gz", Words.learn(["w1\n"]))[0], np.memmap)


@pytest.mark.parametrize("unit", ["word", "character"])
def test_memory_stays_far_below_the_size_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str):
    path, block = tmp_path / "large.txt", "".join(lines_of_words(2000))
    size = 4 << 20
    monkeypatch.setattr(reading, "BLOCK", 1 << 14)  # memory grows with the block, and tracing a large one is slow
    with path.open("w") as file:
        for _ in range(size // len(block)):
            file.write(block)
    monkeypatch.setattr(corpus_module, "ON_DISK", 1 << 20)
    monkeypatch.setattr(corpus_module, "COUNTED_AT_ONCE", 1 << 14)
    monkeypatch.setattr(words_module, "LOOK_AT", 1 << 14)
    tracemalloc.start()
    corpus = read_corpus(path, unit=unit, folder=tmp_path / "ids")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(corpus.characters.values()) == size // len(block) * len(block)
    assert peak < size / 3


def test_a_text_of_one_line_is_cut_at_white_space(tmp_path: Path):
    words = [f"w{number % 7}" for number in range(1000)]
    for name, end, sizes in (("closed.txt", "\n", [850, 50, 100]), ("open.txt", "", [849, 50, 101])):
        path = tmp_path / name
        path.write_text(" ".join(words) + end)
        corpus = read_corpus(path)
        parts = (corpus.train, corpus.valid, corpus.test)
        assert [len(part) - 1 for part in parts] == sizes, "each ends with the end of a line"
        assert " ".join(corpus.tokens.decode(part[:-1]) for part in parts) == " ".join(words)
        assert sum(corpus.characters.values()) == 3000 - 1 + len(end)


def test_a_short_text_gives_as_many_subwords_as_it_supports(text: Path):
    corpus = read_corpus(text, unit="subword")
    size = len(corpus.tokens.symbols)
    assert size < 8000
    with pytest.raises(InputError, match=f"choose at most {size}"):
        read_corpus(text, unit="subword", settings=VocabularySettings(max_size=8000))


# What cannot be used


def refusals(text: Path) -> Iterator[tuple[dict[str, object], str]]:
    short = text.with_name("short.txt")
    short.write_text("short\n")
    blank = text.with_name("blank.txt")
    blank.write_text("\n" * 50 + "a b c d\n")
    empty = text.with_name("empty.txt")
    empty.write_text(" \n")
    half = {"valid_share": 0.5, "test_share": 0.5}
    yield {"train": text, "unit": "words"}, "unit 'words' is not one of word, character, subword"
    yield {"train": empty, "valid": text, "test": text}, f"{empty}: the text is empty"
    yield {"train": text, "valid": empty, "test": text}, f"{empty}: the text is empty"
    yield {"train": text, "valid": text, "test": empty}, f"{empty}: the text is empty"
    yield (
        {"train": short},
        f"{short}: the text is too short for the split, its training part is empty; give --valid and ",
    )
    yield (
        {"train": short, "unit": "character", "valid_share": 0.01},
        f"{short}: the text is too short for the split, its validation part is empty; give --valid and --test files",
    )
    yield (
        {"train": blank, "valid_share": 0.2, "test_share": 0.2},
        "the training part holds no words; give a longer text",
    )
    yield {"train": text, **half}, "valid_share 0.5 and test_share 0.5 leave nothing to train on; lower them"
    yield {"train": text, "test_share": 1.5}, "test_share must be at least 0 and below 1; got 1.5"
    yield {"train": text, "valid_share": 0}, "valid_share must be between 0 and 1; got 0"
    yield (
        {"train": text, "unit": "character", "settings": VocabularySettings(split="space")},
        "split 'space' is for words, and the unit is 'character'; leave it out",
    )
    yield (
        {"train": text, "unit": "subword", "settings": VocabularySettings(min_count=2)},
        "min_count 2 is for words, and the unit is 'subword'; leave it out",
    )
    yield (
        {"train": text, "unit": "subword", "settings": VocabularySettings(max_size=8000)},
        "vocabulary size 8000: more sub-words than the text supports; choose at most ",
    )
    yield (
        {"train": text, "settings": VocabularySettings(max_size=1)},
        "vocabulary size 1: words need at least 3, of which",
    )


def test_what_cannot_be_used_is_refused_in_one_line(text: Path):
    for arguments, message in refusals(text):
        with pytest.raises(InputError) as refused:
            read_corpus(**arguments)
        assert str(refused.value).startswith(message)
        assert "\n" not in str(refused.value)


def test_a_folder_that_cannot_be_written_is_named(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpus_module, "ON_DISK", 0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"tokens\.bin: cannot be written \(.*\); the ids of a large text need room"):
        encode_counted(text, Words.learn(["a\n"]), tmp_path / "file")[0]


def test_a_corpus_cannot_be_changed(text: Path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        read_corpus(text).train = np.zeros(3, dtype=np.int32)


# Real texts


def test_wikitext_2_has_its_published_sizes(data: Path):
    folder = data / "wikitext2"
    corpus = read_corpus(*[folder / f"{part}.txt.gz" for part in ("train", "valid", "test")])
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [2_088_628, 217_646, 245_569]
    assert len(corpus.tokens.symbols) == 33_278
    assert END in corpus.tokens.symbols
    assert corpus.tokens.split == "space"
    with gzip.open(folder / "test.txt.gz", "rt", encoding="utf-8", newline="\n") as file:
        assert corpus.tokens.decode(corpus.test).split() == file.read().split()


def test_tiny_shakespeare_is_cut_after_its_first_ninety_percent(data: Path):
    path = data / "tinyshakespeare" / "input.txt"
    corpus = read_corpus(path, unit="character", test_share=0.1)
    assert len(corpus.train) + len(corpus.valid) + len(corpus.test) == 1_115_394
    assert len(corpus.train) + len(corpus.valid) == 1_003_854
    assert corpus.tokens.decode(corpus.test) == path.read_text(encoding="utf-8")[1_003_854:]
    assert set(corpus.unknown.values()) == {0}
