"""Drawing the next token: temperature, top-k, top-p, tokens that are never drawn."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstmkit.ranges import NOT_NEGATIVE, UP_TO_1, check_fields

ROUNDING = 1e-12
"""How far a sum of probabilities may fall short of what it would be with exact numbers."""


@dataclasses.dataclass(frozen=True)
class SamplingSettings:
    """How the next token is drawn.

    temperature  divides log-probabilities: below 1 likelier tokens, above 1 more varied; 0 takes the most likely always
    top_k        draw from so many most likely tokens; None: from all
    top_p        draw from the fewest most likely tokens that have this probability together; None: from all
    ban_unknown  never draw the token that stands for unknown ones
    Raises       InputError if a value is out of range
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    ban_unknown: bool = True

    def __post_init__(self) -> None:
        """Check the values."""
        check_fields(self, {"temperature": NOT_NEGATIVE, "top_p": UP_TO_1})


def filtered(
    log_probs: NDArray[np.floating[Any]], settings: SamplingSettings, banned: ArrayLike = ()
) -> NDArray[np.float64]:
    """Return the distribution that a token is drawn from.

    In this order: banned tokens go, the temperature is applied, then top-k, then top-p of what top-k has left. Each
    works on probabilities that sum to one. Of equally likely tokens the lower id comes first.

    log_probs  (V,) natural logarithms
    banned     ids of tokens that are not drawn
    Returns    (V,) natural logarithms whose exponentials sum to one; minus infinity for tokens that are not drawn
    Raises     ValueError if no token is left
    Source     top-p: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration
    """
    left = np.array(log_probs, dtype=np.float64)
    left[np.asarray(banned, dtype=np.intp)] = -np.inf
    highest = left.max()
    if highest == -np.inf:
        raise ValueError("no token is left to draw")
    if settings.temperature == 0:
        return _only(left, most_likely(left, 1))
    with np.errstate(over="ignore"):  # a tiny temperature sends all but the highest to minus infinity, as it should
        left = _normalised((left - highest) / settings.temperature)
    if settings.top_k is not None and settings.top_k < len(left):
        left = _normalised(_only(left, most_likely(left, settings.top_k), keep=True))
    if settings.top_p is not None and settings.top_p < 1:
        order = np.argsort(-left, kind="stable")
        reached = np.cumsum(np.exp(left[order]))
        # A sum that is p but for rounding has reached it, or one token too many would stay.
        count = int(np.searchsorted(reached, settings.top_p - ROUNDING, side="left")) + 1
        left = _normalised(_only(left, order[:count], keep=True))
    return left


def draw(log_probs: NDArray[np.float64], generator: np.random.Generator) -> int:
    """Draw a token.

    log_probs  (V,) as from `filtered`
    Returns    its id; never one whose probability is 0
    """
    reached = np.cumsum(np.exp(log_probs))
    at = int(np.searchsorted(reached, generator.random() * reached[-1], side="right"))
    # Rounding may put the draw on the very end of the sum.
    return min(at, int(np.searchsorted(reached, reached[-1], side="left")))


def most_likely(log_probs: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
    """Return the ids of the `count` most likely tokens, the most likely first, of equals the lower id first."""
    if count >= len(log_probs):
        return np.argsort(-log_probs, kind="stable")
    least = np.partition(log_probs, len(log_probs) - count)[len(log_probs) - count]
    # All that equal the least are candidates, or a lower id could lose its place to a higher one.
    candidates = np.flatnonzero(log_probs >= least)
    return candidates[np.argsort(-log_probs[candidates], kind="stable")[:count]]


def _only(log_probs: NDArray[np.float64], ids: NDArray[np.intp], keep: bool = False) -> NDArray[np.float64]:
    """Return minus infinity for all but `ids`, which keep their values or share the whole probability."""
    only = np.full_like(log_probs, -np.inf)
    only[ids] = log_probs[ids] if keep else -math.log(len(ids))
    return only


def _normalised(log_probs: NDArray[np.float64]) -> NDArray[np.float64]:
    highest = log_probs.max()
    shifted: NDArray[np.float64] = log_probs - highest
    shifted -= np.log(np.exp(shifted).sum())
    return shifted
