"""From a video to frames of numbers: what each picture shows, and what moves between pictures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import STANDARD_INPUT, place_of
from lstmkit.errors import InputError
from lstmkit.ranges import Range, check_fields
from lstmkit.video.features import backbone
from lstmkit.video.features.flow import flow_features, flow_names, flow_shape
from lstmkit.video.features.grid import SIDE, grid_features, grid_names, mirrored_grid
from lstmkit.video.film import Film, Shot, entry_before, reading, times_of
from lstmkit.video.region import AROUND, REGIONS, Region, View, followed
from lstmkit.video.sampling import Look, at_rate, looks, spread

FEATURES = ("network", "grid", "both", "motion", "flow", "pixels")
PIXELS = 32
"""Rows and columns of a picture whose pixels are read as they are."""
AT_ONCE = 8
"""Pictures that the network sees together."""
RANGES = {
    "rate": Range("must be from 0.01 to 240 pictures a second", least=0.01, most=240),
    "count": Range("must be from 2 to 10000 pictures", least=2, most=10_000),
    "side": Range("must be from 64 to 1024 pixels", least=64, most=1024),
}


@dataclass(frozen=True)
class PictureSettings:
    """How a video becomes frames.

    features  "network": what EfficientNet-Lite0 says of a picture, 1,280 numbers; "grid": light, edges and motion in 16
              cells, 272 numbers; "both"; "motion": the grid, and how much each of the 1,280 numbers changes from a
              picture to the next; "flow": how strongly things move and bend, wherever they are, 20 numbers, of the
              last motion as long as a picture is shown; "pixels": the picture itself, 32 rows of 32 places of three
              colours, for filters that are learnt
    rate      pictures a second that are looked at, whatever the video has
    count     in place of the rate: so many pictures, evenly over the video; None: by the rate
    side      of the square that is as large as what the network sees of a picture, whose shape stays about what it is;
              a moving region is cut from pictures as large as a square of twice this side, for any features
    region    what is looked at of a picture: "whole", or "moving": the square in which things move in the pictures
              around it, so that it does not matter where they are and how large
    weights   which the network has, by the beginning of their SHA-256; "" without it, and before they are read
    Raises    InputError if a value is out of range
    """

    features: str = "both"
    rate: float = 8.0
    count: int | None = None
    side: int = 224
    weights: str = ""
    region: str = "whole"

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {**RANGES, "features": FEATURES, "region": REGIONS}, "PictureSettings")

    @property
    def sees(self) -> bool:
        """Whether the network is asked."""
        return self.features not in ("grid", "flow", "pixels")

    @property
    def kinds(self) -> tuple[str, ...]:
        """What pictures are made of frames: "rgb24", "gray" or both."""
        coloured = ("rgb24",) if self.sees or self.features == "pixels" else ()
        return (*coloured, *(() if self.features in ("network", "pixels") else ("gray",)))

    @property
    def behind(self) -> int:
        """How many pictures before one are needed, besides the last, to know what is looked at of it."""
        return AROUND if self.region == "moving" else 0

    def with_weights(self) -> PictureSettings:
        """Return the settings with the weights that are installed, where none are named and the network is asked.

        Raises  InputError if they are not installed
        """
        return replace(self, weights=backbone.weights_digest()) if self.sees and not self.weights else self

    def require_weights(self, place: str) -> None:
        """Raise InputError if the network of a model in a place was asked with other weights than are installed."""
        if self.sees and self.weights != backbone.weights_digest():
            raise InputError(
                f"{place}: its pictures were seen by weights {self.weights!r}; those installed are "
                f"{backbone.weights_digest()!r}: install the version that it was trained with, or train again"
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a frame are called, in their order."""
        if self.features == "pixels":
            along = range(1, PIXELS + 1)
            return tuple(
                f"{colour}_{row}_{column}" for colour in ("red", "green", "blue") for row in along for column in along
            )
        if self.features == "flow":
            return flow_names()
        name = "change" if self.features == "motion" else "seen"
        seen = tuple(f"{name}_{k}" for k in range(1, backbone.WIDTH + 1)) if self.sees else ()
        return (*seen, *(grid_names() if self.features != "network" else ()))

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each number of a frame the number, from 1 on, of the one that it is where the picture is in a mirror.

        What the network says is taken to be the same: it has learnt from pictures both ways round. How strongly things
        move is the same.
        """
        if self.features == "flow":
            return tuple(range(1, len(self.channels) + 1))
        if self.features == "pixels":
            rows = range(0, 3 * PIXELS * PIXELS, PIXELS)
            return tuple(row + PIXELS - column for row in rows for column in range(PIXELS))
        seen = backbone.WIDTH if self.sees else 0
        grid = mirrored_grid() if self.features != "network" else []
        return (*range(1, seen + 1), *(seen + place + 1 for place in grid))


def usual_features() -> str:
    """Return the features if nobody says which: both, or where the weights of the network are missing, the grid."""
    return "both" if backbone.there() else "grid"


@dataclass(frozen=True)
class Seen:
    """Frames of a video.

    times   (T,) seconds from its beginning
    values  (T, channels) float32
    notes   what was noticed while it was read
    """

    times: NDArray[np.float64]
    values: NDArray[np.float32]
    notes: tuple[str, ...] = ()


Told = Callable[[float, float | None], None]
"""Is called with the second of a video that was reached, and how many it says that it has."""


def picture_frames(path: Path, settings: PictureSettings) -> Seen:
    """Return the frames of a video.

    path    any file that FFmpeg reads; "-" for standard input
    Raises  InputError with one line if it is no video, or has one frame alone
    """
    parts, notes = [], list[str]()
    for times, values in stream_frames(path, settings, notes):
        parts.append(np.concatenate([times[:, None], values], axis=1))
    whole = np.concatenate(parts)
    return Seen(whole[:, 0], whole[:, 1:].astype(np.float32), tuple(notes))


def stream_frames(
    path: Path,
    settings: PictureSettings,
    notes: list[str],
    known: NDArray[np.float32] | None = None,
    told: Told | None = None,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Yield times and frames of a video, a few at a time, in bounded memory.

    notes   takes what is noticed, as soon as it is; where it holds what an interrupted run noticed, the video is read
            from its beginning, so that damage is counted once
    known   (K, channels) first frames, which are left out, because somebody has them: whole batches of `AT_ONCE`; the
            video is entered near the last of them where that can be
    told    is told how far it is
    Raises  InputError as `picture_frames`
    """
    moments: Any = at_rate(settings.rate)
    known = np.empty((0, len(settings.channels)), np.float32) if known is None else known
    needed = max(0, len(known) - 1 - settings.behind)
    last = needed / settings.rate
    if settings.count is not None:
        if path == STANDARD_INPUT:
            raise InputError(
                "standard input: how long it is is not known before its end; leave out count, or give a file"
            )
        moments = spread(times_of(path), settings.count)
        last = moments[needed]
    entry = entry_before(path, last) if len(known) and not notes else None
    notes.clear()
    with reading(path, entry) as (film, shots):
        film.notes = notes
        counted = _Counted(shots)
        found = looks(counted, moments, settings.count is not None)
        yield from _frames(film, found, settings, known, told)
        if entry is None and counted.count < 2:
            raise InputError(f"{place_of(path)}: holds a single frame; give a clip of two or more")


