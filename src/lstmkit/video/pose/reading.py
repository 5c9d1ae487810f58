"""From a video to a skeleton, and from a folder of videos to one of skeletons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import files_in
from lstmkit.errors import InputError
from lstmkit.ranges import real
from lstmkit.training.writing import replacing
from lstmkit.video.clips import FILMS
from lstmkit.video.film import reading
from lstmkit.video.joints import MEDIAPIPE
from lstmkit.video.pictures import RANGES, Told, small
from lstmkit.video.pose.estimator import JOINTS, PoseEstimator
from lstmkit.video.rows import Watch, share_of
from lstmkit.video.sampling import at_rate, looks

MOST_SIDE = 960
"""Pixels of the longer side of a picture that joints are looked for in; larger ones are made small first."""
RATE = 15.0


@dataclass(frozen=True)
class Poses:
    """The skeleton of a video.

    times   (T,) seconds from its beginning
    joints  (T, 33, 2) across and down, in units of the picture's height; NaN where a joint is not seen
    notes   what was noticed while it was read
    """

    times: NDArray[np.float64]
    joints: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Share of the pictures in which somebody is seen."""
        return float(np.isfinite(self.joints).any(axis=(1, 2)).mean())

    def write(self, path: Path) -> None:
        """Write the skeleton as .npz, which `lstm video classify` reads: X (T, 33, 2), times, and names of joints."""
        with replacing(path) as file:
            np.savez(file, X=self.joints, times=self.times, joints=np.array(MEDIAPIPE))


def read_poses(
    path: Path, rate: float = RATE, estimator: PoseEstimator | None = None, told: Told | None = None
) -> Poses:
    """Return the skeleton of the person in a video who is seen best.

    path    any file that FFmpeg reads; "-" for standard input
    rate    pictures a second that are looked at
    told    is told how far it is
    Raises  InputError if it is no video, nobody is seen in it, or what finds joints is not installed
    """
    rate = real("rate", rate, RANGES["rate"])
    estimator = estimator or PoseEstimator()
    times, joints = [], []
    region, last = None, np.full((JOINTS, 2), np.nan)
    with reading(path) as (film, shots):
        for look in looks(shots, at_rate(rate)):
            if look.fresh:
                picture = small(film, look.shot, _shape(film.shape))
                places, region = estimator.joints(picture, region)
                last = places / len(picture)
            times.append(look.time)
            joints.append(last)
            if told is not None:
                told(look.time, film.seconds)
        notes, place = tuple(film.notes), film.place
    found = Poses(np.array(times), np.array(joints), notes)
    if not found.share:
        raise InputError(f"{place}: nobody is seen in any of {len(times):,} pictures; leave it out")
    return found


def skeleton_files(sources: Sequence[str], out: Path) -> dict[Path, Path]:
    """Return for every video that is named, or in a folder that is, the file of its skeleton.

    Folders within a folder are kept, so that what they say of a clip is said of its skeleton.

    Raises  InputError for a folder without videos, or two videos with the same name
    """
    found: dict[Path, Path] = {}
    for source in sources:
        path = Path(source)
        within = files_in(path, FILMS) if path.is_dir() else [path]
        if not within:
            raise InputError(f"{source}: holds no videos ({', '.join(FILMS[:6])}, ...); give a folder that does")
        for one in within:
            found[one] = out / (one.relative_to(path) if path.is_dir() else Path(one.name)).with_suffix(".npz")
    first: dict[Path, Path] = {}
    for one, place in found.items():
        if first.setdefault(place, one) != one:
            raise InputError(f"{one}: its skeleton would have the file of that of {first[place]}; rename one")
    return found


def write_skeletons(
    files: dict[Path, Path], rate: float = RATE, force: bool = False, watch: Watch | None = None
) -> list[tuple[Path, Poses | str]]:
    """Write the skeletons of videos; return each with what was found, or with why there is none.

    files   as `skeleton_files` gives them
    rate    pictures a second that are looked at
    force   whether skeletons that are there are made again; else they are left, so that a run can go on
    watch   is told how far it is
    Raises  InputError if the rate is out of range, or what finds joints is not installed
    """
    real("rate", rate, RANGES["rate"])
    estimator = PoseEstimator()
    found: list[tuple[Path, Poses | str]] = []
    for number, (path, file) in enumerate(files.items()):
        if file.exists() and not force:
            continue
        told = None
        if watch is not None:
            watch(number, len(files), str(path), None)
            told = share_of(watch, number, len(files), str(path))
        try:
            poses = read_poses(path, rate, estimator, told)
        except InputError as error:
            found.append((path, str(error)))
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        poses.write(file)
        found.append((path, poses))
    return found


def _shape(shape: tuple[float, float]) -> tuple[int, int]:
    """Return height and width that a picture is made small to, its shape kept."""
    factor = min(1.0, MOST_SIDE / max(shape))
    return max(2, round(shape[0] * factor)), max(2, round(shape[1] * factor))
