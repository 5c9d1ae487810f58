"""How well tunes are foreseen that were not learnt from, beside n-grams, and what that means in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lstmkit.language.judgement.verdict import TITLES
from lstmkit.language.language_model import PREDICTORS
from lstmkit.music.abc import write_abc
from lstmkit.music.composer import Composer
from lstmkit.music.tune import Tune
from lstmkit.results import Verdict
from lstmkit.results.bootstrap import ratio_interval
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, kind_of

COLUMNS = ("model", "bits a character", "nats an event")
"""What the rows of a comparison say."""


@dataclass(frozen=True)
class MusicComparison:
    """The predictors of a composer side by side on tunes, given style, metre and mode of each.

    tunes, events  how many; events count the end of each tune
    characters     of the tunes as ABC, without the head
    unknown        events that the vocabulary does not have
    nats           by predictor, of all events together
    low, high      interval of 95 % of how many nats an event the LSTM gains over the n-grams, by a bootstrap of tunes
    """

    tunes: int
    events: int
    characters: int
    unknown: int
    nats: dict[str, float]
    low: float
    high: float

    def nats_per_event(self, by: str) -> float:
        """Return the mean."""
        return self.nats[by] / self.events

    def bits_per_character(self, by: str) -> float:
        """Return the mean."""
        return self.nats[by] / math.log(2) / self.characters

    def rows(self) -> list[tuple[str, str, str]]:
        """Return it as rows of a table with COLUMNS."""
        return [
            (title, f"{self.bits_per_character(by):.4f}", f"{self.nats_per_event(by):.4f}")
            for by, title in TITLES.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return it all as values that JSON can hold."""
        figures = {
            by: {"nats_per_event": self.nats_per_event(by), "bits_per_character": self.bits_per_character(by)}
            for by in self.nats
        }
        return {**asdict(self), "scores": figures}


def compare(composer: Composer, tunes: Sequence[Tune], seed: int = 0) -> MusicComparison:
    """Score tunes by all predictors of a composer.

    seed    of the bootstrap
    """
    scores = [composer.score(tune) for tune in tunes]
    gains = np.array([score.nats["ngram"] - score.nats["lstm"] for score in scores])
    events = np.array([score.events for score in scores])
    low, high = ratio_interval(gains, events, seed)
    return MusicComparison(
        len(tunes),
        int(events.sum()),
        sum(len(body_of(tune)) for tune in tunes),
        sum(score.unknown for score in scores),
        {by: sum(score.nats[by] for score in scores) for by in PREDICTORS},
        low,
        high,
    )


def body_of(tune: Tune) -> str:
    """Return what stands behind the head of a tune in ABC, lines as they are written."""
    return write_abc([tune]).split("K:", 1)[1].split("\n", 1)[1]


def judge(found: MusicComparison, order: int, related: int = 0) -> Verdict:
    """Judge the network against the n-grams by the interval of what it gains.

    order    of the n-grams
    related  tunes among them that are related to tunes that were learnt from
    """
    kind = kind_of(found.low, found.high)
    lstm, ngram = found.bits_per_character("lstm"), found.bits_per_character("ngram")
    rival, change = f"the {order}-gram model", abs(100 * (1 - lstm / ngram))
    figures = f"{lstm:.3f} bits a character against {ngram:.3f}"
    headline = {
        BETTER: f"Better than {rival}: {figures}, {change:.1f} % lower.",
        EQUAL: f"No better than {rival}: {figures}.",
        WORSE: f"Worse than {rival}: {figures}, {change:.1f} % higher.",
    }[kind]
    per_event = found.nats_per_event("ngram")
    low, high = sorted(abs(100 * end / per_event) for end in (found.low, found.high))
    tunes = f"{found.tunes:,} tunes that neither model saw"
    if related:
        tunes = f"{found.tunes:,} tunes, of which {related:,} are related to tunes that were learnt from"
    detail = f"95 % interval {low:.1f} to {high:.1f} %, on {tunes}."
    if kind == EQUAL:
        detail = f"On {tunes}, the uncertainty includes zero."
    both = found.bits_per_character("mixture")
    return Verdict(kind, headline, f"{detail} Together they reach {both:.3f}.")
