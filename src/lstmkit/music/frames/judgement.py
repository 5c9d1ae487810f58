"""How well frames are foreseen that were not learnt from, beside chains, and what that means in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lstmkit.errors import InputError
from lstmkit.music.frames.foreseeing import BY, FrameComposer, FrameScore
from lstmkit.music.rolls import Frames
from lstmkit.results import Verdict
from lstmkit.results.bootstrap import ratio_interval
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, kind_of

COLUMNS = ("model", "nats a frame")
"""What the rows of a comparison say."""


@dataclass(frozen=True)
class FrameComparison:
    """Network and chains side by side on pieces, in the published convention.

    pieces  how many
    frames  of all together but the first of each
    nats    by BY, of all frames together
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

    def rows(self, titles: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return it as rows of a table with COLUMNS.

        titles  of BY
        """
        return [(title, f"{self.nats_per_frame(by):.3f}") for by, title in titles.items()]

    def to_json(self) -> dict[str, Any]:
        """Return it all as values that JSON can hold."""
        return {**asdict(self), "scores": {by: {"nats_per_frame": self.nats_per_frame(by)} for by in self.nats}}


def compare_frames(composer: FrameComposer, pieces: Sequence[Frames]) -> FrameComparison:
    """Score pieces by a composer and its chains."""
    return summed(composer.score(pieces, notes=False))


def summed(scores: Sequence[FrameScore]) -> FrameComparison:
    """Return the scores of several pieces as those of all frames together.

    Raises  InputError if there is no frame but first ones
    """
    frames = np.array([score.frames for score in scores])
    if not frames.sum():
        raise InputError("all pieces have one frame, of which nothing is foreseen; give longer ones")
    gains = np.array([score.nats["chain"] - score.nats["lstm"] for score in scores])
    nats = {by: sum(score.nats[by] for score in scores) for by in BY}
    return FrameComparison(len(scores), int(frames.sum()), nats, *ratio_interval(gains, frames))


def judge_frames(found: FrameComparison, chain: str, related: int = 0) -> Verdict:
    """Judge the network against the chain by the interval of what it gains.

    chain    what it is called
    related  pieces among them that are related to pieces that were learnt from
    """
    kind = kind_of(found.low, found.high)
    figures = f"{found.nats_per_frame('lstm'):.3f} nats a frame against {found.nats_per_frame('chain'):.3f}"
    headline = {
        BETTER: f"Better than a first-order {chain}: {figures}.",
        EQUAL: f"No better than a first-order {chain}: {figures}.",
        WORSE: f"Worse than a first-order {chain}: {figures}.",
    }[kind]
    pieces = f"{found.pieces:,} pieces with {found.frames:,} frames that neither saw"
    if related:
        pieces += f", of which {related:,} are related to pieces that were learnt from"
    low, high = sorted((found.low, found.high))
    return Verdict(kind, headline, f"95 % interval of the gain {low:.3f} to {high:.3f}, on {pieces}.")
