"""Where somebody speaks: the published network of silero-vad on the layers of lstmkit, and pieces with speech alone.

The weights come with the package `silero-vad` (MIT; extra `vad`), of which nothing is run.

Source  Silero Team, Silero VAD, https://github.com/snakers4/silero-vad
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.speech.audio import RATE, Samples
from lstmkit.speech.listening.pauses import LONGEST, Piece, best_cut, levels

WINDOW, BEFORE, AFTER = 512, 64, 64
"""Samples that are judged at once, those before them that are seen too, and those that are mirrored after them."""
TRANSFORM, HOP = 256, 128
BANDS = TRANSFORM // 2 + 1
WEIGHTS = "silero_vad_16k_op15.onnx"
NAMES = {"model.stft.forward_basis_buffer": "stft_conv.weight"}
"""Where each tensor of the file belongs."""
NAMES |= {
    f"model.encoder.{k}.reparam_conv.{kind}": f"conv{k + 1}.{kind}" for k in range(4) for kind in ("weight", "bias")
}
NAMES |= {f"model.decoder.rnn.{kind}": f"lstm.{kind}_l0" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
NAMES |= {f"model.decoder.decoder.2.{kind}": f"final_conv.{kind}" for kind in ("weight", "bias")}
TOGETHER = 256
"""Windows that are computed at once."""
BEGINS, GOES_ON = 0.5, 0.35
"""Probabilities from which on speech begins, and below which it may have ended."""
SILENCE, SPEECH, AROUND = 0.5, 0.1, 0.2
"""Seconds of silence that end a piece, of speech that make one, and that are kept before and after."""

REMEMBERED = 4.0
"""Seconds in which the quietest window is looked for."""
SILENT, LOUD, ABOVE = -70.0, -40.0, 10.0
"""Decibels: between the first two the quietest is taken to be; speech is so far above it."""

Floats = NDArray[np.float32]


class DetectorNetwork(nn.Module):
    """The probability of speech in windows, from magnitudes of a short-time transform by convolutions and an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * BANDS, TRANSFORM, HOP, bias=False)
        self.conv1 = nn.Conv1d(BANDS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, windows: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the probability of speech in each of T windows that follow each other, (T,), and the state after them.

        windows  (T, BEFORE + WINDOW) samples
        """
        x = self.stft_conv(functional.pad(windows, (0, AFTER), "reflect").unsqueeze(1))
        x = (x[:, :BANDS].square() + x[:, BANDS:].square()).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        hidden, state = self.lstm(x.transpose(1, 2), state)
        return self.final_conv(hidden.relu().transpose(1, 2)).sigmoid().flatten(), state


def load_detector() -> DetectorNetwork:
    """Return the network with its published weights.

    Raises  InputError if the packages that bring and read them are not installed, or the weights are others
    """
    found = importlib.util.find_spec("silero_vad")
    folders = (found.submodule_search_locations if found else None) or []
    path = next((p for folder in folders if (p := Path(folder, "data", WEIGHTS)).exists()), None)
    if path is None or importlib.util.find_spec("onnx") is None:
        raise InputError("the detector of speech needs the weights of silero-vad: pip install 'lstmkit[vad]'")
    import onnx
    from google.protobuf.message import DecodeError

    network = DetectorNetwork()
    try:
        stored = {own.name: onnx.numpy_helper.to_array(own) for own in onnx.load(path).graph.initializer}
        network.load_state_dict({NAMES[name]: torch.tensor(own) for name, own in stored.items() if name in NAMES})
    except (DecodeError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: the weights are not those of silero-vad 6; install it again") from error
    return network.eval()


@final
class SpeechDetector:
    """Says of every 32 ms, as samples come, how probable it is that somebody speaks.

    network  None loads the published one
    Raises   InputError as `load_detector`
    """

    def __init__(self, network: DetectorNetwork | None = None) -> None:
        self._network = network or load_detector()
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._state = torch.zeros(1, 1, 128), torch.zeros(1, 1, 128)
        self._held = np.zeros(BEFORE, np.float32)

    def accept(self, samples: Samples) -> Floats:
        """Return the probability of speech in the windows (N,) that more samples complete, at 16,000 a second."""
        self._held = np.concatenate([self._held, np.asarray(samples, np.float32)])
        count = (len(self._held) - BEFORE) // WINDOW
        if not count:
            return np.zeros(0, np.float32)
        found = []
        windows = torch.from_numpy(self._held[: BEFORE + count * WINDOW]).unfold(0, BEFORE + WINDOW, WINDOW)
        with torch.no_grad():
            for begin in range(0, count, TOGETHER):
                told, self._state = self._network(windows[begin : begin + TOGETHER], self._state)
                found.append(told.numpy())
        self._held = self._held[count * WINDOW :]
        return np.concatenate(found)

    def finish(self) -> Floats:
        """Return the probability of speech in what is left, zeros after it: (1,), or (0,) where nothing is."""
        left = len(self._held) - BEFORE
        return self.accept(np.zeros(WINDOW - left, np.float32)) if left else np.zeros(0, np.float32)


@final
class LoudnessDetector:
    """Takes what is far louder than the quietest of the last seconds for speech, window by window.

    rate  samples a second
    """

    def __init__(self, rate: int = RATE) -> None:
        self._most = round(REMEMBERED * rate / WINDOW)
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._held = np.zeros(0, np.float32)
        self._levels: deque[float] = deque(maxlen=self._most)

    def accept(self, samples: Samples) -> Floats:
        """Return 1 for each of the windows (N,) that more samples complete and that are loud, else 0."""
        self._held = np.concatenate([self._held, np.asarray(samples, np.float32)])
        count = len(self._held) // WINDOW
        own, self._held = self._held[: count * WINDOW], self._held[count * WINDOW :]
        found = []
        for level in levels(own, WINDOW).tolist():
            self._levels.append(level)
            found.append(float(level > min(max(min(self._levels), SILENT), LOUD) + ABOVE))
        return np.array(found, np.float32)

    def finish(self) -> Floats:
        """Return the same for what is left, zeros after it."""
        left = len(self._held)
        return self.accept(np.zeros(WINDOW - left, np.float32)) if left else np.zeros(0, np.float32)


def speech_pieces(
    blocks: Iterable[Samples],
    detector: SpeechDetector | LoudnessDetector,
    longest: float = LONGEST,
    rate: int = RATE,
    silence: float = SILENCE,
) -> Iterator[Piece]:
    """Yield the parts of a recording in which somebody speaks, cut at pauses where they are long; memory is bounded.

    blocks   samples as they come; how they are cut changes nothing
    longest  seconds of a piece at most
    rate     samples a second
    silence  seconds that end a piece
    """
    detector.reset()
    spoken = _Spoken(longest, rate, silence)
    for block in blocks:
        yield from spoken.pieces(block, detector.accept(block))
    yield from spoken.pieces(np.zeros(0, np.float32), detector.finish())
    yield from spoken.rest()


class _Spoken:
    """Samples that may belong to a piece, and where speech has begun among them; places count from the beginning."""

    def __init__(self, longest: float, rate: int, silence: float) -> None:
        self.rate = rate
        self.most, self.around, self.silence = round(longest * rate), round(AROUND * rate), round(silence * rate)
        self.held, self.start = np.zeros(0, np.float32), 0
        self.judged, self.begin, self.last = 0, -1, 0
        self.first = 0  # where somebody began to speak, after what is kept before
        self.ended = 0  # where the last piece ended

    def pieces(self, samples: Samples, probabilities: Floats) -> Iterator[Piece]:
        """Take samples and what was said of windows, and yield what has ended."""
        self.held = np.concatenate([self.held, np.asarray(samples, np.float32)])
        for probability in probabilities.tolist():
            self.judged += WINDOW
            if probability >= (BEGINS if self.begin < 0 else GOES_ON):
                if self.begin < 0:
                    self.first = self.judged - WINDOW
                    self.begin = max(self.first - self.around, self.ended)
                self.last = self.judged
            elif self.begin >= 0 and self.judged - self.last >= self.silence:
                yield from self.rest()
            if self.begin >= 0 and self.judged - self.begin >= self.most:
                begin = self.begin - self.start
                at = best_cut(self.held[begin : begin + self.most], self.rate)
                yield self._piece(self.begin + at)
                self.begin = self.first = self.ended
        needed = (self.begin if self.begin >= 0 else max(self.judged - self.around, self.ended)) - self.start
        self.held, self.start = self.held[needed:], self.start + needed

    def rest(self) -> Iterator[Piece]:
        """Yield what has been said and not yet been yielded."""
        if self.begin >= 0 and self.last - self.first >= SPEECH * self.rate:
            yield self._piece(min(self.last + self.around, self.start + len(self.held)))
        self.begin = -1

    def _piece(self, end: int) -> Piece:
        piece = Piece(self.begin / self.rate, self.held[self.begin - self.start : end - self.start])
        self.ended = end
        return piece
