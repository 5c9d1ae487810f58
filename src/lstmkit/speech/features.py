"""What is computed of samples before a network or a Markov model reads them: frames, whole or as samples come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.sequences import Ragged
from lstmkit.speech.audio import RATE, Samples, read_audio, speech_package
from lstmkit.speech.ready import ReadyFiles
from lstmkit.speech.utterance import Utterance

LOUDEST = 32_768.0
"""What a sample of 1 is for Kaldi, whose features these are."""
QUIETEST = 3.0
"""Natural logarithm of the energy of a band that is not gone below, about that of samples rounded to 16 bits: a gap
without any sound is then no more than a quiet room to whoever compares it with what is usual."""
LIFTER = 22
"""Of Kaldi: coefficient k is weighed by 1 + LIFTER / 2 sin(π k / LIFTER), for higher ones are small."""
AHEAD = 2
"""Frames before and after that a regression of differences sees."""
RANGES = {
    "rate": Range("must be from 2000 to 1000000", least=2_000, most=1_000_000),
    "bins": Range("must be from 4 to 512", least=4, most=512),
    "cepstra": Range("must be 0 or from 2 to 512", least=0, most=512),
    "low": NOT_NEGATIVE,
    "high": MORE_THAN_0,
    "shift": Range("must be from 1 to 1000 ms", least=1, most=1000),
    "window": Range("must be from 2 to 1000 ms", least=2, most=1000),
    "stack": AT_LEAST_1,
}

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureSettings:
    """How frames are computed.

    rate       samples a second
    bins       bands of equal width on the mel scale
    cepstra    coefficients of a cosine transform of the bands; 0 leaves their logarithms
    low, high  ends of the bands in Hz
    shift      from a frame to the next, in ms
    window     that a frame sees, in ms
    stack      frames that become one, side by side
    Raises     InputError if a value is out of range
    """

    rate: int = RATE
    bins: int = 80
    cepstra: int = 0
    low: float = 60.0
    high: float = 7600.0
    shift: float = 10.0
    window: float = 25.0
    stack: int = 1

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "FeatureSettings")
        if not self.low < self.high <= self.rate / 2:
            raise InputError(
                f"FeatureSettings: the bands must lie between 0 and {self.rate / 2:g} Hz, half the rate; got "
                f"{self.low:g} to {self.high:g}"
            )
        if self.cepstra == 1 or self.cepstra > self.bins:
            raise InputError(f"FeatureSettings: cepstra must be 0 or from 2 to bins, {self.bins}; got {self.cepstra}")

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return self.stack * (self.cepstra or self.bins)

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the bands in Hz if the numbers of a frame are logarithms of bands, else zeros."""
        return (0.0, 0.0) if self.cepstra else (self.low, self.high)


@dataclass(frozen=True)
class ReadyFrames:
    """Frames that were computed elsewhere, and are read from files of numpy.

    channels  numbers in a frame
    shift     from a frame to the next, in ms
    Raises    InputError if a value is out of range
    """

    channels: int
    shift: float = 10.0

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"channels": AT_LEAST_1, "shift": RANGES["shift"]}, "ReadyFrames")

    @property
    def width(self) -> int:
        """Numbers in a frame."""
        return self.channels

    @property
    def ends(self) -> tuple[float, float]:
        """Zeros: nobody says what the numbers are."""
        return 0.0, 0.0


Features = FeatureSettings | ReadyFrames
"""Where frames come from: computed of sound, or ready."""


def features_at(rate: int) -> FeatureSettings:
    """Return the usual frames for samples at a rate: below 16,000 a second, the bands end at 0.475 of it."""
    usual = FeatureSettings()
    return FeatureSettings(rate=rate, high=min(usual.high, usual.high / usual.rate * rate))


@final
class FeatureStream:
    """Turns samples into frames as they come; the frames are those of the whole, however it is cut.

    settings  how frames are computed
    """

    def __init__(self, settings: FeatureSettings | None = None) -> None:
        self.settings = settings or FeatureSettings()
        self._source = _kaldi(self.settings)
        self._taken = 0
        self._held = np.empty((0, self.settings.cepstra or self.settings.bins), np.float32)

    def accept(self, samples: Samples) -> Frames:
        """Return the frames (N, width) that more samples complete."""
        self._source.accept_waveform(self.settings.rate, np.asarray(samples, np.float32) * np.float32(LOUDEST))
        ready = self._source.num_frames_ready
        frames = [self._source.get_frame(place) for place in range(self._taken, ready)]
        found = np.concatenate([self._held[:0], *(frame[None] for frame in frames)])
        self._held = np.concatenate([self._held, found if self.settings.cepstra else np.maximum(found, QUIETEST)])
        self._source.pop(ready - self._taken)  # the memory of the frames, which were copied
        self._taken = ready
        whole = len(self._held) // self.settings.stack * self.settings.stack
        ready_ones, self._held = self._held[:whole], self._held[whole:]
        return stack_frames(ready_ones, self.settings.stack)

    def finish(self) -> Frames:
        """Return the frames of the last samples: of a stack, the rest, filled with its last frame."""
        self._source.input_finished()
        return stack_frames(self._held, self.settings.stack)


