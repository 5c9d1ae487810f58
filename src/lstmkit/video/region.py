"""Where something moves in a video: the square that is looked at in place of the whole picture, and follows it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.video.features.grid import SIDE
from lstmkit.video.film import Film, Shot, video_package
from lstmkit.video.sampling import Look

REGIONS = ("whole", "moving")
AROUND = 16
"""Pictures that are looked at before and after one, and whose changes say where its region is."""
CHANGED = 8
"""Levels of grey, of 255, by more than which a place of a small picture has changed: less is noise."""
ALONE = 0.01
"""Of the places that changed, the share that may lie outside the region on each side: specks."""
MARGIN = 0.1
"""By how much the region is larger than what moves."""
LEAST = 1 / 8
"""Of the shorter side of the picture, the least side of a region: a smaller one would hold too few pixels, and be
filled by a lamp or a leaf; of this one somebody a tenth as high as the picture still fills most."""
NEARLY_ALL = 3 / 4
"""Of the places, the share by whose change at once the light, a cut or the camera is told from movement: in clips of
surveillance cameras it is two thirds at most from a picture to the next, and more in 99 of 100 cuts between them."""

Pixels = NDArray[np.uint8]
Places = NDArray[np.bool_]
Shrink = Callable[[Film, Shot, tuple[int, int], str], Pixels]
"""Makes a frame upright and small."""


class Region(NamedTuple):
    """A part of an upright picture, in its pixels: the first row and column, and those after the last."""

    top: int
    left: int
    bottom: int
    right: int


class View(NamedTuple):
    """A moment at which a part of a video is looked at.

    time      in seconds
    shown     since when the frame is shown
    pictures  the frame that is shown then, upright and as large as it need be, by kind: "gray" or "rgb24"
    region    of the pictures
    """

    time: float
    shown: float
    pictures: dict[str, Pixels]
    region: Region

    def small(self, shape: tuple[int, int], kind: str, region: Region | None = None) -> Pixels:
        """Return a region small, (H, W, 3), or (H, W) for "gray".

        region  None: its own
        """
        top, left, bottom, right = region or self.region
        cut = np.ascontiguousarray(self.pictures[kind][top:bottom, left:right])
        frame = video_package("av").VideoFrame.from_ndarray(cut, format=kind)
        return np.asarray(frame.reformat(width=shape[1], height=shape[0], interpolation="AREA").to_ndarray())


def followed(film: Film, looks: Iterator[Look], kinds: Sequence[str], side: int, small: Shrink) -> Iterator[View]:
    """Yield the views of what moves, each as soon as `AROUND` pictures after it are there; so many are held.

    film   that is looked at
    kinds  of pictures that are wanted
    side   pictures are held as large as a square of twice this side, or as they are if that is less
    small  makes a frame upright and small
    """
    waiting: deque[View] = deque()  # whole pictures, until those after them say where their region is
    changes: deque[Places] = deque()
    counts = np.zeros((SIDE, SIDE), np.int64)
    before: Pixels | None = None
    pictures: dict[str, Pixels] = {}
    whole = Region(0, 0, 0, 0)
    still = np.zeros((SIDE, SIDE), np.bool_)
    for look in looks:
        changed = still
        if look.fresh or before is None:
            shape = _held_shape(film.shape, side)
            whole = Region(0, 0, *shape)
            pictures = {kind: small(film, look.shot, shape, kind) for kind in kinds}
            now = small(film, look.shot, (SIDE, SIDE), "gray")
            if before is not None:
                changed = moved(before, now)
            before = now
        waiting.append(View(look.time, look.shot.time, pictures, whole))
        changes.append(changed)
        counts += changed
        if len(changes) > 2 * AROUND + 1:
            counts -= changes.popleft()
        if len(waiting) > AROUND:
            yield _view(waiting.popleft(), counts > 0)
    while waiting:
        if len(changes) > AROUND + len(waiting):  # the first of them is no longer around
            counts -= changes.popleft()
        yield _view(waiting.popleft(), counts > 0)


def _held_shape(shape: tuple[float, float], side: int) -> tuple[int, int]:
    """Return rows and columns of pictures that are held, from those of the upright picture."""
    share = min(1.0, 2 * side / math.sqrt(shape[0] * shape[1]))
    return max(16, round(shape[0] * share)), max(16, round(shape[1] * share))


def _view(whole: View, changed: Places) -> View:
    return whole._replace(region=region_of(changed, (whole.region.bottom, whole.region.right)))


def moved(before: Pixels, now: Pixels) -> Places:
    """Return the places of two small pictures where something moved: none if nearly all changed at once."""
    changed: Places = np.abs(now.astype(np.int16) - before) > CHANGED
    return np.zeros_like(changed) if changed.mean() > NEARLY_ALL else changed


def region_of(changed: Places, shape: tuple[int, int]) -> Region:
    """Return the square that holds what moves, or the whole picture if nothing does.

    changed  (SIDE, SIDE) places of the picture, wherever something moved
    shape    rows and columns of the picture; the square is moved into it, and where it is longer than a side of the
             picture, is cut to that side
    """
    if not changed.any():
        return Region(0, 0, *shape)
    spans = [_span(changed.sum(axis=1 - axis)) for axis in (0, 1)]
    places = [(first * own / SIDE, last * own / SIDE) for (first, last), own in zip(spans, shape, strict=True)]
    side = math.ceil(max(LEAST * min(shape), (1 + MARGIN) * max(last - first for first, last in places)))
    (top, bottom), (left, right) = (
        _within((first + last) / 2, side, own) for (first, last), own in zip(places, shape, strict=True)
    )
    return Region(top, left, bottom, right)


def _span(counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return the first of rows or columns that hold what changes but for specks, and the one after the last."""
    reached = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(reached, ALONE)), int(np.searchsorted(reached, 1 - ALONE)) + 1


def _within(middle: float, side: int, length: int) -> tuple[int, int]:
    """Return where a stretch around a middle begins and ends that is moved into a length, or is all of it."""
    side = min(side, length)
    first = min(max(0, round(middle - side / 2)), length - side)
    return first, first + side
