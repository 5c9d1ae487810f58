"""Damaged files of trials: cut short, scribbled on, of another program, held by another: a line each."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from damage import VALUES, changed, places, refused_in_a_line, without
from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.tuning import ask_of
from lstmkit.forecasting.tuning import study as study_module
from lstmkit.forecasting.tuning.study import Question, Study

pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'lstmkit[tune]'")

OUTCOME = {"state": "complete", "score": 0.5, "curve": [1.0, 0.5], "seconds": 1.0, "remark": ""}


@pytest.fixture(scope="module")
def question() -> Question:
    values = 20 + 5 * np.sin(np.arange(200) / 3)
    table = read_table(pl.DataFrame({"sold": values}), TableSettings("sold"))
    return ask_of([Forecaster(3, settings=LstmSettings(hidden_size=4), seasons=())], table, {"max_epochs"})


@pytest.fixture(scope="module")
def made(question, tmp_path_factory) -> Path:
    """A file with three trials that have ended and one under way."""
    path = tmp_path_factory.mktemp("study") / "tune.db"
    study = Study(path, question)
    for score in (0.5, 0.4, 0.6):
        number, _, _ = study.ask()
        study.tell(number, OUTCOME | {"score": score})
    study.ask()
    return path


@pytest.fixture
def storage(made, tmp_path) -> Path:
    return Path(shutil.copy(made, tmp_path / "tune.db"))


def _use(storage: Path, question: Question) -> str | None:
    """Open a study and go on with it; return the line with which it is refused."""

    def work() -> None:
        study = Study(storage, question)
        number, _, _ = study.ask()
        study.tell(number, OUTCOME)
        study.give_up()
        assert study.forecaster(study.trials()[-1]).horizon == 3

    line = refused_in_a_line(work)
    assert line is None or str(storage) in line
    return line


def test_a_whole_file_is_gone_on_with(storage, question):
    assert _use(storage, question) is None
    assert len(Study(storage, question).trials()) == 4


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_file_cut_short_is_refused(share, storage, question):
    content = storage.read_bytes()
    storage.write_bytes(content[: int(share * len(content))])
    line = _use(storage, question)
    assert line is not None and "choose another --storage" in line


def test_a_scribbled_file_is_answered_in_a_line(storage, question):
    draw, content = random.Random(5), storage.read_bytes()
    refused = 0
    for _ in range(12):
        scribbled = bytearray(content)
        for _ in range(draw.choice([1, 5, 50])):
            scribbled[draw.randrange(16, len(content))] = draw.randrange(256)
        storage.write_bytes(scribbled)
        refused += _use(storage, question) is not None
    assert refused > 0


def test_the_file_of_another_program_is_refused(tmp_path, question):
    for name, statement in (
        ("trials", "create table trials (a)"),
        ("studies", "create table studies (study_name int)"),
    ):
        path = tmp_path / f"{name}.db"
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()
        line = _use(path, question)
        assert line is not None and "cannot be used" in line


def test_a_file_that_another_holds_is_refused(storage, question, monkeypatch):
    monkeypatch.setattr(study_module, "SECONDS_FOR_A_LOCK", 0.1)
    database = sqlite3.connect(storage, isolation_level=None)
    database.execute("begin exclusive")
    line = _use(storage, question)
    database.close()
    assert line is not None and "another program holds the trials" in line


def test_values_that_are_no_trials_are_refused(storage, question):
    """Every value that the program keeps of a trial, by any other."""
    whole = storage.read_bytes()
    kept = {"choice": {"model": "lstm", "context": None, "settings": {}, "default": True}}
    kept |= {"outcome": {k: v for k, v in OUTCOME.items() if k != "curve"}, "curve": OUTCOME["curve"]}
    for path in places(kept):
        for way in (without(kept, path), *(changed(kept, path, value) for value in VALUES)):
            storage.write_bytes(whole)
            with sqlite3.connect(storage) as database:
                key = path[0]
                text = json.dumps(way[key]) if key in way else "nothing"
                database.execute("update trial_user_attributes set value_json = ? where key = ?", (text, key))
            database.close()
            line = refused_in_a_line(lambda: Study(storage, question))
            assert line is None or str(storage) in line


@pytest.mark.parametrize(
    "statement",
    [
        "update trial_params set distribution_json = 'x'",
        "update trial_params set distribution_json = '{}'",
        "update trial_params set param_value = 1e300",
        "update trials set state = 'HAPPY'",
        "update trials set number = 7",
        "update trial_values set value_type = 'NONE'",
        "update study_directions set direction = 'UP'",
        "update version_info set schema_version = 99",
        "update alembic_version set version_num = 'x'",
        "delete from trial_values",
        "drop table trial_params",
    ],
)
def test_tables_that_are_not_as_they_were_written_are_answered_in_a_line(statement, storage, question):
    with sqlite3.connect(storage) as database:
        database.execute(statement)
    database.close()
    line = _use(storage, question)
    assert line is None or "cannot be used" in line
