"""What is usual for a series, against means worked out by hand, in any unit and for series that say little."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.data import TableSettings, Windows, make_windows, read_table
from lstmkit.forecasting.models.usual import FEW, FLAT, UsualChange, lacking

NAN = float("nan")


def windows_of(*series: list[float] | np.ndarray, context: int = 10, short: str = "refuse") -> Windows:
    names = [str(k) for k, values in enumerate(series) for _ in values]
    table = pl.DataFrame({"id": names, "y": np.concatenate(series)}).with_columns(pl.col("y").fill_nan(None))
    return make_windows(read_table(table, TableSettings("y", id="id", missing="mask", short=short)), context, 5)


def usual_of(windows: Windows) -> UsualChange:
    usual = UsualChange(len(windows.table))
    usual.start_from(windows)
    return usual


def test_the_usual_change_is_that_of_the_rows_that_windows_see() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=30), rng.normal(size=25) * 100
    second[[4, 17]] = np.nan
    usual = usual_of(windows_of(first, second))
    expected = [np.nanmean(np.abs(np.diff(values))) for values in (first, second)]
    assert usual.change.numpy() == pytest.approx(expected)


def test_small_series_are_measured_beside_large_ones() -> None:
    """A difference of running sums over both would be all rounding."""
    rng = np.random.default_rng(0)
    small = rng.normal(size=30)
    usual = usual_of(windows_of(rng.normal(size=30) * 1e25, small))
    assert float(usual.change[1]) == pytest.approx(np.abs(np.diff(small)).mean(), rel=1e-12)


@pytest.mark.parametrize("power", [-100, -30, 30, 100])
def test_another_unit_of_two_gives_the_same_bits(power: int) -> None:
    rng = np.random.default_rng(1)
    series = [rng.gamma(2.0, size=30), rng.gamma(2.0, size=26) * 40, np.array([3.0, 4.0])]
    plain = usual_of(windows_of(*series, short="pad"))
    scaled = usual_of(windows_of(*(values * 2.0**power for values in series), short="pad"))
    assert torch.equal(scaled.change, plain.change * 2.0**power) and torch.equal(
        scaled.others, plain.others * 2.0**power
    )
    context = torch.tensor([[NAN, NAN, 3.0], [5.0, 5.0, 5.0], [1.0, 2.0, 9.0]], dtype=torch.float64)
    for series_number in (0, 2, -1):
        number = torch.full((3,), series_number)
        assert torch.equal(scaled.least(context * 2.0**power, number), plain.least(context, number) * 2.0**power)


def test_a_flat_window_is_measured_by_its_series() -> None:
    rng = np.random.default_rng(0)
    usual = usual_of(windows_of(rng.normal(size=30), rng.normal(size=30) * 100))
    flat = torch.full((3, 10), 7.0, dtype=torch.float64)
    least = usual.least(flat, torch.tensor([0, 1, -1]))[:, 0]
    assert least[:2].numpy() == pytest.approx(FLAT * usual.change.numpy())
    assert float(least[2]) == pytest.approx(FLAT * float(usual.change.median()))


def test_a_window_of_an_unseen_series_that_moves_is_measured_by_itself() -> None:
    usual = usual_of(windows_of(np.random.default_rng(0).normal(size=30) * 1e6))
    assert float(usual.least(torch.arange(6, dtype=torch.float64)[None], torch.tensor([-1]))) == 0.0


def test_of_a_cold_start_the_others_tell_in_shares_of_the_level_where_nothing_is_below_zero() -> None:
    rng = np.random.default_rng(0)
    positive = [100 + rng.random(30), 1000 + 10 * rng.random(30), np.array([500.0])]
    usual = usual_of(windows_of(*positive, short="pad"))
    shares = [float(usual.change[s]) / values.mean() for s, values in enumerate(positive[:2])]
    assert float(usual.change[2]) == pytest.approx(500 * min(shares))  # torch's median is the lower of two
    one = torch.tensor([[NAN, NAN, NAN, NAN, 40.0]], dtype=torch.float64)
    assert float(usual.least(one, torch.tensor([-1]))) == pytest.approx(40 * min(shares))
    signed = usual_of(windows_of(*(values - 600 for values in positive), short="pad"))
    assert float(signed.least(one, torch.tensor([-1]))) == pytest.approx(float(signed.change[:2].min()))


def test_what_a_window_lacks_is_counted_against_what_its_context_has_room_for() -> None:
    rows = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [NAN, 2.0, NAN, 4.0, 5.0, 6.0], [NAN] * 4 + [5.0, 6.0], [NAN] * 5 + [6.0]]
    share = lacking(torch.tensor(rows, dtype=torch.float64)).tolist()
    assert share == [0.0, 1 / FEW, 3 / FEW, 1.0]
    assert lacking(torch.tensor([[1.0, 2.0]])).tolist() == [0.0]
