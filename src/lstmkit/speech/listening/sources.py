"""What is to be written down: files, lists of them, raw samples as they come, a microphone."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from lstmkit.errors import InputError
from lstmkit.speech.audio import FASTEST, SLOWEST, Samples, resampled
from lstmkit.speech.manifest import SCRIPT, read_manifest
from lstmkit.speech.utterance import Utterance

LISTS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".scp", ".npz")
"""Endings of lists of recordings, and of files of ready features."""
BLOCK = 0.1
"""Seconds of a block of a microphone."""
HEADS = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an MP3 file"}
"""How files of sound begin that are no raw samples."""


def recordings_in(sources: Sequence[str]) -> list[Utterance]:
    """Return the recordings that are named: files of sound, folders, or lists as `read_manifest` reads them.

    Raises  InputError for a folder or a list without recordings
    """
    found: list[Utterance] = []
    for source in sources:
        path = Path(source)
        if path.is_dir() or path.name == SCRIPT or path.suffix.lower() in LISTS:
            found += read_manifest(path, transcripts=False).utterances
        else:
            found.append(Utterance(source, path))
    return found


def raw_samples(file: IO[bytes], given: int, rate: int) -> Iterator[Samples]:
    """Yield raw samples, as they come, until the file or pipe ends.

    file   whole numbers of 16 bits, the lower byte first, one channel
    given  samples a second of these
    rate   of what is yielded
    Raises InputError if it holds no sample, or a file of sound
    """
    if not SLOWEST <= given <= FASTEST:
        raise InputError(f"standard input: {given:,} samples a second; from {SLOWEST:,} to {FASTEST:,} are possible")
    yield from resampled(_whole_numbers(file), given, rate)


def _whole_numbers(file: IO[bytes]) -> Iterator[Samples]:
    read = file.read1 if isinstance(file, io.BufferedReader | io.BytesIO) else file.read
    rest, begun = b"", False
    while more := read(1 << 14):
        rest += more
        if not begun and len(rest) >= 4:
            begun = True
            for head, kind in HEADS.items():
                if rest.startswith(head):
                    raise InputError(
                        f"standard input: holds {kind}, and --live reads raw samples of 16 bits; leave --live out"
                    )
        if begun:
            count = len(rest) // 2 * 2
            yield np.frombuffer(rest[:count], "<i2").astype(np.float32) / np.float32(1 << 15)
            rest = rest[count:]
    if not begun:
        raise InputError("standard input: ended before a sample came; write raw samples of 16 bits into it")


def microphone(rate: int) -> Iterator[Samples]:
    """Yield what the usual microphone hears, until it is interrupted.

    Raises  InputError if the package sounddevice is not installed, or there is no microphone
    """
    try:
        sound: Any = importlib.import_module("sounddevice")
    except (ImportError, OSError) as missing:  # OSError: without the library that it calls
        raise InputError(
            "a microphone needs the package sounddevice: pip install 'lstmkit[live]', or give raw samples to --live -"
        ) from missing
    try:
        with sound.InputStream(samplerate=rate, channels=1, dtype="float32") as stream:
            while True:
                block, _ = stream.read(round(BLOCK * rate))
                yield block[:, 0].copy()
    except sound.PortAudioError as error:
        raise InputError(
            f"microphone: cannot be used ({error}); connect one, or give raw samples to --live -"
        ) from error
    except KeyboardInterrupt:
        return
