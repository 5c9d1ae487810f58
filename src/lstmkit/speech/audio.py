"""Recordings as samples: any file that libsndfile reads, mixed to one channel, at the rate asked for.

A file is read block by block and resampled as it comes, so that what is yielded is what reading it at once returns.
"""

from __future__ import annotations

import io
import os
import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import opened, place_of, refuse_device
from lstmkit.errors import InputError
from lstmkit.ranges import MORE_THAN_0, NOT_NEGATIVE, a_path, real, whole

RATE = 16_000
"""Samples a second of what is returned, unless asked otherwise."""
SHORTEST = 0.025
"""Seconds that a recording has at least: a window of the features."""
SLOWEST, FASTEST = 2_000, 1_000_000
"""Samples a second that a recording may have."""
BLOCK = 1 << 16
"""Samples of each channel that are read at a time."""
LOUDEST = 1e6
"""Of a sample; 1 is full scale, and some write floating-point numbers of 16 bits."""
PIPE = 0x7FFFF000
"""Bytes of samples from which on a WAV file was written into a pipe, which does not know how many will come."""
CHUNKED = ((b"RIFF", b"WAVE"), (b"FORM", b"AIFF"), (b"FORM", b"AIFC"))
"""How files of chunks begin."""
MP3 = tuple(bytes((255, second)) for second in range(224, 256))
"""How frames of MP3 begin."""
MOSTLY = 0.98
"""Of the bytes that an MP3 file promises: encoders count tags in different ways."""
LAST_PAGE = 1 << 16
"""Bytes of a page of Ogg at most."""

Samples = NDArray[np.float32]


def read_audio(path: str | Path, rate: int = RATE, start: float = 0.0, end: float | None = None) -> Samples:
    """Return a recording, or a part of it.

    path        WAV, FLAC, Ogg, MP3 or another file of sound; "-" for standard input
    rate        samples a second of what is returned
    start, end  seconds from the beginning of the file; None is its end
    Returns     (N,) the mean of the channels, from -1 to 1 unless the file goes beyond
    Raises      InputError with one line if it is no sound, empty, cut short, without sound, or shorter than a window
    """
    parts = list(stream_audio(path, rate, start, end))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def stream_audio(path: str | Path, rate: int = RATE, start: float = 0.0, end: float | None = None) -> Iterator[Samples]:
    """Yield a recording block by block, in bounded memory; the blocks are what `read_audio` returns.

    Raises  InputError as `read_audio`; what is wrong with the whole is said when all of it was read
    """
    path, rate = a_path("the recording", path), whole("rate", rate)
    start = real("start", start, NOT_NEGATIVE)
    end = None if end is None else real("end", end, MORE_THAN_0)
    if end is not None and end <= start:
        raise InputError(f"{place_of(path)}: the end, {end:g} s, must be after the start, {start:g} s")
    with _sound(path) as (sound, told):
        yield from resampled(_mixed(path, sound, start, end, told), sound.samplerate, rate)


def given_samples(source: Any, rate: int, name: str = "the recording") -> Samples:
    """Return samples that are given as an array, (N,).

    Raises  InputError if they are none, naming the recording
    """
    found = np.asarray(source, np.float32)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise InputError(f"{name}: samples must be finite numbers in one row, {rate:,} a second")
    return found


def resampled(blocks: Iterable[Samples], given: int, rate: int) -> Iterator[Samples]:
    """Yield samples at another rate, as they come.

    given, rate  samples a second
    """
    resampler = _resampler(given, rate)
    for samples in blocks:
        found = samples if resampler is None else resampler.resample_chunk(samples)
        if len(found):
            yield found
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def speech_package(name: str) -> types.ModuleType:
    """Return a package of the extra `speech`; raise InputError if it is not there."""
    import importlib

    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as missing:  # OSError: soundfile without the library that it calls
        raise InputError(f"speech needs the package {name}: pip install 'lstmkit[speech]'") from missing


def _resampler(given: int, wanted: int) -> Any:
    """Return what takes samples block by block, None where the rate is as wanted."""
    return None if given == wanted else speech_package("soxr").ResampleStream(given, wanted, 1, dtype="float32")


@contextmanager
def _sound(path: Path) -> Iterator[tuple[Any, int | None]]:
    """Open a file of sound.

    Yields  the file of soundfile, and how many frames its head promises where libsndfile would believe its size
    Raises  InputError if it is none
    """
    soundfile, place = speech_package("soundfile"), place_of(path)
    with opened(path) as file:
        refuse_device(place, file)
        source: IO[bytes] = file if file.seekable() else io.BytesIO(file.read())
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        if not size:
            raise InputError(f"{place}: the file is empty")
        head, tail = _ends(source, size)
        _refuse_cut_ogg(place, head, tail)
        _refuse_cut_mp3(place, head, size)
        try:
            # Of a descriptor the name says nothing; by a name that ends in .raw a format would be guessed.
            sound = soundfile.SoundFile(file.fileno() if source is file else source, closefd=False)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise InputError(
                f"{place}: no sound that can be read ({_reason(error)}); give WAV, FLAC, Ogg or MP3"
            ) from error
        with sound:
            if not SLOWEST <= sound.samplerate <= FASTEST:
                raise InputError(
                    f"{place}: {sound.samplerate:,} samples a second; from {SLOWEST:,} to {FASTEST:,} are possible"
                )
            yield sound, _promised(head, size)


