"""Columns to arrays: what is understood, and the row and the value in every complaint."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data.parse import MISSING, to_numbers


def complaint(function, *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_text_becomes_numbers_and_every_missing_marker_becomes_nan() -> None:
    column = pl.Series(["1", " -2.5 ", "1e3", "+4", *MISSING, None])
    numbers = to_numbers(column, "y")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers[:4], [1, -2.5, 1000, 4])
    assert np.isnan(numbers[4:]).all()


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64, pl.Null])
def test_number_columns_of_every_type(dtype: pl.DataType) -> None:
    values = [None, None] if dtype == pl.Null else [3, None]
    numbers = to_numbers(pl.Series("y", values, dtype=dtype), "y")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [np.nan if values[0] is None else 3.0, np.nan])


def test_text_among_numbers_names_row_and_value() -> None:
    assert complaint(to_numbers, pl.Series(["1", "2", "oops"]), "y") == "column 'y', row 3: 'oops' is not a number"


def test_a_column_of_dates_is_no_target() -> None:
    assert complaint(to_numbers, pl.Series([date(2024, 1, 1)]), "y") == "column 'y' holds Date, not numbers"
