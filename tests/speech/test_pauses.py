"""Long recordings cut at pauses."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.speech.listening.pauses import cut_at_pauses, nobody_speaks

RATE = 1000


def sound(parts: list[tuple[float, float]], seed: int = 0) -> np.ndarray:
    """Return noise: seconds and loudness of each part."""
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.normal(0, loud, round(s * RATE)) for s, loud in parts]).astype(np.float32)


def test_cuts_are_in_the_longest_pauses():
    samples = sound([(6, 1), (0.3, 0.01), (2, 1), (0.9, 0.01), (5, 1), (0.3, 0.01), (4, 1), (0.9, 0.01), (6, 1)])
    pieces = list(cut_at_pauses([samples], RATE, 12.0))
    np.testing.assert_allclose([piece.start for piece in pieces], [0, 8.75, 18.95], atol=0.06)
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in pieces]), samples)


@pytest.mark.parametrize("seed", range(3))
def test_how_samples_come_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    parts = [(float(generator.uniform(0.1, 3)), float(generator.choice([0.003, 0.1, 1]))) for _ in range(60)]
    samples = sound(parts, seed)
    whole = list(cut_at_pauses([samples], RATE, 8.0))
    edges = np.sort(generator.integers(0, len(samples), 300))
    cut = list(cut_at_pauses(np.split(samples, edges), RATE, 8.0))
    assert [piece.start for piece in whole] == [piece.start for piece in cut]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(whole, cut, strict=True))
    assert all(2000 <= len(piece.samples) <= 8000 for piece in whole[:-1]) and len(whole[-1].samples) <= 8000
    np.testing.assert_array_equal(np.concatenate([piece.samples for piece in whole]), samples)


@pytest.mark.parametrize("loud", [0.0, 1.0], ids=["silence", "no pause"])
def test_what_has_no_pause_is_cut_all_the_same(loud):
    pieces = list(cut_at_pauses([sound([(50, loud)])], RATE, 10.0))
    assert all(2.5 <= len(piece.samples) / RATE <= 10.0 for piece in pieces[:-1])
    assert sum(len(piece.samples) for piece in pieces) == 50 * RATE


def test_a_short_recording_is_one_piece():
    samples = sound([(3, 1), (2, 0), (3, 1)])
    assert [len(piece.samples) for piece in cut_at_pauses([samples], RATE, 8.0)] == [8000]
    assert len(list(cut_at_pauses([samples], RATE, 7.9))) == 2
    assert [piece.start for piece in cut_at_pauses([], RATE)] == [0]


def test_memory_is_that_of_a_piece():
    blocks = (np.random.default_rng(k).normal(0, 1, 16_000).astype(np.float32) for k in range(600))
    tracemalloc.start()
    count = sum(len(piece.samples) for piece in cut_at_pauses(blocks))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 600 * 16_000 and peak < 24e6


def test_silence_and_steady_sounds_are_nobody_who_speaks():
    rate = 16_000
    noise = np.random.default_rng(0).normal(size=4 * rate)
    hum = np.sin(2 * np.pi * 50 * np.arange(4 * rate) / rate)
    for quiet in (np.zeros(rate), 1e-5 * noise, 0.3 * noise, 0.3 * hum, np.zeros(3)):
        assert nobody_speaks(quiet.astype(np.float32), rate)
    loud = np.repeat([0.001, 0.1, 0.001], [rate, rate // 5, rate])
    assert not nobody_speaks((loud * noise[: len(loud)]).astype(np.float32), rate)
    assert not nobody_speaks((np.repeat([0.3, 0.03], 1600) * noise[:3200]).astype(np.float32), rate)


def test_pieces_are_not_shorter_than_a_second():
    with pytest.raises(InputError, match=r"longest must be at least 1 s; got 0\.5"):
        list(cut_at_pauses([], RATE, 0.5))
