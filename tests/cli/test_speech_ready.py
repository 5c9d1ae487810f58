"""`lstm speech` from ready features, and from frames that are kept: trained, scored and written down."""

from __future__ import annotations

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
from toys import FEATURES, corpus

from lstmkit.speech import frames_of_all, read_manifest

SMALL = ["hidden_size=16", "num_layers=1", "learning_rate=0.03", "batch_steps=150", "layer_dropout=0", "time_masks=0"]
SMALL += ["output_dropout=0", "weight_drop=0", "band_masks=0", "stack=4"]
OPTIONS = [part for one in SMALL for part in ("--set", one)]


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def ready(folder: Path, count: int, seed: int) -> Path:
    """Write the frames of toys as a .npz file with a table beside it."""
    own = read_manifest(corpus(folder, count, seed)).utterances
    frames = frames_of_all(own, FEATURES)
    np.savez(folder / f"ready-{seed}.npz", **{f"u{k}": frames[k] for k in range(len(own))})
    rows = [f"u{k},{one.text},{one.speaker}" for k, one in enumerate(own)]
    (folder / f"ready-{seed}.csv").write_text("\n".join(["id,text,speaker", *rows]) + "\n")
    return folder / f"ready-{seed}.npz"


def test_ready_features_are_trained_scored_and_written_down(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, other, out = ready(tmp_path, 48, 1), ready(tmp_path, 8, 2), tmp_path / "out"
    code, told, err = run(
        capsys,
        "speech",
        "train",
        source,
        *OPTIONS,
        "--epochs",
        12,
        "--shift",
        10,
        "--out",
        out,
        "--cache",
        tmp_path / "kept",
    )
    assert code == 0, err
    assert "hidden Markov model, whole words" in told
    assert "data:audio" not in (out / "report.html").read_text()
    assert len(list((tmp_path / "kept").iterdir())) == 6  # training, validation and test, two files each
    code, told, _ = run(capsys, "speech", "score", out, other, "--json")
    assert code == 0 and json.loads(told)["scores"]["all heads, n-grams"]["wer"] < 0.3
    code, told, _ = run(capsys, "speech", "transcribe", out, other, "-q")
    assert code == 0 and [line.split("\t")[0] for line in told.splitlines()] == [f"u{k}" for k in range(8)]
    code, told, _ = run(capsys, "speech", "transcribe", out, other, "-q", "--format", "srt", "--out", tmp_path / "srt")
    assert code == 0 and "00:00:00," in (tmp_path / "srt" / "u0.srt").read_text()
    for more, message in (
        ([tmp_path / "2-0.wav"], "this recogniser reads ready features of 16 channels and no sound"),
        (["--live", "-"], "this recogniser reads ready features of 16 channels and hears no sound"),
    ):
        code, told, err = run(capsys, "speech", "transcribe", out, *more)
        assert code == 2 and told == "" and message in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("ready-1.npz", ["--rate", 8000], "--rate has no effect on ready features; leave it out"),
        ("list-1.csv", ["--rate", 8000, "--shift", 5], "--shift has no effect on recordings of sound; leave it out"),
        ("ready-1.npz", ["--noise", "x.wav"], "noise is added to the energies of bands, and these frames are none"),
        ("ready-1.npz", ["--shift", 0], "ReadyFrames: shift must be from 1 to 1000 ms; got 0"),
        ("ready-1.npz", ["--cache", "ready-1.csv"], "ready-1.csv: no folder for frames"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    given: list[Any],
    message: str,
) -> None:
    ready(tmp_path, 12, 1)
    monkeypatch.chdir(tmp_path)
    code, told, err = run(capsys, "speech", "train", name, *OPTIONS, *given, "-q", "--out", "out")
    assert code == 2 and told == "" and message in err and len(err.strip().splitlines()) == 1
