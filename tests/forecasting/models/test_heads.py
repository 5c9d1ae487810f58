"""Heads against torch's own distributions: likelihood, moments of draws, and what happens at the edges."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, distributions

from lstmkit.forecasting.models.heads import HEADS, Head, Parameters

NAMES = list(HEADS)


def parameters_of(head: Head, raw: Tensor, level: float = 1.5, spread: float = 0.7, unit: float = 4.0) -> Parameters:
    level_ = torch.full(raw.shape[:-1], level, dtype=raw.dtype)
    unit_ = torch.full(raw.shape[:-1], unit, dtype=torch.float64)
    return head.parameters(raw, level_, torch.tensor(spread, dtype=raw.dtype), unit_)


def as_torch(name: str, parameters: Parameters) -> distributions.Distribution:
    if name == "normal":
        return distributions.Normal(parameters[0], parameters[1])
    if name == "student":
        location, scale, degrees = parameters
        return distributions.StudentT(degrees, location, scale)
    if name == "mixture":
        weights, location, scale = parameters
        return distributions.MixtureSameFamily(
            distributions.Categorical(logits=weights), distributions.Normal(location, scale)
        )
    mean, dispersion = parameters
    return distributions.NegativeBinomial(1 / dispersion, probs=dispersion * mean / (1 + dispersion * mean))


@pytest.mark.parametrize("name", NAMES)
def test_likelihood_is_that_of_torch_distributions(name: str) -> None:
    torch.manual_seed(0)
    head = HEADS[name]
    parameters = parameters_of(head, torch.randn(50, head.size, dtype=torch.float64))
    value = torch.arange(50, dtype=torch.float64)
    if not head.counts:
        value = 3 * torch.randn(50, dtype=torch.float64)
    torch.testing.assert_close(head.log_likelihood(parameters, value), as_torch(name, parameters).log_prob(value))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("draws", [200_000, 200_001])
def test_draws_have_the_moments_of_the_distribution(name: str, draws: int) -> None:
    torch.manual_seed(1)
    head = HEADS[name]
    raw = torch.randn(1, head.size, dtype=torch.float64)
    if name == "student":
        raw[:, 2] = 4.0  # about 9 degrees of freedom: the fourth moment is there, so the variance can be estimated
    parameters = parameters_of(head, raw)
    repeated = tuple(p.expand(draws, *p.shape[1:])[None] for p in parameters)
    sample = head.sample(repeated, torch.Generator().manual_seed(2))
    assert sample.shape == (1, draws)
    truth = as_torch(name, parameters)
    assert float(sample.mean()) == pytest.approx(float(truth.mean), abs=5 * float(truth.stddev) / math.sqrt(draws))
    assert float(sample.var()) == pytest.approx(float(truth.variance), rel=0.03)


@pytest.mark.parametrize("name", ["normal", "student", "mixture"])
def test_draws_fall_below_a_value_as_often_as_the_distribution_says(name: str) -> None:
    torch.manual_seed(3)
    head, draws = HEADS[name], 100_000
    parameters = parameters_of(head, torch.randn(1, head.size, dtype=torch.float64))
    sample = head.sample(
        tuple(p.expand(draws, *p.shape[1:])[None] for p in parameters), torch.Generator().manual_seed(4)
    )
    # torch has no distribution function of Student's t: the density is summed over a fine grid instead.
    grid = torch.linspace(-400, 400, 800_001, dtype=torch.float64)
    density = head.log_likelihood(tuple(p.expand(len(grid), *p.shape[1:]) for p in parameters), grid).exp()
    cumulative = torch.cumulative_trapezoid(density, grid)
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        edge = grid[1:][torch.searchsorted(cumulative, torch.tensor(share, dtype=torch.float64))]
        assert float((sample < edge).double().mean()) == pytest.approx(share, abs=5 * math.sqrt(share / draws))


@pytest.mark.parametrize("name", ["normal", "student"])
def test_pairs_of_draws_are_mirrored_at_the_location(name: str) -> None:
    head = HEADS[name]
    parameters = tuple(p.expand(1, 10) for p in parameters_of(head, torch.zeros(1, head.size)))
    sample = head.sample(parameters, torch.Generator().manual_seed(0))
    torch.testing.assert_close(sample[:, :5] + sample[:, 5:], 2 * parameters[0][:, :5])
    assert sample[:, :5].unique(sorted=True).numel() == 5


@pytest.mark.parametrize("name", NAMES)
def test_zero_outputs_begin_at_the_level(name: str) -> None:
    head = HEADS[name]
    parameters = parameters_of(head, torch.zeros(1, head.size, dtype=torch.float64), level=3.0)
    expected = 3.0 * (4.0 if head.counts else 1.0)
    assert float(as_torch(name, parameters).mean) == pytest.approx(expected, rel=1e-5)


def test_student_degrees_stay_above_two_so_that_there_is_a_variance() -> None:
    head = HEADS["student"]
    raw = torch.tensor([[0.0, 0.0, -1e4], [0.0, 0.0, 1e4]])
    degrees = parameters_of(head, raw)[2]
    assert float(degrees[0]) > 2
    assert float(degrees[1]) < 1100
    assert as_torch("student", parameters_of(head, raw)).variance.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [-80.0, 80.0])
@pytest.mark.parametrize("value", [0.0, 7.0, 1000.0])
def test_extreme_outputs_give_finite_likelihoods_gradients_and_draws(name: str, size: float, value: float) -> None:
    head = HEADS[name]
    raw = torch.full((1, head.size), size, requires_grad=True)
    likelihood = head.log_likelihood(parameters_of(head, raw), torch.tensor([value]))
    likelihood.sum().backward()
    assert likelihood.isfinite().all()
    assert raw.grad is not None and raw.grad.isfinite().all()
    with torch.no_grad():
        parameters = tuple(p[None] for p in parameters_of(head, raw))
        assert head.sample(parameters, torch.Generator().manual_seed(0)).isfinite().all()


@pytest.mark.parametrize("unit", [1.0, 1e9])
def test_the_negative_binomial_stays_exact_for_huge_counts(unit: float) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy has the reference for huge counts")
    head = HEADS["negative-binomial"]
    parameters = parameters_of(head, torch.zeros(3, 2), level=1.0, unit=unit)
    value = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64).mul(unit).floor()
    mean, dispersion = (p.numpy() for p in parameters)
    expected = stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean)).logpmf(value.numpy())
    assert head.log_likelihood(parameters, value).numpy() == pytest.approx(expected, rel=1e-6)
    sample = head.sample(tuple(p[None].expand(2000, 3) for p in parameters), torch.Generator().manual_seed(0))
    assert torch.equal(sample, sample.round())
    assert float(sample.mean()) == pytest.approx(float(mean[0]), rel=0.05)


def test_the_same_seed_gives_the_same_draws() -> None:
    for head in HEADS.values():
        parameters = tuple(p[None] for p in parameters_of(head, torch.zeros(9, head.size)))
        first, again = (head.sample(parameters, torch.Generator().manual_seed(5)) for _ in range(2))
        assert torch.equal(first, again)
