"""What is found out for all series at once is what a look at each of them finds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, parse_frequency, read_table

CODES = ("D", "h", "30min", "W", "B", "M", "ME", "step")


def random_panel(seed: int) -> tuple[pl.DataFrame, str]:
    """Return up to 6 series of one frequency, most of them, with rows missing here and there, and its code."""
    rng = np.random.default_rng(seed)
    code, parts = str(rng.choice(CODES)), []
    for s in range(int(rng.integers(1, 7))):
        own = parse_frequency(code if rng.random() < 0.95 else str(rng.choice(["D", "W"])))
        n = int(rng.choice([1, 2, 4, 9, 40, 1500]))
        if own.unit == "step":
            start = np.int64(rng.integers(0, 5))
        else:
            start = np.datetime64("2021-03-01", "us") + np.timedelta64(int(rng.integers(0, 20)), "D")
            start = own.future(start, 1)[0] if own.unit in ("B", "ME") else start
        times = np.append(start, own.future(start, n - 1)) if n > 1 else np.array([start])
        keep = rng.random(n) >= rng.choice([0, 0, 0.0005, 0.02, 0.3])
        keep[0] = True
        times = times[keep].astype("datetime64[us]" if times.dtype.kind == "M" else np.int64)
        y = rng.normal(size=len(times))
        parts.append(pl.DataFrame({"s": [f"s{s}"] * len(times), "t": times, "y": y, "x": y * 2}))
    kinds = Counter(part.schema["t"] for part in parts)
    return pl.concat([part for part in parts if part.schema["t"] == kinds.most_common(1)[0][0]]), code


def outcome(frame: pl.DataFrame, **settings: str) -> SeriesTable | str:
    try:
        return read_table(frame, TableSettings("y", "t", "s", past=("x",), **settings))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("policy", ["refuse", "mask", "drop", "interpolate"])
@pytest.mark.parametrize("seed", range(60))
def test_gaps_of_all_series_at_once(seed: int, policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, _ = random_panel(seed)
    at_once = outcome(frame, missing=policy)
    monkeypatch.setattr("lstmkit.data.axis._without_small_gaps", lambda table, usual, odd, gaps: (odd, []))
    one_by_one = outcome(frame, missing=policy)
    if isinstance(at_once, str) or isinstance(one_by_one, str):
        assert at_once == one_by_one
        return
    assert at_once.frequency == one_by_one.frequency
    np.testing.assert_array_equal(at_once.values, one_by_one.values)
    np.testing.assert_array_equal(at_once.times, one_by_one.times)
    counts = [[note.split(" (first")[0] for note in table.notes] for table in (at_once, one_by_one)]
    assert counts[0] == counts[1]


def test_the_random_panels_end_in_every_way() -> None:
    ends = Counter()
    for seed in range(60):
        for policy in ("refuse", "mask"):
            found = outcome(random_panel(seed)[0], missing=policy)
            key = found.split(": ")[-1][:20] if isinstance(found, str) else bool(np.isnan(found.values).any())
            ends[str(key).split(" (")[0]] += 1
    assert ends["True"] > 5 and ends["False"] > 20
    assert sum(n for key, n in ends.items() if key not in ("True", "False")) > 20


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("seed", range(5))
def test_axes_are_completed_as_one_by_one(code: str, seed: int) -> None:
    rng, frequency = np.random.default_rng(seed), parse_frequency(code)
    rows, expected, parts = 0, [], []
    for s in range(4):
        n = int(rng.integers(4, 30))
        start = (
            np.int64(7) if code == "step" else np.datetime64(["2021-01-29", "2020-02-28", "2021-12-31"][s % 3], "us")
        )
        start = frequency.future(start, 1)[0] if code == "ME" else start
        times = np.append(start, frequency.future(start, n - 1))
        keep = rng.random(n) < 0.7
        keep[[0, -1]] = True
        y = rng.normal(size=n)
        expected += [value if k else np.nan for value, k in zip(y, keep, strict=True)]
        rows += n
        parts.append(pl.DataFrame({"s": [s] * int(keep.sum()), "t": times[keep], "y": y[keep]}))
    table = read_table(pl.concat(parts), TableSettings("y", "t", "s", freq=code, missing="mask"))
    np.testing.assert_array_equal(table.values, expected)
    assert len(table.values) == rows
    for s in range(4):
        own = table.times[table.offsets[s] : table.offsets[s + 1]]
        np.testing.assert_array_equal(own[1:], frequency.future(own[0], len(own) - 1))


@pytest.mark.parametrize(("one", "other"), [("MS", "ME"), ("ME", "MS"), ("QS", "QE"), ("BME", "BMS"), ("BQE", "BQS")])
def test_rows_at_the_beginning_and_at_the_end_of_periods_are_not_of_one_frequency(one: str, other: str) -> None:
    parts = []
    for name, code, n in (("a", one, 40), ("b", other, 30)):
        frequency = parse_frequency(code)
        start = frequency.future(np.datetime64("2017-12-31" if code.endswith("E") else "2017-12-01", "us"), n)
        parts.append(pl.DataFrame({"s": [name] * n, "t": start, "y": np.arange(n) ** 2.0}))
    with pytest.raises(InputError, match="the series have different frequencies"):
        read_table(pl.concat(parts), TableSettings(target="y", id="s"))


@pytest.mark.parametrize(("given", "rows"), [("M", "ME"), ("QS", "QE"), ("ME", "M"), ("YE", "Y")])
def test_a_frequency_given_by_the_other_end_of_its_periods_is_that_of_the_rows(given: str, rows: str) -> None:
    frequency = parse_frequency(rows)
    start = np.datetime64("2017-12-31" if rows.endswith("E") else "2017-12-01", "us")
    times = frequency.future(start, 30)
    frame = pl.DataFrame({"t": times, "y": np.arange(30) ** 2.0})
    table = read_table(frame, TableSettings(target="y", freq=given))
    assert table.frequency == frequency
    assert any("and so will those ahead" in note for note in table.notes)
    assert not read_table(frame, TableSettings(target="y", freq=rows)).notes


def test_rows_off_a_rule_that_is_given_are_refused() -> None:
    times = parse_frequency("M").future(np.datetime64("2017-12-01", "us"), 30)
    with pytest.raises(InputError, match="30 of 30 rows lie off the rule: the last business day of a month"):
        read_table(pl.DataFrame({"t": times, "y": np.arange(30) ** 2.0}), TableSettings(target="y", freq="BME"))


def test_the_advice_for_a_period_that_has_only_begun_is_to_remove_it() -> None:
    times = parse_frequency("ME").future(np.datetime64("2017-12-31", "us"), 30)
    frame = pl.DataFrame({"t": np.append(times, times[-1] + np.timedelta64(17, "D")), "y": np.arange(31) ** 2.0})
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings(target="y"))
    assert str(caught.value).endswith("; remove it if its period is not over, or correct it")
    assert str(read_table(frame[:-1], TableSettings(target="y")).frequency) == "ME"
