"""What a model folder of music holds: a composer of tunes, or one of piano rolls."""

from __future__ import annotations

from pathlib import Path

from lstmkit.music.composer import Composer
from lstmkit.music.frames.composer import RollComposer
from lstmkit.music.frames.stored import KIND
from lstmkit.ranges import a_path
from lstmkit.training.folder import kind_of


def load_composer(path: str | Path) -> Composer | RollComposer:
    """Read whatever composer a folder holds, or a folder of results with one in it.

    Raises  ModelFolderError if it is missing, damaged, or no model of music
    """
    rolls = kind_of(a_path("path", path)) == KIND
    return RollComposer.load(path) if rolls else Composer.load(path)
