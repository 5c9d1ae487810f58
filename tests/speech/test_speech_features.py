"""Frames of samples: against the equations, and the same whole and streamed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.speech import FeatureSettings, FeatureStream, Utterance, frames_of, frames_of_all, with_differences
from lstmkit.speech.features import QUIETEST, cepstra_of

pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")


@pytest.fixture
def noise() -> np.ndarray:
    """Over a second of noise that grows, at 16 kHz."""
    return (np.random.default_rng(3).normal(0, 0.1, 19_333) * np.linspace(0.1, 1, 19_333)).astype(np.float32)


def by_equations(samples: np.ndarray, bins: int, low: float, high: float) -> np.ndarray:
    """Return log-mel energies as Kaldi's pages describe them, in float64."""
    found = []
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    mel = [1127 * np.log(1 + f / 700) for f in (low, high)]
    edges = np.linspace(mel[0], mel[1], bins + 2)
    frequencies = 1127 * np.log(1 + np.arange(257) * 16_000 / 512 / 700)
    for begin in range(0, len(samples) - 399, 160):
        piece = 32_768.0 * samples[begin : begin + 400].astype(np.float64)
        piece = piece - piece.mean()
        piece = piece - 0.97 * np.concatenate([piece[:1], piece[:-1]])
        power = np.abs(np.fft.rfft(piece * window, 512)) ** 2
        up = (frequencies[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        down = (edges[2:, None] - frequencies[None]) / (edges[2:] - edges[1:-1])[:, None]
        found.append(np.log(np.maximum(np.maximum(0, np.minimum(up, down))[:, :256] @ power[:256], 1.2e-7)))
    return np.array(found)


def test_log_mel_energies_are_those_of_the_equations(noise):
    expected = by_equations(noise, 80, 60.0, 7600.0)
    found = frames_of(noise)
    assert found.shape == expected.shape == (119, 80)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_cepstra_are_a_cosine_transform_of_the_energies(noise):
    settings = FeatureSettings(bins=23, cepstra=13, low=20.0, high=8000.0)
    energies = by_equations(noise, 23, 20.0, 8000.0)
    k, m = np.arange(13)[:, None], np.arange(23)[None]
    cosine = np.sqrt(2 / 23) * np.cos(np.pi * k * (m + 0.5) / 23)
    cosine[0] = np.sqrt(1 / 23)
    lifter = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    np.testing.assert_allclose(frames_of(noise, settings), (energies @ cosine.T) * lifter, atol=2e-2)


def test_cepstra_of_bands_are_those_that_kaldi_makes(noise):
    bands, cepstra = (FeatureSettings(bins=23, cepstra=count, low=20.0, high=8000.0) for count in (0, 13))
    np.testing.assert_allclose(cepstra_of(frames_of(noise, bands), 13), frames_of(noise, cepstra), atol=1e-3)


@pytest.mark.parametrize(
    "settings", [FeatureSettings(), FeatureSettings(stack=3), FeatureSettings(bins=23, cepstra=13)]
)
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_gives_the_frames_of_the_whole_however_it_is_cut(noise, settings, seed):
    generator = np.random.default_rng(seed)
    stream, found, place = FeatureStream(settings), [], 0
    while place < len(noise):
        length = int(generator.integers(0, (40, 400, 3000, 20_000)[seed]))
        found.append(stream.accept(noise[place : place + length]))
        place += length
    found.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate(found), frames_of(noise, settings))


def test_stacked_frames_are_the_frames_side_by_side(noise):
    alone, stacked = frames_of(noise), frames_of(noise, FeatureSettings(stack=4))
    assert stacked.shape == (30, 320)
    np.testing.assert_array_equal(stacked[:29].reshape(-1, 80), alone[:116])
    np.testing.assert_array_equal(stacked[29].reshape(4, 80), alone[[116, 117, 118, 118]])


def test_no_frame_sees_later_samples(noise):
    changed = noise.copy()
    changed[8000:] = 0
    before = (8000 - 400) // 160 + 1
    np.testing.assert_array_equal(frames_of(changed)[:before], frames_of(noise)[:before])
    assert not np.array_equal(frames_of(changed)[before], frames_of(noise)[before])


def test_silence_has_finite_frames():
    assert np.isfinite(frames_of(np.zeros(8000, np.float32))).all()


def test_differences_are_the_slopes_of_a_line_through_five_frames():
    frames = np.random.default_rng(0).normal(size=(9, 3))
    found = with_differences(frames)
    for t in range(2, 7):
        slope = np.polyfit(np.arange(-2, 3), frames[t - 2 : t + 3], 1)[0]
        np.testing.assert_allclose(found[t, 3:6], slope)
    slope = np.polyfit(np.arange(-2, 3), found[2:7, 3:6], 1)[0]
    np.testing.assert_allclose(found[4, 6:9], slope)
    assert not with_differences(np.ones((4, 2)))[:, 2:].any()


def test_frames_of_a_manifest_lie_in_one_array(write, noise):
    path = write("a.wav", noise, subtype="FLOAT")
    parts = [Utterance("x", path, end=0.5), Utterance("y", path, start=0.5)]
    found = frames_of_all(parts)
    assert found.lengths.tolist() == [48, 69] and found.values.dtype == np.float32
    np.testing.assert_array_equal(found[1], frames_of(noise[8000:]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"high": 9000.0}, "the bands must lie between 0 and 8000 Hz, half the rate; got 60 to 9000"),
        ({"low": 500.0, "high": 100.0}, "got 500 to 100"),
        ({"cepstra": 81}, "cepstra must be 0 or from 2 to bins, 80; got 81"),
        ({"bins": 0}, "FeatureSettings: bins must be from 4 to 512; got 0"),
        ({"window": float("nan")}, "window"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given, message):
    with pytest.raises(InputError) as error:
        FeatureSettings(**given)
    assert message in str(error.value)


def test_what_is_shorter_than_a_window_is_refused(write, noise):
    with pytest.raises(InputError, match=r"24\.9 ms of sound are shorter than a window of 25 ms"):
        frames_of(noise[:399])
    path = write("a.wav", noise)
    with pytest.raises(InputError, match=r"^x: 30\.0 ms of sound are shorter than a window of 40 ms"):
        frames_of_all([Utterance("x", path, end=0.03)], FeatureSettings(window=40.0))


def test_a_missing_extra_is_named(monkeypatch, noise):
    monkeypatch.setitem(sys.modules, "kaldi_native_fbank", None)
    with pytest.raises(
        InputError, match=r"^speech needs the package kaldi_native_fbank: pip install 'lstmkit\[speech\]'"
    ):
        frames_of(noise)


def test_a_gap_without_any_sound_is_no_quieter_than_rounding(noise):
    quiet = frames_of(np.zeros(16_000, np.float32))
    assert (quiet == QUIETEST).all()
    rounding = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000) / 32_768
    assert QUIETEST < frames_of(rounding.astype(np.float32)).mean() < QUIETEST + 2
    assert frames_of(np.zeros(16_000, np.float32), FeatureSettings(cepstra=13)).min() < QUIETEST