def _kaldi(settings: FeatureSettings) -> Any:
    """Return what computes frames of samples."""
    fbank = speech_package("kaldi_native_fbank")
    options = fbank.MfccOptions() if settings.cepstra else fbank.FbankOptions()
    options.frame_opts.samp_freq = settings.rate
    options.frame_opts.dither = 0.0  # the same frames every time
    options.frame_opts.frame_shift_ms = settings.shift
    options.frame_opts.frame_length_ms = settings.window
    options.mel_opts.num_bins = settings.bins
    options.mel_opts.low_freq = settings.low
    options.mel_opts.high_freq = settings.high
    if settings.cepstra:
        options.num_ceps = settings.cepstra
        options.use_energy = False
        return fbank.OnlineMfcc(options)
    return fbank.OnlineFbank(options)


def stack_frames(frames: Frames, count: int) -> Frames:
    """Return frames (N, C) as (N / count rounded up, count C): so many side by side, the last filled with its last."""
    if count == 1 or not len(frames):
        return frames.reshape(-1, count * frames.shape[1])
    places = np.minimum(np.arange(-(-len(frames) // count) * count), len(frames) - 1)
    return frames[places].reshape(-1, count * frames.shape[1])


def frames_of(samples: Samples, settings: FeatureSettings | None = None) -> Frames:
    """Return the frames of a recording, (N, width).

    Raises  InputError if it is shorter than a window
    """
    stream = FeatureStream(settings)
    found = np.concatenate([stream.accept(samples), stream.finish()])
    if not len(found):
        length = 1000 * len(samples) / stream.settings.rate
        raise InputError(f"{length:.1f} ms of sound are shorter than a window of {stream.settings.window:g} ms")
    return found


def frames_of_all(utterances: Iterable[Utterance], settings: Features | None = None, on_disk: bool = False) -> Ragged:
    """Return the frames of many utterances, read one by one.

    settings  how they are computed of sound; or of ready ones, which are not changed, what must be there
    on_disk   whether the frames shall lie in a file without a name
    Raises    InputError naming the recording that cannot be used
    """
    settings, files = settings or FeatureSettings(), ReadyFiles()
    sequences = (_named(one, settings, files) for one in utterances)
    return Ragged.of(sequences, settings.width, on_disk, np.float32)


def _named(one: Utterance, settings: Features, files: ReadyFiles) -> Frames:
    if isinstance(settings, ReadyFrames):
        return files.frames(one, settings.channels)
    files.refuse(one)
    samples = read_audio(one.audio, settings.rate, one.start, one.end)
    try:
        return frames_of(samples, settings)
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error


def cepstra_of(bands: NDArray[np.floating[Any]], count: int) -> NDArray[np.floating[Any]]:
    """Return the first cepstra (N, count) of logarithms of bands (N, C), as Kaldi makes them of its own.

    What changes frequencies, such as another vocal tract, is done to bands, before this.

    Source  Davis and Mermelstein 1980, with the lifter of the HTK Book
    """
    C, order = bands.shape[1], np.arange(count)[:, None]
    cosines = np.sqrt(2 / C) * np.cos(np.pi * order * (np.arange(C) + 0.5) / C)
    cosines[0] /= np.sqrt(2)
    lifts = 1 + LIFTER / 2 * np.sin(np.pi * order[:, 0] / LIFTER)
    return np.asarray(bands @ (cosines.T * lifts).astype(bands.dtype))


def with_differences(frames: NDArray[np.floating[Any]], orders: int = 2) -> NDArray[np.floating[Any]]:
    """Return frames (N, C) with the slopes over neighbouring frames beside them, and slopes of slopes, (N, 3 C).

    Source  Furui 1986, as the HTK Book writes it: a regression over two frames before and after, the ends repeated
    """
    parts = [frames]
    places = np.arange(len(frames))
    for _ in range(orders):
        last, slope = parts[-1], np.zeros_like(frames)
        for lag in range(1, AHEAD + 1):
            slope += lag * (last[np.minimum(places + lag, len(frames) - 1)] - last[np.maximum(places - lag, 0)])
        parts.append(slope / (2 * sum(lag * lag for lag in range(1, AHEAD + 1))))
    return np.concatenate(parts, axis=1)
