"""Tables as people's programs write them: where they begin and end, what separates columns, how names are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstmkit import Forecaster, InputError
from lstmkit.data import TableSettings, read_file, read_source, read_table
from lstmkit.data.read import FileTable, read_with_notes
from lstmkit.language.text.reading import text_files

ROWS = [("2022-01-03", "5.1"), ("2022-01-04", "6.2")]
TABLE = "Date,Close\n2022-01-03,5.1\n2022-01-04,6.2\n"


@pytest.fixture
def read(tmp_path: Path):
    def read(content: str | bytes, name: str = "a.csv", **how: bool | str) -> FileTable:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_with_notes(tmp_path / name, **how)

    return read


@pytest.fixture
def complaint(read, tmp_path: Path):
    def complaint(content: str | bytes, name: str = "a.csv", **how: bool | str) -> str:
        with pytest.raises(InputError) as caught:
            read(content, name, **how)
        return str(caught.value).removeprefix(f"{tmp_path / name}: ")

    return complaint


PLAIN = {
    "a title above": ("Sales\n\n" + TABLE, "a line before the table is left out: 'Sales'"),
    "a title filled up": ("Sales,\n,\n" + TABLE, "a line before the table is left out: 'Sales,'"),
    "remarks above": ("# by x\n# y\n" + TABLE, "2 lines before the table are left out, the first: '# by x'"),
    "a source below": (TABLE + "\nSource: us\n", "a line after the table is left out: 'Source: us'"),
    "a source below, filled up": (TABLE + "Source: us,\n", "a line after the table is left out: 'Source: us,'"),
    "a total": (TABLE + "Total,11.3\n", "a line after the table is left out: 'Total,11.3'"),
    "blank lines": ("\n\n" + TABLE.replace("\n", "\n\n") + "\n \n", None),
    "rows of delimiters": (TABLE + ",\n,\n", None),
    "delimiters at the end": (TABLE.replace("\n", ",\n"), None),
    "delimiters at the end of rows": ("Date,Close\n2022-01-03,5.1,,\n2022-01-04,6.2,,\n", None),
    "sep of Excel": ("sep=,\n" + TABLE, None),
    "sep with semicolons": ("sep=;\r\n" + TABLE.replace(",", ";"), None),
    "UTF-16": (TABLE.encode("utf-16"), None),
    "UTF-16, the other way round": (b"\xfe\xff" + TABLE.encode("utf-16-be"), None),
    "carriage returns": (TABLE.replace("\n", "\r"), None),
    "spaces around names": (TABLE.replace("Date,Close", " Date , Close"), None),
    "semicolons": (TABLE.replace(",", ";"), "columns are separated by ';'"),
    "tabs": (TABLE.replace(",", "\t"), "columns are separated by '\\t' (tab)"),
    "bars": (TABLE.replace(",", "|"), "columns are separated by '|'"),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_the_same_table_in_other_layouts(kind: str, read) -> None:
    content, note = PLAIN[kind]
    found = read(content)
    assert (found.frame.columns, found.frame.rows()) == (["Date", "Close"], ROWS)
    assert found.notes == (() if note is None else (note,))


@pytest.mark.parametrize("ending", [".tab", ".tsv", ".TSV", ".txt", ""])
def test_tabs_under_any_ending(ending: str, read) -> None:
    assert read(TABLE.replace(",", "\t"), f"a{ending}").frame.rows() == ROWS
    assert read(TABLE, f"a{ending}").frame.rows() == ROWS


def test_decimal_commas_are_known_by_the_separator(read, tmp_path: Path) -> None:
    found = read("Tag;Wert\n01.02.2022;1.234,5\n02.02.2022;2,345\n03.02.2022;7.654\n")
    assert found.decimal == ","
    assert found.notes == ("columns are separated by ';'", "numbers have a decimal comma")
    table = read_source(tmp_path / "a.csv", TableSettings("Wert"))
    assert table.values.tolist() == [1234.5, 2.345, 7654]
    assert table.columns.decimal is None, "another file may be written otherwise"
    assert read("a\tb\n1\t1,234\n2\t5,678\n").decimal is None
    assert read("a;b\n1;1.25\n2;2,5\n").decimal is None
    alone = read("value\n1,5\n2,5\n")
    assert alone.frame.columns == ["value"] and alone.decimal == ","


def test_decimal_commas_in_quotes_are_known_by_another_column(read) -> None:
    rows = "".join(f'"{day}.01.2024","162,{200 + day}","-0,{day}%"\n' for day in range(10, 20))
    found = read('"Datum","Zuletzt","+/- %"\n' + rows)
    assert (found.decimal, found.notes) == (",", ("numbers have a decimal comma",))
    assert read("a;b\n1,50 €;1.200\n2,50 €;1.300\n").decimal == ","
    assert read('a,b\n1,"1,234"\n2,"12,34,567"\n').decimal is None
    assert read('a,b\n1.5,"1,2"\n2.5,"1,3"\n').decimal is None


def test_points_that_may_stand_between_thousands_are_told(read, tmp_path: Path) -> None:
    note = "'2.302' is taken for a decimal number; if points stand between thousands, pass --decimal ,"
    assert read("a;b\nx;2.302\ny;999\nz;1.441\n").notes == ("columns are separated by ';'", note)
    assert read("a,b\nx,2.302\ny,2.441\n").notes == ()
    assert read("a;b;c\nx;2.302;1.5\ny;2.441;2.5\n").notes == ("columns are separated by ';'",)
    assert read("b;a\n980;x\n1.240;y\n1.315;z\n").notes == ("columns are separated by ';'",)
    table = read_source(tmp_path / "a.csv", TableSettings("b"))
    assert table.values.tolist() == [980, 1240, 1315]
    assert "column 'b': '1.240' is read as 1240; if that is 1.24, pass --decimal ." in table.notes


def test_rows_wider_than_the_names_are_no_guess(read, complaint) -> None:
    expected = "row 1 has 3 fields where the header has 2; put quotes around a value that holds the delimiter"
    for rows in ("2024-01-01,100,13\n2024-01-02,99,99\n", "1,5.1,sunny\n2,5.2,rain\n"):
        assert complaint("t,V\n" + rows) == expected
    by_r = read('"V","Date"\n"1",5.1,"2024-01-01"\n"2",6.2,"2024-01-02"\n')
    assert by_r.frame.columns == ["", "V", "Date"]
    assert by_r.notes == ("the first column has no name, and numbers the rows",)


@pytest.mark.parametrize("first", ["2024-01-01,100.5", "100.5", "112", "1,112"])
def test_a_row_taken_for_names_is_told(first: str, read) -> None:
    shown = first.replace(",", ", ")
    told = f"the first line is taken for names: {shown!r}; if it is a row, write a line of names above it"
    assert told in read(f"{first}\n{first}\n{first}\n").notes


def test_a_row_of_numbers_is_no_header_again(read) -> None:
    assert read("0\n0\n3\n0\n").frame["0"].to_list() == ["0", "3", "0"]


@pytest.mark.parametrize("names", ["0", "0,1", "Year,2020", "2019,2020,2021", "value"])
def test_numbers_may_be_names(names: str, read) -> None:
    assert read(f"{names}\n{names.replace('Year', '1').replace('value', '2')}\n").notes == ()


def test_totals_in_other_words_and_remarks_with_delimiters(read) -> None:
    german = "Tag;Wert\n01.02.2024;5,1\n02.02.2024;6,2\n"
    for tail in ("Summe;11,3\n", ";\nGesamt:;11,3\n", "\nQuelle: A; B\n"):
        found = read(german + tail)
        assert found.frame.height == 2
        assert any(note.startswith("a line after the table is left out: ") for note in found.notes)
    assert read(TABLE + "\nSource: us, them, 2024\n").frame.rows() == ROWS


def test_utf_16_without_its_mark(read) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert read(TABLE.encode(encoding)).frame.rows() == ROWS


def test_lines_of_names_of_unequal_length_are_not_three(complaint) -> None:
    two = "Close,Close,Open\nA,B,A\nDate,,,\n" + "".join(f"2022-01-{day},1,2,3\n" for day in range(10, 15))
    assert complaint(two) == "the header names column 'Close' more than once; rename one"


def test_names_in_three_lines(read, tmp_path: Path) -> None:
    one = "Price,Close,Open\nTicker,MSFT,MSFT\nDate,,\n2022-01-03,5,1\n2022-01-04,6,2\n2022-01-05,7,3\n"
    found = read(one)
    assert (found.id, found.frame.columns) == ("Ticker", ["Date", "Ticker", "Close", "Open"])
    table = read_source(tmp_path / "a.csv", TableSettings("Open"))
    assert (table.ids, table.columns.id, table.values.tolist()) == (("MSFT",), "Ticker", [1, 2, 3])
    many = "Ticker,MSFT,AAPL\nPrice,Close,Close\nDate,,\n2022-01-03,5,\n2022-01-04,6,8\n2022-01-05,7,9\n"
    assert read(many).frame.rows() == [
        ("2022-01-03", "MSFT", "5"),
        ("2022-01-04", "MSFT", "6"),
        ("2022-01-05", "MSFT", "7"),
        ("2022-01-04", "AAPL", "8"),
        ("2022-01-05", "AAPL", "9"),
    ]
    unknown = read(many.replace("Ticker,", ",").replace("Price,Close,Close", ",x,y"))
    assert (unknown.id, unknown.frame.columns) == (None, ["Date", "MSFT x", "AAPL y"])


@pytest.mark.parametrize("tickers", [["MSFT"], ["MSFT", "AAPL"]])
@pytest.mark.parametrize("order", [0, 1])
def test_columns_of_two_levels_in_memory(tickers: list[str], order: int) -> None:
    names = pd.MultiIndex.from_product([["Close", "Volume"], tickers], names=["Price", "Ticker"])
    values = np.arange(4.0 * len(names)).reshape(4, -1)
    frame = pd.DataFrame(values, pd.date_range("2022-01-03", periods=4, name="Date"), names)
    frame = frame.swaplevel(axis=1) if order else frame
    before = frame.copy()
    for given in (frame, frame.reset_index()):
        table = read_table(given, TableSettings("Volume"))
        assert (table.ids, table.columns.id, table.columns.time) == (tuple(tickers), "Ticker", "Date")
        np.testing.assert_array_equal(table.values, values[:, len(tickers) :].T.ravel())
    pd.testing.assert_frame_equal(frame, before)


def test_rows_of_json(read, complaint) -> None:
    rows = [{"Date": day, "Close": float(close)} for day, close in ROWS]
    for text in ("\n".join(map(json.dumps, rows)), json.dumps(rows), json.dumps(rows, indent=1)):
        assert read(text, "a.jsonl").frame.to_dicts() == rows
    told = "is not a JSON object; write a row a line, as pandas does with to_json(orient='records', lines=True)"
    assert complaint('{"a": 1}\n{"a": \n', "a.jsonl") == f"line 2 {told}"
    assert complaint('{"a": 1}\n[2]\n', "a.jsonl") == f"line 2 {told}"
    assert complaint('{"a": {"0": 1, "1": 2}}', "a.json").startswith(
        "column 'a' holds all its values in one row; write"
    )
    assert complaint('[{"a": 1}, {"a"', "a.json") == "not readable JSON; it is damaged or cut short"
    assert complaint('{"a": 1}', "a.json", delimiter=";") == "JSON has no delimiter; leave out --delimiter"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"PK\x03\x04....xl/workbook.xml",
            "a workbook of Excel; save its sheet as CSV (in Excel: Save As, CSV UTF-8), or",
        ),
        (b"\xd0\xcf\x11\xe0", "a workbook of Excel; save its sheet as CSV (in Excel: Save As, CSV UTF-8), or"),
        (b"PK\x03\x04....", "a packed file; unpack it first"),
        (b"BZh91AY&SY", "a packed file; unpack it first"),
        (b"ARROW1\x00\x00", "an Arrow file; write it as Parquet"),
        (b"SQLite format 3\x00", "a database; write the table as CSV or Parquet"),
        (b"%PDF-1.7", "a PDF; copy its table into a CSV file"),
        (b"\n<!DOCTYPE HTML><html>", "a web page, not a table; download the CSV file itself"),
    ],
)
def test_files_of_other_kinds_say_what_to_do(content: bytes, expected: str, complaint) -> None:
    assert complaint(content).startswith(expected)


def test_a_delimiter_that_has_no_effect_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"t": [1, 2, 3], "y": [1.0, 2, 4]}).to_parquet(tmp_path / "a.parquet")
    for read in (lambda p: read_file(p, ";"), lambda p: read_source(p, TableSettings("y"), ";")):
        with pytest.raises(InputError, match="a Parquet file has no delimiter; leave out --delimiter"):
            read(tmp_path / "a.parquet")


def test_two_delimiters_that_both_fit_are_asked_about(read, complaint) -> None:
    text = "Datum;Wert, in Euro\n01.01.2022;5,3\n02.01.2022;5,4\n"
    assert complaint(text) == "columns may be separated by ',' or ';'; pass --delimiter ',' or ';'"
    assert read(text, delimiter=";").frame.columns == ["Datum", "Wert, in Euro"]


def test_what_only_looks_like_another_layout_stays(read, complaint) -> None:
    assert read("sentence,label\nhello; there,1\nyes; no,0\n").frame.columns == ["sentence", "label"]
    assert read("Country,1960,1961\nFR,1,2\nUK,3,4\n").frame.columns == ["Country", "1960", "1961"]
    assert read("a,b\n1,2\n3\n4,5\n").frame.rows() == [("1", "2"), ("3", None), ("4", "5")]
    assert read("a,b\nx,1\n\ny,2\nSource\n").frame.rows()[-1] == ("Source", None), "texts may be short"
    assert complaint("a,b\n1,2,3\n4,5\n").startswith("row 1 has 3 fields where the header has 2")
    assert read("a\n1\n\n3\n\n").frame.rows() == [("1",), (None,), ("3",)]


def test_quotes_that_do_not_go_around_values(read, complaint) -> None:
    stray = 'a,b\nfoo 5" big,0\n"bar,1\nbaz 5" x,2\n'
    found = read(stray)
    assert found.frame.rows() == [('foo 5" big', "0"), ('"bar', "1"), ('baz 5" x', "2")]
    assert found.notes == ("quotes are taken as characters of the values",)
    assert read('a,b\nfoo 5" big,0\nbaz,2\n').frame.rows() == [('foo 5" big', "0"), ("baz", "2")]
    assert read('a,b\n"x\n\ny",0\n"p ""q""",1\n').frame.rows() == [("x\n\ny", "0"), ('p "q"', "1")]
    told = (
        "row 2: a quote opens a value and is not closed at its end; write quotes within a value twice, or remove this"
    )
    assert complaint('a,b\n"x",0\n"tis,0\nbar 5" x,1\n').startswith(told)


