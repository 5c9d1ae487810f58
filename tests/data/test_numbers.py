"""Numbers in the forms that people write: one form for a column, said, and refused where it is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import TableSettings, read_table
from lstmkit.data.parse import number_notes, to_numbers

NAN = float("nan")
READ = {
    "currency": (["$54.93", "$1,204.5", "-$6", "$(5)"], [54.93, 1204.5, -6, -5], "'$54.93' is read as 54.93"),
    "currency behind": (["1.234,50 €", "3,00 €"], [1234.5, 3], "'1.234,50 €' is read as 1234.5"),
    "currency by letters": (["EUR 5.1", "6"], [5.1, 6], "'EUR 5.1' is read as 5.1"),
    "per cent": (["50.13%", "-0.2 %", "0"], [50.13, -0.2, 0], "'50.13%' is read as 50.13"),
    "brackets": (["(4.87)", "5.1"], [-4.87, 5.1], "'(4.87)' is read as -4.87"),
    "minus behind": (["5-", "6"], [-5, 6], "'5-' is read as -5"),
    "minus of typographers": (["\N{MINUS SIGN}5", "6"], [-5, 6], "'\N{MINUS SIGN}5' is read as -5"),
    "letters": (["1.2M", "1.5K", "3", "2bn"], [1.2e6, 1500, 3, 2e9], "'1.2M' is read as 1200000"),
    "thousands": (["1,234,567.5", "12"], [1234567.5, 12], "'1,234,567.5' is read as 1234567.5"),
    "thousands of India": (["12,34,567", "1,00,000"], [1234567, 100000], "'12,34,567' is read as 1234567"),
    "thousands of Switzerland": (["1'234.5", "7"], [1234.5, 7], '"1\'234.5" is read as 1234.5'),
    "spaces": (["1 234,5", "7\u00a0001"], [1234.5, 7001], "'1 234,5' is read as 1234.5"),
    "decimal commas": (["1,5", "2"], [1.5, 2], "'1,5' is read as 1.5"),
    "decimal commas after a zero": (["0,123", "1,234"], [0.123, 1.234], "'0,123' is read as 0.123"),
    "no value": (["5.1", ".", "-", "N/A", "null"], [5.1, *[NAN] * 4], "'.' is taken for a missing value (2 rows)"),
    "two readings": (
        ["54,925", "999"],
        [54925, 999],
        "'54,925' is read as 54925; if that is 54.925, pass --decimal ,",
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_forms_of_numbers(kind: str) -> None:
    text, numbers, note = READ[kind]
    column = pl.Series("x", text)
    np.testing.assert_array_equal(to_numbers(column, "x"), np.array(numbers, float))
    assert number_notes(column.to_frame(), ["x"]) == [f"column 'x': {note}"]


def test_plain_numbers_need_no_words() -> None:
    for text in (["1", "2.5", ""], ["1e3", "inf", "3."], ["1.234", "5.678"]):
        assert number_notes(pl.DataFrame({"x": text}), ["x"]) == []


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        (["5%", "0.05"], 2, "0.05"),  # in which of two units?
        (["$5", "€6"], 2, "€6"),
        (["(5", "6"], 1, "(5"),
        (["--5", "6"], 1, "--5"),
        (["5 kg", "6"], 1, "5 kg"),
        (["2022-01-03", "6"], 1, "2022-01-03"),
        (["12:30", "6"], 1, "12:30"),
        (["1_000", "6"], 1, "1_000"),
        (["1", "x"], 2, "x"),
    ],
)
def test_what_is_no_number_is_named(text: list[str], row: int, value: str) -> None:
    with pytest.raises(InputError) as caught:
        to_numbers(pl.Series("x", text), "x")
    assert str(caught.value) == f"column 'x', row {row}: {value!r} is not a number"


def test_a_value_in_neither_form_of_thousands_has_advice() -> None:
    with pytest.raises(InputError, match="row 1: '1,2,3' is not a number; write all numbers with a decimal point and"):
        to_numbers(pl.Series("x", ["1,2,3", "6"]), "x")


def test_the_decimal_sign_may_be_given() -> None:
    column = pl.Series("x", ["1,234", "5.678.901"])
    assert to_numbers(column, "x", ",").tolist() == [1.234, 5678901]
    assert to_numbers(pl.Series("x", ["1,234", "2"]), "x", ".").tolist() == [1234, 2]
    for text, given, other in (("1.5", ",", "."), ("1,5", ".", ",")):
        with pytest.raises(InputError) as caught:
            to_numbers(pl.Series("x", [text]), "x", given)
        assert str(caught.value).endswith(f"; pass --decimal {other}")
        assert to_numbers(pl.Series("x", [text]), "x", other).tolist() == [1.5]
    with pytest.raises(InputError, match=r"decimal must be one of \., ,; got ';'"):
        TableSettings(decimal=";")


def test_the_only_plain_column_is_forecast_and_notes_are_kept() -> None:
    frame = pl.DataFrame({"Price": ["1", "2", "4"], "Change %": ["1%", "2%", "3%"]})
    assert read_table(frame, TableSettings()).columns.target == "Price"
    table = read_table(frame, TableSettings("Change %", past=("Price",)))
    assert table.values.tolist() == [1, 2, 3]
    assert "column 'Change %': '1%' is read as 1" in table.notes
    wide = read_table(pl.DataFrame({"a": ["$1", "$2", "$4"], "b": ["1", "2", "3"]}), TableSettings(wide=("a", "b")))
    assert wide.values.tolist() == [1, 2, 4, 1, 2, 3]
    assert "column 'a': '$1' is read as 1" in wide.notes


def test_missing_values_show_the_mark_that_was_read_so() -> None:
    frame = pl.DataFrame({"t": [1, 2, 3, 4], "x": ["1,200.5", ".", "3", "4"]})
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings("x", "t"))
    assert "first at 2 ('.' is taken for a missing value); pass --missing mask" in str(caught.value)


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_not_to_be_forecast(name: str) -> None:
    days = [f"2024-01-0{day}" for day in (1, 2, 3, 4)]
    frame = pl.DataFrame({name: [str(row) for row in range(4)], "d": days, "v": ["5", "7", "6", "8"]})
    assert read_table(frame, TableSettings()).values.tolist() == [5, 7, 6, 8]
    with pytest.raises(InputError, match="--target is needed"):
        read_table(frame.with_columns(pl.Series(name, ["3", "1", "4", "1"])), TableSettings())


def test_the_row_that_is_no_time_is_named() -> None:
    days = [f"2024-01-{day}" for day in range(10, 20)]
    frame = pl.DataFrame({"Date": [*days[:4], "Total", *days[4:]], "v": list(range(11))})
    with pytest.raises(InputError, match="time column 'Date', row 5: 'Total' does not fit the format"):
        read_table(frame, TableSettings("v"))


@pytest.mark.parametrize(("policy", "kept"), [("first", 2.0), ("last", 3.0)])
def test_of_duplicates_one_with_a_value_is_kept(policy: str, kept: float) -> None:
    frame = pl.DataFrame({"t": [1, 2, 2, 2, 2, 3], "v": [1.0, None, 2.0, 3.0, None, 4.0]})
    table = read_table(frame, TableSettings("v", "t", duplicates=policy))
    assert table.values.tolist() == [1, kept, 4]


def test_whole_numbers_that_tell_series_apart_are_advised() -> None:
    frame = pl.DataFrame({"shop": [1, 2] * 5, "t": [k // 2 for k in range(10)], "v": [k**2 for k in range(10)]})
    with pytest.raises(InputError, match="if column 'shop' tells series apart, pass --id shop"):
        read_table(frame, TableSettings("v", "t"))
