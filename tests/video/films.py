"""Tiny videos, written by PyAV: a light square that moves over a dark ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

CODECS = {
    ".ts": "mpeg4",
    ".mp4": "mpeg4",
    ".avi": "mpeg4",
    ".webm": "libvpx",
    ".mkv": "mpeg4",
    ".gif": "gif",
    ".nut": "ffv1",
}
WAYS = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}


def square(row: float, column: float, shape: tuple[int, int] = (64, 96), side: int = 16) -> NDArray[np.uint8]:
    """Return a picture with a light square whose middle is there, (H, W, 3)."""
    picture = np.full((*shape, 3), 40, np.uint8)
    top, left = round(row - side / 2), round(column - side / 2)
    picture[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 220
    return picture


def moving(way: str, count: int = 16, shape: tuple[int, int] = (64, 96), speed: float = 3.0) -> list[NDArray[np.uint8]]:
    """Return pictures of a square that moves one way from the middle of the opposite side."""
    down, right = WAYS[way]
    row, column = shape[0] / 2 - down * count * speed / 2, shape[1] / 2 - right * count * speed / 2
    return [square(row + down * speed * k, column + right * speed * k, shape) for k in range(count)]


def write_film(
    path: Path, pictures: Sequence[NDArray[np.uint8]], rate: int = 8, stamps: Sequence[int] | None = None
) -> Path:
    """Write pictures as a video.

    stamps  of the frames in milliseconds; None: by the rate
    """
    av = pytest.importorskip("av", reason="the extra video is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        if CODECS[path.suffix] != "gif":
            stream.bit_rate = 2_000_000
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """Write a second of a tone."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        samples = (9000 * np.sin(np.arange(8000) / 4)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turned(path: Path, quarters: int) -> Path:
    """Write into the head of an MP4 that its camera was turned, by quarter turns anticlockwise."""
    a, b = round(math.cos(math.pi / 2 * quarters)), round(math.sin(math.pi / 2 * quarters))
    plain, own = (
        b"".join(n.to_bytes(4, "big", signed=True) for n in (65536 * p, 65536 * q, 0, 65536 * r, 65536 * s, 0))
        for p, q, r, s in ((1, 0, 0, 1), (a, -b, b, a))
    )
    content = path.read_bytes()
    head = content.index(b"tkhd")
    assert content.count(plain, head, head + 100) == 1
    path.write_bytes(content[:head] + content[head : head + 100].replace(plain, own) + content[head + 100 :])
    return path


def write_ways(folder: Path, each: int = 8, ways: Sequence[str] = ("right", "left")) -> Path:
    """Write a folder of clips of squares that move, a folder a class; no two are the same."""
    random = np.random.default_rng(0)
    for way in ways:
        for number in range(each):
            speed, count = random.uniform(2, 4), int(random.integers(12, 20))
            write_film(folder / way / f"clip{number}.mp4", moving(way, count, speed=speed))
    return folder
