"""The judgement of every task in plain words: better than a simple method, equal to it, or worse."""

from __future__ import annotations

from dataclasses import dataclass

BETTER, DOUBTFUL, EQUAL, WORSE = "better", "doubtful", "equal", "worse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement.

    kind      "better", "equal" or "worse" than the best of the simple methods; "doubtful" if better, but not to be
              believed in what it says of its own uncertainty
    headline  the judgement in a few words
    detail    by how much, with the uncertainty, and what else there is to know
    """

    kind: str
    headline: str
    detail: str


def kind_of(low: float, high: float) -> str:
    """Return the kind of a verdict from the ends of the interval of a gain; NaN, of none, is equal."""
    return BETTER if low > 0 else WORSE if high < 0 else EQUAL