def _reason(error: Exception) -> str:
    return str(error).split(": ", 1)[-1].rstrip(".") or "damaged"


def _ends(source: IO[bytes], size: int) -> tuple[bytes, bytes]:
    """Return the first and the last bytes of a file, and go to its beginning."""
    head = source.read(1 << 12)
    source.seek(max(0, size - LAST_PAGE))
    tail = source.read()
    source.seek(0)
    return head, tail


def _refuse_cut_ogg(place: str, head: bytes, tail: bytes) -> None:
    """Raise InputError if an Ogg file has no page that says that it is the last."""
    if not head.startswith(b"OggS"):
        return
    page = tail[max(0, tail.rfind(b"OggS")) :]
    lengths = page[27 : 27 + page[26]] if len(page) > 27 else b""
    if not (page[5:6] or b"\0")[0] & 4 or len(page) < 27 + page[26] + sum(lengths):
        raise InputError(f"{place}: cut short: the last page of the Ogg file is missing; make the file again")


def _refuse_cut_mp3(place: str, head: bytes, size: int) -> None:
    """Raise InputError if an MP3 file says how many bytes it has, and has fewer: the decoder would talk to stderr."""
    begin = next((at for mark in (b"Xing", b"Info") if 0 <= (at := head.find(mark)) < len(head) - 16), -1)
    if begin < 0 or not head.startswith((b"ID3", *MP3)):
        return
    flags = int.from_bytes(head[begin + 4 : begin + 8], "big")
    at = begin + (12 if flags & 1 else 8)
    promised = int.from_bytes(head[at : at + 4], "big") if flags & 2 else 0
    if size < MOSTLY * promised:
        raise InputError(
            f"{place}: cut short: {size:,} of the {promised:,} bytes that it promises are there; copy or make the file "
            "again"
        )


def _promised(head: bytes, size: int) -> int | None:
    """Return how many frames a WAV or AIFF file promises but has not, None if it has, or was written into a pipe.

    libsndfile takes what is there. A size that is one byte beyond the end is that of a file without its padding.
    """
    order: Literal["little", "big"] = "little" if head[:4] == b"RIFF" else "big"
    if (head[:4], head[8:12]) not in CHUNKED:
        return None
    place, block, frames = 12, 0, 0
    while place + 8 <= len(head):
        name, length = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], order)
        if name == b"fmt ":
            block = int.from_bytes(head[place + 20 : place + 22], order)
        elif name == b"COMM":
            frames = int.from_bytes(head[place + 10 : place + 14], order)
        elif name in (b"data", b"SSND"):
            promised = frames or (length // block if block else 0)
            return None if length >= PIPE or place + 8 + length <= size + 1 else promised or None
        place += 8 + length + length % 2
    return None


def _mixed(path: Path, sound: Any, start: float, end: float | None, told: int | None) -> Iterator[Samples]:
    """Yield the mean of the channels block by block, and refuse what is no recording.

    told  frames that the head of the file promises, None if it is believed
    """
    place, rate = place_of(path), sound.samplerate
    frames = sound.frames
    if not frames:
        raise InputError(f"{place}: holds no samples")
    first, last = round(start * rate), frames if end is None else min(round(end * rate), frames)
    if first >= frames:
        raise InputError(f"{place}: the start, {start:g} s, is after its end, {frames / rate:.2f} s")
    if told is not None:
        raise _cut_short(place, frames, told, rate)
    if (last - first) / rate < SHORTEST:
        seconds = (last - first) / rate
        raise InputError(
            f"{place}: {1000 * seconds:.1f} ms of sound are shorter than a window of {1000 * SHORTEST:g} ms"
        )
    if first:
        sound.seek(first)
    at, low, high = first, np.inf, -np.inf
    while at < last:
        block = _block(place, sound, min(BLOCK, last - at))
        if not len(block):
            raise _cut_short(place, at, frames, rate)
        sane = np.abs(block) <= LOUDEST
        if not sane.all():
            row = int(np.argmin(sane.all(axis=1)))
            value = block[row][~sane[row]][0]
            raise InputError(f"{place}: the sample at {(at + row) / rate:.3f} s is {value}; write the file again")
        mixed = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
        low, high = min(low, float(mixed.min())), max(high, float(mixed.max()))
        at += len(block)
        yield mixed
    if low == high != 0:
        raise InputError(f"{place}: every sample is {low:g}: a constant and no sound; check how it was recorded")


def _block(place: str, sound: Any, frames: int) -> NDArray[np.float32]:
    """Return the next samples (N, channels) of a file."""
    soundfile = speech_package("soundfile")
    try:
        found: NDArray[np.float32] = sound.read(frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(f"{place}: damaged or cut short ({_reason(error)}); make the file again") from error
    return found


def _cut_short(place: str, frames: int, promised: int, rate: int) -> InputError:
    return InputError(
        f"{place}: cut short: {frames / rate:.2f} s of the {promised / rate:.2f} s that it promises are there; "
        "copy or make the file again"
    )
