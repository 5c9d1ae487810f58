"""Made-up skeletons: a body whose left or right hand is raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.video.joints import LAYOUTS

NAMES = LAYOUTS["kinect20"]


def body(side: str, random: np.random.Generator, size: float = 1.0, steps: int = 20) -> NDArray[np.float64]:
    """Return a skeleton (T, 20, 3) that raises one hand, somewhere in the room."""
    rest = np.zeros((len(NAMES), 3))
    for place, name in enumerate(NAMES):
        way = -1 if name.startswith("left") else 1 if name.startswith("right") else 0
        height = {"hand": 0.8, "wrist": 0.9, "elbow": 1.1, "shoulder": 1.4, "hip": 0.9, "knee": 0.5, "foot": 0}
        last = name.rsplit("_", 1)[-1]
        rest[place] = (0.2 * way, height.get(last, 1.5 if name == "head" else 1.0), 0.05 * (last == "foot"))
    found = np.repeat(rest[None], steps, axis=0)
    raised = np.sin(np.linspace(0, np.pi, steps)) * random.uniform(0.6, 0.9)
    for part, share in (("hand", 1.0), ("wrist", 0.8), ("elbow", 0.3)):
        found[:, NAMES.index(f"{side}_{part}"), 1] += share * raised
    return np.asarray(size * (found + 0.005 * random.normal(size=found.shape)) + random.normal(size=3))


def write_bodies(folder: Path, people: int = 4, takes: int = 3) -> Path:
    """Write a folder of arrays, named {label}_{person}_{take}.npy."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for person in range(people):
        for label in ("left", "right"):
            for take in range(takes):
                np.save(folder / f"{label}_p{person}_{take}.npy", body(label, random, 1 + person / 4))
    return folder
