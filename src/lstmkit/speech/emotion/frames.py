"""How something is said, as frames: cepstra, energy, colour, tones, pitch and voicing of every window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import MORE_THAN_0, Range, check_fields
from lstmkit.sequences import Ragged
from lstmkit.speech.audio import RATE, Samples
from lstmkit.speech.emotion.pitch import pitch_and_voicing, voiced
from lstmkit.speech.emotion.spectrum import NAMES, measured, windows_of
from lstmkit.speech.features import FeatureSettings, features_at, frames_of

BANDS = 26
"""Of equal width on the mel scale, of which the cepstra are made."""
NORMALISATIONS = ("speaker", "recording", "none")
AT_ONCE = 1 << 10
"""Windows that are worked on together."""
RANGES = {
    "rate": Range("must be from 4000 to 1000000", least=4_000, most=1_000_000),
    "shift": Range("must be from 1 to 1000 ms", least=1, most=1000),
    "window": Range("must be from 10 to 1000 ms", least=10, most=1000),
    "cepstra": Range(f"must be from 1 to {BANDS - 1}", least=1, most=BANDS - 1),
    "lowest": MORE_THAN_0,
    "highest": MORE_THAN_0,
}


@dataclass(frozen=True)
class VoiceSettings:
    """How frames are computed.

    rate             samples a second
    shift            from a frame to the next, in ms
    window           that a frame sees, in ms
    cepstra          mel-frequency cepstral coefficients, the one that is the level left out
    lowest, highest  pitch that is looked for, in Hz
    normalise        "speaker": every channel by mean and spread of all recordings of its speaker, or of the recording
                     where no speaker is named; "recording": by those of each recording; "none": as it is
    Raises           InputError if a value is out of range, or the window holds no two periods of the lowest pitch
    """

    rate: int = RATE
    shift: float = 40.0
    window: float = 60.0
    cepstra: int = 13
    lowest: float = 60.0
    highest: float = 500.0
    normalise: str = "none"

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {**RANGES, "normalise": NORMALISATIONS}, "VoiceSettings")
        if not 2000 / self.window <= self.lowest < self.highest <= self.rate / 4:
            raise InputError(
                f"VoiceSettings: the pitch must lie between {2000 / self.window:g} Hz, of which the window holds two "
                f"periods, and {self.rate / 4:g} Hz; got {self.lowest:g} to {self.highest:g}"
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a frame are called, in their order."""
        return (*(f"mfcc_{k}" for k in range(1, self.cepstra + 1)), *NAMES, "pitch", "voicing", "voiced")

    @property
    def mel(self) -> FeatureSettings:
        """How Kaldi's cepstra are computed."""
        high = features_at(self.rate).high
        return FeatureSettings(self.rate, BANDS, self.cepstra + 1, 60.0, high, self.shift, self.window)


def voice_frames(samples: Samples, settings: VoiceSettings | None = None) -> NDArray[np.float32]:
    """Return the frames of a recording, (T, channels), in the order of `VoiceSettings.channels`.

    Where there is no voice the pitch is missing, NaN; everything else is finite, of silence too.

    samples  (N,) from -1 to 1
    Raises   InputError if it is shorter than a window
    """
    how = settings or VoiceSettings()
    cepstra = frames_of(samples, how.mel)[:, 1:]
    windows = windows_of(samples, int(how.rate * how.window / 1000), int(how.rate * how.shift / 1000))
    parts, last = [], None
    for begin in range(0, len(windows), AT_ONCE):
        own = windows[begin : begin + AT_ONCE].astype(np.float64)
        found, last = measured(own, how.rate, last)
        parts.append(np.concatenate([found, pitch_and_voicing(own, how.rate, how.lowest, how.highest)], axis=1))
    beside = np.concatenate(parts)
    pitch, voicing = beside[:, -2], beside[:, -1]
    spoken = voiced(voicing, beside[:, NAMES.index("energy")])
    beside[:, -2] = np.where(spoken > 0, pitch, np.nan)
    return np.concatenate([cepstra, beside, spoken[:, None]], axis=1).astype(np.float32)


def normalised(frames: Ragged, speakers: Sequence[str | None], how: str) -> Ragged:
    """Return frames in units of what is usual for a speaker or a recording; a share of time, `voiced`, stays.

    speakers  of each, None where nobody is named
    how       as in `VoiceSettings.normalise`
    """
    if how == "none":
        return frames
    values = frames.values.astype(np.float64)
    own = np.array([f"\0{k}" if how == "recording" or name is None else name for k, name in enumerate(speakers)])
    number = np.unique(own, return_inverse=True)[1]
    of_row = np.repeat(number, frames.lengths)
    for place in range(int(number.max(initial=-1)) + 1):
        rows = of_row == place
        values[rows, :-1] = _standardised(values[rows, :-1])
    return Ragged(values, frames.offsets)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return channels (T, C) minus their mean, over their spread; one that does not change is zero."""
    there = ~np.isnan(values)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, values, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(there, values - mean, 0.0) ** 2).sum(axis=0) / count)
    return np.asarray((values - mean) / np.where(spread > 1e-6 * np.abs(mean), spread, 1.0))
