"""The frequency of a time axis: found, told from irregular, and used to date the steps ahead."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.data.frequency import Frequency, parse_frequency
from lstmkit.data.inference import check_frequency, infer_frequency


def us(*times: str) -> np.ndarray:
    return np.array(times, dtype="datetime64[us]")


def days(start: str, count: int, step: int = 1) -> np.ndarray:
    return (np.datetime64(start) + step * np.arange(count)).astype("datetime64[us]")


def months(start: str, count: int, step: int = 1) -> np.ndarray:
    return np.datetime64(start, "M") + step * np.arange(count)


def ends(firsts: np.ndarray) -> np.ndarray:
    return ((firsts + 1).astype("datetime64[D]") - 1).astype("datetime64[us]")


def minutes(start: str, count: int, step: int) -> np.ndarray:
    return np.datetime64(start, "us") + np.arange(count) * np.timedelta64(step, "m")


WEEKDAYS = np.busday_offset("2024-01-01", np.arange(260)).astype("datetime64[us]")
AXES = {
    "D": days("2023-02-25", 40),
    "2D": days("2023-02-25", 40, 2),
    "B": WEEKDAYS,
    "W": days("2024-01-07", 30, 7),
    "h": minutes("2024-01-01T05:00", 100, 60),
    "30min": minutes("2024-01-01T05:30", 100, 30),
    "15min": minutes("2024-01-01T05:30", 100, 15),
    "4h": minutes("2024-01-01T00:00", 100, 240),
    "M": months("2023-11", 30).astype("datetime64[us]"),
    "ME": ends(months("2023-11", 30)),
    "Q": months("2023-01", 12, 3).astype("datetime64[us]"),
    "QE": ends(months("2023-03", 12, 3)),
    "Y": months("2001-01", 12, 12).astype("datetime64[us]"),
    "YE": ends(months("2000-12", 12, 12)),
    "step": np.arange(5, 25),
    "10step": np.arange(0, 200, 10),
}


@pytest.mark.parametrize("code", AXES)
def test_every_frequency_is_found_and_dates_its_own_later_rows(code: str) -> None:
    times = AXES[code]
    axis = infer_frequency(times)
    assert str(axis.frequency) == code
    assert (axis.missing, axis.problem) == (0, "")
    known = len(times) * 2 // 3
    ahead = axis.frequency.future(times[known - 1], len(times) - known)
    np.testing.assert_array_equal(ahead, times[known:])
    assert ahead.dtype == times.dtype
    assert parse_frequency(code) == axis.frequency
    assert check_frequency(times, axis.frequency) == axis


def test_month_ends_follow_month_ends_through_a_leap_year() -> None:
    ahead = Frequency("ME").future(us("2024-01-31")[0], 3)
    np.testing.assert_array_equal(ahead, us("2024-02-29", "2024-03-31", "2024-04-30"))
    np.testing.assert_array_equal(Frequency("ME").future(us("2023-01-31")[0], 1), us("2023-02-28"))
    np.testing.assert_array_equal(Frequency("YE").future(us("2023-02-28")[0], 1), us("2024-02-29"))


def test_a_day_that_a_month_does_not_have_becomes_its_last() -> None:
    ahead = Frequency("M").future(us("2023-01-30")[0], 2)
    np.testing.assert_array_equal(ahead, us("2023-02-28", "2023-03-30"))


def test_weekdays_step_over_the_weekend_and_keep_the_time_of_day() -> None:
    ahead = Frequency("B").future(us("2024-03-01T16:00")[0], 2)  # a Friday
    np.testing.assert_array_equal(ahead, us("2024-03-04T16:00", "2024-03-05T16:00"))


def test_days_pass_through_29_february() -> None:
    np.testing.assert_array_equal(Frequency("D").future(us("2024-02-28")[0], 2), us("2024-02-29", "2024-03-01"))


def test_weekdays_without_a_row_are_taken_for_holidays() -> None:
    times = np.delete(WEEKDAYS, [20, 21, 100])
    axis = infer_frequency(times)
    assert str(axis.frequency) == "B"
    assert (axis.missing, axis.problem) == (3, "")
    assert axis.first_gap == "first after 2024-01-26"


def test_too_many_missing_weekdays_are_irregular() -> None:
    times = np.delete(WEEKDAYS, np.arange(3, 250, 10))
    assert infer_frequency(times).problem.startswith("25 of 234 steps differ from the usual business day")


def test_a_few_missing_steps_are_tolerated_and_counted() -> None:
    times = np.delete(minutes("2024-01-01", 3000, 60), [1000, 1001])
    axis = infer_frequency(times)
    assert (str(axis.frequency), axis.missing, axis.problem) == ("h", 2, "")
    assert axis.first_gap == "first after 2024-02-11 15:00:00"


def test_more_missing_steps_are_irregular_and_the_largest_gap_is_named() -> None:
    times = np.delete(days("2024-01-01", 60), [10, 30, 31])
    axis = infer_frequency(times)
    assert str(axis.frequency) == "D"
    assert axis.missing == 3
    assert axis.problem == (
        "2 of 56 steps differ from the usual day; the largest gap is 3 days, from 2024-01-30 to 2024-02-02"
    )


def test_steps_that_are_no_multiple_of_the_usual_one_have_no_frequency() -> None:
    axis = infer_frequency(us("2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:00", "2024-01-01T03:10"))
    assert axis.frequency is None
    assert axis.usual == Frequency("h")
    assert axis.problem == (
        "1 of 3 steps differ from the usual hour; the largest gap is 1.17 hours, "
        "from 2024-01-01 02:00:00 to 2024-01-01 03:10:00"
    )


def test_steps_shorter_than_a_second_have_no_frequency() -> None:
    times = np.datetime64("2024-01-01", "us") + np.arange(5) * np.timedelta64(100, "ms")
    axis = infer_frequency(times)
    assert (axis.frequency, axis.usual) == (None, None)
    assert axis.problem == "the usual step of 100000 microseconds is shorter than a second"


@pytest.mark.parametrize(
    ("code", "unit", "count"),
    [
        ("MS", "M", 1),
        ("QS", "Q", 1),
        ("YS", "Y", 1),
        ("A", "Y", 1),
        ("15T", "min", 15),
        ("2H", "h", 2),
        (" d ", "D", 1),
    ],
)
def test_other_names_of_frequencies(code: str, unit: str, count: int) -> None:
    assert parse_frequency(code) == Frequency(unit, count)


@pytest.mark.parametrize("code", ["", "0D", "fortnight", "-1D", "1.5h", "D2"])
def test_an_unknown_frequency_lists_those_there_are(code: str) -> None:
    with pytest.raises(InputError, match=r"frequency .* is not known; use one of s, min, h, D, B, W, MS, ME"):
        parse_frequency(code)


def test_times_closer_than_the_given_frequency_do_not_fit() -> None:
    axis = check_frequency(AXES["D"], Frequency("W"))
    assert axis.problem == "2023-02-26 follows 2023-02-25 by less than one week"


def test_a_known_frequency_bears_gaps_but_not_an_axis_that_is_mostly_gaps() -> None:
    days = AXES["D"]
    assert check_frequency(np.delete(days, [1, 2, 4]), Frequency("D")).missing == 3
    assert "days have no row" in check_frequency(AXES["W"], Frequency("D")).problem
    business = np.array(["2023-11-13", "2023-11-14", "2023-11-17", "2023-11-20"], "datetime64[us]")
    assert check_frequency(business, Frequency("B")).missing == 2


@pytest.mark.parametrize(
    ("code", "seasons"),
    [
        ("h", (24, 168)),
        ("30min", (48, 336)),
        ("D", (7, 365)),
        ("B", (5,)),
        ("W", (52,)),
        ("ME", (12,)),
        ("Q", (4,)),
        ("Y", ()),
        ("5h", ()),
        ("2D", ()),
        ("step", ()),
        ("s", ()),
    ],
)
def test_the_seasons_worth_looking_for(code: str, seasons: tuple[int, ...]) -> None:
    assert parse_frequency(code).seasons() == seasons


@pytest.mark.parametrize(("code", "words"), [("30min", "30 minutes"), ("h", "hour"), ("B", "business day")])
def test_a_step_in_words(code: str, words: str) -> None:
    assert parse_frequency(code).words == words


@pytest.mark.parametrize(
    ("code", "same"),
    [("W-FRI", "W"), ("2W-SUN", "2W"), ("QE-DEC", "QE"), ("QS-OCT", "Q"), ("YE-JUN", "YE"), ("BQE-DEC", "BQE")],
)
def test_the_phase_that_pandas_writes_is_what_the_rows_show(code: str, same: str) -> None:
    assert parse_frequency(code) == parse_frequency(same)


@pytest.mark.parametrize("code", ["ME", "QE", "YE", "W", "BME", "M"])
def test_a_first_or_last_row_unlike_the_others_is_named(code: str) -> None:
    times = parse_frequency(code).future(np.datetime64("2015-02-28", "us"), 40)
    late, early = times[-1] + np.timedelta64(5, "D"), times[0] - np.timedelta64(6, "D")
    for odd, row, own in (("last", late, np.append(times, late)), ("first", early, np.append(early, times))):
        axis = infer_frequency(own)
        problem = f"the {odd} row, {str(row)[:10]}, does not lie as the others do"
        assert (axis.frequency, axis.usual, axis.problem) == (None, infer_frequency(times).frequency, problem)
