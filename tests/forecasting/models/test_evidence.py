"""Means of windows: luck is not believed, what is far beyond luck is, and windows that repeat each other count once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lstmkit.forecasting.models.evidence import believed

ONE = torch.zeros(10_000, dtype=torch.int64)


def share(figures: np.ndarray, series: torch.Tensor | None = None) -> float:
    return believed(torch.from_numpy(figures), ONE[: len(figures)] if series is None else series)


def noise(n: int, seed: int, persistence: float = 0.0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=n)
    for k in range(1, n):
        x[k] = persistence * x[k - 1] + math.sqrt(1 - persistence**2) * x[k]
    return x


@pytest.mark.parametrize("persistence", [0.0, 0.9])
def test_luck_is_seldom_believed(persistence: float) -> None:
    shares = [share(noise(200, seed, persistence)) for seed in range(200)]
    assert np.mean([s > 0 for s in shares]) < 0.1
    assert np.mean(shares) < 0.03


def test_what_is_beyond_luck_is_believed_the_more_the_further_it_is() -> None:
    x = noise(400, 0)
    found = [share(x - x.mean() + mean) for mean in (0.05, 0.15, 0.3, 1.0)]
    assert found == sorted(found)
    assert found[0] == 0.0 and found[-1] > 0.98
    t = 0.3 / (x.std() / math.sqrt(399))
    assert found[2] == pytest.approx(1 - (1.966 / t) ** 2, abs=0.05)  # neighbours that are a little alike count less


def test_sign_unit_and_gaps_do_not_matter() -> None:
    x = noise(100, 1) + 0.5
    assert share(-x) == pytest.approx(share(x))
    assert share(1e-9 * x) == pytest.approx(share(x))
    gaps = np.concatenate([x[:50], [np.nan] * 7, x[50:]])
    assert share(gaps) == pytest.approx(share(x))


def test_windows_that_repeat_each_other_count_once() -> None:
    x = noise(60, 2) + 0.6
    assert share(np.repeat(x, 20)) < share(x) < 1.0


def test_every_series_counts_at_least_once() -> None:
    gains = noise(40, 3) + 1.0
    many = torch.arange(40).repeat_interleave(5)
    assert share(np.repeat(gains, 5), many) == pytest.approx(share(gains), abs=0.1)
    assert share(np.ones(50)) == 1.0  # the same everywhere: a line goes on


@pytest.mark.parametrize("figures", [[], [math.nan], [1.0], [1.0, 1.1, 0.9]])
def test_too_few_windows_show_nothing(figures: list[float]) -> None:
    assert share(np.array(figures, float)) == 0.0
