"""Distributions that a network can end in: from its raw outputs to parameters, likelihood, and draws.

A head holds no weights. Its parameters begin, where the raw outputs are zero, at a given level with a given spread, so
that a network whose last layer starts at zero begins as the forecast that gave the level.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

Parameters = tuple[Tensor, ...]
"""Parameters of a distribution, one tensor each, as the head's `forward` names them."""

ONE = math.log(math.e - 1)  # softplus of it is 1
LEAST = 1e-3  # of the spread: the likelihood of a constant series would have no bound
MOST_DEGREES = 1e3  # beyond it Student's t is the normal distribution, and float32 loses the difference of lgammas
SHARPNESS = 5.0


class Head(ABC):
    """A distribution of the next value.

    size    numbers that the network gives a step, K
    counts  whether values are whole numbers in the units of the series; else they are scaled
    """

    size: ClassVar[int]
    counts: ClassVar[bool] = False

    @abstractmethod
    def parameters(self, raw: Tensor, level: Tensor, spread: Tensor, unit: Tensor) -> Parameters:
        """Return the parameters of the distribution.

        raw     (..., K) outputs of the network
        level   (...) where the distribution begins, scaled
        spread  (), usual distance of a value from that level, scaled
        unit    (...) of the scale, in the units of the series
        """

    @abstractmethod
    def log_likelihood(self, parameters: Parameters, value: Tensor) -> Tensor:
        """Return the log density, or the log probability of a count, of values (...), elementwise."""

    @abstractmethod
    def sample(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return a draw (B, N) for every element of parameters (B, N).

        Symmetric distributions draw mirrored pairs along N, so that the mean of few draws is near the true mean.
        """


class NormalHead(Head):
    """A normal distribution: location, scale."""

    size = 2

    def parameters(self, raw: Tensor, level: Tensor, spread: Tensor, unit: Tensor) -> Parameters:
        """Return location and scale, (...) each."""
        return level + spread * raw[..., 0], _scale(raw[..., 1], spread)

    def log_likelihood(self, parameters: Parameters, value: Tensor) -> Tensor:
        """Return the log density."""
        return _normal_log_density(parameters[0], parameters[1], value)

    def sample(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return mirrored draws."""
        location, scale = parameters
        B, N = location.shape
        noise = torch.randn(B, (N + 1) // 2, generator=generator, dtype=location.dtype)
        return location + scale * torch.cat([noise, -noise], 1)[:, :N]


class StudentHead(Head):
    """Student's t distribution: location, scale, degrees of freedom above 2, so that there is a variance.

    Source  draws: Bailey 1994
    """

    size = 3

    def parameters(self, raw: Tensor, level: Tensor, spread: Tensor, unit: Tensor) -> Parameters:
        """Return location, scale and degrees of freedom, (...) each."""
        degrees = 2.01 + softplus(raw[..., 2] + 3.0).clamp_max(MOST_DEGREES)
        return level + spread * raw[..., 0], _scale(raw[..., 1], spread), degrees

    def log_likelihood(self, parameters: Parameters, value: Tensor) -> Tensor:
        """Return the log density."""
        location, scale, degrees = parameters
        half = (degrees + 1) / 2
        normaliser = torch.lgamma(half) - torch.lgamma(degrees / 2) - 0.5 * torch.log(math.pi * degrees)
        distance = (value - location) / scale
        return normaliser - torch.log(scale) - half * torch.log1p(distance.square() / degrees)

    def sample(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return mirrored draws."""
        location, scale, degrees = parameters
        B, N = location.shape
        uniform = torch.rand(2, B, (N + 1) // 2, generator=generator, dtype=location.dtype)
        direction = torch.cos(2 * math.pi * uniform[1])
        logs = torch.log1p(-uniform[0])  # of 1 - u, because u may be zero
        logs = torch.cat([logs, logs], 1)[:, :N]
        radius = torch.sqrt(degrees * torch.expm1(-2 / degrees * logs))
        return location + scale * radius * torch.cat([direction, -direction], 1)[:, :N]


class MixtureHead(Head):
    """A mixture of three normal distributions: logits of the weights, locations, scales."""

    components: ClassVar[int] = 3
    size = 9

    def parameters(self, raw: Tensor, level: Tensor, spread: Tensor, unit: Tensor) -> Parameters:
        """Return log weights, locations and scales, (..., 3) each."""
        weights, moves, scales = raw.view(*raw.shape[:-1], 3, self.components).unbind(-2)
        apart = torch.linspace(-1, 1, self.components, dtype=raw.dtype)  # equal components would stay equal
        return log_softmax(weights, -1), level.unsqueeze(-1) + spread * (moves + apart), _scale(scales, spread)

    def log_likelihood(self, parameters: Parameters, value: Tensor) -> Tensor:
        """Return the log density."""
        weights, location, scale = parameters
        return torch.logsumexp(weights + _normal_log_density(location, scale, value.unsqueeze(-1)), -1)

    def sample(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return independent draws."""
        weights, location, scale = parameters
        shape, dtype = location.shape[:-1], location.dtype
        edges = weights.exp().cumsum(-1)[..., :-1]
        which = (torch.rand(*shape, 1, generator=generator, dtype=dtype) > edges).sum(-1, keepdim=True)
        noise = torch.randn(shape, generator=generator, dtype=dtype)
        return location.gather(-1, which).squeeze(-1) + noise * scale.gather(-1, which).squeeze(-1)


class NegativeBinomialHead(Head):
    """A negative binomial distribution of counts: mean m and dispersion a; the variance is m + a m².

    Everything is float64: the log probability of a large count is a small difference of large numbers.

    Source  Salinas et al. 2017: the mean grows with the unit, the dispersion falls with its root
    """

    size = 2
    counts = True

    def parameters(self, raw: Tensor, level: Tensor, spread: Tensor, unit: Tensor) -> Parameters:
        """Return mean and dispersion, (...) each, float64."""
        # A sharp softplus is the level itself where that is not near zero or below.
        mean = softplus((level + spread * raw[..., 0]).double(), beta=SHARPNESS) + 1e-6
        dispersion = softplus(raw[..., 1].double() + ONE) + 1e-4
        return unit.double() * mean, dispersion / unit.double().sqrt()

    def log_likelihood(self, parameters: Parameters, value: Tensor) -> Tensor:
        """Return the log probability of whole numbers."""
        mean, dispersion = parameters
        value, trials = value.double(), 1 / dispersion
        rate = dispersion * mean
        chosen = torch.lgamma(value + trials) - torch.lgamma(trials) - torch.lgamma(value + 1)
        # log(r / (1 + r)) as -log1p(1 / r), and both from log1p, so that neither end rounds to log(0).
        return chosen - trials * torch.log1p(rate) - value * torch.log1p(1 / rate)

    def sample(self, parameters: Parameters, generator: torch.Generator) -> Tensor:
        """Return independent draws, whole numbers as float64: Poisson with a gamma distributed rate."""
        mean, dispersion = parameters
        # torch.distributions cannot take a generator; this is what its Gamma calls.
        gamma = torch._standard_gamma(1 / dispersion, generator)
        return torch.poisson((gamma * dispersion * mean).clamp_max(1e15), generator)


HEADS: dict[str, Head] = {
    "student": StudentHead(),
    "normal": NormalHead(),
    "negative-binomial": NegativeBinomialHead(),
    "mixture": MixtureHead(),
}
"""Every head by the name that `head=` takes."""


def _scale(raw: Tensor, spread: Tensor) -> Tensor:
    return spread * (softplus(raw + ONE) + LEAST)


def _normal_log_density(location: Tensor, scale: Tensor, value: Tensor) -> Tensor:
    return -0.5 * ((value - location) / scale).square() - torch.log(scale) - 0.5 * math.log(2 * math.pi)
