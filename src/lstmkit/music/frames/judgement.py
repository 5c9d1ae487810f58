"""How well piano rolls are foreseen that were not learnt from, beside chains, and what that means in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lstmkit.errors import InputError
from lstmkit.music.frames.composer import BY, RollComposer, RollScore
from lstmkit.music.rolls import Roll
from lstmkit.results import Verdict
from lstmkit.results.bootstrap import ratio_interval
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, kind_of

TITLES = dict(zip(BY, ("LSTM", "chain of each key", "last frame repeated"), strict=True))
COLUMNS = ("model", "nats a frame")
"""What the rows of a comparison say."""


@dataclass(frozen=True)
class RollComparison:
    """Network and chains side by side on piano rolls, in the published convention.

    pieces  how many
    frames  of all together but the first of each
    nats    by BY, of all frames together, over all 88 keys
    low, high  interval of 95 % of how many nats a frame the network gains over the chain, by a bootstrap of pieces
    """

    pieces: int
    frames: int
    nats: dict[str, float]
    low: float
    high: float

    def nats_per_frame(self, by: str) -> float:
        """Return the mean."""
        return self.nats[by] / self.frames

    def rows(self) -> list[tuple[str, str]]:
        """Return it as rows of a table with COLUMNS."""
        return [(title, f"{self.nats_per_frame(by):.3f}") for by, title in TITLES.items()]

    def to_json(self) -> dict[str, Any]:
        """Return it all as values that JSON can hold."""
        return {**asdict(self), "scores": {by: {"nats_per_frame": self.nats_per_frame(by)} for by in self.nats}}


def compare_rolls(composer: RollComposer, rolls: Sequence[Roll]) -> RollComparison:
    """Score piano rolls by a composer and its chains."""
    return summed(composer.score(rolls, notes=False))


def summed(scores: Sequence[RollScore]) -> RollComparison:
    """Return the scores of several pieces as those of all frames together.

    Raises  InputError if there is no frame but first ones
    """
    frames = np.array([score.frames for score in scores])
    if not frames.sum():
        raise InputError("all pieces have one frame, of which nothing is foreseen; give longer ones")
    gains = np.array([score.nats["chain"] - score.nats["lstm"] for score in scores])
    nats = {by: sum(score.nats[by] for score in scores) for by in BY}
    return RollComparison(len(scores), int(frames.sum()), nats, *ratio_interval(gains, frames))


def judge_rolls(found: RollComparison, related: int = 0) -> Verdict:
    """Judge the network against the chain by the interval of what it gains.

    related  pieces among them that are related to pieces that were learnt from
    """
    kind = kind_of(found.low, found.high)
    lstm, chain = found.nats_per_frame("lstm"), found.nats_per_frame("chain")
    figures = f"{lstm:.3f} nats a frame against {chain:.3f}"
    headline = {
        BETTER: f"Better than a first-order chain of each key: {figures}.",
        EQUAL: f"No better than a first-order chain of each key: {figures}.",
        WORSE: f"Worse than a first-order chain of each key: {figures}.",
    }[kind]
    pieces = f"{found.pieces:,} pieces with {found.frames:,} frames that neither saw"
    if related:
        pieces += f", of which {related:,} are related to pieces that were learnt from"
    low, high = sorted((found.low, found.high))
    return Verdict(kind, headline, f"95 % interval of the gain {low:.3f} to {high:.3f}, on {pieces}.")
