"""Piano rolls into files."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.rolls.frames import LOWEST_KEY, Roll
from lstmkit.training.writing import write_atomically


def write_rolls(path: Path, parts: Mapping[str, Sequence[Roll]]) -> None:
    """Write pieces by part: as .npz with an array a piece, or as JSON with the pitches of each step."""
    if path.name.endswith(".json"):
        listed = {part: [_pitches(roll) for roll in rolls] for part, rolls in parts.items()}
        write_atomically(path, json.dumps(listed).encode())
        return
    held = io.BytesIO()
    arrays = {f"{part}_{number}": roll for part, rolls in parts.items() for number, roll in enumerate(rolls, 1)}
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w") as place:
                np.lib.format.write_array(place, array, allow_pickle=False)
    write_atomically(path, held.getvalue())


def write_voices(path: Path, parts: Mapping[str, Sequence[NDArray[np.int16]]]) -> None:
    """Write pieces by part as JSON with the pitch of each voice in each step."""
    listed = {part: [piece.tolist() for piece in pieces] for part, pieces in parts.items()}
    write_atomically(path, json.dumps(listed).encode())


def _pitches(roll: Roll) -> list[list[int]]:
    return [(np.flatnonzero(step) + LOWEST_KEY).tolist() for step in roll]
