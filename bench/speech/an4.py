"""AN4 from its files: recordings, what is said in them, who says it; which training speakers are held back.

Nothing of the test part is read unless it is asked for. Sentences recur: many are said by several speakers, so a part
is held back by speakers, and a language model learnt from transcripts knows sentences of the others.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.machine import ROOT
from lstmkit.speech import Lexicon, Manifest, Utterance, read_lexicon, read_manifest, with_differences

CEPSTRA = 13
"""Coefficients of a frame of `an4_mfcc`."""
EVERY = 10
"""Of the training speakers, sorted by name, the first of so many are held back to choose settings."""


class Parts(NamedTuple):
    """The training part, and what settings are chosen on."""

    training: Manifest
    held: Manifest


def folder() -> Path:
    return Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data") / "an4_audio"


def lexicon() -> Lexicon:
    return read_lexicon(folder() / "etc" / "an4.dic")


def part(name: str, where: Path) -> Manifest:
    """Unpack the recordings of a part into a folder, and return what is said in them.

    name  "train" or "test"
    """
    etc = folder() / "etc"
    with zipfile.ZipFile(folder() / f"an4_{name}_flac.zip") as files:
        files.extractall(where)
    paths = (etc / f"an4_{name}.fileids").read_text().split()
    lines = (etc / f"an4_{name}.transcription").read_text().splitlines()
    found = []
    for path, line in zip(paths, lines, strict=True):
        said, own = re.fullmatch(r"(?:<s> )?(.*?)(?: </s>)? \((.*)\)", line).groups()
        assert path.endswith(f"/{own}")
        found.append(Utterance(own, where / "wav" / f"{path}.flac", said, path.split("/")[1]))
    return Manifest(tuple(found))


def ready_part(name: str, where: Path) -> Manifest:
    """Write the cepstra of a part, with their slopes and slopes of slopes, as ready features, and return their list.

    name  "train" or "test"
    """
    data = folder().parent / "an4_mfcc"
    paths = (data / "etc" / f"an4_{name}.fileids").read_text().split()
    lines = (data / "etc" / f"an4_{name}.transcription").read_text().splitlines()
    frames, rows = {}, ["id,text,speaker"]
    with zipfile.ZipFile(data / "an4_feat.zip") as files:
        for path, line in zip(paths, lines, strict=True):
            said, own = re.fullmatch(r"(?:<s> )?(.*?)(?: </s>)? \((.*)\)", line).groups()
            assert path.endswith(f"/{own}")
            content = files.read(f"{path}.mfc")
            cepstra = np.frombuffer(content[4:], ">f4").reshape(-1, CEPSTRA).astype(np.float32)
            assert cepstra.size == int.from_bytes(content[:4], "big")
            frames[own] = with_differences(cepstra)
            rows.append(f"{own},{said},{path.split('/')[1]}")
    np.savez(where / f"{name}.npz", **frames)
    (where / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return read_manifest(where / f"{name}.npz")


def divided(training: Manifest) -> Parts:
    held = set(training.speakers[::EVERY])
    return Parts(
        Manifest(tuple(one for one in training.utterances if one.speaker not in held)),
        Manifest(tuple(one for one in training.utterances if one.speaker in held)),
    )