def test_texts_keep_their_quotes_where_tabs_separate(read) -> None:
    text = 'a\tb\n"tis\t0\n"all"\t1\n'
    assert read(text, "a.tab", texts=True).frame.rows() == [('"tis', "0"), ('"all"', "1")]
    assert read(text.replace('"tis', "tis"), "a.tab").frame.rows() == [("tis", "0"), ("all", "1")]


@pytest.mark.parametrize("url", ["https://example.com/a.csv", "http://x.org/y?z=1", "s3://bucket/a.parquet"])
def test_a_url_is_refused_as_one(url: str) -> None:
    for read in (read_file, lambda u: read_source(u, TableSettings("y")), text_files):
        with pytest.raises(InputError) as caught:
            read(url)
        assert str(caught.value) == f"{url}: a URL, not a file; download it first (curl -LO), and give the file"


def test_a_forecaster_reads_tickers_as_ids() -> None:
    names = pd.MultiIndex.from_product([["Close"], ["A", "B"]], names=["Price", "Ticker"])
    values = np.random.default_rng(0).normal(size=(80, 2)).cumsum(0)
    frame = pd.DataFrame(values, pd.date_range("2022-01-03", periods=80, name="Date"), names)
    from lstmkit.forecasting.models import MODELS

    small = MODELS["lstm"].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=1)
    forecaster = Forecaster(2, settings=small, seasons=()).fit(frame, target="Close")
    found = forecaster.predict(frame)
    assert isinstance(found, pd.DataFrame)
    assert found["Ticker"].tolist() == ["A", "A", "B", "B"]


