"""Tuning: the settings given come first, nothing after the training rows is read, and no trial is lost or repeated."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError
from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.models import MODELS
from lstmkit.forecasting.models.lstm import LstmModel, LstmSettings
from lstmkit.forecasting.tuning import ask_of, tune
from lstmkit.forecasting.tuning import trying as tune_module
from lstmkit.forecasting.tuning.job import TuneJob, verdict
from lstmkit.forecasting.tuning.search import SEARCH, Between, contexts, search_space
from lstmkit.forecasting.tuning.study import Question, Study, Trial
from lstmkit.forecasting.tuning.trying import Choice, Deadline, TuneResult, attempt, median_curve
from lstmkit.results import Run
from lstmkit.results.watcher import Nobody

pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'lstmkit[tune]'")

QUICK = LstmSettings(hidden_size=4, max_epochs=4)


@pytest.fixture
def table() -> SeriesTable:
    rng = np.random.default_rng(3)
    k = np.arange(200)
    rows = [
        pl.DataFrame({"shop": shop, "sold": 20 + 5 * np.sin(k / 3) + rng.normal(0, scale, 200)})
        for shop, scale in (("x", 0.5), ("z", 2.0))
    ]
    return read_table(pl.concat(rows), TableSettings("sold", id="shop"))


@pytest.fixture
def question(table: SeriesTable) -> Question:
    return ask_of([make()], table, {"max_epochs"})


def make(**arguments: object) -> Forecaster:
    return Forecaster(**{"horizon": 3, "settings": QUICK, "seasons": (), **arguments})


def tried(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    return [(t.model, t.context, t.settings, t.state, t.score) for t in trials]


def test_the_settings_given_are_tried_first_so_that_nothing_worse_is_chosen(question: Question, tmp_path: Path) -> None:
    result = tune(question, tmp_path / "tune.db", 5)
    assert [t.number for t in result.trials] == [0, 1, 2, 3, 4]
    assert (result.trials[0].default, result.trials[0].settings, result.trials[0].context) == (True, {}, None)
    assert result.default == result.trials[0]
    assert result.best.score == min(t.score for t in result.trials if t.state == "complete") <= result.default.score
    assert result.chosen.request().settings == dataclasses.replace(QUICK, **result.best.settings)
    assert len({str(row[1:3]) for row in tried(result.trials)}) == 5


def test_the_score_is_what_an_evaluation_of_the_same_rows_says(question: Question, table: SeriesTable) -> None:
    assert question.fit_rows.tolist() == [160, 160]
    outcome = attempt(table, question.fit_rows, Choice(0, make()))
    fitted = make().fit_series(table.head(question.fit_rows))
    assert outcome.score == evaluate(fitted, table, question.fit_rows).scores["model"].scaled_crps
    assert list(outcome.curve) == [record.valid_loss for record in fitted.history_]


def test_rows_of_the_test_part_are_never_looked_at(prices: pl.DataFrame, tmp_path: Path) -> None:
    names = []
    for change in (0.0, 1000.0):
        later = pl.int_range(pl.len()) >= 128
        changed = prices.with_columns(pl.when(later).then(pl.col("Close") + change).otherwise("Close").alias("Close"))
        changed.write_csv(tmp_path / "prices.csv")
        job = TuneJob(str(tmp_path / "prices.csv"), tmp_path, TableSettings("Close"), (make(),))
        asked = job.read()
        assert len(asked.table.values) == 128
        names.append(asked.name())
    assert names[0] == names[1]
    earlier = prices.with_columns(pl.when(pl.int_range(pl.len()) == 127).then(0).otherwise("Close").alias("Close"))
    earlier.write_csv(tmp_path / "prices.csv")
    assert job.read().name() != names[0]


def test_a_run_again_goes_on_as_if_it_had_not_stopped(question: Question, tmp_path: Path) -> None:
    whole = tune(question, tmp_path / "whole.db", 5)
    tune(question, tmp_path / "parts.db", 2)
    told: list[int] = []
    parts = tune(question, tmp_path / "parts.db", 5, on_trial=lambda trial, left: told.append(trial.number))
    assert told == [2, 3, 4]
    assert tried(parts.trials) == tried(whole.trials)
    assert tried(tune(question, tmp_path / "parts.db", 3).trials) == tried(whole.trials)


def test_an_interruption_loses_only_what_is_under_way(question: Question, tmp_path: Path) -> None:
    def interrupt(trial: Trial, left: float) -> None:
        assert left >= 0
        if trial.number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(question, tmp_path / "tune.db", 4, on_trial=interrupt)
    assert len(Study(tmp_path / "tune.db", question).trials()) == 2
    killed = Study(tmp_path / "tune.db", question)
    killed.ask()  # and never told, as when its process is killed
    whole, resumed = tune(question, tmp_path / "whole.db", 4), tune(question, tmp_path / "tune.db", 4)
    assert tried(resumed.trials) == tried(whole.trials)


def test_another_question_has_trials_of_its_own(question: Question, table: SeriesTable, tmp_path: Path) -> None:
    tune(question, tmp_path / "tune.db", 2)
    for other in (
        ask_of([make(horizon=4)], table, {"max_epochs"}),
        ask_of([make()], table, {"max_epochs", "cell"}),
        ask_of([make(seed=1)], table, {"max_epochs"}),
    ):
        assert other.name() != question.name()
        assert Study(tmp_path / "tune.db", other).trials() == ()
    assert len(Study(tmp_path / "tune.db", question).trials()) == 2


def test_processes_score_as_this_one_does(question: Question, tmp_path: Path) -> None:
    result = tune(question, tmp_path / "tune.db", 4, jobs=2)
    study = Study(tmp_path / "tune.db", question)
    assert [t.state for t in result.trials] == ["complete"] * 4
    for trial in result.trials:
        assert trial.score == attempt(question.table, question.fit_rows, Choice(0, study.forecaster(trial))).score


def test_the_first_trial_is_finished_when_time_is_up(question: Question, tmp_path: Path) -> None:
    result = tune(question, tmp_path / "tune.db", 1000, minutes=1e-6)
    assert [t.default for t in result.trials] == [True]  # of 1,000


def test_a_trial_stops_at_the_deadline(question: Question) -> None:
    late = attempt(question.table, question.fit_rows, Choice(3, make(), deadline=Deadline.after(-1)))
    assert (late.number, late.state, late.curve) == (3, "late", ())


def test_a_trial_worse_than_the_median_is_given_up(question: Question) -> None:
    for limits, epochs in (((-1.0,), 3), ((1e9, 1e9, 1e9, 1e9, -1.0), 4)):
        outcome = attempt(question.table, question.fit_rows, Choice(0, make(), limits))
        assert (outcome.state, len(outcome.curve) - 1, math.isnan(outcome.score)) == ("pruned", epochs, True)
    assert attempt(question.table, question.fit_rows, Choice(0, make(), (1e9,))).state == "complete"


def test_the_median_is_of_the_lowest_losses_so_far() -> None:
    curves = [[5.0, 3.0, 4.0, 1.0], [5.0, 4.0], [6.0, 2.0, 9.0], [7.0, 7.0, 5.0]]
    assert median_curve(curves) == (5.5, 3.5, 3.5, 3.0)
    assert median_curve(curves[:3]) == ()


def test_trials_are_compared_within_a_model_and_a_context(question: Question, tmp_path: Path) -> None:
    study = Study(tmp_path / "tune.db", question)
    seen: dict[int | None, int] = {}
    for _ in range(8):
        number, forecaster, alike = study.ask()
        assert len(alike) == seen.get(forecaster.context, 0)
        seen[forecaster.context] = len(alike) + 1
        fields = {"state": "complete", "score": 1.0, "curve": (1.0, 2.0), "seconds": 0.1, "remark": ""}
        assert study.tell(number, fields).epochs == 1
    assert len(seen) > 1


def test_settings_that_cannot_be_used_are_refused_and_remembered(table: SeriesTable, tmp_path: Path) -> None:
    outcome = attempt(table, np.array([20, 20]), Choice(0, make(context=50)))
    assert outcome.state == "refused"
    assert "at least" in outcome.remark
    asked = ask_of([make(context=150)], table)
    with pytest.raises(InputError, match="160 rows to learn from; at least"):
        tune(asked, tmp_path / "tune.db", 1)
    assert [t.state for t in Study(tmp_path / "tune.db", asked).trials()] == ["refused"]


def test_every_model_begins_with_its_own_settings(
    table: SeriesTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(MODELS, "twin", LstmModel)
    result = tune(ask_of([make(), make(model="twin")], table), tmp_path / "tune.db", 4)
    assert [(t.model, t.default) for t in result.trials] == [
        ("lstm", True),
        ("twin", True),
        ("lstm", False),
        ("twin", False),
    ]
    assert result.trials[0].score == result.trials[1].score
    assert result.default == result.trials[0]


def test_no_model_is_tried_again_and_again_where_it_began(
    table: SeriesTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(MODELS, "twin", LstmModel)
    study = Study(tmp_path / "tune.db", ask_of([make(), make(model="twin")], table, {"learning_rate"}))
    for _ in range(24):
        number, *_ = study.ask()
        fields = {"state": "complete", "score": float(number % 7), "curve": (1.0, 2.0), "seconds": 0.1, "remark": ""}
        study.tell(number, fields)
    for model in ("lstm", "twin"):
        own = [str((t.context, t.settings)) for t in study.trials() if t.model == model]
        assert len(own) == 12
        assert len(set(own)) > 9


def test_a_tie_goes_to_the_settings_given(question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "score", lambda forecaster, table, fit_rows: 1.0)
    result = tune(question, tmp_path / "tune.db", 3)
    assert result.best == result.default
    assert verdict(result).startswith("The settings to begin from won: none of the others scored lower (3 complete")


def test_what_is_tried_lies_around_the_settings_given() -> None:
    space = search_space("lstm", dataclasses.replace(QUICK, dropout=0.15, num_layers=3), {"batch_size"})
    assert space == {
        "hidden_size": (2, 4, 8),
        "num_layers": (1, 2, 3),
        "dropout": (0.0, 0.1, 0.2, 0.3, 0.5, 0.15),
        "learning_rate": Between(4e-4, 1e-2),
        "cell": ("lstm", "gru", "slstm"),
    }


@pytest.mark.parametrize("model", sorted(MODELS))
def test_only_settings_that_a_model_has_are_searched(model: str) -> None:
    settings = MODELS[model].Settings()
    assert set(SEARCH.get(model, {})) <= {field.name for field in dataclasses.fields(settings)}
    for name, values in search_space(model, settings, ()).items():
        if not isinstance(values, Between):
            for value in values:
                dataclasses.replace(settings, **{name: value})


def test_contexts_are_those_for_which_there_are_rows(table: SeriesTable) -> None:
    own = make().fit_series(table).network_.task.context
    assert contexts(make().request(), table) == (None, own // 2, 2 * own)
    few = table.head(np.array([24, 24]))
    own = make().fit_series(few).network_.task.context
    for context in contexts(make().request(), few)[1:]:
        make(context=context).fit_series(few)
    with pytest.raises(InputError):
        make(context=4 * own).fit_series(few)


def test_the_command_says_all_that_differs_from_the_defaults(prices: pl.DataFrame, tmp_path: Path) -> None:
    prices.write_csv(tmp_path / "a b.csv")
    chosen = Forecaster(3, 40, settings=LstmSettings(hidden_size=8, patience=None, learning_rate=0.00025))
    job = TuneJob(str(tmp_path / "a b.csv"), tmp_path, TableSettings("Close"), (make(),), test=0.25)
    trial = Trial(0, "lstm", 40, {}, "complete", 1.0, 2, 0.1, default=False, remark="")
    run = Run(Nobody(), tmp_path / "checkpoint")
    found = job.score(job.read(), TuneResult("name", (trial,), trial, None, chosen), run)
    assert (
        found.command
        == found.summary["command"]
        == (
            f"lstm forecast '{tmp_path}/a b.csv' --target Close --horizon 3 --context 40 "
            "--set hidden_size=8 --set learning_rate=0.00025 --set patience=none --test 0.25"
        )
    )


def test_a_file_that_is_no_storage_is_left_alone(question: Question, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not trials")
    with pytest.raises(InputError, match=r"notes\.txt: is not a file of trials"):
        tune(question, tmp_path / "notes.txt", 1)
    assert (tmp_path / "notes.txt").read_text() == "not trials"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "trials must be at least 1; got 0"),
        ({"minutes": 0.0}, "minutes must be more than 0; got 0.0"),
        ({"minutes": math.nan}, "minutes must be more than 0; got nan"),
        ({"jobs": 0}, "jobs must be at least 1; got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(
    question: Question, tmp_path: Path, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        tune(question, tmp_path / "tune.db", **{"trials": 1, **arguments})
    assert str(caught.value) == message


def test_the_extra_is_named_where_it_is_missing(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'lstmkit\[tune\]'"):
        tune(question, tmp_path / "tune.db", 1)


def test_ctrl_c_waits_for_the_end_of_a_transaction(question: Question, tmp_path: Path) -> None:
    """Else the next one to open the file would find it locked."""
    study = Study(tmp_path / "tune.db", question)

    def ask_while_interrupted() -> None:
        with study._readable():
            os.kill(os.getpid(), signal.SIGINT)
            study.ask()

    with pytest.raises(KeyboardInterrupt):
        ask_while_interrupted()
    assert study.under_way == 1
    with pytest.raises(KeyboardInterrupt):  # as it was before
        signal.raise_signal(signal.SIGINT)
    study.give_up()
    assert Study(tmp_path / "tune.db", question).under_way == 0
