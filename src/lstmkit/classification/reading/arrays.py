"""Sequences in arrays: of numpy, lists of them, and the files that numpy writes; nothing is ever unpickled."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.reading.labelled import Form, Labelled, texts_of
from lstmkit.data.content import free_memory
from lstmkit.errors import InputError
from lstmkit.sequences import Ragged

DAMAGED: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    RuntimeError,
    ArithmeticError,
    OSError,
)
DAMAGED += (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, SyntaxError, tokenize.TokenError)
"""What numpy and zipfile raise for files that are not as they should be."""
SHARE = 0.25
"""Share of the free memory that arrays of a file may take."""
FRAMES, LABELS, GROUPS = ("X", "x", "frames", "data"), ("y", "Y", "label", "labels", "target"), ("groups", "group")
"""Names that arrays of a .npz file may have."""
FLAT = ("values", "offsets")
"""Names of the arrays of sequences of unequal lengths in a .npz file."""


def of_arrays(given: Any, labels: Any, groups: Any, form: Form) -> Labelled:
    """Return sequences from arrays.

    given   (N, T, C), (N, T) of one channel, or a list of (T, C) or (T,)
    labels  (N,), or None
    groups  (N,), or None
    Raises  InputError if shapes do not agree
    """
    sequences = [_sequence(own, number) for number, own in enumerate(_listed(given), 1)]
    if not sequences:
        raise InputError("there are no sequences; give at least one")
    width = sequences[0].shape[1]
    for number, own in enumerate(sequences, 1):
        if own.shape[1] != width:
            raise InputError(
                f"sequence {number} has {own.shape[1]} channels where the first has {width}; give the same"
            )
    return of_ragged(Ragged.of(sequences, width), labels, groups, form)


def of_ragged(frames: Ragged, labels: Any, groups: Any, form: Form, names: Sequence[str] | None = None) -> Labelled:
    """Return sequences that are in one array already; as `of_arrays`.

    names  of the channels; None numbers them
    """
    found = [f"channel {k}" for k in range(1, frames.values.shape[1] + 1)] if names is None else list(names)
    if form.channels and len(found) != len(form.channels):
        raise InputError(f"the sequences have {len(found)} channels; the model reads {len(form.channels)}")
    if labels is not None and np.asarray(labels).dtype == bool:
        labels = np.asarray(labels).astype(np.int64)  # so that what is told equals them, as scikit-learn compares
    own, whole = (None, False) if labels is None else texts_of(labels)
    told = None if groups is None else texts_of(groups)[0]
    for what, several in (("labels", own), ("groups", told)):
        if several is not None and len(several) != len(frames):
            raise InputError(f"{len(several):,} {what} for {len(frames):,} sequences; give one for each")
    ids = [str(k) for k in range(1, len(frames) + 1)]
    return Labelled(frames, ids, own, form.said("arrays", form.channels or found), told, whole)


def of_numpy_file(path: Path, form: Form, labelled: bool) -> Labelled:
    """Return the sequences of a .npy or .npz file.

    Raises  InputError if it cannot be read without unpickling, or an array is missing
    """
    if path.name.endswith(".npy"):
        if labelled:
            raise InputError(f"{path}: a .npy file has no labels; save them beside it, numpy.savez(name, X=X, y=y)")
        return of_arrays(numpy_arrays(path), None, None, form)
    arrays = numpy_arrays(path)
    labels, groups = (next((arrays[n] for n in names if n in arrays), None) for names in (LABELS, GROUPS))
    if all(name in arrays for name in FLAT):
        return of_ragged(_flat(arrays, path), labels, groups, form)
    name = next((n for n in FRAMES if n in arrays), None)
    if name is None:
        raise InputError(f"{path}: has no array X, nor values and offsets (arrays: {', '.join(arrays) or 'none'})")
    return of_arrays(arrays[name], labels, groups, form)


def _flat(arrays: Mapping[str, NDArray[Any]], path: Path) -> Ragged:
    values, offsets = (np.asarray(arrays[name]) for name in FLAT)
    right = offsets.ndim == 1 and len(offsets) > 1 and offsets.dtype.kind in "iu" and values.ndim in (1, 2)
    if not right or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise InputError(f"{path}: offsets must rise from 0 to the {len(values):,} rows of values; save them so")
    return Ragged(_sequence(values, 1), offsets.astype(np.int64))


def numpy_arrays(path: Path) -> Any:
    """Return the array of a file, or its arrays by name."""
    try:
        if path.name.endswith(".npy"):
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as file:
            size = sum(one.file_size for one in file.infolist())
            if size > SHARE * free_memory():
                raise InputError(f"{path}: its arrays of {size:,} bytes do not fit into memory; save fewer")
            for one in file.infolist():
                _check_size(file, one)
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(
            f"{path}: not readable without unpickling objects, or damaged; save arrays of numbers"
        ) from error


def _check_size(file: zipfile.ZipFile, one: zipfile.ZipInfo) -> None:
    """Raise ValueError if an array says that it is larger than what is there: room would be made for it."""
    with file.open(one) as content:
        version = np.lib.format.read_magic(content)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(content)
        if math.prod(shape) * dtype.itemsize > one.file_size:
            raise ValueError(one.filename)


def _listed(given: Any) -> list[Any]:
    """Return the sequences of an array or a list."""
    if isinstance(given, np.ndarray) and given.dtype != object:
        if given.ndim not in (2, 3):
            raise InputError(f"an array must be (N, T, channels), or (N, T) for one channel; got {given.shape}")
        return list(given)
    return list(given)


def _sequence(own: Any, number: int) -> NDArray[np.float64]:
    """Return a sequence (T, C) as float64."""
    try:
        found = np.asarray(own)
        if found.dtype.kind not in "biuf":
            found = found.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"sequence {number}: its channels have unequal lengths, or it holds other than numbers; give an array "
            f"(T, channels)"
        ) from error
    if found.ndim not in (1, 2) or found.shape[1:] == (0,):
        raise InputError(f"sequence {number}: its shape must be (T, channels); got {found.shape}")
    return (found[:, None] if found.ndim == 1 else found).astype(np.float64)
