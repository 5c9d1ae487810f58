"""Columns to arrays: text to numbers, with the row and the value in every complaint."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.errors import InputError

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "NaT")


def to_numbers(column: pl.Series, name: str) -> NDArray[np.float64]:
    """Return a column as float64 with NaN where a cell is empty.

    Raises  InputError naming the first row whose value is not a number
    """
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        text = text.set(text.is_in(MISSING), None)
        numbers = text.cast(pl.Float64, strict=False)
        wrong = text.is_not_null() & numbers.is_null()
        if wrong.any():
            row = int(wrong.arg_true()[0])
            hint = _number_hint(text[row])
            raise InputError(f"column {name!r}, row {row + 1}: {text[row]!r} is not a number{hint}")
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        numbers = column.cast(pl.Float64)
    else:
        raise InputError(f"column {name!r} holds {column.dtype}, not numbers")
    return numbers.fill_null(float("nan")).to_numpy(writable=True)


def _number_hint(text: str) -> str:
    digits = text.replace(",", "").replace(".", "").replace("-", "").strip()
    if digits.isdigit() and "," in text:
        return "; write it with a decimal point and without thousands separators"
    return ""
