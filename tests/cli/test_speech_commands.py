"""`lstm speech train | score`: what a user types, and what comes back."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

from lstmkit.cli.app import main

sys.path.append(str(Path(__file__).parents[1] / "speech"))
from toys import FEATURES, LEXICON, corpus
from toys import SMALL as NETWORK

from lstmkit.results import Watcher, run_job
from lstmkit.speech import Recognizer
from lstmkit.speech.training.job import SpeechJob
from lstmkit.training import EpochRecord

SMALL = ["hidden_size=16", "num_layers=1", "learning_rate=0.03", "batch_steps=150", "layer_dropout=0", "time_masks=0"]
SMALL += ["output_dropout=0", "weight_drop=0", "band_masks=0"]
OPTIONS = [part for one in SMALL for part in ("--set", one)] + ["--rate", "8000"]


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    corpus(folder, 60, 1, speakers=6)
    corpus(folder, 8, 2)
    lines = [f"{word} {' '.join(own)}" for word, several in LEXICON.words.items() for own in several]
    (folder / "words.dic").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def out(where: Path) -> Path:
    given = ["speech", "train", where / "list-1.csv", "--lexicon", where / "words.dic", "--epochs", 12, *OPTIONS, "-q"]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, given), "--out", str(where / "out")])
    assert ended.value.code == 0
    return where / "out"


def test_train_leaves_a_model_a_summary_and_a_report(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["scores"]) == [
        "all heads, n-grams",
        "words, step by step",
        "characters, step by step",
        "hidden Markov model, phones",
    ]
    assert summary["scores"]["all heads, n-grams"]["wer"] < 0.2
    assert summary["recordings"] == {"training": 40, "validation": 10, "test": 10}
    assert summary["verdict"] in ("better", "equal", "worse") and "hidden Markov model" in summary["headline"]
    assert list(summary)[-5:] == ["seconds", "settings", "versions", "backend", "seed"]
    page = (out / "report.html").read_text()
    assert page.count("data:audio/flac;base64,") == 10 and 'data-start="' in page


def test_train_says_what_it_holds_back(capsys: pytest.CaptureFixture[str], where: Path, tmp_path: Path) -> None:
    given = ["--epochs", 1, *OPTIONS, "--no-hmm", "--unit", "character", "--order", 0, "--out", tmp_path / "out"]
    code, out, err = run(capsys, "speech", "train", where / "list-1.csv", *given)
    assert code == 0
    assert "10 recordings of 1 speaker (" in err and ") held back to score" in err
    assert "40 recordings of 4 speakers to learn from" in err
    assert "sentences that are scored are said in the training part too" in err
    assert "compared with nothing" in out and "No hidden Markov model was asked for" in out
    assert "characters, no n-grams" in out
    code, _, err = run(capsys, "speech", "train", where / "list-1.csv", *given)
    assert code == 2 and "already holds a result" in err


def test_given_parts_are_used_and_must_be_apart(
    capsys: pytest.CaptureFixture[str], where: Path, tmp_path: Path
) -> None:
    given = ["--epochs", 1, *OPTIONS, "--valid", where / "list-2.csv", "--test", where / "list-2.csv", "--json"]
    code, out, err = run(capsys, "speech", "train", where / "list-1.csv", *given, "--out", tmp_path / "out")
    assert err == ""
    summary = json.loads(out)
    assert code == 0 and summary["recordings"] == {"training": 60, "validation": 8, "test": 8}
    assert "hidden Markov model, whole words" in summary["scores"]
    given[given.index("--test") + 1] = where / "list-1.csv"
    code, _, err = run(capsys, "speech", "train", where / "list-1.csv", *given, "--out", tmp_path / "other")
    assert code == 2 and "60 of 60 test recordings are in the training part too" in err
    assert not (tmp_path / "other").exists()


def test_score_tells_errors_and_speakers(capsys: pytest.CaptureFixture[str], where: Path, out: Path) -> None:
    code, told, _ = run(capsys, "speech", "score", out, where / "list-2.csv", "--errors")
    assert code == 0
    assert "words in 8 recordings" in told and "s3" in told
    code, told, _ = run(capsys, "speech", "score", out / "model", where / "list-2.csv", "--json")
    found = json.loads(told)
    assert found["recordings"] == 8 and set(found["by_speaker"]) == {"s0", "s1", "s2", "s3"}
    assert found["scores"]["all heads, n-grams"]["wer"] < 0.3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--unit", "phone"], "units: phones need a lexicon"),
        (["--unit", "letter"], "RecognizerSettings: units must be one of word, phone, character, subword"),
        (["--set", "hidden=3"], "a recogniser of speech has no setting 'hidden'"),
        (["--noise", "nothing.wav"], "nothing.wav"),
        (["--rate", "100"], "rate must be from 2000"),
        (["--order", "-1"], "order must not be negative"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    capsys: pytest.CaptureFixture[str], where: Path, tmp_path: Path, given: list[str], message: str
) -> None:
    code, told, err = run(capsys, "speech", "train", where / "list-1.csv", *given, "-q", "--out", tmp_path / "out")
    assert code == 2 and told == ""
    assert message in err and len(err.strip().splitlines()) == 1


def test_few_recordings_cannot_be_held_back(capsys: pytest.CaptureFixture[str], where: Path, tmp_path: Path) -> None:
    lines = (where / "list-1.csv").read_text().splitlines()[:3]
    (where / "two.csv").write_text("\n".join(lines) + "\n")
    code, _, err = run(capsys, "speech", "train", where / "two.csv", "--out", tmp_path / "out")
    assert code == 2 and "2 recordings are too few to hold some back; give more, or --valid and --test" in err


def test_an_interrupted_training_goes_on_to_the_same_bytes(where: Path, tmp_path: Path) -> None:
    class Stop(Watcher):
        def on_epoch(self, record: EpochRecord) -> None:
            if record.epoch == 2:
                raise KeyboardInterrupt

    def job(name: str, resume: bool = False) -> SpeechJob:
        recognizer = Recognizer(dataclasses.replace(NETWORK, epochs=3, layer_dropout=0.2), FEATURES)
        out = tmp_path / name
        return SpeechJob(str(where / "list-2.csv"), out, recognizer, yardstick=False, resume=resume)

    with pytest.raises(KeyboardInterrupt):
        run_job(job("out"), Stop())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.safetensors"]
    run_job(job("out", resume=True))
    run_job(job("whole"))
    kept = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("out", "whole")]
    assert kept[0] == kept[1]


def test_a_complete_training_is_not_begun_again(
    capsys: pytest.CaptureFixture[str], where: Path, tmp_path: Path
) -> None:
    given = ["speech", "train", where / "list-2.csv", "--epochs", 2, *OPTIONS, "--no-hmm", "--out", tmp_path / "out"]
    assert run(capsys, *given)[0] == 0
    code, _, err = run(capsys, *given, "--resume")
    assert code == 0 and "complete already" in err
