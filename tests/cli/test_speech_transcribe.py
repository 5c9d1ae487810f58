"""`lstm speech transcribe`: what a user types, and what comes back."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

from lstmkit.cli.app import main

sys.path.append(str(Path(__file__).parents[1] / "speech"))
import soundfile
from toys import FEATURES, LEXICON, RATE, SMALL, corpus, spoken

from lstmkit.language.ngrams.arpa_predictor import save_arpa
from lstmkit.speech import Recognizer, read_manifest, score_texts, word_ngrams


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["speech", "transcribe", *map(str, arguments)])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transcribe")
    table = corpus(folder, 64, 1)
    corpus(folder, 6, 2)
    for name, streaming in (("model", False), ("streaming", True)):
        how = dataclasses.replace(SMALL, streaming=streaming)
        Recognizer(how, FEATURES).fit(table, LEXICON).save(folder / name)
    soundfile.write(folder / "call.wav", spoken("do re mi", 1.0, 3), RATE)
    return folder


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch):
    """Put bytes on standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


def test_a_recording_is_text_json_and_subtitles(capsys, where):
    code, out, err = run(capsys, where / "model", where / "call.wav")
    assert (code, out) == (0, "do re mi\n")
    assert "s of sound in" in err and "real-time factor 0." in err
    _, out, _ = run(capsys, where / "model", where / "call.wav", "--format", "json", "-q")
    found = json.loads(out)
    assert found["text"] == "do re mi" and found["seconds"] == pytest.approx(0.82)
    assert [word["text"] for word in found["segments"][0]["words"]] == ["do", "re", "mi"]
    assert run(capsys, where / "model", where / "call.wav", "--format", "srt", "-q")[1].startswith("1\n00:00:00,")
    code, out, err = run(capsys, where / "model", where / "call.wav", "--format", "vtt", "-q")
    assert out.startswith("WEBVTT\n\n00:00:00.") and err == ""


def test_several_recordings_are_a_line_each_or_a_file_each(capsys, where, tmp_path):
    truth = [one.text for one in read_manifest(where / "list-2.csv").utterances]
    code, out, _ = run(capsys, where / "model", where / "list-2.csv")
    assert code == 0
    lines = [line.split("\t") for line in out.splitlines()]
    assert [name for name, _ in lines] == [f"2-{k}.wav" for k in range(6)]
    assert score_texts(truth, [text for _, text in lines]).wer < 0.15
    _, out, _ = run(capsys, where / "model", where / "list-2.csv", "--format", "json", "--one-speaker")
    assert [json.loads(line)["audio"] for line in out.splitlines()] == [name for name, _ in lines]
    given = (where / "model", where / "2-0.wav", where / "call.wav", "--format", "srt", "--out", tmp_path / "out")
    assert run(capsys, *given)[0] == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["2-0.srt", "call.srt"]
    code, _, err = run(capsys, *given)
    assert code == 2 and "exists already; choose another --out, or --force to replace it" in err
    assert run(capsys, *given, "--force")[0] == 0


def test_a_language_model_and_hotwords_are_listened_to(capsys, where, tmp_path):
    lm = word_ngrams(["mi mi mi"], LEXICON, 1)
    save_arpa(lm, tmp_path / "mi.arpa")
    (tmp_path / "hot.txt").write_text("re\t-90\n")
    call = where / "call.wav"
    plain = run(capsys, where / "model", call, "--lm", tmp_path / "mi.arpa")[1]
    heavy = run(capsys, where / "model", call, "--lm", tmp_path / "mi.arpa", "--lm-weight", 50, "--beam", 64)[1]
    assert plain == "do re mi\n" and "do" not in heavy.split()
    code, out, _ = run(capsys, where / "model", call, "--hotwords", tmp_path / "hot.txt", "--beam", 200)
    assert code == 0 and out.split()[:1] == ["do"] and "re" not in out.split()


