"""What do long videos of 4K cost: memory, processor time, and what an interruption takes back?

    python -m bench.video.long [--seconds 120] [--pictures 1800]

Three videos of 3840 x 2160, H.264, written here: a noisy ground that moves, and a square that moves over it.

short   10 seconds, 30 pictures a second
dense   two minutes (`--seconds`), 30 pictures a second, as a camera has them
hour    an hour on the clock, with `--pictures` pictures evenly over it: as many moments are looked at as in any hour

A model learns what small clips show (how well does not matter here), and `lstm video classify predict --window 2` tells
of each video in a process of its own, whose largest memory and processor time are those that the system counted. The
dense one is also killed halfway and begun again, and then told once more from the cache; what is told must be the
same each time.

Writes bench/results/video-long.txt.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from bench.machine import header, write
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.video import ActionClassifier, PictureSettings
from lstmkit.video.classifier import OF_PICTURES

SHAPE, RATE = (2160, 3840), 30
HOUR = 3600.0
GROUND = 64
"""Places by which the ground moves before it begins anew."""


class Cost(NamedTuple):
    """What a process took: processor's seconds, largest memory in bytes, what it printed, and how it ended."""

    seconds: float
    memory: float
    told: str
    code: int


def pictures(count: int, shape: tuple[int, int] = SHAPE) -> Iterator[np.ndarray]:
    """Yield grey pictures of a square that moves over a noisy ground, right for a while and then left."""
    height, width = shape
    ground = np.random.default_rng(0).integers(60, 120, (height, width + GROUND)).astype(np.uint8)
    side = height // 4
    for k in range(count):
        picture = ground[:, k % GROUND : k % GROUND + width].copy()
        way = abs((7 * k) % (2 * (width - side)) - (width - side))
        picture[height // 3 : height // 3 + side, way : way + side] = 230
        yield picture


def film(path: Path, count: int, step: float, shape: tuple[int, int] = SHAPE, first: int = 0) -> Path:
    """Write a video.

    step   seconds from a picture to the next
    first  of the pictures, which are counted from 0
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "26", "g": "60"})
        stream.height, stream.width, stream.pix_fmt = *shape, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures(first + count, shape)):
            if number >= first:
                frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
                frame.pts, frame.time_base = round(1000 * step * (number - first)), Fraction(1, 1000)
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def learnt(folder: Path, features: str) -> Path:
    """Learn from small clips which way a square moves, and return the folder of the model."""
    for way in ("left", "right"):
        (folder / "clips" / way).mkdir(parents=True)
    turn = (288 - 162 // 4) // 7
    for k in range(12):
        film(folder / "clips" / "left" / f"{k}.mp4", 24, 1 / RATE, (162, 288), k % (turn - 26))
        film(folder / "clips" / "right" / f"{k}.mp4", 24, 1 / RATE, (162, 288), turn + k % (turn - 26))
    settings = SequenceSettings(**{**OF_PICTURES, "epochs": 4})
    model = ActionClassifier(settings, PictureSettings(features), cache=folder / "cache")
    model.fit(folder / "clips").save(folder / "model")
    return folder / "model"


def predicted(model: Path, video: Path, cache: Path, until: int | None = None) -> Cost:
    """Tell of a video in a process of its own.

    until  it is killed as soon as so many bytes are in the cache
    """
    command = [str(Path(sys.executable).parent / "lstm"), "video", "classify", "predict"]
    command += [str(model), str(video), "--window", "2", "--cache", str(cache)]
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=own)
        while until is not None and kept_in(cache) < until and not ended(process):
            time.sleep(0.05)
        if until is not None:
            process.kill()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        told = out.read().decode()
    return Cost(used.ru_utime + used.ru_stime, 1024.0 * used.ru_maxrss, told, process.returncode)


def kept_in(cache: Path) -> int:
    """Return how many bytes of frames that are not complete yet a cache holds."""
    found = 0
    for path in cache.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):  # complete in the meantime
            found += path.stat().st_size
    return found


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended, and leave what it took to be asked for."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def line(name: str, cost: Cost) -> str:
    """Return what a process took as a line."""
    return f"  {name:46}{cost.seconds:9.1f} s{cost.memory / 2**20:9.0f} MiB"


def measured(folder: Path, seconds: int, count: int, features: str) -> list[str]:
    """Write the videos, and tell of them."""
    model = learnt(folder, features)
    short = film(folder / "short.mp4", 10 * RATE, 1 / RATE)
    dense = film(folder / "dense.mp4", seconds * RATE, 1 / RATE)
    hour = film(folder / "hour.mp4", count, HOUR / count)
    sizes = [f"{path.stem} {path.stat().st_size / 2**20:.0f} MiB" for path in (short, dense, hour)]
    width = 4 * (1 + len(PictureSettings(features).channels))
    whole = predicted(model, dense, folder / "whole")
    looked = sum(path.stat().st_size for path in (folder / "whole").glob("*.frames")) // width
    half = predicted(model, dense, folder / "half", width * looked // 2)
    kept = sum(path.stat().st_size for path in (folder / "half").glob("*.part")) // width
    rest = predicted(model, dense, folder / "half")
    again = predicted(model, dense, folder / "whole")
    same = whole.told == rest.told == again.told and whole.code == rest.code == again.code == 0
    long = predicted(model, hour, folder / "hour")
    moments = sum(path.stat().st_size for path in (folder / "hour").glob("*.frames")) // width
    rows = len(long.told.splitlines())
    return [
        f"features={features}; {', '.join(sizes)}",
        f"  {'':46}{'processor':>11}{'memory':>13}",
        line("short: 10 s, 300 pictures", predicted(model, short, folder / "short")),
        line(f"dense: {seconds} s, {seconds * RATE:,} pictures, {looked:,} looked at", whole),
        line(f"  killed when {kept:,} were kept", half),
        line("  begun again", rest),
        line("  told once more, from the cache", again),
        line(f"hour: {count:,} pictures, {moments:,} looked at (exit {long.code})", long),
        f"  what is told is {'the same' if same else 'NOT the same'} whole, in two parts, and from the cache; "
        f"of the hour {rows:,} lines are told",
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--pictures", type=int, default=1800)
    parser.add_argument("--features", default="both")
    parser.add_argument("--trial", action="store_true", help="write nothing")
    asked = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "av")}
    with tempfile.TemporaryDirectory() as inner:
        lines = measured(Path(inner), asked.seconds, asked.pictures, asked.features)
    top = [*header("Long videos of 4K, one thread", versions), ""]
    if asked.trial:
        print("\n".join([*top, *lines]))
    else:
        write("video-long.txt", [*top, *lines])


if __name__ == "__main__":
    main()
