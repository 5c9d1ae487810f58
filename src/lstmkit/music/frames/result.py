"""What a training on frames found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.music.frames.foreseeing import ComposedPiece, FrameComposer
from lstmkit.music.frames.judgement import FrameComparison
from lstmkit.results import Verdict


@dataclass(frozen=True)
class FrameResult:
    """What a job found; the folder `out` holds it.

    source    file or folder that was learnt from
    composed  pieces of its own, the likeliest first
    summary   what summary.json holds
    """

    source: str
    out: Path
    composer: FrameComposer
    comparison: FrameComparison
    verdict: Verdict
    composed: list[ComposedPiece]
    summary: dict[str, Any] = field(repr=False)

    @property
    def pieces(self) -> Path:
        """The file of pieces of its own."""
        return self.out / f"pieces.{self.composer.notation.ending}"
