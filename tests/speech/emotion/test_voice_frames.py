"""Frames of a voice: tones, noise, clicks and silence have what the formulas say; units; blocks; normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lstmkit import InputError
from lstmkit.sequences import Ragged
from lstmkit.speech.emotion import VoiceSettings, voice_frames
from lstmkit.speech.emotion.frames import normalised
from lstmkit.speech.emotion.spectrum import TONES, measured

pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

RATE = 16_000


DENSE = VoiceSettings(shift=20, window=40)
"""What the numbers below are of."""


def tone(hertz: float, seconds: float = 0.5, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)).astype(np.float32)


def noise(seconds: float = 4.0) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, int(RATE * seconds)).astype(np.float32)


def channel(samples: NDArray[np.float32], name: str, settings: VoiceSettings | None = None) -> NDArray[np.float64]:
    how = settings or DENSE
    return voice_frames(samples, how)[:, how.channels.index(name)].astype(np.float64)


def hertz(samples: NDArray[np.float32], settings: VoiceSettings | None = None) -> NDArray[np.float64]:
    return 100 * 2 ** (channel(samples, "pitch", settings) / 12)


@pytest.mark.parametrize("frequency", [75.0, 123.4, 200.0, 441.7])
def test_a_tone_has_its_pitch(frequency: float) -> None:
    np.testing.assert_allclose(hertz(tone(frequency)), frequency, rtol=0.01)
    assert (channel(tone(frequency), "voicing") > 0.95).all()


@pytest.mark.parametrize("rate", [8_000, 22_050])
def test_pitch_is_in_hertz_at_every_rate(rate: int) -> None:
    samples = np.sin(2 * np.pi * 180 * np.arange(rate // 2) / rate).astype(np.float32)
    np.testing.assert_allclose(hertz(samples, VoiceSettings(rate=rate)), 180, rtol=0.01)


def test_harmonics_without_their_fundamental_have_its_pitch() -> None:
    np.testing.assert_allclose(
        hertz(tone(360, level=0.2) + tone(480, level=0.2) + tone(600, level=0.2)), 120, rtol=0.01
    )


def test_a_pitch_that_glides_is_followed() -> None:
    time = np.arange(RATE) / RATE
    samples = np.sin(2 * np.pi * (100 * time + 50 * time**2)).astype(np.float32)  # 100 Hz, then 100 Hz more a second
    middles = (np.arange(len(hertz(samples))) * 320 + 320) / RATE
    np.testing.assert_allclose(hertz(samples), 100 + 100 * middles, rtol=0.02)


def test_a_tone_has_its_crossings_centroid_rolloff_and_energy() -> None:
    samples = tone(1000.0)
    np.testing.assert_allclose(channel(samples, "crossings"), 1000, rtol=0.03)
    np.testing.assert_allclose(channel(samples, "centroid"), 1000, rtol=0.01)
    np.testing.assert_allclose(channel(samples, "rolloff"), 1000, atol=30)
    np.testing.assert_allclose(channel(samples, "energy"), 10 * np.log10(0.5**2 / 2), atol=0.01)
    assert (channel(samples, "entropy") < 0.3).all()
    assert (channel(samples, "flux")[1:] < 0.01).all()


@pytest.mark.parametrize(("frequency", "name"), [(440.0, "a"), (261.63, "c"), (1479.98, "fs"), (3729.31, "as")])
def test_a_tone_is_one_of_the_twelve(frequency: float, name: str) -> None:
    shares = np.stack([channel(tone(frequency), f"chroma_{own}") for own in TONES])
    assert (shares.argmax(axis=0) == TONES.index(name)).all()
    assert frequency < 1000 or (shares.max(axis=0) > 0.8).all()  # lower, a window of 40 ms tells no semitones apart
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, rtol=1e-5)


def test_white_noise_is_flat_and_has_no_pitch() -> None:
    samples = noise()
    flat = 1 - (1 - np.euler_gamma) / np.log(1025)  # of shares that are exponential variates, as those of noise are
    assert channel(samples, "entropy").mean() == pytest.approx(flat, abs=0.01)
    assert channel(samples, "centroid").mean() == pytest.approx(4000, rel=0.02)
    assert channel(samples, "rolloff").mean() == pytest.approx(0.85 * 8000, rel=0.02)
    assert channel(samples, "crossings").mean() == pytest.approx(4000, rel=0.02)
    assert channel(samples, "energy").mean() == pytest.approx(-20, abs=0.2)
    assert channel(samples, "voiced").mean() < 0.1


def test_flux_tells_how_much_of_the_power_has_moved() -> None:
    samples = np.concatenate([tone(500, 0.48), tone(3000, 0.48)])
    found = channel(samples, "flux", VoiceSettings(shift=40, window=40))  # windows that end where the tone does
    assert found[12] == pytest.approx(1.0, abs=0.01)
    assert np.delete(found, 12).max() < 0.01


def test_energy_entropy_tells_a_click_from_a_lasting_sound() -> None:
    click = np.zeros(640, np.float32)
    click[100] = 0.5
    assert channel(click, "energy_entropy") == pytest.approx([0.0], abs=0.001)
    assert (channel(tone(1000), "energy_entropy") > 0.999).all()


def test_measures_are_those_of_their_formulas_term_by_term() -> None:
    windows = np.random.default_rng(1).normal(0, 0.1, (2, 640))
    found, _ = measured(windows, RATE)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(640) + 1) / 641)
    angles = np.exp(-2j * np.pi * np.outer(np.arange(1025), np.arange(640)) / 2048)
    power = np.abs(windows * taper @ angles.T) ** 2 / (taper**2).sum() + 1e-10
    for t in range(2):
        total = sum(power[t])
        frequency = [k * RATE / 2048 for k in range(1025)]
        assert found[t, 3] == pytest.approx(sum(f * p for f, p in zip(frequency, power[t], strict=True)) / total)
        below, k = power[t][0], 0
        while below < 0.85 * total:
            k += 1
            below += power[t][k]
        assert found[t, 5] == pytest.approx(frequency[k])
        assert found[t, 6] == pytest.approx(-sum(p / total * np.log(p / total) for p in power[t]) / np.log(1025))
        chroma = np.zeros(12)
        for f, p in zip(frequency, power[t], strict=True):
            if 55 <= f <= 5000:
                chroma[(round(12 * np.log2(f / 440)) + 9) % 12] += p
        np.testing.assert_allclose(found[t, 7:19], chroma / chroma.sum())
        assert found[t, 19] == pytest.approx((chroma / chroma.sum()).std())
    moved = sum(abs(power[1] / power[1].sum() - power[0] / power[0].sum())) / 2
    assert found[:, 4] == pytest.approx([0.0, moved])


def test_silence_is_finite_but_for_the_pitch_that_it_has_not() -> None:
    how = VoiceSettings()
    found = voice_frames(np.zeros(RATE, np.float32))
    assert np.isnan(found[:, how.channels.index("pitch")]).all()
    assert np.isfinite(np.delete(found, how.channels.index("pitch"), axis=1)).all()
    assert (found[:, how.channels.index("voiced")] == 0).all()


def test_cepstra_are_those_of_kaldi_without_the_level() -> None:
    how, samples = VoiceSettings(), noise(1.0)
    louder = voice_frames(2 * samples)[:, :13]
    np.testing.assert_allclose(voice_frames(samples)[:, :13], louder, atol=0.01)  # the level is in what is left out
    assert how.channels[:2] == ("mfcc_1", "mfcc_2")
    assert len(how.channels) == voice_frames(samples).shape[1] == 36


def test_a_long_recording_has_the_frames_of_its_parts() -> None:
    samples = np.concatenate([noise(20.0), tone(200, 5.0)])  # more windows than are worked on together
    whole, tail = voice_frames(samples, DENSE), voice_frames(samples[320 * 1000 :], DENSE)
    flux = VoiceSettings().channels.index("flux")
    np.testing.assert_allclose(whole[1001:], tail[1:], atol=1e-3)
    assert whole[1024, flux] == pytest.approx(tail[24, flux], abs=1e-6)


def test_the_pitch_of_what_is_much_quieter_than_the_loudest_is_missing() -> None:
    found = hertz(np.concatenate([tone(200, 0.5, 0.5), tone(150, 0.5, 0.005)]))
    assert np.isnan(found[26:]).all()
    assert not np.isnan(found[:24]).any()


def test_speakers_and_recordings_are_put_into_their_own_units() -> None:
    rng = np.random.default_rng(2)
    levels = [5.0, 9.0, -3.0, 2.0]
    frames = Ragged.of([np.append(rng.normal(m, 2, (50, 3)), np.ones((50, 1)), axis=1) for m in levels], 4)
    frames.values[::7, 0] = np.nan
    of_speaker = normalised(frames, ["ann", "ann", "bob", None], "speaker")
    for rows in (slice(0, 100), slice(100, 150), slice(150, 200)):
        np.testing.assert_allclose(np.nanmean(of_speaker.values[rows, :3], axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(np.nanstd(of_speaker.values[rows, :3], axis=0), 1)
    assert abs(of_speaker[0][:, 1].mean()) > 0.5  # recordings of one speaker still differ
    own = normalised(frames, ["ann"] * 4, "recording")
    np.testing.assert_allclose([own[k][:, 1].mean() for k in range(4)], 0, atol=1e-9)
    assert (of_speaker.values[:, 3] == 1).all()
    assert normalised(frames, ["ann"] * 4, "none") is frames


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 100}, "rate must be from 4000 to 1000000"),
        ({"cepstra": 40}, "cepstra must be from 1 to 25"),
        ({"normalise": "person"}, "normalise"),
        ({"lowest": 20.0}, r"the pitch must lie between 33\.3333 Hz"),
        ({"highest": 5000.0}, r"the pitch must lie between 33\.3333 Hz"),
        ({"window": 2.0}, "window must be from 10"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VoiceSettings(**wrong)  # type: ignore[arg-type]


def test_a_recording_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(InputError, match=r"20\.0 ms of sound are shorter than a window of 60 ms"):
        voice_frames(np.zeros(320, np.float32))
