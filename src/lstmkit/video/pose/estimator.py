"""Joints of one person, picture by picture: found once, then followed from where they were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.video.joints import MEDIAPIPE
from lstmkit.video.pose.models import Network, model_files
from lstmkit.video.pose.regions import BOXES, POINTS, SIDE, Region, around, found_body, whole

Floats = NDArray[np.float64]
JOINTS = len(MEDIAPIPE)
FURTHER = 6
"""Points that the network tells beside the joints; the first two say where the body will be in the next picture."""
NUMBERS = 5
"""Of each: x, y, depth, and logits of being visible and of being there."""
SEEN, MAP = 256, 64
"""Sides of what the network sees, and of the maps of where each joint is likely."""
NEAR = 3
"""Places of a map around a joint by which it is put right."""
LEAST = 0.5
"""Probability that a body is there, and of a joint that it is visible; below, it is missing."""


class PoseEstimator:
    """Where the joints of the person are who is seen best, in pictures that follow each other.

    Raises  InputError if the networks or what runs them are not installed

    Source  Bazarevsky et al. 2020, BlazePose, arXiv 2006.10204; the networks are those of MediaPipe 0.10.21
    """

    def __init__(self) -> None:
        detection, landmarks = model_files()
        self._detection = Network(detection, SIDE, ((BOXES, 4 + 2 * POINTS), (BOXES, 1)))
        shapes = (NUMBERS * (JOINTS + FURTHER),), (1,), (MAP, MAP, JOINTS + FURTHER)
        self._landmarks = Network(landmarks, SEEN, shapes)

    def joints(self, picture: NDArray[np.uint8], region: Region | None = None) -> tuple[Floats, Region | None]:
        """Return the joints (33, 2) of a picture in pixels from its upper left, and where to look in the next.

        picture  (H, W, 3) red, green and blue
        region   what was returned for the picture before; None: the body is looked for
        Returns  NaN for a joint that is not seen, and for all if nobody is; None if nobody was found
        """
        if region is not None:
            found = self._looked(picture, region)
            if found[1] is not None:
                return found
        seen = whole(picture)
        raw, scores = self._detection(seen.taken(picture, SIDE) / np.float32(127.5) - 1)
        region = found_body(raw, scores, seen)
        return (np.full((JOINTS, 2), np.nan), None) if region is None else self._looked(picture, region)

    def _looked(self, picture: NDArray[np.uint8], region: Region) -> tuple[Floats, Region | None]:
        """Return the joints in a part of a picture, and where the body is; None if there is none."""
        told, there, maps = self._landmarks(region.taken(picture, SEEN) / np.float32(255))
        if there[0] < LEAST:
            return np.full((JOINTS, 2), np.nan), None
        points = told.reshape(-1, NUMBERS).astype(np.float64)
        places = region.placed(put_right(points[:, :2] / SEEN, maps) - 0.5)
        visible = points[:JOINTS, 3] >= np.log(LEAST / (1 - LEAST))
        joints = np.where(visible[:, None], places[:JOINTS], np.nan)
        return joints, around(places[JOINTS], places[JOINTS + 1])


def put_right(points: Floats, maps: NDArray[np.float32]) -> Floats:
    """Return points (J, 2) moved to the middle of what a map says near each, where it is sure enough.

    points  from 0 to 1
    maps    (S, S, J) logits
    """
    side, found = len(maps), points.copy()
    for number, (x, y) in enumerate(np.floor(points * side).astype(np.int64)):
        if not (0 <= x < side and 0 <= y < side):
            continue
        top, left = max(0, y - NEAR), max(0, x - NEAR)
        chances = 1 / (1 + np.exp(-maps[top : y + NEAR + 1, left : x + NEAR + 1, number].astype(np.float64)))
        if chances.max() < LEAST:
            continue
        rows, columns = np.arange(top, top + chances.shape[0]), np.arange(left, left + chances.shape[1])
        middle = np.array([chances.sum(axis=0) @ columns, chances.sum(axis=1) @ rows]) / chances.sum()
        found[number] = middle / side
    return found
