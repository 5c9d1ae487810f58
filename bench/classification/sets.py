"""The labelled sequences that classifiers are measured on, each with the part that chooses and the part that tests.

JapaneseVowels, BasicMotions and GunPoint come as files for training and test. Of the skeletons of UTD-MHAD the subjects
1 3 5 7 are learnt from and 2 4 6 8 tested. The hand gestures are overlapping windows of recordings: a recording ends
where a window is not the one before moved by a step. Each class is cut, between recordings, into ten blocks; the fifth
and the tenth are tested, so that no window of the test part overlaps one that is learnt from.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.io

from bench.machine import ROOT
from lstmkit.classification.reading import Form, Labelled, read_labelled
from lstmkit.sequences import Ragged

NAMES = ("JapaneseVowels", "BasicMotions", "GunPoint", "UTD-MHAD", "hand_gesture")
BLOCKS, TESTED = 10, (4, 9)
STOP, STILL, JUMP = "0", 0.01, 0.25
"""The gesture without motion, and shares of the picture: less is no motion, more within a step is no motion either."""


class Set(NamedTuple):
    """A set, divided.

    training, test  its groups are subjects or blocks; None where nothing says whose a sequence is
    clusters        (N,) of the test part: sequences that err together
    """

    name: str
    training: Labelled
    test: Labelled
    clusters: list[str] | None = None


def data() -> Path:
    """Return the folder of the data sets."""
    return Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")


def read_set(name: str) -> Set:
    """Return one of `NAMES`."""
    if name == "UTD-MHAD":
        whole = skeletons()
        odd = np.array([int(group) % 2 == 1 for group in whole.groups or []])
        test = whole.select(np.flatnonzero(~odd))
        return Set(name, whole.select(np.flatnonzero(odd)), test, clusters(test))
    if name == "hand_gesture":
        whole = gestures()
        tested = np.array([int(group.split("-")[1]) in TESTED for group in whole.groups or []])
        test = whole.select(np.flatnonzero(tested))
        return Set(name, whole.select(np.flatnonzero(~tested)), test, test.groups)
    parts = [read_labelled(data() / "ucr_small" / f"{name}_{part}.ts", Form()) for part in ("TRAIN", "TEST")]
    return Set(name, *parts)


def skeletons() -> Labelled:
    """Return all 861 sequences of 20 joints in three dimensions, (T, 60); groups are the subjects."""
    sequences, labels, groups = [], [], []
    with zipfile.ZipFile(data() / "utd_mhad" / "utd_mhad_skeleton.zip") as files:
        for name in sorted(own for own in files.namelist() if own.endswith("_skeleton.mat")):
            joints = scipy.io.loadmat(io.BytesIO(files.read(name)))["d_skel"]
            action, subject, _ = Path(name).name.split("_", 2)
            sequences.append(joints.transpose(2, 0, 1).reshape(joints.shape[2], -1))
            labels.append(action)
            groups.append(subject.removeprefix("s"))
    return read_labelled(sequences, Form(), labels=labels, groups=groups)


def clusters(rows: Labelled) -> list[str]:
    """Return for each skeleton its subject and action: the four trials of one err together."""
    return [f"{group} {label}" for group, label in zip(rows.groups or [], rows.labels or [], strict=True)]


def gestures() -> Labelled:
    """Return all windows of 16 places of a finger-tip, (16, 2); groups are the blocks of a class, such as "2-07"."""
    table = np.loadtxt(
        io.StringIO(gzip.decompress((data() / "hand_gesture" / "point_history.csv.gz").read_bytes()).decode()),
        delimiter=",",
    )
    windows, kinds = table[:, 1:].reshape(len(table), -1, 2), table[:, 0].astype(np.int64)
    steps = np.diff(windows, axis=1)  # places are told from the first of each window
    fresh = np.abs(steps[1:, :-1] - steps[:-1, 1:]).max(axis=(1, 2)) > 1e-6
    recording = np.concatenate([[0], np.cumsum(fresh | (kinds[1:] != kinds[:-1]))])
    groups = np.empty(len(table), object)
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        first = np.flatnonzero(np.diff(recording[rows], prepend=-1))  # of each recording
        block = np.empty(len(rows), np.int64)
        for begin, end in zip(first, [*first[1:], len(rows)], strict=True):
            block[begin:end] = (begin + end) * BLOCKS // (2 * len(rows))
        groups[rows] = [f"{kind}-{own}" for own in block]
    return read_labelled(list(windows), Form(), labels=kinds, groups=groups.tolist())


def hardness(rows: Labelled) -> list[str]:
    """Return for each window of a gesture what makes it hard to tell.

    "still" if the finger does not move though the gesture is not to stop: only what a camera trembles tells it apart.
    "jump" if it is elsewhere by a quarter of the picture from one step to the next: the tracker had lost it, and says
    the corner of the picture in its place. "other" if neither is so.
    """
    found = []
    for k, label in enumerate(rows.labels or []):
        places = rows.frames[k]
        still = label != STOP and np.abs(places - places[0]).max() < STILL
        jump = np.linalg.norm(np.diff(places, axis=0), axis=1).max() > JUMP
        found.append("still" if still else "jump" if jump else "other")
    return found


def whole_set(given: Set) -> tuple[Ragged, list[str]]:
    """Return the frames of both parts together, and their labels."""
    return given.training.frames.joined(given.test.frames), [*(given.training.labels or []), *(given.test.labels or [])]
