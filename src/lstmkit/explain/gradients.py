"""How the gradient of the last output falls with the distance to the input. Nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.explain.gate_values import gate_values, has_gates
from lstmkit.explain.variants import Variant
from lstmkit.nn import LSTM
from lstmkit.ranges import AT_LEAST_2, check_fields

INPUTS = 8
FAR = 1e-3
AT_ONCE = 1 << 23
"""Steps of a sequence times units, of all outputs that are worked at once: what the backward keeps is bounded."""
WARM_UP = 100
"""Steps before the first distance that is shown: an input to an empty cell has more effect than a later one."""


@dataclass(frozen=True, slots=True)
class GradientSettings:
    """What is measured.

    hidden  width of the layer
    steps   distances from 0 to steps - 1
    seeds   random initialisations, each with a random input of its own
    """

    hidden: int = 32
    steps: int = 200
    seeds: int = 10

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"steps": AT_LEAST_2}, "explain gradients")


@dataclass(frozen=True)
class GradientCurve:
    """How the gradient of one cell falls.

    variant  the cell
    norms    (S, T) Frobenius norm of dh_T / dx_t by seed and distance T - t
    forget   (S, T) product of the forget gates over the steps between, root of the mean square over the units; None
             for a cell without gates as the LSTM has them
    """

    variant: Variant
    norms: NDArray[np.float64]
    forget: NDArray[np.float64] | None

    @property
    def relative(self) -> NDArray[np.float64]:
        """Norms as a share of the one at distance 0, (S, T)."""
        return self.norms / self.norms[:, :1]

    @property
    def median(self) -> NDArray[np.float64]:
        """Median of `relative` over the seeds, (T,)."""
        return np.asarray(np.median(self.relative, axis=0))

    @property
    def quartiles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Quarter and three quarters of `relative`, (T,) each."""
        low, high = np.quantile(self.relative, [0.25, 0.75], axis=0)
        return low, high

    @property
    def half(self) -> int | None:
        """Distance from which on the median stays below a half; None if it does not within T."""
        return self._below(0.5)

    @property
    def far(self) -> int | None:
        """Distance from which on the median stays below a thousandth; None if it does not within T."""
        return self._below(FAR)

    @property
    def left(self) -> float:
        """Median at the furthest distance, T - 1."""
        return float(self.median[-1])

    def _below(self, share: float) -> int | None:
        above = np.flatnonzero(self.median >= share)
        first = int(above[-1]) + 1
        return first if first < len(self.median) else None

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON-able data."""
        low, high = self.quartiles
        return {
            "cell": self.variant.name,
            "half_at": self.half,
            "thousandth_at": self.far,
            "left_at_the_furthest": self.left,
            "median": self.median.tolist(),
            "lower_quartile": low.tolist(),
            "upper_quartile": high.tolist(),
            "norm_at_0": float(np.median(self.norms[:, 0])),
        }


def measure_gradients(
    variants: Sequence[Variant],
    settings: GradientSettings | None = None,
    on_cell: Callable[[Variant], None] | None = None,
) -> list[GradientCurve]:
    """Measure every cell, in float64, on inputs drawn from the normal distribution.

    variants  the cells
    settings  sizes; the defaults if None
    on_cell   called with each cell before it is measured
    Returns   a curve for each cell, in order
    """
    settings = settings or GradientSettings()
    curves = []
    for variant in variants:
        if on_cell is not None:
            on_cell(variant)
        curves.append(_measure(variant, settings))
    return curves


def _measure(variant: Variant, settings: GradientSettings) -> GradientCurve:
    T, norms, products = settings.steps, [], []
    for seed in range(settings.seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layer = variant.layer(INPUTS, settings.hidden, torch.float64)
            # Each seed runs a step longer, so that a cell with a period is seen in all its phases.
            x = torch.randn(WARM_UP + T + seed, INPUTS, dtype=torch.float64)
        norms.append(jacobian_norms(layer, x)[:T])
        if has_gates(layer.cell):
            products.append(_forget_product(layer, x)[:T])
    return GradientCurve(variant, np.stack(norms), np.stack(products) if products else None)


def jacobian_norms(layer: LSTM, x: Tensor) -> NDArray[np.float64]:
    """Return the Frobenius norm of the derivative of the last output by each input.

    layer    one layer, one direction, steps first
    x        (T, I) one sequence
    Returns  (T,) norms by distance: 0 is the last input, T - 1 the first
    """
    outputs = layer.proj_size or layer.hidden_size
    at_once = max(1, AT_ONCE // (len(x) * layer.hidden_size))
    squares = x.new_zeros(len(x))
    for first in range(0, outputs, at_once):
        # A copy of the sequence for each output: summing output k of copy k gives rows of the derivative at once.
        count = min(at_once, outputs - first)
        copies = x[:, None].repeat(1, count, 1).requires_grad_()
        y, _ = layer(copies)
        assert isinstance(y, Tensor)
        (rows,) = torch.autograd.grad(y[-1][:, first : first + count].diagonal().sum(), copies)
        squares += rows.square().sum((1, 2))
    return np.asarray(squares.sqrt().flip(0).numpy())


def _forget_product(layer: LSTM, x: Tensor) -> NDArray[np.float64]:
    """Return the product of the forget gates after each input, root of the mean square over units, by distance (T,)."""
    with torch.no_grad():
        forget = gate_values(layer, x[:, None])[0].forget[:, 0]
    later = torch.cat([torch.ones_like(forget[:1]), forget[1:].flip(0).cumprod(0)])
    return np.asarray(later.square().mean(1).sqrt().numpy())


def in_words(curve: GradientCurve) -> str:
    """Return in a sentence how the gradient of a cell falls."""
    half = "the gradient does not stay below a half" if curve.half is None else f"half is lost {_after(curve.half)}"
    return f"{curve.variant.title}: {half}; {reach_in_words(curve)}."


def reach_in_words(curve: GradientCurve) -> str:
    """Return how far the gradient of a cell reaches: where it is a thousandth, or what is left at the end."""
    if curve.far is not None:
        return f"a thousandth is left {_after(curve.far)}"
    return f"{curve.left:.2g} is left {_after(len(curve.median) - 1)}, the furthest looked at"


def _after(steps: int) -> str:
    return f"after {steps} step{'s' * (steps != 1)}"
