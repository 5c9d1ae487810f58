"""Video of any kind, frame by frame: decoded as it is read, each frame with its time.

What is in a file decides how it is read, never its name, and nothing but the file is opened: a playlist that names
others is no video.
"""

from __future__ import annotations

import io
import itertools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from lstmkit.data.content import STANDARD_INPUT, opened, place_of, refuse_device
from lstmkit.errors import InputError

LONGEST_GAP = 60.0
"""Seconds between two frames from which on the clock of a video is taken to have been set anew."""
USUAL_RATE = 25.0
"""Frames a second of a video that says nothing of the time."""
MOST_PIXELS = 1 << 26
"""Of a frame: twice those of 8K."""
BUFFER = 1 << 20
PICTURES = ("image2", "_pipe", "ico", "tiff")
"""What the names of FFmpeg's formats of single pictures begin or end with."""


@dataclass
class Film:
    """A video that is being read.

    place   how complaints call it
    turns   quarter turns, anticlockwise, after which a frame is upright
    shape   height and width of an upright frame, in pixels that are square
    seconds  how long it says that it is; None where it does not say
    notes   what was noticed while it was read
    """

    place: str
    turns: int = 0
    shape: tuple[float, float] = (0.0, 0.0)
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shot:
    """A frame of a video.

    time   seconds from the first frame
    frame  of PyAV, not yet upright
    """

    time: float
    frame: Any


def video_package(name: str) -> types.ModuleType:
    """Return a package of the extra `video`; raise InputError if it is not there."""
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as missing:
        raise InputError(f"video needs the package {name}: pip install 'lstmkit[video]'") from missing


@dataclass(frozen=True)
class Entry:
    """A frame from which on a video is decoded without those before.

    first  stamp of the first frame of the video, from which times are counted
    stamp  of the frame
    """

    first: int
    stamp: int


@contextmanager
def reading(path: Path, entry: Entry | None = None) -> Iterator[tuple[Film, Iterator[Shot]]]:
    """Open a video, and yield what is known of it and its frames in the order in which they are shown.

    path    any file that FFmpeg reads; "-" for standard input
    entry   the first frame that is wanted, from `entry_before`; None: that of the video
    Raises  InputError with one line if it is none, has no pictures, or is a single picture; while the frames are taken,
            if none can be decoded
    """
    with _opened(path) as (place, container, stream):
        film = Film(place, seconds=_seconds(container, stream))
        yield film, _shots(film, container, stream, entry)


def times_of(path: Path) -> list[float]:
    """Return the times of all frames of a file without decoding them, in seconds from the first.

    Raises  InputError as `reading`
    """
    with _opened(path) as (place, container, stream):
        found = [packet.pts for packet in _packets(Film(place), container, stream) if packet.size]
        stamps = sorted(pts for pts in found if pts is not None)
        clock = _Clock(stream)
        return [clock.at(pts) for pts in (stamps if len(stamps) == len(found) else [None] * len(found))]


def entry_before(path: Path, seconds: float) -> Entry | None:
    """Return the last frame up to a time from which on a file is decoded as it is from its beginning.

    path     of a file
    seconds  from the first frame
    Returns  None where there is none but the first, or it is not certain: frames have no times, the clock is set anew
             on the way, or the file cannot be entered there
    Raises   InputError as `reading`
    """
    with _opened(path) as (place, container, stream):
        base, film = float(stream.time_base or 0), Film(place)
        first: int | None = None
        stamps, keys, read = [], [], []
        for packet in _packets(film, container, stream):
            if first is None:
                first = next((frame.pts for frame in _decoded(packet) or ()), None)
            if packet.size:
                stamps.append(packet.pts)
                read += [] if packet.dts is None else [packet.dts]
                keys += [packet.pts] if packet.is_keyframe else []
        if first is None or not base or None in stamps or any(b < a for a, b in itertools.pairwise(read)):
            return None
        stamps.sort()
        if max((b - a for a, b in itertools.pairwise(stamps)), default=0) * base > LONGEST_GAP:
            return None
        stamp = max((key for key in keys if key * base - first * base <= seconds), default=first)
        if stamp <= first or not _enters(film, container, stream, stamp):
            return None
        return Entry(first, stamp)


def _enters(film: Film, container: Any, stream: Any, stamp: int) -> bool:
    """Return whether a container that is wound to a frame gives it."""
    try:
        container.seek(stamp, stream=stream)
    except (video_package("av").FFmpegError, ValueError):
        return False
    for packet in _packets(film, container, stream):
        for frame in _decoded(packet) or ():
            if frame.pts is None or frame.pts > stamp:
                return False
            if frame.pts == stamp:
                return bool(frame.key_frame)
    return False


def seconds_of(path: Path) -> float | None:
    """Return how long a video says that it is, None where it does not, or is standard input, which is read once.

    Raises  InputError as `reading`
    """
    if path == STANDARD_INPUT:
        return None
    with reading(path) as (film, _):
        return film.seconds


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, Any, Any]]:
    """Open a video, and yield how complaints call it, its container and its track of pictures."""
    place = place_of(path)
    with opened(path) as file:
        refuse_device(place, file)
        with _container(place, file) as container:
            yield place, container, _stream(place, container)


