"""`lstm speech emotion`: trained and used from the command line; one line for what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lstmkit import InputError
from lstmkit.cli import printing
from lstmkit.cli.app import app

soundfile = pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

PATTERN = "{speaker:1}_{label}_{take}.wav"
QUICK = ["--epochs", "2", "--ensemble", "1", "--set", "hidden_size=4", "--set", "final_fit=false", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of three speakers: tones with noise, and noise alone."""
    place, rng = tmp_path_factory.mktemp("recordings"), np.random.default_rng(0)
    for k, who in enumerate("abc"):
        for take in range(3):
            noise = rng.normal(0, 0.05, 4000)
            tone = 0.3 * np.sin(2 * np.pi * (120 + 40 * k) * np.arange(4000) / 16_000)
            soundfile.write(place / f"{who}_calm_{take}.wav", tone + noise, 16_000)
            soundfile.write(place / f"{who}_hoarse_{take}.wav", noise, 16_000)
    return place


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "moods"
    words = ["speech", "emotion", "train", str(folder), "--pattern", PATTERN, "--beside", "speaker=0.3"]
    found = CliRunner().invoke(app, [*words, "--out", str(out), "--leave-one-speaker-out", *QUICK])
    assert found.exit_code == 0, found.output
    assert "functionals + logistic regression" in found.stdout
    assert "mean recall" in found.stdout
    return out


def test_a_saved_model_tells_recordings_and_their_probabilities(trained: Path, folder: Path, tmp_path: Path) -> None:
    words = ["speech", "emotion", "predict", str(trained), str(folder / "a_calm_0.wav"), str(folder)]
    found = CliRunner().invoke(app, [*words, "--json"])
    assert found.exit_code == 0, found.output
    records = json.loads(found.stdout)
    assert len(records) == 1 + 18
    assert all(one["p_calm"] + one["p_hoarse"] == pytest.approx(1) for one in records)
    assert records[0]["p_calm"] == pytest.approx(records[1]["p_calm"], abs=1e-5)  # the same recording in a larger batch
    unsure = CliRunner().invoke(app, [*words[:5], "--threshold", "1", "--out", str(tmp_path / "a.csv")])
    assert unsure.exit_code == 0, unsure.output
    assert ",unsure," in (tmp_path / "a.csv").read_text()


def test_the_summary_says_how_speakers_were_left_out(trained: Path) -> None:
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["folds"] == summary["groups"] == 3
    assert summary["measure"] == "uar"
    assert summary["frames"]["normalise"] == "none"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--beside", "speaker"], "--beside takes NAME=WEIGHT, each name once, such as speaker=0.3; got 'speaker'"),
        (["--beside", "a=1", "--beside", "a=2"], "--beside takes NAME=WEIGHT"),
        (["--units", "person"], "--units must be one of"),
        (["--right", "90"], "right must be a probability from 0 to 1"),
        ([], "recordings lie in no folder that names their class"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder: Path, tmp_path: Path, words: list[str], message: str) -> None:
    command = ["speech", "emotion", "train", str(folder), *words, "--out", str(tmp_path / "o"), *QUICK]
    found = CliRunner().invoke(app, command)
    assert isinstance(found.exception, InputError)
    assert message in str(found.exception)
    assert "\n" not in str(found.exception)


def test_as_many_classes_are_named_as_the_terminal_has_room_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"id": "call.wav", "label": "unsure", "p_embarrassed": 0.5, "p_enthusiastic": 0.3, "p_disappointed": 0.2}
    for width, named in ((200, 3), (60, 2), (40, 1)):
        monkeypatch.setattr(printing, "PIPED_WIDTH", width)
        printing.print_told("recording", [record])
        shown = capsys.readouterr().out
        assert "call.wav" in shown
        assert shown.count("%") == named
    monkeypatch.setattr(printing, "PIPED_WIDTH", 100)
    printing.print_told("recording", [record | {"id": "a/long/path" * 20}])  # takes several lines, and no class away
    assert capsys.readouterr().out.count("%") == 3
