"""Ready features: frames that were computed elsewhere, in files of numpy, with a table of what is said beside them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.reading.arrays import DAMAGED, numpy_arrays
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.speech.utterance import SEVERAL, Utterance

Frames = NDArray[np.float32]

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Endings of a table beside a file of arrays, of the same name."""


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays of a .npz file, in their order.

    Raises  InputError if it is none
    """
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except DAMAGED as error:
        raise InputError(
            f"{path}: no file of arrays that can be read; write it with numpy.savez, an array for each utterance"
        ) from error


def table_beside(path: Path) -> Path | None:
    """Return the table of the same name as a .npz file, None if there is none."""
    return next((own for ending in TABLES if (own := path.with_suffix(ending)).is_file()), None)


def require_arrays(place: str, utterances: tuple[Utterance, ...]) -> None:
    """Raise InputError unless every utterance of a .npz file has an array, and none wants a part of one.

    place  of the list that names them
    """
    known: dict[Path, frozenset[str]] = {}
    gone = []
    for one in utterances:
        if not one.ready:
            continue
        if one.start or one.end is not None:
            raise InputError(f"{place}: {one.name!r}: ready features are read whole; save the part as an array")
        if one.audio.suffix.lower() == SEVERAL and os.path.isfile(one.audio):
            known.setdefault(one.audio, frozenset(array_names(one.audio)))
            if one.name not in known[one.audio]:
                gone.append(one)
    if gone:
        names = shorten(sorted(known[gone[0].audio]))
        raise InputError(
            f"{place}: {len(gone):,} of {len(utterances):,} utterances have no array in {gone[0].audio.name}, first "
            f"{gone[0].name!r}; column id must name one of {names}"
        )


@final
class ReadyFiles:
    """Files of ready features, each read once."""

    def __init__(self) -> None:
        self._arrays: dict[Path, Mapping[str, Any]] = {}

    def array(self, one: Utterance) -> NDArray[Any]:
        """Return what a file holds for an utterance."""
        if one.audio not in self._arrays:
            found = numpy_arrays(one.audio)
            self._arrays[one.audio] = found if isinstance(found, dict) else {"": found}
        own = self._arrays[one.audio]
        name = one.name if one.audio.suffix.lower() == SEVERAL else ""
        if name not in own:
            raise InputError(f"{one.audio}: has no array {name!r} (arrays: {shorten(sorted(own))})")
        return np.asarray(own[name])

    def frames(self, one: Utterance, channels: int) -> Frames:
        """Return the frames (T, channels) of an utterance.

        Raises  InputError if it has others, or is sound
        """
        if not one.ready:
            raise InputError(
                f"{one.audio}: this recogniser reads ready features of {channels} channels and no sound; give .npz or "
                ".npy"
            )
        return checked_frames(self.array(one), channels, _place(one))

    def refuse(self, one: Utterance) -> None:
        """Raise InputError if an utterance has ready features, where sound is heard."""
        if one.ready:
            raise InputError(
                f"{one.audio}: holds ready features, and this recogniser computes its own of sound; give recordings, "
                "or Recognizer(features=ReadyFrames(channels))"
            )

    def channels(self, one: Utterance) -> int:
        """Return how many numbers a frame of an utterance has."""
        return int(checked_frames(self.array(one), None, _place(one)).shape[1])


def _place(one: Utterance) -> str:
    return f"{one.audio}: {one.name!r}" if one.audio.suffix.lower() == SEVERAL else str(one.audio)


def checked_frames(given: Any, channels: int | None, place: str) -> Frames:
    """Return ready features as frames (T, C), float32.

    channels  C; None takes any
    place     for a message
    Raises    InputError if they are none, others, or hold what is no number
    """
    found = np.asarray(given)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "iuf":
        raise InputError(f"{place}: ready features are numbers of shape (frames, channels); got {_shown(found)}")
    if channels is not None and found.shape[1] != channels:
        side = " (is the array on its side?)" if found.shape[0] == channels else ""
        raise InputError(
            f"{place}: has {found.shape[1]} channels where {channels} are read{side}; give the same features"
        )
    with np.errstate(over="ignore"):
        frames = np.ascontiguousarray(found, np.float32)
    sane = np.isfinite(frames).all(axis=1)
    if not sane.all():
        row = int(np.argmin(sane))
        raise InputError(f"{place}: frame {row} holds {found[row][~np.isfinite(frames[row])][0]}; compute it again")
    return frames


def _shown(found: NDArray[Any]) -> str:
    return f"{found.dtype} {found.shape}"
