"""Doors of video: films, lists of clips, skeletons in files of MATLAB."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit.video import PictureSettings, SkeletonSettings, picture_frames
from lstmkit.video.clips import read_clips
from lstmkit.video.skeletons import read_skeleton

FILMS = {"a.mp4": ("mpeg4", "mp4"), "a.avi": ("mpeg4", "avi"), "a.webm": ("libvpx", "webm"), "a.gif": ("gif", "gif")}
"""What is damaged, and how it is written."""
BODIES = ("a.mat", "b.mat", "list.csv")
CLIPS = b"video,start,end,label,film\na.mp4,0,0.5,one,x\na.mp4,0.5,,two,x\nb.mp4,,,two,y\n"


def film(name: str) -> bytes:
    """Return a second of noise as a file."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    codec, kind = FILMS[name]
    file, random = io.BytesIO(), np.random.default_rng(0)
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=8)
        stream.width, stream.height = 48, 32
        stream.pix_fmt = "rgb8" if kind == "gif" else "yuv420p"
        for number in range(8):
            pixels = random.integers(0, 255, (32, 48, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 8)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def skeleton(packed: bool) -> bytes:
    """Return a MATLAB file of an array (4, 3, 6)."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    values = np.random.default_rng(0).normal(size=72).tobytes()
    inner = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<3i", 4, 3, 6))
    matrix = element(14, inner + element(1, b"joints") + element(9, values))
    body = matrix if not packed else struct.pack("<II", 15, len(zlib.compress(matrix))) + zlib.compress(matrix)
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + body


def open_films(folder: Path) -> Run:
    """Films: what is read has finite frames at times that do not fall."""
    files = {name: film(name) for name in FILMS}

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(files[name], how))

        def read() -> None:
            seen = picture_frames(path, PictureSettings("grid", rate=4))
            assert np.isfinite(seen.values).all() and len(seen.values) == len(seen.times) > 0
            assert (np.diff(seen.times) > 0).all()

        return accepted(read)

    return run


def open_bodies(folder: Path) -> Run:
    """Skeletons in files of MATLAB, and lists of clips."""
    files = {"a.mat": skeleton(True), "b.mat": skeleton(False), "list.csv": CLIPS}
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(b"")

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(files[name], how))

        def read() -> None:
            if name == "list.csv":
                found = read_clips(path, "label")
                assert all(one.path.is_file() and (one.end is None or one.start < one.end) for one in found.clips)
                return
            joints = read_skeleton(path, SkeletonSettings())
            assert joints.ndim == 3 and joints.shape[2] in (2, 3)

        return accepted(read)

    return run
