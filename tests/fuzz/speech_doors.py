"""Doors of speech: recordings, lists of them, and files of pronunciations."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit.sequences import Ragged
from lstmkit.speech import (
    ReadyFrames,
    Recognizer,
    frames_of,
    frames_of_all,
    read_audio,
    read_hotwords,
    read_lexicon,
    read_manifest,
)
from lstmkit.speech.recordings import Recordings

SOUNDS = {"a.wav": "PCM_16", "b.wav": "FLOAT", "a.flac": "PCM_16", "a.ogg": "VORBIS", "a.mp3": "MPEG_LAYER_III"}
SOUNDS |= {"a.aiff": "PCM_24"}
"""What is damaged, and how its samples are written."""
LISTS = {
    "list.csv": b"audio,text,speaker,start,end\na.wav,one two,x,0,0.1\na.wav,three,y,0.1,0.2\nb.wav,four,y,,\n",
    "list.jsonl": b'{"audio": "a.wav", "text": "one", "start": 0.05}\n{"audio": "b.wav", "text": "two", "start": 0}\n',
    "wav.scp": b"u1 a.wav\nu2 b.wav\n",
    "text": b"p1 one two\np2 three\n",
    "segments": b"p1 u1 0 0.1\np2 u2 0.1 0.2\n",
    "hot.txt": "# names\nSaint-Étienne\t4.5\nopen the window\nno\t-2\n".encode(),
    "words.dic": b";;; words\none W AH N\ntwo T UW\ntwo(2) T AH\n<s> SIL\n",
}


def ready() -> dict[str, bytes]:
    """Return files of ready features and the table beside one of them."""
    generator, several, one = np.random.default_rng(0), io.BytesIO(), io.BytesIO()
    np.savez(several, p1=generator.normal(size=(7, 3)).astype(np.float32), p2=generator.normal(size=(4, 3)))
    np.save(one, generator.integers(0, 9, (5, 3)))
    table = b"id,text,speaker\np1,one two,x\np2,three,y\n"
    return {"a.npz": several.getvalue(), "a.csv": table, "b.npy": one.getvalue()}


READY = sorted(ready())


def open_ready(folder: Path) -> Run:
    """Ready features: what is read has finite frames of as many channels as were asked for."""
    files = ready()

    def run(given: Any) -> bool:
        name, how = given
        for own, content in files.items():
            (folder / own).write_bytes(damaged(content, how) if own == name else content)

        def read() -> None:
            path = folder / ("b.npy" if name == "b.npy" else "a.npz")
            list_of = pl.DataFrame({"audio": [str(path)], "text": ["one"]}) if name == "b.npy" else path
            frames = frames_of_all(read_manifest(list_of).utterances, ReadyFrames(3))
            assert len(frames) and frames.values.shape[1] == 3 and np.isfinite(frames.values).all()

        return accepted(read)

    return run


def sound(name: str) -> bytes:
    """Return a quarter of a second of noise as a file."""
    soundfile = pytest.importorskip("soundfile", reason="the extra speech is not installed")
    samples = np.random.default_rng(0).normal(0, 0.1, (4000, 2 if name == "b.wav" else 1))
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, SOUNDS[name], format=name[2:])
    return file.getvalue()


def use_recogniser(path: Path) -> None:
    """Load a recogniser, hear noise, and search it for words."""
    model = Recognizer.load(path)
    features = model.features
    frames = np.random.default_rng(1).normal(size=(20, features.width)).astype(np.float32)
    emissions = model.emissions_of(Recordings(Ragged.of([frames], features.width, dtype=np.float32), ("noise",)))
    assert all(np.isfinite(values).all() for values in emissions[0].values()), "what is heard is not finite"
    model.segments_of(emissions)


def open_sounds(folder: Path) -> Run:
    """Files of sound: what is read has finite samples and frames."""
    files = {name: sound(name) for name in SOUNDS}

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(files[name], how))

        def read() -> None:
            samples = read_audio(path)
            assert samples.dtype == np.float32 and np.isfinite(samples).all()
            assert np.isfinite(frames_of(samples)).all()

        return accepted(read)

    return run


def open_lists(folder: Path) -> Run:
    """Lists of recordings, of words: what is read names files that are there, and has a text for each."""
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(sound(name))

    def run(given: Any) -> bool:
        name, how = given
        for own, content in LISTS.items():
            (folder / own).write_bytes(damaged(content, how) if own == name else content)

        def read() -> None:
            if name == "words.dic":
                assert all(one for own in read_lexicon(folder / name).words.values() for one in own)
                return
            if name == "hot.txt":
                assert all(words and abs(score) <= 100 for words, score in read_hotwords(folder / name).phrases.items())
                return
            found = read_manifest(folder / name if name.startswith("list") else folder)
            assert all(one.audio.is_file() and str(one.text).strip() for one in found.utterances)
            assert all(one.end is None or 0 <= one.start < one.end for one in found.utterances)

        return accepted(read)

    return run
