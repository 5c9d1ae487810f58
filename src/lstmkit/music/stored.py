"""What a model folder of music holds: a composer of tunes, one of piano rolls, or one of voices."""

from __future__ import annotations

from pathlib import Path

from lstmkit.music.composer import Composer
from lstmkit.music.frames.composer import RollComposer
from lstmkit.music.frames.stored import KIND as ROLLS
from lstmkit.music.voices.composer import VoiceComposer
from lstmkit.music.voices.stored import KIND as VOICES
from lstmkit.ranges import a_path
from lstmkit.training.folder import kind_of


def load_composer(path: str | Path) -> Composer | RollComposer | VoiceComposer:
    """Read whatever composer a folder holds, or a folder of results with one in it.

    Raises  ModelFolderError if it is missing, damaged, or no model of music
    """
    kind = kind_of(a_path("path", path))
    if kind == ROLLS:
        return RollComposer.load(path)
    return VoiceComposer.load(path) if kind == VOICES else Composer.load(path)
