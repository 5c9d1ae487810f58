"""How high a voice is, and how much of a window is voice: by the autocorrelation of many windows at once."""

from __future__ import annotations

import numpy as np

from lstmkit.speech.emotion.spectrum import FLOOR, Floats, padded_size

VOICED = 0.45
"""Autocorrelation from which on a window has a pitch."""
QUIET = 30.0
"""dB below the loudest window of a recording, from which on a window has no pitch."""
OCTAVE = 0.02
"""Of autocorrelation, by which a pitch is preferred to that of an octave below: both repeat after the longer period."""
REFERENCE = 100.0
"""Hz of which pitch is told in semitones."""


def pitch_and_voicing(windows: Floats, rate: int, lowest: float, highest: float) -> Floats:
    """Return of windows (T, size) their pitch in semitones above 100 Hz and their voicing, (T, 2).

    The autocorrelation r of the tapered window is divided by that of the taper, so that it is about 1 one period later.
    Voicing is its highest peak between the periods of both ends, from 0 to 1; the pitch is that of the peak, the place
    found by a parabola through three lags. It is there whatever the voicing: `voiced` says where it means something.

    lowest, highest  of the pitch, in Hz
    Source           Boersma 1993, Proceedings of the Institute of Phonetic Sciences 17, 97-110
    """
    size = windows.shape[1]
    taper = np.hanning(size + 2)[1:-1]
    centred = (windows - windows.mean(axis=1, keepdims=True)) * taper
    own, even = _autocorrelation(centred), _autocorrelation(taper[None])
    first, last = int(rate / highest), min(int(np.ceil(rate / lowest)), size - 2)
    lags = np.arange(first - 1, last + 2)
    strength = own[:, lags] / (own[:, :1] + FLOOR * size) / (even[:, lags] / even[:, :1])
    inner = strength[:, 1:-1]
    peaks = (inner >= strength[:, :-2]) & (inner >= strength[:, 2:])
    ranked = np.where(peaks, inner - OCTAVE * np.log2(lags[1:-1] / first), -np.inf)
    best = np.where(peaks.any(axis=1), ranked.argmax(axis=1), inner.argmax(axis=1)) + 1
    rows = np.arange(len(windows))
    left, top, right = (strength[rows, best + k] for k in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0).clip(-0.5, 0.5)
    hertz = rate / (lags[best] + shift)
    voicing = (top - 0.25 * (left - right) * shift).clip(0.0, 1.0)
    return np.stack([12 * np.log2(hertz / REFERENCE), voicing], axis=1)


def voiced(voicing: Floats, energy: Floats) -> Floats:
    """Return 1 for every window (T,) of a recording that has a pitch, else 0.

    voicing  from 0 to 1
    energy   in dB
    """
    return np.asarray((voicing >= VOICED) & (energy >= energy.max() - QUIET), np.float64)


def _autocorrelation(windows: Floats) -> Floats:
    size = windows.shape[1]
    power = np.abs(np.fft.rfft(windows, n=padded_size(size), axis=1)) ** 2
    return np.asarray(np.fft.irfft(power, axis=1)[:, :size])
