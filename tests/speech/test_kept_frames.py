"""Frames are computed once and kept; what was kept is taken only where it is what would be computed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

import torch
from toys import FEATURES, LEXICON, SMALL, corpus

from lstmkit import InputError
from lstmkit.speech import Recognizer, frames_of_all, read_manifest
from lstmkit.speech.kept import kept_frames
from lstmkit.speech.recordings import read_recordings


def test_what_is_kept_is_mapped_and_the_same(tmp_path: Path) -> None:
    own = read_manifest(corpus(tmp_path, 6, 1)).utterances
    cache = tmp_path / "kept"
    first, again = (kept_frames(cache, own, FEATURES) for _ in range(2))
    computed = frames_of_all(own, FEATURES)
    for found in (first, again):
        np.testing.assert_array_equal(found.values, computed.values)
        np.testing.assert_array_equal(found.offsets, computed.offsets)
    assert isinstance(again.values, np.memmap)
    assert len(list(cache.iterdir())) == 2


def test_nothing_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = read_manifest(corpus(tmp_path, 3, 1)).utterances
    kept_frames(tmp_path / "kept", own, FEATURES)
    monkeypatch.setattr("lstmkit.speech.kept.frames_of_all", None)  # a call would raise
    assert len(kept_frames(tmp_path / "kept", own, FEATURES)) == 3


def test_other_files_parts_or_features_are_computed(tmp_path: Path) -> None:
    own = read_manifest(corpus(tmp_path, 3, 1)).utterances
    kept_frames(tmp_path / "kept", own, FEATURES)
    part = dataclasses.replace(own[0], end=0.2)
    assert len(kept_frames(tmp_path / "kept", [part, *own[1:]], FEATURES)[0]) < 20
    wide = dataclasses.replace(FEATURES, bins=20)
    assert kept_frames(tmp_path / "kept", own, wide).values.shape[1] == 20
    path = own[0].audio
    path.write_bytes(own[1].audio.read_bytes())
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(
        kept_frames(tmp_path / "kept", own, FEATURES)[0], frames_of_all(own[1:2], FEATURES)[0]
    )


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("how", ["cut", "changed", "empty"])
def test_what_is_damaged_is_computed_again(tmp_path: Path, ending: str, how: str) -> None:
    own = read_manifest(corpus(tmp_path, 3, 1)).utterances
    kept_frames(tmp_path / "kept", own, FEATURES)
    (path,) = (tmp_path / "kept").glob(f"*{ending}")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes({"cut": content[:-200], "changed": content, "empty": b""}[how])
    found = kept_frames(tmp_path / "kept", own, FEATURES)
    np.testing.assert_array_equal(found.values, frames_of_all(own, FEATURES).values)


def test_a_training_from_kept_frames_is_the_same(tmp_path: Path) -> None:
    source, model = corpus(tmp_path, 8, 1), Recognizer(dataclasses.replace(SMALL, epochs=1), FEATURES)
    plain = model.fit(source, LEXICON).network_.state_dict()
    for _ in range(2):
        kept = model.fit(source, LEXICON, cache=tmp_path / "kept").network_.state_dict()
        assert all(torch.equal(plain[name], kept[name]) for name in plain)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: no folder for frames .*; choose another --cache"):
        read_recordings(read_manifest(corpus(tmp_path, 2, 1)), FEATURES, tmp_path / "file")
