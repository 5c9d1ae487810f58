"""What a short window of sound is like: its power, its colour, its tones; of many windows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.speech.audio import Samples

Floats = NDArray[np.float64]

FLOOR = 1e-10
"""Power of the white noise that is added to every window: 100 dB below a power of 1. Silence is this noise."""
ROLLED_OFF = 0.85
"""Share of the power that lies below the roll-off."""
PARTS = 10
"""Parts of a window whose energies have an entropy."""
CHROMA = (55.0, 5000.0)
"""From which to which frequency, in Hz, power counts for the twelve tones."""
TONES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
"""The twelve, from C on, a sharp written as s."""
LEVELS = ("energy", "energy_entropy", "crossings", "centroid", "flux", "rolloff", "entropy")
NAMES = (*LEVELS, *(f"chroma_{tone}" for tone in TONES), "chroma_deviation")
"""What `measured` returns, in its order."""


def windows_of(samples: Samples, size: int, step: int) -> NDArray[np.float32]:
    """Return every window of some samples (N,) that is whole, as a view (T, size), `step` samples apart."""
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::step]


def measured(windows: Floats, rate: int, before: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the measures of windows, (T, 20), in the order of `NAMES`, and the shares of the last, for the next block.

    windows  (T, size) samples, -1 to 1
    rate     samples a second
    before   shares of the window before the first, as they are returned; None at the beginning of a recording
    """
    size = windows.shape[1]
    taper = np.hanning(size + 2)[1:-1]
    power = np.abs(np.fft.rfft(windows * taper, n=padded_size(size), axis=1)) ** 2 / (taper**2).sum() + FLOOR
    hertz = np.fft.rfftfreq(padded_size(size), 1 / rate)
    shares = power / power.sum(axis=1, keepdims=True)
    last = shares[:1] if before is None else before[None]
    tones = _tones(shares, hertz)
    found = (
        10 * np.log10((windows**2).mean(axis=1) + FLOOR),
        _entropy(_energies(windows)),
        _crossings(windows, rate),
        shares @ hertz,
        np.abs(np.diff(np.concatenate([last, shares]), axis=0)).sum(axis=1) / 2,
        hertz[(np.cumsum(shares, axis=1) < ROLLED_OFF).sum(axis=1).clip(max=len(hertz) - 1)],
        _entropy(shares),
        *tones.T,
        tones.std(axis=1),
    )
    return np.stack(found, axis=1), shares[-1]


def padded_size(size: int) -> int:
    """Return over how many samples the spectrum of a window is taken: a power of two, at least twice the window."""
    return 1 << (2 * size - 1).bit_length()


def _entropy(shares: Floats) -> Floats:
    """Return the entropy of shares (T, K), 0 where one has all and 1 where all are the same."""
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.asarray(-(shares * logs).sum(axis=1) / np.log(shares.shape[1]))


def _energies(windows: Floats) -> Floats:
    """Return the shares of the energy of a window in its parts, (T, PARTS)."""
    parts = np.array_split(np.arange(windows.shape[1]), PARTS)
    energy = np.stack([(windows[:, own] ** 2).mean(axis=1) for own in parts], axis=1) + FLOOR
    return np.asarray(energy / energy.sum(axis=1, keepdims=True))


def _crossings(windows: Floats, rate: int) -> Floats:
    """Return how often the sign changes, half of it a second: of a tone its frequency in Hz."""
    signs = windows >= 0
    changes = (signs[:, 1:] != signs[:, :-1]).sum(axis=1)
    return np.asarray(changes * rate / (2 * (windows.shape[1] - 1)))


def _tones(shares: Floats, hertz: NDArray[np.floating[Any]]) -> Floats:
    """Return the shares of the twelve tones in the power between the ends of `CHROMA`, (T, 12), of sum one."""
    within = np.flatnonzero((hertz >= CHROMA[0]) & (hertz <= CHROMA[1]))
    tone = np.round(12 * np.log2(hertz[within] / 440.0)).astype(np.int64) + 9  # A is the tenth from C on
    own = shares[:, within] @ np.eye(12)[tone % 12]
    return np.asarray(own / own.sum(axis=1, keepdims=True))