def test_no_line_of_texts_is_taken_for_names_or_for_what_follows_a_table(read) -> None:
    rows = [("1", "a good film"), ("2", ""), ("3", "bad"), ("4", "fine"), ("Source", "the press")]
    content = "".join(f"{one},{other}\n" for one, other in [("more", "sentence"), *rows]) + ",\n \n\n"
    found = read(content, "a.csv", texts=True)
    assert [tuple(cell or "" for cell in row) for row in found.frame.rows()] == rows
    assert (found.frame.columns, found.notes) == (["more", "sentence"], ())


def test_a_header_that_comes_again_is_left_out(read) -> None:
    again = read(TABLE + TABLE.replace("2022-01-0", "2022-02-0") + "Date,Close\n")
    assert again.frame["Date"].to_list() == ["2022-01-03", "2022-01-04", "2022-02-03", "2022-02-04"]
    assert again.notes == ("2 rows that are the header again were left out",)
    assert read("y\n1\n2\ny\n3\n").frame["y"].to_list() == ["1", "2", "3"]
    assert read("a,b\na,1\n1,b\n").frame.height == 2


def test_texts_in_quotes_may_hold_a_delimiter_that_was_found(read) -> None:
    found = read('text;label\n"good; very";a\n"bad; very";b\n', header=True, texts=True)
    assert found.frame["text"].to_list() == ["good; very", "bad; very"]