class _Counted:
    """Shots, counted as they are taken."""

    def __init__(self, shots: Iterator[Shot]) -> None:
        self.shots, self.count = shots, 0

    def __iter__(self) -> Iterator[Shot]:
        for shot in self.shots:
            self.count += 1
            yield shot


def _frames(
    film: Film, found: Iterator[Look], settings: PictureSettings, known: NDArray[np.float32], told: Told | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    views: Iterator[Look | View] = found
    if settings.region == "moving":
        views = followed(film, found, settings.kinds, settings.side, small)
    eye = _Eye(settings)
    left = len(known)
    while batch := list(itertools.islice(views, AT_ONCE)):
        if left > 0:
            left -= len(batch)
            eye.remember(batch[-1], known[-1])
            continue
        while eye.waits(batch) and (more := tuple(itertools.islice(views, AT_ONCE))):
            batch += more
        yield eye.frames(film, batch)
        if told is not None:
            told(batch[-1].time, film.seconds)


class _Sight(NamedTuple):
    """A picture, whole or a region of it.

    one     moment at which it is looked at
    region  None: whole
    """

    one: Look | View
    region: Region | None

    @property
    def key(self) -> tuple[int, Region | None]:
        """What tells it apart: a frame that is shown for several moments is one."""
        return id(self.one.pictures if isinstance(self.one, View) else self.one.shot), self.region

    @property
    def shown(self) -> float:
        """Since when it is shown, in seconds."""
        return self.one.shown if isinstance(self.one, View) else self.one.shot.time

    def small(self, film: Film, shape: tuple[int, int], kind: str) -> NDArray[np.uint8]:
        """Return it upright and small, (H, W, 3), or (H, W) for "gray"."""
        if isinstance(self.one, View):
            return self.one.small(shape, kind, self.region)
        return small(film, self.one.shot, shape, kind)


class _Eye:
    """Makes small pictures of frames, and numbers of pictures; one that is shown for several moments is seen once."""

    def __init__(self, settings: PictureSettings) -> None:
        self.settings = settings
        self.network = backbone.backbone() if settings.sees else None
        self.last: Look | View | None = None
        self.row: NDArray[np.float32] | None = None
        self.seen: dict[Any, NDArray[np.float32]] = {}
        self.grey: dict[Any, NDArray[np.uint8]] = {}

    def remember(self, one: Look | View, row: NDArray[np.float32]) -> None:
        """Keep a picture and its numbers, which the frame of the next one needs."""
        self.last, self.row, self.seen, self.grey = one, row, {}, {}

    def waits(self, batch: Sequence[Look | View]) -> bool:
        """Return whether the pictures with which a video begins are one, whose numbers are those of the second."""
        begins = self.settings.features == "flow" and self.last is None
        return begins and _Sight(batch[0], None).key == _Sight(batch[-1], None).key

    def frames(self, film: Film, batch: Sequence[Look | View]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return times and numbers of pictures."""
        own = [_Sight(one, one.region if isinstance(one, View) else None) for one in batch]
        earlier = (batch[0] if self.last is None else self.last, *batch)
        values = self._values(film, own, [_Sight(one, at.region) for one, at in zip(earlier, own, strict=False)])
        self.last, self.row = batch[-1], values[-1]
        return np.array([one.time for one in batch]), values

    def _values(self, film: Film, own: Sequence[_Sight], before: Sequence[_Sight]) -> NDArray[np.float32]:
        """Return the numbers of pictures.

        before  the picture before each, in the same region; where the video begins, itself
        """
        if self.settings.features == "pixels":
            pixels = np.stack([sight.small(film, (PIXELS, PIXELS), "rgb24") for sight in own])
            return pixels.transpose(0, 3, 1, 2).reshape(len(own), -1).astype(np.float32) / np.float32(255)
        if self.settings.features == "flow":
            return self._flow(film, own, before)
        parts = []
        if self.network is not None:
            parts.append(self._seen(self.network, film, own, before))
        if self.settings.features != "network":
            grey = self._greys(film, own, before, (SIDE, SIDE))
            parts.append(np.stack([grid_features(grey[a.key], grey[b.key]) for a, b in zip(own, before, strict=True)]))
        return np.concatenate(parts, axis=1)

    def _flow(self, film: Film, own: Sequence[_Sight], before: Sequence[_Sight]) -> NDArray[np.float32]:
        """Return how things move; as long as a picture is shown, what moved last.

        Of the first picture of a video, before which there is none, it is what moves up to the second.
        """
        pairs = [(a, b) for a, b in zip(own, before, strict=True) if a.key != b.key]
        moved = np.cumsum([a.key != b.key for a, b in zip(own, before, strict=True)])
        if not pairs:
            still = np.zeros(len(flow_names()), np.float32) if self.row is None else self.row
            return np.tile(still, (len(own), 1))
        grey = self._greys(film, own, before, flow_shape(film.shape if own[0].region is None else (1.0, 1.0)))
        pictures, earlier = (np.stack([grey[sight.key] for sight in some]) for some in zip(*pairs, strict=True))
        values = flow_features(earlier, pictures, np.array([a.shown - b.shown for a, b in pairs]))
        last = values[:1] if self.row is None else self.row[None]
        rows: NDArray[np.float32] = np.concatenate([last, values])[moved]
        return rows

    def _greys(
        self, film: Film, own: Sequence[_Sight], before: Sequence[_Sight], shape: tuple[int, int]
    ) -> dict[Any, NDArray[np.uint8]]:
        """Return pictures small and grey, by their keys."""
        found = dict(self.grey)
        for sight in (*before, *own):
            if sight.key not in found:
                found[sight.key] = sight.small(film, shape, "gray")
        self.grey = {own[-1].key: found[own[-1].key]}
        return found

    def _seen(
        self, network: backbone.Backbone, film: Film, own: Sequence[_Sight], before: Sequence[_Sight]
    ) -> NDArray[np.float32]:
        """Return what the network says of pictures, or how much that changes from those before, in the same region."""
        moves = self.settings.features == "motion"
        shape = shape_of(film.shape if own[0].region is None else (1.0, 1.0), self.settings.side)
        wanted = {sight.key: sight for sight in (*(before if moves else ()), *own) if sight.key not in self.seen}
        found = dict(self.seen)
        keys = list(wanted)
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            pictures = np.stack([wanted[key].small(film, shape, "rgb24") for key in some])
            found.update(zip(some, network.features(pictures), strict=True))
        self.seen = {own[-1].key: found[own[-1].key]}
        seen = np.stack([found[sight.key] for sight in own])
        return np.abs(seen - np.stack([found[sight.key] for sight in before])) if moves else seen


def shape_of(shape: tuple[float, float], side: int) -> tuple[int, int]:
    """Return height and width that a picture is made small to: its shape, about as many pixels as a square has.

    shape  of the upright picture
    side   of the square; both are multiples of 32, up to four times as wide as high or the reverse
    """
    wide = min(4.0, max(0.25, shape[1] / shape[0]))
    height, width = (max(2, round(own / backbone.STRIDE)) for own in (side / math.sqrt(wide), side * math.sqrt(wide)))
    return height * backbone.STRIDE, width * backbone.STRIDE


def small(film: Film, shot: Shot, shape: tuple[int, int], kind: str = "rgb24") -> NDArray[np.uint8]:
    """Return a frame upright and small, (H, W, 3), or (H, W) for "gray"."""
    height, width = shape[::-1] if film.turns % 2 else shape
    frame = shot.frame.reformat(width=width, height=height, format=kind, interpolation="AREA")
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(), film.turns))
