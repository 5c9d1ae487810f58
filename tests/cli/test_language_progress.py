"""What is said while a language model trains, and going on from a finished one, from the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import TRAIN, sentences

from lstmkit.cli import progress
from lstmkit.cli.language.train import loss_of
from lstmkit.cli.progress import JobProgress, Rounds
from lstmkit.language import LanguageModel
from lstmkit.language.job import in_words
from lstmkit.language.neural import pace
from lstmkit.language.neural.pace import Plan
from lstmkit.training import EpochRecord, loop

Run = Callable[..., "Ran"]  # noqa: F821
Complain = Callable[..., str]
Clock = Any


@pytest.fixture
def clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(progress, "time", clock)
    return clock


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_a_minute_where_nobody_watches(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with JobProgress(False, Rounds(loss_of("word"))) as watching:
        watching.on_stage("fit", 1)
        watching.on_work(100_000, math.inf)
        lines = []
        for _ in range(50):
            clock.now += 4
            watching.on_step(100, 2.0)
            lines += [(clock.now - 1000, line) for line in said(capsys)]
        assert [at for at, _ in lines] == [64, 128, 192]
        assert lines[0][1] == "perplexity 7.4 in training; 25 tokens a second, 66 min left at most"
        watching.on_epoch(EpochRecord(1, 2.0, 2.0, True, 50, 200.0))
        said(capsys)
        clock.now += 56
        watching.on_step(100, 2.0)
        assert said(capsys) == [], "a round is a line, too"


def test_how_long_it_takes_is_said_before() -> None:
    plan = Plan(4, 25, steps=1000, seconds=4000.0)
    for minutes, found, expected in (
        (None, plan, "1,000 steps at most, about 67 min on this machine; --minutes ends it by time"),
        (None, plan._replace(seconds=4.0), "1,000 steps at most, about 4 s on this machine"),
        (2.0, plan._replace(steps=30, seconds=120.0), "30 steps at most, about 2 min on this machine"),
    ):
        assert in_words(found, minutes) == f"4 rows side by side, 25 tokens of each a step: {expected}"


def test_a_quiet_display_asks_for_no_sample(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = JobProgress(True, Rounds(loss_of("word")))
    quiet.on_lines(["a line"])
    quiet.on_sample(lambda: pytest.fail("nobody asked for it"))
    assert said(capsys) == []


def test_a_sample_is_one_line_without_anything_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    JobProgress(False).on_sample(lambda: "the \x1b[2J[red]king\nand all\n")
    assert said(capsys) == ["  the \\x1b[2J[red]king / and all"]


class Ticking:
    """A clock by which a tenth of a second passes between one look and the next."""

    def __init__(self) -> None:
        self.looks = 0

    def perf_counter(self) -> float:
        self.looks += 1
        return self.looks / 10


def test_rounds_follow_the_time(lstm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "long.txt").write_text(sentences(1500, 0))
    for module in (loop, pace):
        monkeypatch.setattr(module, "time", Ticking())
    small = ("--set", "embedding_size=8", "--set", "hidden_size=16", "--set", "patience=none", "--order", 0)
    ran = lstm(*TRAIN, tmp_path / "long.txt", *small, "--epochs", 1000, "--minutes", 1, "--out", tmp_path / "out")
    assert ran.code == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    # a step and the looks at its budget take 0.1 s or more, so there are less than 400; then windows are short
    assert summary["plan"] == {"columns": 4, "window": 32}
    assert "4 rows side by side, 32 tokens of each a step: " in ran.err
    records = summary["history"][1:]
    assert 10 < len(records) < 16, "a round is 4.8 of 60 seconds, and what is done around it"
    assert len({record["steps"] for record in records}) == len(records)
    assert all(record["seconds"] < 6 for record in records)
    assert sum(record["seconds"] for record in records) == pytest.approx(60, abs=3)


def test_train_goes_on_from_a_model(lstm: Run, models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text(sentences(200, 5).replace("queen", "bishop"))
    out = tmp_path / "out"
    ran = lstm(*TRAIN, tmp_path / "more.txt", "--start", models["word"], "--epochs", 2, "--out", out)
    assert ran.code == 0
    assert f"a vocabulary of 12, that of {models['word']}" in ran.err and "As it was: perplexity" in ran.err
    summary, model = json.loads((out / "summary.json").read_text()), LanguageModel.load(out)
    before = LanguageModel.load(models["word"])
    assert (summary["start"], summary["order"]) == (str(models["word"]), 3)
    assert model.tokens_ == before.tokens_ and summary["unknown"]["train"] > 0
    assert model.settings.hidden_size == before.settings.hidden_size
    scores = summary["history"]
    assert scores[-1]["valid_loss"] < scores[0]["valid_loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unit", "character"], "--unit character: with --start the vocabulary is that of {}; leave the option out"),
        (["--vocabulary", "50"], "--vocabulary 50: with --start the vocabulary is that of {}; leave the option out"),
        (["--min-count", "1"], "--min-count 1: with --start the vocabulary is that of {}; leave the option out"),
        (["--split", "space"], "--split space: with --start the vocabulary is that of {}; leave the option out"),
        (
            ["--set", "hidden_size=9"],
            "start: hidden_size is 16 in the model, and 9 here; leave it as it is, a training keeps the shape of the "
            "network",
        ),
        (
            ["--cell", "gru"],
            "start: cell is 'lstm' in the model, and 'gru' here; leave it as it is, a training keeps the "
            "shape of the network",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_options_that_a_start_leaves_no_room_for(
    complain: Complain, models: dict[str, Path], options: list[str], message: str
) -> None:
    Path("a.txt").write_text(sentences(200, 5))
    told = complain(*TRAIN, "a.txt", "--start", models["word"], *options)
    assert told == message.format(models["word"])


def test_a_start_that_is_none_or_knows_other_words(complain: Complain, models: dict[str, Path]) -> None:
    Path("a.txt").write_text("nichts davon ist bekannt\n" * 100)
    assert complain(*TRAIN, "a.txt", "--start", "none") == "none: no such model folder"
    told = complain(*TRAIN, "a.txt", "--start", models["word"])
    assert told.startswith("a.txt: vocabulary mismatch, ") and told.endswith(
        "take a model that was trained on such text"
    )
