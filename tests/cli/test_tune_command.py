"""`lstm tune` and `--set`: a command to paste, files that say why, and no trial lost."""

from __future__ import annotations

import csv
import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted import HANGS

from lstmkit import InputError
from lstmkit.cli.parameters import settings_of
from lstmkit.forecasting.models import MODELS
from lstmkit.forecasting.models.esrnn import EsRnnModel
from lstmkit.forecasting.models.lstm import LstmSettings

pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'lstmkit[tune]'")

Run = Callable[..., "Ran"]  # noqa: F821
SMALL = ("--target", "Close", "--horizon", 3, "--set", "hidden_size=4", "--set", "max_epochs=2")


def test_a_command_to_paste_and_two_files(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = lstm("tune", prices_csv, *SMALL, "--season", 5, "--trials", 4, "--out", out)
    assert ran.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["best.json", "tune.csv", "tune.db"]
    best = json.loads((out / "best.json").read_text())
    assert ran.out.splitlines()[-1] == best["command"]
    assert best["command"].startswith(f"lstm forecast {prices_csv} --target Close --horizon 3 ")
    assert " --season 5 " in best["command"]
    assert {"--set hidden_size=4", "--set max_epochs=2"} <= {
        f"--set {word}" for word in best["command"].split(" --set ")[1:]
    }
    rows = list(csv.DictReader((out / "tune.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert best["score"] == min(float(row["score"]) for row in rows if row["score"])
    assert best["default_score"] == float(rows[0]["score"])
    assert not {"hidden_size", "max_epochs"} & set(rows[0])
    assert [line.split(":")[0] for line in ran.err.splitlines()[-4:]] == [f"trial {k}" for k in range(4)]
    assert "min left" in ran.err


def test_the_settings_chosen_are_those_of_the_command(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("tune", prices_csv, *SMALL, "--trials", 3, "--out", tmp_path / "out", "--json")
    assert ran.err == ""
    best = json.loads(ran.out)
    assert best == json.loads((tmp_path / "out" / "best.json").read_text())
    words = best["command"].split()
    pairs = [word for k, word in enumerate(words) if words[k - 1] == "--set"]
    settings = settings_of("lstm", pairs)
    assert {name: getattr(settings, name) for name in best["settings"]} == best["settings"]
    context = int(words[words.index("--context") + 1]) if "--context" in words else None
    assert context == best["context"]


def test_running_again_goes_on(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    arguments = ("tune", prices_csv, *SMALL, "--out", tmp_path / "out")
    assert lstm(*arguments, "--trials", 2).code == 0
    first = (tmp_path / "out" / "tune.csv").read_text()
    again = lstm(*arguments, "--trials", 3)
    assert f"{tmp_path / 'out' / 'tune.db'}: 2 trials are there already, going on to 3\n" in again.err
    assert [line[:7] for line in again.err.splitlines() if line.startswith("trial")] == ["trial 2"]
    assert len(list(csv.reader((tmp_path / "out" / "tune.csv").read_text().splitlines()))) == 4
    enough = lstm(*arguments, "--trials", 2)
    assert "3 trials are there already, which is enough; more with --trials" in enough.err
    assert enough.out.splitlines()[-1] == again.out.splitlines()[-1]
    assert first.splitlines()[1].split(",")[:2] == ["0", "complete"]


def test_the_result_of_another_question_is_not_replaced(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert lstm("tune", prices_csv, *SMALL, "--trials", 1, "--out", out).code == 0
    before = (out / "best.json").read_bytes()
    other = ("tune", prices_csv, *SMALL, "--trials", 1, "--seed", 1, "--out", out)
    ran = lstm(*other)
    assert (ran.code, ran.out) == (2, "")
    assert "best.json: is the result of other data or another question" in ran.err
    assert (out / "best.json").read_bytes() == before
    assert lstm(*other, "--force").code == 0
    assert (out / "best.json").read_bytes() != before


def test_the_default_wins_on_a_random_walk_or_says_by_how_much(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("tune", prices_csv, *SMALL, "--trials", 2, "--out", tmp_path / "out")
    best = json.loads((tmp_path / "out" / "best.json").read_text())
    won = "The settings to begin from won" in ran.out
    assert won == best["default_won"] == (best["trial"] == 0)
    assert best["score"] <= best["default_score"]


def test_minutes_end_it(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    ran = lstm("tune", prices_csv, *SMALL, "--trials", 500, "--minutes", 0.001, "--out", tmp_path / "out")
    assert ran.code == 0
    assert json.loads((tmp_path / "out" / "best.json").read_text())["trials"]["complete"] == 1
    assert lstm("tune", prices_csv, *SMALL, "--minutes", 0, "--out", tmp_path / "out").err == (
        "lstm: minutes must be more than 0; got 0.0\n"
    )


def test_ctrl_c_keeps_the_trials_and_running_again_goes_on(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [str(a) for a in ("tune", prices_csv, *SMALL, "--trials", 500, "--jobs", 2, "--out", out)]
    with subprocess.Popen(
        [sys.executable, "-c", f"from lstmkit.cli import main; main({arguments!r})"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            while ended(out / "tune.db") < 2 and process.poll() is None:  # 500 trials outlast any stall of this test
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            printed, err = process.communicate(timeout=HANGS)
        finally:
            process.kill()
    assert (process.returncode, printed) == (130, "")
    assert "Traceback" not in err
    assert err.splitlines()[-1] == (
        f"lstm: interrupted; the trials so far are kept in {out / 'tune.db'}: run the same command to go on"
    )
    rows = list(csv.DictReader((out / "tune.csv").read_text().splitlines()))
    assert len(rows) >= 2
    assert json.loads((out / "best.json").read_text())["default_score"] == float(rows[0]["score"])
    again = lstm("tune", prices_csv, *SMALL, "--trials", len(rows) + 1, "--out", out)
    assert again.code == 0
    later = list(csv.DictReader((out / "tune.csv").read_text().splitlines()))
    for name in ("trial", "state", "score", "model", "context", "seconds"):
        assert [row[name] for row in later[: len(rows)]] == [row[name] for row in rows]


def ended(storage: Path) -> int:
    """Return how many trials of a storage have ended well."""
    if not storage.exists():
        return 0
    connection = sqlite3.connect(f"file:{storage}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are not there yet
        return 0
    finally:
        connection.close()


def test_settings_are_of_the_type_that_the_model_has() -> None:
    pairs = ["hidden_size=128", "dropout=0.3", "cell=gru", "patience=none", "learning-rate = 1e-2", "average=0.99"]
    assert settings_of("lstm", pairs) == LstmSettings(
        hidden_size=128, dropout=0.3, cell="gru", patience=None, learning_rate=0.01, average=0.99
    )
    assert settings_of("lstm", []) is None
    assert settings_of("lstm", None) is None


def test_settings_may_be_nested_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "esrnn", EsRnnModel)
    settings = settings_of("esrnn", ["dilations=((1,2),[4,8])", "inputs=none"])
    assert settings == EsRnnModel.Settings(dilations=((1, 2), (4, 8)))
    with pytest.raises(InputError, match=r"^--set dilations must be numbers in brackets, such as \(\(1,2\),\(4,8\)\)"):
        settings_of("esrnn", ["dilations=(1,2.5)"])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["hidden_sizes=3"], "model lstm has no setting 'hidden_sizes'; did you mean 'hidden_size'?"),
        (["hidden_size"], "--set takes NAME=VALUE, such as hidden_size=128; got 'hidden_size'"),
        (["=3"], "--set takes NAME=VALUE, such as hidden_size=128; got '=3'"),
        (["hidden_size=3.5"], "--set hidden_size must be a whole number; got '3.5'"),
        (["dropout=much"], "--set dropout must be a number; got 'much'"),
        (["learning_rate=nan"], "--set learning_rate must be a number; got 'nan'"),
        (["patience=soon"], "--set patience must be a whole number or none; got 'soon'"),
        (["cell="], "--set cell must be a word; got ''"),
        (["dropout=0.1", "dropout=0.2"], "--set dropout is given twice; leave one out"),
        (["dropout=2"], "dropout must be at least 0 and below 1; got 2.0"),
    ],
)
def test_settings_that_cannot_be_used(lstm: Run, prices_csv: Path, pairs: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        settings_of("lstm", pairs)
    assert str(caught.value) == message
    words = [word for pair in pairs for word in ("--set", pair)]
    ran = lstm("tune", prices_csv, *words)
    assert (ran.code, ran.out, ran.err) == (2, "", f"lstm: {message}\n")


def test_an_unknown_model_is_refused_with_the_closest() -> None:
    with pytest.raises(InputError, match=r"^model must be one of .*; got 'lstn'; did you mean 'lstm'\?$"):
        settings_of("lstn", ["hidden_size=3"])


def test_the_command_reads_the_table_as_tuning_did(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    text = prices_csv.read_text().replace(",", ";")
    (tmp_path / "other.csv").write_text(text)
    reading = ["--delimiter", ";", "--missing", "drop", "--test", 0.25, "--level", 90, "--short", "drop", "--seed", 3]
    ran = lstm("tune", tmp_path / "other.csv", *SMALL, *reading, "--trials", 1, "--out", tmp_path / "out")
    words = shlex.split(ran.out.splitlines()[-1])
    assert words == shlex.split(
        f"lstm forecast {tmp_path / 'other.csv'} --target Close --missing drop --short drop --horizon 3 --level 90 "
        "--seed 3 --set hidden_size=4 --set max_epochs=2 --delimiter ';' --test 0.25"
    )
    assert lstm(*words[1:], "--out", tmp_path / "forecast").code == 0
