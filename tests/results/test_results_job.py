"""The runner of jobs: what comes when, what is left in the folder, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from lstmkit.errors import InputError, NothingToDo
from lstmkit.nn import LSTM
from lstmkit.results import CHECKPOINT, SUMMARY, Job, Run, Watcher, run_job
from lstmkit.results.summary import backends


@dataclass(frozen=True)
class Answer:
    value: float
    summary: dict[str, Any]


@dataclass(frozen=True)
class Doubling(Job[float, float, Answer]):
    """A job that doubles a number; `fault` is called where it is named."""

    results: ClassVar = ("answer.txt", SUMMARY)

    number: str
    out: Path
    force: bool = False
    resume: bool = False
    fault: dict[str, Callable[[], None]] = field(default_factory=dict)

    def _do(self, what: str) -> None:
        self.fault.get(what, lambda: None)()

    def read(self) -> float:
        if not self.number.isdigit():
            raise InputError(f"number: {self.number!r} is none; give another")
        return float(self.number)

    def understood(self, read: float) -> list[str]:
        return [f"a number, {read:g}"]

    def fit(self, read: float, run: Run) -> float:
        run.begin("fit", epochs=3)
        run.checkpoint.write_text("kept")
        self._do("fit")
        return 2 * read

    def score(self, read: float, fitted: float, run: Run) -> Answer:
        self._do("score")
        network = nn.Sequential(LSTM(1, 1))
        return Answer(fitted, run.summary({"answer": fitted, "gain": float("nan")}, {"factor": 2}, network, seed=5))

    def write(self, found: Answer) -> None:
        self._do("write")
        (self.out / "answer.txt").write_text(f"{found.value:g}")


class Told(Watcher):
    def __init__(self) -> None:
        self.said: list[object] = []

    def on_lines(self, lines: Sequence[str]) -> None:
        self.said += lines

    def on_stage(self, name: str, epochs: int) -> None:
        self.said.append((name, epochs))


def stop() -> None:
    raise KeyboardInterrupt


def no_room() -> None:
    raise OSError(28, "No space left on device")


def left(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def test_a_job_tells_its_stages_and_leaves_its_results(tmp_path: Path) -> None:
    watcher = Told()
    found = run_job(Doubling("21", tmp_path / "out"), watcher)
    assert found.value == 42
    assert watcher.said == ["a number, 21", ("fit", 3), ("score", 0), ("write", 0)]
    assert left(tmp_path / "out") == ["answer.txt", SUMMARY], "the checkpoint has gone"
    summary = json.loads((tmp_path / "out" / SUMMARY).read_text())
    assert summary == found.summary
    assert list(summary) == ["answer", "gain", "seconds", "settings", "versions", "backend", "seed"]
    assert (summary["answer"], summary["gain"], summary["settings"], summary["seed"]) == (42, None, {"factor": 2}, 5)
    seconds = summary["seconds"]
    assert list(seconds) == ["read", "fit", "score", "total"]
    assert seconds.pop("total") == pytest.approx(sum(seconds.values()))


def test_what_cannot_be_read_touches_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'x' is none"):
        run_job(Doubling("x", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stage", ["fit", "score", "write"])
def test_an_interruption_leaves_the_checkpoint_and_the_job_goes_on(tmp_path: Path, stage: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_job(Doubling("21", out, fault={stage: stop}))
    assert left(out) == [CHECKPOINT]
    with pytest.raises(InputError, match="holds an interrupted run; --resume continues it"):
        run_job(Doubling("21", out))
    run_job(Doubling("21", out, resume=True))
    with pytest.raises(NothingToDo, match="complete already"):
        run_job(Doubling("21", out, resume=True))
    with pytest.raises(InputError, match=r"already holds a result \(answer\.txt\)"):
        run_job(Doubling("21", out))
    assert run_job(Doubling("4", out, force=True)).value == 8


def test_a_full_disk_is_one_line_and_the_training_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError) as raised:
        run_job(Doubling("21", out, fault={"write": no_room}))
    assert str(raised.value) == (
        f"{out}: cannot be written to (No space left on device); the training so far is kept: --resume goes on where "
        "it stopped"
    )
    assert left(out) == [CHECKPOINT]


def test_of_several_processes_only_the_first_tells_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    (tmp_path / "out").mkdir()
    watcher = Told()
    with pytest.raises(SystemExit) as ended:
        run_job(Doubling("21", tmp_path / "out"), watcher)
    assert ended.value.code == 0
    assert watcher.said == []
    assert not set(left(tmp_path / "out")) & {"answer.txt", SUMMARY}


def test_the_backends_of_a_network_are_named_for_the_lengths_it_gets() -> None:
    layers = [LSTM(2, 3, backend="reference"), LSTM(3, 3, backend="reference"), nn.Linear(3, 1)]
    assert backends(nn.Sequential(*layers)) == "reference"
    chosen = LSTM(2, 3).explain(torch.zeros(2, 2, 2), lengths=[2, 1]).chosen
    assert backends(nn.Sequential(LSTM(2, 3)), [2, 1]) == chosen
