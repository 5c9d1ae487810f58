"""Recordings ready to be learnt from or recognised: frames, what is said, who says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.errors import InputError
from lstmkit.sequences import Ragged
from lstmkit.speech.audio import given_samples, read_audio
from lstmkit.speech.features import Features, ReadyFrames, frames_of, frames_of_all
from lstmkit.speech.kept import kept_frames
from lstmkit.speech.manifest import Manifest, read_manifest
from lstmkit.speech.ready import ReadyFiles, checked_frames
from lstmkit.speech.scoring import words_of
from lstmkit.speech.utterance import SEVERAL, Utterance


@dataclass(frozen=True)
class Recordings:
    """Many recordings.

    frames    of each
    names     for messages and results
    texts     what is said; empty where it is not known
    speakers  who says it; None where that is not known
    """

    frames: Ragged
    names: tuple[str, ...]
    texts: tuple[str, ...] = ()
    speakers: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        """Make sure that there is a speaker, known or not, for each."""
        if not self.speakers:
            object.__setattr__(self, "speakers", (None,) * len(self.names))

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def words(self) -> list[list[str]]:
        """What is said, as words that are compared."""
        return [words_of(text) for text in self.texts]

    def select(self, rows: Sequence[int]) -> Recordings:
        """Return some of them, in the order given."""
        places = np.asarray(rows, np.int64)
        names, speakers = tuple(self.names[k] for k in rows), tuple(self.speakers[k] for k in rows)
        texts = tuple(self.texts[k] for k in rows) if self.texts else ()
        return Recordings(self.frames.select(places), names, texts, speakers)


def read_recordings(manifest: Manifest, features: Features, cache: Path | None = None) -> Recordings:
    """Return the recordings of a manifest, read one by one.

    cache   folder that keeps their frames for the next time
    Raises  InputError naming the recording that cannot be used
    """
    own = manifest.utterances
    texts = tuple(one.text or "" for one in own) if all(one.text is not None for one in own) else ()
    frames = frames_of_all(own, features) if cache is None else kept_frames(cache, own, features)
    return Recordings(frames, tuple(one.name for one in own), texts, tuple(one.speaker for one in own))


def heard(source: Any, features: Features, speakers: Sequence[str | None] | None = None) -> Recordings:
    """Return what shall be recognised.

    source    a manifest, or several paths of recordings or of folders of them, or arrays of samples (or of ready
              features), or one of these
    speakers  of each, where the source does not know them
    Raises    InputError if one cannot be used, or there are not as many speakers
    """
    if isinstance(source, Manifest):
        return read_recordings(source, features)
    if isinstance(source, str | Path) and Path(source).suffix.lower() == SEVERAL:
        return read_recordings(read_manifest(source, transcripts=False), features)
    several: list[Any] = []
    for one in [source] if isinstance(source, str | Path | np.ndarray) else source:
        folder = isinstance(one, str | Path) and Path(one).is_dir()
        several += [own.audio for own in read_manifest(one, transcripts=False).utterances] if folder else [one]
    names = tuple(str(one) if isinstance(one, str | Path) else f"recording {k}" for k, one in enumerate(several, 1))
    if speakers is not None and len(speakers) != len(names):
        raise InputError(f"speakers: {len(speakers)} for {len(names)} recordings; give one of each, or None")
    frames = (_frames(name, one, features) for name, one in zip(names, several, strict=True))
    return Recordings(Ragged.of(frames, features.width, dtype=np.float32), names, (), tuple(speakers or ()))


def _frames(name: str, source: Any, features: Features) -> Any:
    own = Utterance(name, Path(source)) if isinstance(source, str | Path) else None
    if isinstance(features, ReadyFrames):
        if own is not None:
            return ReadyFiles().frames(own, features.channels)
        return checked_frames(source, features.channels, name)
    if own is not None:
        ReadyFiles().refuse(own)
        return frames_of(read_audio(own.audio, features.rate), features)
    samples = given_samples(source, features.rate, name)
    try:
        return frames_of(samples, features)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def manifest_of(source: Any) -> Manifest:
    """Return a manifest with transcripts, read if it is none yet."""
    return source if isinstance(source, Manifest) else read_manifest(source)
