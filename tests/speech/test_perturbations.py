"""What training changes in recordings: each change has a setting, is made where it is asked for, and never in use."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

import soundfile
import torch
from toys import FEATURES, LEXICON, RATE, SMALL, corpus

from lstmkit import InputError
from lstmkit.sequences import Padded
from lstmkit.speech import Recognizer
from lstmkit.speech.ctc.network import RecognizerNetwork, RecognizerShape
from lstmkit.speech.ctc.normalising import Moments

PLAIN = dataclasses.replace(SMALL, stack=1, speed=0.0, tract=0.0, level=0.0, joined=0.0, noise=0.0)
SHAPE = RecognizerShape(channels=16, shift=10, heads={"word": 3}, low=100, high=3800)


def steps(how: object, training: bool) -> torch.Tensor:
    """Return what the recurrent layers would read of the same three utterances of known speakers."""
    generator = np.random.default_rng(0)
    batch = Padded(torch.from_numpy(generator.normal(size=(90, 3, 16)).astype(np.float32)), torch.tensor([90, 70, 40]))
    batch.values[70:, 1] = batch.values[40:, 2] = 0.0
    speakers = Moments(torch.full((3,), 900.0).double(), torch.zeros(3, 16).double(), torch.ones(3, 16).double())
    torch.manual_seed(5)
    return RecognizerNetwork(how, SHAPE).train(training).steps(batch, speakers).values  # type: ignore[arg-type]


def test_without_any_a_recording_is_learnt_from_as_it_is() -> None:
    np.testing.assert_allclose(steps(PLAIN, True), steps(PLAIN, False), atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"speed": 0.1}, {"tract": 0.1}, {"level": 3.0}, {"time_masks": 3.0}, {"band_masks": 2}]
)
def test_each_changes_recordings_in_training_alone(change: dict[str, float]) -> None:
    how, plain = dataclasses.replace(PLAIN, **change), steps(PLAIN, False)
    changed = steps(how, True)
    assert changed.shape != plain.shape or (changed - plain).abs().max() > 0.1
    np.testing.assert_array_equal(steps(how, False), plain)


def test_noise_is_taken_from_files_and_folders_of_them(tmp_path: Path) -> None:
    (tmp_path / "street" / "inner").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number, name in enumerate(("a.wav", "street/b.wav", "street/inner/c.flac")):
        soundfile.write(tmp_path / name, 0.1 * generator.normal(size=RATE * (number + 1)), RATE)
    model = Recognizer(dataclasses.replace(SMALL, epochs=1), FEATURES)
    found = model.noises([tmp_path / "a.wav", str(tmp_path / "street")])
    assert sorted(found.frames.lengths.tolist()) == [98, 198, 298]
    source = corpus(tmp_path, 8, 1)
    quiet, loud = (
        model.fit(source, LEXICON, noise=noise).history_[-1].train_loss for noise in (None, tmp_path / "street")
    )
    assert quiet != loud
    with pytest.raises(InputError, match=r"recording 1: is silent all along and no noise; leave it out"):
        model.noises(np.zeros(RATE, np.float32))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no recordings"):
        model.noises(tmp_path / "empty")
    with pytest.raises(InputError, match="noise is added to the energies of bands, and these frames are none"):
        Recognizer(features=dataclasses.replace(FEATURES, cepstra=5)).noises(tmp_path / "a.wav")
