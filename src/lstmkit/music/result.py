"""What a training found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.music.composer import Composer
from lstmkit.music.composing.wish import Composition
from lstmkit.music.judgement import MusicComparison
from lstmkit.music.likeness import Likeness
from lstmkit.results import Verdict


@dataclass(frozen=True)
class MusicResult:
    """What a job found; the folder `out` holds it.

    source    file or folder that was learnt from
    likeness  of tunes composed beside tunes never seen; None where none of these could be a model for one
    composed  tunes of its own, the likeliest first
    summary   what summary.json holds
    """

    source: str
    out: Path
    composer: Composer
    comparison: MusicComparison
    verdict: Verdict
    likeness: Likeness | None
    composed: list[Composition]
    summary: dict[str, Any] = field(repr=False)
