"""Skeletons as frames: joints measured from the root of the body, in units of its size; what is not seen is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.reading import Form, Labelled, read_labelled
from lstmkit.classification.reading.arrays import FRAMES, GROUPS, LABELS, SHARE, numpy_arrays
from lstmkit.data.content import free_memory, read_bytes
from lstmkit.data.matlab import matlab_arrays
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.ranges import Range, check_fields
from lstmkit.sequences import Ragged
from lstmkit.video.joints import AXES, joints_of_columns, mirrored

Floats = NDArray[np.float64]
RANGES = {"dimensions": Range("must be 2 or 3", least=2, most=3)}
ROOT = "root"
"""What the place of the body is called among its joints."""


@dataclass(frozen=True)
class SkeletonSettings:
    """How skeletons are read and become frames.

    joints      their names, in the order of arrays; empty: columns have names, and joints of arrays are numbered
    dimensions  of a joint, where an array does not show it
    root        joints in whose middle the body is; empty: in the middle of all
    id, time    columns of a table: what tells skeletons apart, and in which order their steps are
    Raises      InputError if a value is out of range
    """

    joints: tuple[str, ...] = ()
    dimensions: int = 3
    root: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "SkeletonSettings")
        unknown = [name for name in self.root if self.joints and name not in self.joints]
        if unknown:
            raise InputError(f"root {unknown[0]!r}: no such joint (there are: {shorten(self.joints, 12)}); name others")


def read_skeleton(path: Path, settings: SkeletonSettings) -> Floats:
    """Return the joints of a file with one skeleton, (T, J, D).

    path    as of `one_array`
    Raises  InputError if it cannot be read, or is no skeleton
    """
    return laid_out(one_array(path, "a skeleton"), str(path), settings)


def one_array(path: Path, what: str) -> Floats:
    """Return the array of a file that holds one of two or three dimensions.

    path    .npy, .npz or .mat, with one array of numbers, or one that is called X, frames or data
    what    it is, for messages
    Raises  InputError if it cannot be read, or several arrays may be meant
    """
    arrays: Any = _of_matlab(path) if path.suffix.lower() == ".mat" else numpy_arrays(path)
    if isinstance(arrays, dict):
        known = [name for name in FRAMES if name in arrays]
        names = known or [name for name, own in arrays.items() if own.ndim in (2, 3) and own.dtype.kind in "iuf"]
        if len(names) != 1 and not known:
            raise InputError(f"{path}: holds {len(names)} arrays that may be {what}; keep one, or call it X")
        arrays = arrays[names[0]]
    return np.asarray(arrays, np.float64)


def _of_matlab(path: Path) -> dict[str, Floats]:
    """Return the arrays of numbers of a MATLAB file."""
    most = int(SHARE * free_memory())
    arrays = matlab_arrays(read_bytes(path, most), str(path), most)
    found = {name: own for name, own in arrays.items() if isinstance(own, np.ndarray)}
    if not found:
        raise InputError(f"{path}: holds no array of numbers; save one")
    return found


def laid_out(array: Floats, place: str, settings: SkeletonSettings) -> Floats:
    """Return joints (T, J, D) of an array in which coordinates are the axis of two or three.

    array   (T, J, D); (J, D, T), as MATLAB has it; (D, T, J); or (T, J D)
    place   for messages
    Raises  InputError for another shape
    """
    D = settings.dimensions
    if array.ndim == 2 and array.shape[1] and array.shape[1] % D == 0:
        found = array.reshape(len(array), -1, D)
    elif array.ndim == 3 and array.shape[2] in (2, 3):
        found = array
    elif array.ndim == 3 and array.shape[1] in (2, 3):
        found = array.transpose(2, 0, 1)
    elif array.ndim == 3 and array.shape[0] in (2, 3):
        found = array.transpose(1, 2, 0)
    else:
        raise InputError(
            f"{place}: a skeleton must be (steps, joints, {D}), (joints, {D}, steps) or (steps, {D} x joints); got "
            f"{array.shape}"
        )
    if settings.joints and found.shape[1] != len(settings.joints):
        raise InputError(f"{place}: has {found.shape[1]} joints where {len(settings.joints)} are named; give the same")
    if not len(found):
        raise InputError(f"{place}: has no steps; leave it out")
    return found


def channels_of(names: Sequence[str], dimensions: int) -> tuple[str, ...]:
    """Return what the numbers of a frame are called: of each joint its axes, then of the root."""
    return tuple(f"{name}_{axis}" for name in (*names, ROOT) for axis in AXES[:dimensions])


def body_frames(joints: Floats, names: Sequence[str], root: Sequence[str], place: str) -> Floats:
    """Return the frames of a skeleton (T, (J + 1) D): joints from the root, and the root from where it began.

    Both are in units of the size of the body: of the distance of its joints from their middle (root mean square, of the
    median frame). Joints that are NaN, or at zero in some frames alone, as trackers write what they do not see, are
    missing.

    joints  (T, J, D)
    root    names of joints; empty: all
    Raises  InputError if nothing is seen, or nothing can move
    """
    if len(joints) < 2:
        raise InputError(f"{place}: holds a single frame; give a skeleton of two or more")
    given = np.where(np.isfinite(joints), joints, np.nan)
    nowhere = (given == 0).all(axis=2)
    given[nowhere & ~nowhere.all(axis=0)] = np.nan
    seen: NDArray[np.bool_] = np.asarray(~np.isnan(given).any(axis=2))
    if not seen.any():
        raise InputError(f"{place}: no joint is seen in any frame; leave it out")
    given[~seen] = np.nan
    chosen = [k for k, name in enumerate(names) if not root or name in root]
    middle = _held(_mean(given[:, chosen], seen[:, chosen]))
    if np.isnan(middle).all():
        raise InputError(f"{place}: the root ({shorten(root)}) is never seen; name other joints, or leave --root out")
    own = given - _mean(given, seen)[:, None]
    sizes = np.sqrt(np.nansum(own**2, axis=(1, 2)) / np.maximum(seen.sum(axis=1), 1))
    size = float(np.median(sizes[seen.sum(axis=1) > 1])) if (seen.sum(axis=1) > 1).any() else 1.0
    size = size if size > 0 else 1.0
    frames = np.concatenate([given - middle[:, None], (middle - middle[0])[:, None]], axis=1) / size
    return np.asarray(frames.reshape(len(frames), -1))


def mirror_of(channels: Sequence[str]) -> tuple[int, ...]:
    """Return for each channel the number, from 1 on, of the one that it is in a mirror, below zero if its sign changes.

    Raises  InputError if no joint says a side
    """
    names = [name[:-2] for name in channels if name.endswith("_x")]
    places = [*mirrored(names[:-1]), len(names) - 1]
    axes = len(channels) // len(names)
    return tuple((-1 if axis == 0 else 1) * (axes * other + axis + 1) for other in places for axis in range(axes))


def table_rows(source: Any, settings: SkeletonSettings, label: str, group: str | None, labelled: bool) -> Labelled:
    """Return the skeletons of a table or of a .npz file as frames.

    Raises  InputError if no column is of a joint, or something is missing
    """
    form = Form(label, settings.id, settings.time, group, missing="mask")
    if isinstance(source, str | Path) and str(source).endswith(".npz"):
        arrays = numpy_arrays(Path(source))
        name = next((name for name in FRAMES if name in arrays), None)
        if name is not None and arrays[name].ndim == 4:
            given = arrays[name].reshape(*arrays[name].shape[:2], -1)
            beside = [next((arrays[n] for n in names if n in arrays), None) for names in (LABELS, GROUPS)]
            settings = dataclasses.replace(settings, dimensions=arrays[name].shape[3])
            found = read_labelled(given, form, labelled, *beside)
            return _framed(found, settings)
    elif not isinstance(source, np.ndarray):
        form = dataclasses.replace(form, layout="long")
    return _framed(read_labelled(source, form, labelled), settings)


def _framed(found: Labelled, settings: SkeletonSettings) -> Labelled:
    """Return sequences of numbers as skeletons in frames."""
    columns, notes = list(found.form.channels), list(found.notes)
    if found.form.layout == "arrays":
        D = settings.dimensions
        if len(columns) % D:
            raise InputError(
                f"the skeletons have {len(columns)} numbers a step, not {D} for each joint; set dimensions"
            )
        names = settings.joints or tuple(str(k) for k in range(1, len(columns) // D + 1))
        order = np.arange(len(columns))
        if len(names) * D != len(columns):
            raise InputError(
                f"the skeletons have {len(columns) // D} joints where {len(names)} are named; give the same"
            )
    else:
        joints = joints_of_columns(columns)
        if settings.joints:
            missing = [name for name in settings.joints if name not in joints]
            if missing:
                raise InputError(
                    f"the table has no columns of joint {missing[0]!r} (joints: {shorten(list(joints), 12)})"
                )
            joints = {name: joints[name] for name in settings.joints}
        if not joints:
            raise InputError(
                f"no columns are called as those of joints, such as head_x and head_y (columns: {shorten(columns, 12)})"
            )
        names, D = tuple(joints), len(next(iter(joints.values())))
        order = np.array([columns.index(name) for own in joints.values() for name in own])
        others = [name for name in columns if columns.index(name) not in order]
        notes += [f"columns {shorten(others)} are of no joint and are left out"] if others else []
    unknown = [name for name in settings.root if name not in names]
    if unknown:
        raise InputError(f"root {unknown[0]!r}: no such joint (there are: {shorten(names, 12)}); name others")
    bodies = (
        body_frames(
            found.frames[row][:, order].reshape(-1, len(names), D), names, settings.root, f"id {found.ids[row]!r}"
        )
        for row in range(len(found))
    )
    channels = channels_of(names, D)
    form = Form(found.form.label, group=found.form.group, channels=channels, missing="mask", layout="arrays")
    return dataclasses.replace(found, frames=Ragged.of(bodies, len(channels)), form=form, notes=tuple(notes))


def _mean(joints: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Return the middle (T, D) of the joints that are seen, NaN without any."""
    count = seen.sum(axis=1)[:, None]
    total = np.where(seen[:, :, None], joints, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _held(places: Floats) -> Floats:
    """Return places (T, D) without gaps: one is the last before it, those at the beginning the first after it."""
    there = ~np.isnan(places).any(axis=1)
    if not there.any():
        return places
    last = np.maximum.accumulate(np.where(there, np.arange(len(places)), -1))
    return np.asarray(places[np.where(last < 0, int(there.argmax()), last)])
