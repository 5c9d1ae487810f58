"""What a training on piano rolls found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.music.frames.composer import RollComposer, RolledPiece
from lstmkit.music.frames.judgement import RollComparison
from lstmkit.results import Verdict


@dataclass(frozen=True)
class RollResult:
    """What a job found; the folder `out` holds it.

    source    file or folder that was learnt from
    composed  pieces of its own, the likeliest first
    summary   what summary.json holds
    """

    source: str
    out: Path
    composer: RollComposer
    comparison: RollComparison
    verdict: Verdict
    composed: list[RolledPiece]
    summary: dict[str, Any] = field(repr=False)
