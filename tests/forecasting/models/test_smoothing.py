"""Smoothing against a loop over single numbers, its gradients against differences."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from lstmkit.forecasting.models.smoothing import Smoothed, smooth

SEASONS = [(), (1,), (2,), (5,), (3, 7), (4, 40)]


def by_hand(y: Sequence[float], rates: Sequence[float], first: Sequence[Sequence[float]]) -> tuple[list[float], list]:
    """Smooth one window, None where missing, in Winters' own form: each season from what the others leave."""
    seasons = [list(f) for f in first]
    count = min((len(f) for f in first), default=1)
    rest = [v - sum(f[t % len(f)] for f in first) for t, v in enumerate(y) if v is not None][:count]
    level, levels = sum(rest) / max(len(rest), 1), []
    for t, v in enumerate(y):
        now = [s[t] for s in seasons]
        if v is None:
            after = now
        else:
            level = rates[0] * (v - sum(now)) + (1 - rates[0]) * level
            after = [b * (v - level - (sum(now) - own)) + (1 - b) * own for b, own in zip(rates[1:], now, strict=True)]
        for s, value in zip(seasons, after, strict=True):
            s.append(value)
        levels.append(level)
    return levels, seasons


def case(B: int, L: int, periods: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    torch.manual_seed(0)
    values = torch.randn(B, L, dtype=torch.float64)
    seen = torch.rand(B, L) > 0.2
    rates = torch.rand(B, 1 + len(periods), dtype=torch.float64)
    return values, seen, rates, [torch.randn(B, m, dtype=torch.float64) for m in periods]


@pytest.mark.parametrize("periods", SEASONS)
@pytest.mark.parametrize("L", [1, 3, 31])
def test_level_and_seasons_are_those_of_a_loop(L: int, periods: tuple[int, ...]) -> None:
    values, seen, rates, first = case(3, L, periods)
    smoothed = smooth(values, seen, rates, first)
    for b in range(3):
        y = [float(v) if there else None for v, there in zip(values[b], seen[b], strict=True)]
        levels, seasons = by_hand(y, rates[b].tolist(), [f[b].tolist() for f in first])
        assert smoothed.level[b].tolist() == pytest.approx(levels, rel=1e-12)
        for factors, own in zip(smoothed.factors, seasons, strict=True):
            assert factors[b].tolist() == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("periods", SEASONS)
@pytest.mark.parametrize("L", [1, 9])
def test_gradients_are_those_of_differences(L: int, periods: tuple[int, ...]) -> None:
    values, seen, rates, first = case(3, L, periods)

    def flat(values: Tensor, rates: Tensor, *first: Tensor) -> tuple[Tensor, ...]:
        smoothed = smooth(values, seen, rates, first)
        return smoothed.level, *smoothed.factors

    assert torch.autograd.gradcheck(flat, [x.requires_grad_() for x in (values, rates, *first)])


def test_gradients_are_right_where_only_the_seasons_are_used() -> None:
    values, seen, rates, first = case(2, 9, (3,))

    def season(*arguments: Tensor) -> Tensor:
        return smooth(arguments[0], seen, arguments[1], arguments[2:]).factors[0][:, -3:]

    assert torch.autograd.gradcheck(season, [x.requires_grad_() for x in (values, rates, *first)])


def test_what_is_missing_has_no_influence() -> None:
    values, seen, rates, first = case(3, 20, (4,))
    other = torch.where(seen, values, torch.full_like(values, 1e6))
    once, again = smooth(values, seen, rates, first), smooth(other, seen, rates, first)
    assert torch.equal(once.level, again.level) and torch.equal(once.factors[0], again.factors[0])


def test_a_window_without_values_has_level_zero_and_its_first_seasons() -> None:
    values, _, rates, first = case(2, 6, (4,))
    smoothed = smooth(values, torch.zeros(2, 6, dtype=torch.bool), rates, first)
    assert (smoothed.level == 0).all()
    assert torch.equal(smoothed.factors[0], first[0][:, torch.arange(10) % 4])


@pytest.mark.parametrize("periods", SEASONS)
def test_the_forecast_is_the_level_and_the_seasons_as_they_come_round(periods: tuple[int, ...]) -> None:
    values, seen, rates, first = case(2, 12, periods)
    positions = torch.tensor([11, 8])
    forecast = smooth(values, seen, rates, first).ahead(positions, 9)
    for n, t in enumerate(positions.tolist()):
        cut: Smoothed = smooth(values[:, : t + 1], seen[:, : t + 1], rates, first)
        expected = cut.level[:, -1:].expand(-1, 9)
        for factors, m in zip(cut.factors, periods, strict=True):
            expected = expected + factors[:, -m:].repeat(1, 9)[:, :9]
        torch.testing.assert_close(forecast[:, n], expected)