@contextmanager
def _container(place: str, file: IO[bytes]) -> Iterator[Any]:
    """Open what is in a file with FFmpeg."""
    av = video_package("av")
    if file.seekable():
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if not size:
            raise InputError(f"{place}: the file is empty")
    options = {"protocol_whitelist": "none", "max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(file, metadata_errors="replace", buffer_size=BUFFER, options=options)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{place}: no video that can be read ({reason(error)}); give MP4, AVI, WebM, MKV or GIF"
        ) from error
    with container:
        yield container


def reason(error: Exception) -> str:
    """Return what FFmpeg says of an error, in its words alone."""
    told = getattr(error, "strerror", None) or str(error)
    return str(told).split(";")[0].split(": ")[0].rstrip(".") or "damaged"


def _stream(place: str, container: Any) -> Any:
    """Return the track of pictures; raise InputError if there is none, or it is one picture."""
    import torch

    av = video_package("av")
    name = container.format.name
    if any(name.startswith(own) or name.endswith(own) for own in PICTURES):
        raise InputError(f"{place}: a picture, not a video; give a clip of two frames or more")
    covers = av.stream.Disposition.attached_pic
    found = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not found:
        what = "sound and no pictures" if container.streams.audio else "no track of pictures"
        raise InputError(f"{place}: has {what}; give a video")
    stream = found[0]
    if stream.codec_context is None:
        raise InputError(f"{place}: FFmpeg has no decoder for its pictures; convert it to MP4")
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    stream.codec_context.thread_count = torch.get_num_threads()
    return stream


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _packets(film: Film, container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a track; where the file is cut short or damaged, those before."""
    av = video_package("av")
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError as error:
            film.notes.append(f"{film.place}: damaged or cut short ({reason(error)}); what comes before is read")
            return
        yield packet


def _decoded(packet: Any) -> list[Any] | None:
    """Return the frames that a packet completes; None if it is damaged."""
    try:
        return list(packet.decode())
    except (video_package("av").FFmpegError, ValueError):
        return None


def _shots(film: Film, container: Any, stream: Any, entry: Entry | None) -> Iterator[Shot]:
    """Yield the frames of a track, and note what could not be decoded."""
    clock, lost, count = _Clock(stream, entry), 0, 0
    if entry is not None:
        container.seek(entry.stamp, stream=stream)
    noted = -1
    for packet in _packets(film, container, stream):
        frames = _decoded(packet)
        if frames is None:
            if entry is None or count:  # of frames before the entry some need what was not decoded
                lost += 1
                noted = _note_lost(film, lost, noted)
            continue
        for frame in frames:
            if entry is not None and not count and (frame.pts is None or frame.pts < entry.stamp):
                continue
            if not count:
                _measure(film, stream, frame)
            count += 1
            yield Shot(clock.at(frame.pts), frame)
    if not count:
        what = "no frame of it can be decoded: it is damaged or cut short" if lost else "holds no frames"
        raise InputError(f"{film.place}: {what}; make the file again")


def _note_lost(film: Film, lost: int, noted: int) -> int:
    """Note at once how much is lost, in place of what was noted of it before; return where that is among the notes."""
    text = f"{film.place}: damaged: {lost:,} of its pieces cannot be decoded and are left out"
    if noted < 0:
        film.notes.append(text)
        return len(film.notes) - 1
    film.notes[noted] = text
    return noted


def _measure(film: Film, stream: Any, frame: Any) -> None:
    """Say how a video is shown, by its first frame: pixels that are not square, and a camera that was turned."""
    film.turns = round(frame.rotation / 90) % 4
    ratio: Fraction | None = stream.sample_aspect_ratio
    wide = float(ratio) if ratio else 1.0
    height, width = frame.height, frame.width * (wide if 0.1 < wide < 10 else 1.0)
    film.shape = (width, height) if film.turns % 2 else (height, width)


class _Clock:
    """Times of frames in seconds from the first: never going back, and on where the file's own clock jumps."""

    def __init__(self, stream: Any, entry: Entry | None = None) -> None:
        self.base = float(stream.time_base) if stream.time_base else 0.0
        rate = float(stream.average_rate or 0) or float(stream.guessed_rate or 0)
        self.step = 1 / rate if 0 < rate <= 1000 else 1 / USUAL_RATE
        self.before: float | None = None
        self.offset, self.last = 0.0, -self.step
        if entry is not None:
            self.before, self.offset = entry.stamp * self.base, -(entry.first * self.base)

    def at(self, stamp: int | None) -> float:
        """Return the time of the next frame; one without a stamp comes a step after the last."""
        if stamp is None or not self.base:
            self.before, self.last = None, self.last + self.step
            return self.last
        given = stamp * self.base
        if self.before is None or not 0 <= given - self.before <= LONGEST_GAP:
            self.offset = self.last + self.step - given
        self.before = given
        self.last = given + self.offset
        return self.last