@pytest.mark.parametrize("model", ["model", "streaming"])
def test_live_speech_on_standard_input_is_written_as_it_ends(capsys, where, piped, model):
    quiet = 0.003 * np.random.default_rng(0).normal(size=3 * RATE // 2)
    sound = np.concatenate([quiet, spoken("do re", 1.0, 1), quiet, spoken("mi do", 1.0, 2), quiet])
    piped((32767 * sound).astype("<i2").tobytes() + b"\x01")  # and half of a sample
    code, out, err = run(capsys, where / model, "--live", "-")
    assert (code, err) == (0, "") and len(out.splitlines()) == 2
    assert score_texts(["do re", "mi do"], out.splitlines()).wer <= 0.25
    piped((32767 * sound).astype("<i2").repeat(2).tobytes())
    code, out, _ = run(capsys, where / model, "--live", "-", "--input-rate", 2 * RATE, "--format", "json")
    segments = [json.loads(line) for line in out.splitlines()]
    assert [len(segment["words"]) for segment in segments] == [2, 2]
    assert segments[0]["end"] <= segments[1]["words"][0]["start"]


def test_a_pipe_without_samples_or_with_a_file_of_sound_is_refused(capsys, where, piped):
    piped(b"\x01")
    code, out, err = run(capsys, where / "model", "--live", "-")
    assert (code, out) == (2, "")
    assert "standard input: ended before a sample came; write raw samples of 16 bits into it" in err
    piped((where / "call.wav").read_bytes())
    code, _, err = run(capsys, where / "streaming", "--live", "-")
    assert code == 2 and "holds a WAV file, and --live reads raw samples of 16 bits; leave --live out" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "AUDIO is missing: name recordings, or give --live"),
        (("a.wav", "--live"), "--live hears the microphone, or raw samples on standard input (-), not 'a.wav'"),
        (("--live", "--format", "srt"), "--live writes text or json as it comes, not srt; record first"),
        (("a.wav", "--format", "doc"), "format must be one of text, json, srt, vtt; got 'doc'"),
        (("a.wav", "--input-rate", 8000), "--input-rate has no effect without --live; leave it out"),
        (("--live", "--one-speaker"), "--one-speaker has no effect with --live; leave it out"),
        (("a.wav", "--force"), "--force has no effect without --out; leave it out"),
        (("none.wav",), "none.wav: no such file"),
        (("a.wav", "b.wav", "--format", "vtt"), "--format vtt: 2 recordings need --out, a folder for their files"),
        (("a.wav", "x/a.wav", "--out", "o"), "o/a.txt: two recordings would be written there; transcribe them apart"),
        (("a.wav", "--beam", 0), "DecodingSettings: beam must be at least 1; got 0"),
        (
            ("--live", "-", "--input-rate", 7),
            "standard input: 7 samples a second; from 2,000 to 1,000,000 are possible",
        ),
        (("--live", "--input-rate", 8000), "--input-rate has no effect without -; leave it out"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(capsys, where, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, where / "model", *arguments)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_microphone_needs_the_extra(capsys, where, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, _, err = run(capsys, where / "streaming", "--live")
    assert code == 2
    assert "a microphone needs the package sounddevice: pip install 'lstmkit[live]'" in err


def test_a_microphone_is_heard_until_it_is_interrupted(capsys, where, monkeypatch):
    """The package is replaced, for no machine of a test has a microphone; what it delivers is written down."""
    quiet = 0.003 * np.random.default_rng(0).normal(size=RATE)
    sound = np.concatenate([quiet, spoken("do re", 1.0, 1), quiet]).astype(np.float32)

    class Stream:
        def __init__(self, **given: Any) -> None:
            assert given == {"samplerate": RATE, "channels": 1, "dtype": "float32"}
            self.at = 0

        def __enter__(self) -> Stream:
            return self

        def __exit__(self, *told: object) -> None:
            pass

        def read(self, count: int) -> tuple[np.ndarray, bool]:
            if self.at >= len(sound):
                raise KeyboardInterrupt
            self.at += count
            return sound[self.at - count : self.at, None], False

    class Package:
        InputStream = Stream
        PortAudioError = OSError

    monkeypatch.setitem(sys.modules, "sounddevice", Package)
    code, out, _ = run(capsys, where / "streaming", "--live")
    assert code == 0 and len(out.split()) == 2
