"""Joints of a body by their names: those of known cameras and pose models, and which one is which in a mirror."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lstmkit.data.content import read_bytes
from lstmkit.data.series import closest, shorten
from lstmkit.errors import InputError

AXES = ("x", "y", "z")
OTHERS = {"left": "right", "right": "left", "l": "r", "r": "l"}
MOST = 1 << 16
"""Bytes of a list of names."""


def _sided(names: str) -> tuple[str, ...]:
    """Return names, each that begins with a * first as left, then as right."""
    sides = {True: ("left_", "right_"), False: ("",)}
    return tuple(f"{side}{own.removeprefix('*')}" for own in names.split() for side in sides[own[0] == "*"])


ARM, LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
KINECT: tuple[str, ...] = ("head", "shoulder_center", "spine", "hip_center")
KINECT += tuple(f"{side}_{part}" for limb in (ARM, LEG) for side in ("left", "right") for part in limb)
KINECT2: tuple[str, ...] = ("spine_base", "spine_mid", "neck", "head")
KINECT2 += tuple(f"{side}_{part}" for limb in (ARM, LEG) for side in ("left", "right") for part in limb)
KINECT2 += ("spine_shoulder", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb")
COCO = _sided("nose *eye *ear *shoulder *elbow *wrist *hip *knee *ankle")
FACE = tuple(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer"))
MEDIAPIPE: tuple[str, ...] = ("nose", *FACE, *_sided("*ear"), "mouth_left", "mouth_right")
MEDIAPIPE += _sided("*shoulder *elbow *wrist *pinky *index *thumb *hip *knee *ankle *heel *foot_index")
LAYOUTS: Mapping[str, tuple[str, ...]] = {
    "kinect20": KINECT,
    "kinect25": KINECT2,
    "coco17": COCO,
    "mediapipe33": MEDIAPIPE,
}
"""Joints in the order in which these give them."""


def named_joints(asked: str) -> tuple[str, ...]:
    """Return the names of joints: of a known layout, or of a file with a name a line.

    Raises  InputError if it is neither
    """
    if asked in LAYOUTS:
        return LAYOUTS[asked]
    path = Path(asked)
    if not path.is_file():
        raise InputError(
            f"joints {asked!r}: no layout{closest(asked, list(LAYOUTS))}, and no file; give one of "
            f"{', '.join(LAYOUTS)}, or a file with a name a line"
        )
    lines = [line.strip() for line in read_bytes(path, MOST).decode("utf-8", "replace").splitlines()]
    names = tuple(line for line in lines if line)
    twice = [name for name in names if names.count(name) > 1]
    if twice or not names:
        raise InputError(f"{path}: {shorten(twice[:1])} stands twice" if twice else f"{path}: holds no names of joints")
    return names


def joints_of_columns(columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of each joint in the order of the axes: head_x, head_y and head_z are of head.

    What has no such name is of no joint, and neither is one that lacks the x or the y of others.
    """
    found: dict[str, dict[str, str]] = {}
    for name in columns:
        match = re.fullmatch(r"(.+?)[ _.:-]?([xyzXYZ])", name.strip())
        if match is not None:
            found.setdefault(match[1], {})[match[2].lower()] = name
    axes = AXES if any("z" in own for own in found.values()) else AXES[:2]
    return {joint: [own[axis] for axis in axes] for joint, own in found.items() if set(axes) == set(own)}


def mirrored(names: Sequence[str]) -> list[int]:
    """Return for each joint the place of the one that it is in a mirror: left_hand for right_hand, itself for head.

    Raises  InputError if no name says a side, or one has no other
    """
    places = {name: k for k, name in enumerate(names)}
    found, sided = [], 0
    for name in names:
        other = _other_side(name)
        if other is not None and other not in places:
            raise InputError(f"joint {name!r}: has no other side, {other!r}; leave --mirror out")
        sided += other is not None
        found.append(places[name if other is None else other])
    if not sided:
        raise InputError("no name of a joint says left or right; name them by --joints, or leave --mirror out")
    return found


def _other_side(name: str) -> str | None:
    """Return the name on the other side, None of what has none."""
    parts = re.split(r"([ _.:-]|(?<=[a-z])(?=[A-Z]))", name)
    for place, word in enumerate(parts):
        other = OTHERS.get((word or "").lower())
        if other is not None:
            swapped = other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
            return "".join([*parts[:place], swapped, *parts[place + 1 :]])
    return None
