"""The detector of speech: silero-vad's weights on our layers against its own runtime, and what is cut by it."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.speech.listening import detector as room
from lstmkit.speech.listening.detector import SpeechDetector, load_detector, speech_pieces

installed = pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None or importlib.util.find_spec("onnx") is None,
    reason="the extra vad (silero-vad, onnx) is not installed",
)


class Loud:
    """A detector that hears loudness: a tenth of it is a probability of 1."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.held = np.zeros(0, np.float32)

    def accept(self, samples: np.ndarray) -> np.ndarray:
        self.held = np.concatenate([self.held, samples])
        count = len(self.held) // 512
        windows, self.held = self.held[: 512 * count].reshape(-1, 512), self.held[512 * count :]
        return np.minimum(10 * windows.std(axis=1), 1.0)

    def finish(self) -> np.ndarray:
        return self.accept(np.zeros(512 - len(self.held), np.float32)) if len(self.held) else np.zeros(0)


def sound(parts: list[tuple[float, float]]) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.concatenate([generator.normal(0, loud, round(16_000 * s)) for s, loud in parts]).astype(np.float32)


PARTS = [(1.5, 0), (1, 0.5), (0.3, 0), (1, 0.5), (2, 0), (0.05, 0.5), (1, 0), (7, 0.5), (0.25, 0), (5, 0.5), (0.4, 0)]


def test_pieces_are_what_is_spoken_with_a_little_around():
    samples = sound(PARTS)
    pieces = list(speech_pieces([samples], Loud(), 10.0))
    spans = [(piece.start, piece.start + len(piece.samples) / 16_000) for piece in pieces]
    np.testing.assert_allclose(spans[0], (1.3, 4.0), atol=0.04)
    np.testing.assert_allclose([spans[1][0], spans[-1][1]], (6.65, 19.3), atol=0.04)
    assert len(spans) == 3 and spans[1][1] == spans[2][0]
    assert spans[1][1] == pytest.approx(13.975, abs=0.1)  # in the middle of the pause
    for piece in pieces:
        begin = round(16_000 * piece.start)
        np.testing.assert_array_equal(piece.samples, samples[begin : begin + len(piece.samples)])


def test_pieces_do_not_depend_on_blocks():
    samples = sound(PARTS * 3)
    whole = list(speech_pieces([samples], Loud(), 6.0))
    edges = np.sort(np.random.default_rng(1).integers(0, len(samples), 200))
    cut = list(speech_pieces(np.split(samples, edges), Loud(), 6.0))
    assert [piece.start for piece in whole] == [piece.start for piece in cut]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(whole, cut, strict=True))
    assert all(len(piece.samples) <= 6.5 * 16_000 for piece in whole)
    assert list(speech_pieces([sound([(5, 0)])], Loud())) == []


def test_without_the_weights_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="the detector of speech needs the weights of silero-vad: pip install"):
        load_detector()


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x08\x08"], ids=["empty", "text", "without tensors"])
def test_other_weights_are_refused(monkeypatch, tmp_path, content):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")

    class Found:
        submodule_search_locations = (str(tmp_path),)

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / room.WEIGHTS).write_bytes(content)
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: Found)
    with pytest.raises(InputError, match="the weights are not those of silero-vad 6; install it again"):
        load_detector()


def theirs(samples: np.ndarray) -> np.ndarray:
    """Return what silero-vad's own runtime says of every window, the last filled up with zeros."""
    spec = importlib.util.find_spec("silero_vad")
    assert spec is not None and spec.submodule_search_locations
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    model = runtime.InferenceSession(
        str(Path(spec.submodule_search_locations[0], "data", "silero_vad.onnx")), options, ["CPUExecutionProvider"]
    )
    samples = np.pad(samples, (64, -len(samples) % 512)).astype(np.float32)
    state, found = np.zeros((2, 1, 128), np.float32), []
    for at in range(0, len(samples) - 64, 512):
        given = {"input": samples[None, at : at + 576], "state": state, "sr": np.array(16_000)}
        told, state = model.run(None, given)
        found.append(told.item())
    return np.array(found)


def ours(samples: np.ndarray, chunk: int) -> np.ndarray:
    detector = SpeechDetector()
    parts = [detector.accept(samples[k : k + chunk]) for k in range(0, len(samples), chunk)]
    return np.concatenate([*parts, detector.finish()])


@installed
@pytest.mark.parametrize("chunk", [100_000, 777])
def test_the_network_says_what_its_own_runtime_says(chunk):
    generator = np.random.default_rng(0)
    time = np.arange(3 * 16_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 3 * time) > 0)
    samples = (0.1 * voice + 0.01 * generator.normal(size=len(time))).astype(np.float32)
    np.testing.assert_allclose(ours(samples, chunk), theirs(samples), atol=1e-4)


@installed
def test_the_network_says_what_its_own_runtime_says_of_an4(data):
    archive = data / "an4_audio" / "an4_test_flac.zip"
    soundfile = pytest.importorskip("soundfile", reason="the extra speech is not installed")
    heard = []
    with zipfile.ZipFile(archive) as inside:
        names = sorted(name for name in inside.namelist() if name.endswith(".flac"))
        for name in names[:: max(1, len(names) // 12)]:
            samples, rate = soundfile.read(io.BytesIO(inside.read(name)), dtype="float32")
            assert rate == 16_000
            own = ours(samples, 10**9)
            np.testing.assert_allclose(own, theirs(samples), atol=1e-4, err_msg=name)
            heard.append(own.max())
    assert min(heard) > 0.5 and len(heard) > 10
