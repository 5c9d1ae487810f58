"""Files to tables: every kind that is read, and one line for everything that is wrong with a file."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lstmkit import InputError
from lstmkit.data import read_file

TEXT = "Date,Close\n2024-01-01,1.5\n2024-01-02,2.5\n"
FRAME = pl.DataFrame({"Date": ["2024-01-01", "2024-01-02"], "Close": ["1.5", "2.5"]})


def complaint(path: Path, content: bytes | None = None, delimiter: str | None = None) -> str:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_file(path, delimiter)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


OTHER_ENCODINGS = "(Excel: CSV UTF-8; Linux: iconv -f WINDOWS-1252 -t UTF-8)"


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a"])
def test_a_csv_comes_back_as_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXT)
    assert_frame_equal(read_file(tmp_path / name), FRAME)
    assert_frame_equal(read_file(str(tmp_path / name)), FRAME)


def test_a_gzipped_csv_is_known_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "a.csv"):
        for content in (gzip.compress(TEXT.encode()), TEXT.encode()):
            (tmp_path / name).write_bytes(content)
            assert_frame_equal(read_file(tmp_path / name), FRAME)


@pytest.mark.parametrize(
    ("name", "mark", "delimiter"),
    [("a.tsv", "\t", None), ("a.csv", "\t", "\t"), ("a.csv", "\t", r"\t"), ("a.csv", ";", ";"), ("a.csv", "|", "|")],
)
def test_other_delimiters(tmp_path: Path, name: str, mark: str, delimiter: str | None) -> None:
    (tmp_path / name).write_text(TEXT.replace(",", mark))
    assert_frame_equal(read_file(tmp_path / name, delimiter), FRAME)


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert_frame_equal(read_file(tmp_path / "a.csv"), FRAME)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"t": [1, 2], "y": [0.5, None]})
    frame.write_parquet(tmp_path / "a.parquet")
    assert_frame_equal(read_file(tmp_path / "a.parquet"), frame)


def test_a_demonstration_has_dates_and_prices() -> None:
    pytest.importorskip("bokeh_sampledata")
    frame = read_file("demo:aapl")
    assert frame.columns == ["Date", "Open", "High", "Low", "Close", "Volume", "Adj Close"]
    assert frame.height > 3000


def test_an_unknown_demonstration_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"demo:xyz: no such demonstration; there are demo:aapl, demo:ibm, demo:msft"):
        read_file("demo:xyz")


def test_a_missing_file(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.csv") == ": no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert complaint(tmp_path) == ": is a folder, not a file"


def test_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(TEXT)
    assert complaint(tmp_path / "file" / "a.csv").startswith(": cannot be read (")


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n ", gzip.compress(b"", mtime=0), gzip.compress(b"\n", mtime=0)])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert complaint(tmp_path / "a.csv", content) == ": the file is empty"


@pytest.mark.parametrize(
    "text", [",,,\n,,,\n", ";;\n", '"",""\n', "sep=;\n \n", "\u00a0\n", "\x1c\n\x1d", " , \n" * 300]
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_file_of_cells_with_nothing_in_them_is_empty(tmp_path: Path, text: str, suffix: str) -> None:
    assert complaint(tmp_path / f"a{suffix}", text.encode()) == ": the file is empty"


def test_a_table_below_many_lines_of_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",,\n" * 1000 + "day,y\n2024-01-01,5\n")
    assert read_file(path).to_dict(as_series=False) == {"day": ["2024-01-01"], "y": ["5"]}


def test_a_binary_file_names_the_first_zero_byte(tmp_path: Path) -> None:
    message = complaint(tmp_path / "a.csv", b"\x89PNG\r\n\x00\x01\x02")
    assert message == ": a binary file (a zero byte at offset 6); a CSV or Parquet file is needed"


def test_text_that_is_not_utf_8_names_byte_and_offset(tmp_path: Path) -> None:
    message = complaint(tmp_path / "a.csv", "date,größe\n".encode("latin-1"))
    assert message == ": not UTF-8 text (byte 0xf6 at offset 7); save it as UTF-8 " + OTHER_ENCODINGS


@pytest.mark.parametrize("keep", [2, 12, -9, -1])
def test_a_damaged_gzip_file(tmp_path: Path, keep: int) -> None:
    content = gzip.compress(TEXT.encode())[:keep]
    assert complaint(tmp_path / "a.csv.gz", content) == ": not a readable gzip file; it is damaged or cut short"


@pytest.mark.parametrize("keep", [4, 40, -1])
def test_a_damaged_parquet_file(tmp_path: Path, keep: int) -> None:
    FRAME.write_parquet(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()[:keep]
    message = complaint(tmp_path / "a.parquet", content)
    assert message == ": not a readable Parquet file; it is damaged or cut short"


def test_a_ragged_row_is_named_by_its_number(tmp_path: Path) -> None:
    message = complaint(tmp_path / "a.csv", (TEXT + "2024-01-03,3,5\n").encode())
    assert message == ": row 3 has 3 fields where the header has 2; put quotes around a value that holds the delimiter"


def test_a_header_without_rows(tmp_path: Path) -> None:
    for content in (b"Date,Close\n", b"Date,Close"):
        assert complaint(tmp_path / "a.csv", content) == ": has a header but no rows"


def test_a_repeated_column(tmp_path: Path) -> None:
    message = complaint(tmp_path / "a.csv", b"Date,Close,Close\n1,2,3\n")
    assert message == ": the header names column 'Close' more than once; rename one"


@pytest.mark.parametrize(("mark", "advice"), [(";", "';'"), ("\t", r"'\t'"), ("|", "'|'")])
def test_the_wrong_delimiter_names_the_flag_that_mends_it(tmp_path: Path, mark: str, advice: str) -> None:
    message = complaint(tmp_path / "a.csv", TEXT.replace(",", mark).encode(), ":")
    assert "has no ':' in it" in message
    assert message.endswith(f"pass --delimiter {advice}")


@pytest.mark.parametrize("delimiter", ["", "abc", "::", "é", '"', "\n"])
def test_a_delimiter_that_is_not_one_character(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    with pytest.raises(InputError, match="is not one plain character"):
        read_file(tmp_path / "a.csv", delimiter)
