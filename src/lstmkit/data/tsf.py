"""Files of the Monash time series archive: a line a series, its attributes before its values.

Source: Godahewa et al. 2021, Monash Time Series Forecasting Archive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from lstmkit.data.frequency import Frequency
from lstmkit.errors import InputError
from lstmkit.ranges import number_in

FREQUENCIES = {
    "4_seconds": Frequency("s", 4),
    "minutely": Frequency("min"),
    "10_minutes": Frequency("min", 10),
    "15_minutes": Frequency("min", 15),
    "half_hourly": Frequency("min", 30),
    "hourly": Frequency("h"),
    "daily": Frequency("D"),
    "weekly": Frequency("W"),
    "monthly": Frequency("M"),
    "quarterly": Frequency("Q"),
    "yearly": Frequency("Y"),
}
TYPES: dict[str, Any] = {"string": pl.String, "numeric": pl.Float64, "date": pl.Datetime("us")}
NAME = "series_name"
TIME_FORMAT = "%Y-%m-%d %H-%M-%S"


@dataclass(frozen=True, slots=True)
class Tsf:
    """What such a file holds.

    frame      a row per series and step: the attributes, the column "time" if the file has a start date and a
               frequency, and the column "value"
    frequency  None if the file names none
    horizon    steps ahead that the archive's forecasts cover, or None
    missing    whether the file says that values are missing
    id         the attribute that names the series: the archive's own, if each series has another; None else
    """

    frame: pl.DataFrame
    frequency: Frequency | None
    horizon: int | None
    missing: bool
    id: str | None = None


def parse_tsf(text: str, name: str) -> Tsf:
    """Read the text of a file.

    name    of the file, for complaints
    Raises  InputError naming the line that is not as the format has it
    """
    lines = text.splitlines()
    attributes, facts, begin = _read_header(lines, name)
    frequency = FREQUENCIES.get(facts["frequency"]) if "frequency" in facts else None
    if "frequency" in facts and frequency is None:
        raise InputError(f"{name}: @frequency {facts['frequency']} is not known; use one of {', '.join(FREQUENCIES)}")
    rows = [(number, line) for number, line in enumerate(lines[begin:], begin + 1) if line.strip()]
    if not rows:
        raise InputError(f"{name}: no series after @data")
    cells, values, counts = [], [], []
    for number, line in rows:
        *own, listed = line.strip().split(":")
        if len(own) != len(attributes):
            raise InputError(f"{name}, line {number}: {len(own)} attributes before the values, not {len(attributes)}")
        cells.append(
            [_cell(cell, *attribute, f"{name}, line {number}") for cell, attribute in zip(own, attributes, strict=True)]
        )
        values.append(_values(listed, f"{name}, line {number}"))
        counts.append(len(values[-1]))
    series = pl.DataFrame(cells, {column: TYPES[kind] for column, kind in attributes}, orient="row")
    frame = series.select(pl.all().repeat_by(pl.Series(counts)).explode()) if attributes else pl.DataFrame()
    starts = [column for column, kind in attributes if kind == "date"]
    if starts and frequency is not None:
        firsts = series[starts[0]].to_numpy()
        times = [np.append(first, frequency.future(first, n - 1)) for first, n in zip(firsts, counts, strict=True)]
        frame = frame.drop(starts[0]).with_columns(time=pl.Series(np.concatenate(times)))
    frame = frame.with_columns(value=pl.Series(np.concatenate(values)))
    horizon = int(facts["horizon"]) if re.fullmatch("[0-9]{1,9}", facts.get("horizon", "")) else None
    named = NAME in series.columns and not series[NAME].is_duplicated().any()
    return Tsf(frame, frequency, horizon, facts.get("missing") == "true", NAME if named else None)


def _read_header(lines: list[str], name: str) -> tuple[list[tuple[str, str]], dict[str, str], int]:
    """Return the attributes (name, type), the other facts by name, and the number of the first line of data."""
    attributes: list[tuple[str, str]] = []
    facts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "@data":
            return attributes, facts, number
        if words[0] == "@attribute":
            if len(words) != 3 or words[2] not in TYPES:
                raise InputError(
                    f"{name}, line {number}: {line.strip()!r} is not @attribute NAME string, numeric or date"
                )
            if words[1] in (*(known for known, _ in attributes), "time", "value"):
                raise InputError(f"{name}, line {number}: an attribute {words[1]!r} is there already; rename it")
            attributes.append((words[1], words[2]))
        elif words[0].startswith("@"):
            facts[words[0][1:]] = " ".join(words[1:]).lower()
        else:
            raise InputError(f"{name}, line {number}: {line[:40]!r} stands before @data")
    raise InputError(f"{name}: no line @data")


def _cell(text: str, column: str, kind: str, where: str) -> str | float | datetime:
    try:
        if kind == "date":
            return datetime.strptime(text, TIME_FORMAT)
        return number_in(text) if kind == "numeric" else text
    except ValueError as error:
        form = "a number" if kind == "numeric" else "a time such as 2010-07-01 00-30-00"
        raise InputError(f"{where}: {column} {text!r} is not {form}") from error


def _values(text: str, where: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the values of a series; "?" is one that is missing."""
    try:
        return np.array([float("nan") if cell == "?" else number_in(cell) for cell in text.split(",")])
    except ValueError as error:
        wrong = next(cell for cell in text.split(",") if not _is_number(cell))
        raise InputError(f"{where}: {wrong!r} is not a number") from error


def _is_number(text: str) -> bool:
    try:
        number_in(text)
    except ValueError:
        return text == "?"
    return True
