"""The videos and skeletons that are measured on, as files that the command reads, with their classes and sources."""

from __future__ import annotations

import os
import re
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl

from bench.machine import ROOT
from lstmkit.data.matlab import matlab_arrays

DEEPEST = 4000
"""Millimetres that are white in a depth video; nothing is black."""


def data() -> Path:
    """Return the folder of the data sets."""
    return Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")


def fights(folder: Path) -> pl.DataFrame:
    """Unpack the fight clips into a folder, and return a table of them: video, label, and film they are cut from."""
    with zipfile.ZipFile(data() / "fight_clips" / "fight_clips_subset.zip") as file:
        file.extractall(folder)
    films: dict[str, str] = {}
    film = ""
    for line in (data() / "fight_clips" / "videos.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("http"):
            film = line.strip()
        elif found := re.match(r"(no)?fi\d+(?=:)", line.strip()):
            films[found[0]] = film
    files = sorted(folder.rglob("*.mp4"))
    return pl.DataFrame(
        {
            "video": [str(path) for path in files],
            "id": [path.stem for path in files],
            "label": [path.parent.name for path in files],
            "film": [films.get(path.stem, path.stem) for path in files],
        }
    )


def depth(folder: Path) -> pl.DataFrame:
    """Write the depth videos of five actions as real videos, and return a table of them: video, label, person.

    They are grey, from black, where nothing is, over far to near, without loss.
    """
    rows = []
    with zipfile.ZipFile(data() / "utd_mhad" / "utd_mhad_depth_subset.zip") as file:
        for name in sorted(own for own in file.namelist() if own.endswith(".mat")):
            film = folder / Path(name).with_suffix(".mkv").name
            (array,) = matlab_arrays(file.read(name), name, 1 << 30).values()
            _write_grey(film, np.asarray(array).transpose(2, 0, 1))
            action, person, _ = film.name.split("_", 2)
            rows.append((str(film), film.stem, action, person))
    return pl.DataFrame(rows, schema=["video", "id", "label", "person"], orient="row")


def _write_grey(path: Path, millimetres: np.ndarray) -> None:
    near = np.where(millimetres > 0, 255 * (1 - np.clip(millimetres / DEEPEST, 0, 0.9)), 0).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = *near.shape[1:], "gray"
        for number, pixels in enumerate(near):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def skeletons(folder: Path) -> pl.DataFrame:
    """Unpack the skeletons into a folder, and return a table of them: file, label, person."""
    rows = []
    with zipfile.ZipFile(data() / "utd_mhad" / "utd_mhad_skeleton.zip") as file:
        for name in sorted(own for own in file.namelist() if own.endswith("_skeleton.mat")):
            path = folder / Path(name).name
            path.write_bytes(file.read(name))
            action, person, _ = path.name.split("_", 2)
            rows.append((str(path), path.stem, action, person))
    return pl.DataFrame(rows, schema=["file", "id", "label", "person"], orient="row")
