"""Tunes that were composed beside tunes of people, by the same measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmkit.music.likeness.apart import Apart, told_apart
from lstmkit.music.likeness.figures import (
    bars_right,
    comes_back,
    ends_at_home,
    entropy,
    in_key,
    mean_interval,
    recurring,
    recurring_rhythm,
)
from lstmkit.music.likeness.styles import StyleJudge
from lstmkit.music.related import RUN, Known
from lstmkit.music.tune import Tune

CERTAIN = 1.96
"""Standard errors on either side of a mean: 95 %."""
FEWEST = 10
"""Pairs of tunes without which nothing can be said of whether they are told apart."""


class Figure(NamedTuple):
    """A mean over tunes, and half of its interval of 95 %."""

    mean: float
    half: float


class Likeness(NamedTuple):
    """How composed tunes compare with those of people.

    tunes    how many of each
    figures  by measure: that of people's tunes, and of composed ones
    apart    how well both can be told apart; None where there are too few
    """

    tunes: int
    figures: dict[str, tuple[Figure, Figure]]
    apart: Apart | None

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the measures as rows of a table."""
        return [(name, _said(real), _said(own)) for name, (real, own) in self.figures.items()]

    def sentence(self) -> str:
        """Return what is said of telling both apart."""
        if self.apart is None:
            return f"{self.tunes} tunes are too few to say whether they can be told apart."
        share, low, high = (100 * one for one in self.apart)
        return (
            f"Logistic regression on figures of tunes tells composed tunes from those of people in {share:.0f} % of "
            f"cases (95 % interval {low:.0f} to {high:.0f} %); 50 % would be indistinguishable."
        )

    def to_json(self) -> dict[str, Any]:
        """Return it all as values that JSON can hold."""
        figures = {
            name: {"people": real._asdict(), "composed": own._asdict()} for name, (real, own) in self.figures.items()
        }
        apart = None if self.apart is None else self.apart._asdict()
        return {"tunes": self.tunes, "measures": figures, "told_apart": apart}


def measures_of(train: Sequence[Tune]) -> dict[str, Callable[[Tune], float]]:
    """Return the measures of a tune by name.

    train  tunes that were learnt from: by which styles are named, and of which runs are looked for
    """
    known, judge = Known(train), StyleJudge(train)
    found: dict[str, Callable[[Tune], float]] = {
        "parses and comes back, %": lambda tune: 100 * comes_back(tune),
        "all bars right, %": lambda tune: 100 * bars_right(tune),
        "ends on the tonic, %": lambda tune: 100 * ends_at_home(tune),
        f"a run of {RUN} notes known, %": lambda tune: 100 * float(known.longest_run(tune) >= RUN),
        "longest known run, notes": lambda tune: float(known.longest_run(tune)),
        "notes": lambda tune: float(len(tune.notes)),
        "notes of the key, %": lambda tune: 100 * in_key(tune),
        "pitch-class entropy, bits": entropy,
        "mean interval, half tones": mean_interval,
        "bars that occur again, %": lambda tune: 100 * recurring(tune),
        "bars whose rhythm occurs again, %": lambda tune: 100 * recurring_rhythm(tune),
    }
    if len(judge.styles) > 1:
        found["style named by n-grams, %"] = lambda tune: 100 * float(judge.name(tune) == tune.style)
    return found


def liken(people: Sequence[Tune], composed: Sequence[Tune], train: Sequence[Tune], seed: int = 0) -> Likeness:
    """Return how composed tunes compare with those of people.

    people    held-out tunes
    composed  as many, each in style, key and metre of the one at its place
    train     tunes that were learnt from
    seed      of the folds of the classifier
    """
    figures = {
        name: (_figure([measure(tune) for tune in people]), _figure([measure(tune) for tune in composed]))
        for name, measure in measures_of(train).items()
    }
    apart = told_apart(people, composed, seed) if len(people) >= FEWEST else None
    return Likeness(len(people), figures, apart)


def _figure(values: Sequence[float]) -> Figure:
    return Figure(float(np.mean(values)), CERTAIN * float(np.std(values)) / len(values) ** 0.5)


def _said(figure: Figure) -> str:
    return f"{figure.mean:.1f} ± {figure.half:.1f}"
