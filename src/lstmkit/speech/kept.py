"""Frames that are computed once, kept in a folder, and mapped from there: memory holds what is being read."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.classification.reading.arrays import DAMAGED, numpy_arrays
from lstmkit.errors import InputError
from lstmkit.sequences import Ragged
from lstmkit.speech.features import Features, frames_of_all
from lstmkit.speech.utterance import Utterance
from lstmkit.training.writing import replacing

AT_ONCE = 1 << 16
"""Frames that are looked at together."""


def kept_frames(folder: Path, utterances: Sequence[Utterance], features: Features) -> Ragged:
    """Return the frames of utterances: those that a folder keeps, else computed and kept there.

    What is kept is known by the files (path, size, time of the last change), their parts, and the features.

    folder  made if it is not there
    Raises  InputError as `frames_of_all`, or if the folder cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: no folder for frames ({error.strerror}); choose another --cache") from error
    name = _name(utterances, features)
    values, index = folder / f"{name}.npy", folder / f"{name}.npz"
    found = _read(values, index, features.width, len(utterances))
    if found is None:
        made = frames_of_all(utterances, features, on_disk=True)
        with replacing(values) as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(made.values))
            for place in range(0, len(made.values), AT_ONCE):
                file.write(np.ascontiguousarray(made.values[place : place + AT_ONCE]).tobytes())
        with replacing(index) as file:  # last: without it the values are not believed
            np.savez(file, offsets=made.offsets, digest=_digest(made.values))
        return made
    return found


def _name(utterances: Sequence[Utterance], features: Features) -> str:
    told: list[Any] = [type(features).__name__, dataclasses.asdict(features), __version__]
    told.append(importlib.metadata.version("kaldi-native-fbank"))
    for one in utterances:
        about = one.audio.stat()
        own = one.name if one.ready else ""
        told.append((os.fspath(one.audio.resolve()), about.st_size, about.st_mtime_ns, one.start, one.end, own))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


def _read(values: Path, index: Path, width: int, count: int) -> Ragged | None:
    """Return what is kept, None if it is not, or is damaged."""
    if not (values.is_file() and index.is_file()):
        return None
    try:
        about = numpy_arrays(index)
        offsets, digest = about["offsets"], about["digest"]
        frames = np.load(values, mmap_mode="c", allow_pickle=False)
    except InputError:
        return None
    except DAMAGED:
        return None
    sound = frames.dtype == np.float32 and frames.ndim == 2 and frames.shape[1] == width
    sound = sound and offsets.dtype == np.int64 and offsets.shape == (count + 1,)
    if not sound or offsets[0] != 0 or offsets[-1] != len(frames) or (np.diff(offsets) < 1).any():
        return None
    return Ragged(frames, offsets) if np.array_equal(digest, _digest(frames)) else None


def _digest(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    digest = hashlib.sha256()
    for place in range(0, len(values), AT_ONCE):
        digest.update(np.ascontiguousarray(values[place : place + AT_ONCE]).data)
    return np.frombuffer(digest.digest(), np.uint8)
