"""The job of `lstm classify train`, and labels along a recording."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_sequences import quick, rising_and_falling

from lstmkit import InputError, SequenceClassifier
from lstmkit.classification.classifier.job import ClassifyJob
from lstmkit.classification.classifier.timeline import timeline
from lstmkit.classification.reading import Form
from lstmkit.classification.unsure import UNSURE
from lstmkit.results import run_job

NAMES = {"model", "functionals", "nearest", "constant"}


def file_of(tmp_path, name="own.npz", number=40, groups=None):
    sequences, labels = rising_and_falling(number)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in sequences])])
    more = {} if groups is None else {"groups": groups}
    np.savez(tmp_path / name, values=np.concatenate(sequences), offsets=offsets, y=labels, **more)
    return str(tmp_path / name)


def job_of(tmp_path, form=None, **given) -> ClassifyJob:
    classifier = SequenceClassifier(quick(epochs=given.pop("epochs", 4)))
    groups = given.pop("groups", None)
    return ClassifyJob(file_of(tmp_path, groups=groups), tmp_path / "out", form or Form(), classifier, **given)


def test_a_job_scores_beside_three_yardsticks_and_keeps_a_model(tmp_path) -> None:
    found = run_job(job_of(tmp_path))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary["scores"]) == NAMES
    assert summary["sequences"] == {"training": 26, "validation": 6, "test": 8}
    assert found.evaluation.titles["nearest"] == "nearest neighbour, time warped"
    assert summary["networks"] == 1
    loaded = SequenceClassifier.load(tmp_path / "out")
    np.testing.assert_array_equal(loaded.answers(found.tested[0]), found.answers)


def test_a_job_of_few_sequences_says_that_several_networks_answer(tmp_path) -> None:
    own = SequenceClassifier(quick(epochs=1, ensemble=None))
    job = ClassifyJob(file_of(tmp_path), tmp_path / "out", Form(), own)
    assert any("32 sequences are few" in line and "mean of 5 networks" in line for line in job.understood(job.read()))
    found = run_job(job)
    assert found.summary["networks"] == 5 and found.summary["settings"]["ensemble"] is None
    assert "the mean of 5 networks" in (tmp_path / "out" / "report.html").read_text()


def test_folds_score_every_sequence_once(tmp_path) -> None:
    found = run_job(job_of(tmp_path, folds=3, epochs=2))
    ids = [name for one in found.tested for name in one.ids]
    assert sorted(map(int, ids)) == list(range(1, 41))
    assert found.summary["sequences"]["test"] == found.evaluation.rows == 40


def test_each_group_is_scored_by_a_network_that_has_not_seen_it(tmp_path) -> None:
    groups = [f"g{k % 8 // 2}" for k in range(40)]
    found = run_job(job_of(tmp_path, Form(group="groups"), one_out=True, epochs=2, groups=groups))
    assert [set(one.groups or []) for one in found.tested] == [{"g0"}, {"g1"}, {"g2"}, {"g3"}]
    assert found.evaluation.groups == 4


def test_an_interrupted_job_goes_on(tmp_path) -> None:
    whole = run_job(job_of(tmp_path)).answers

    class Stop:
        def on_lines(self, lines): ...
        def on_stage(self, name, epochs): ...
        def on_work(self, items, seconds): ...
        def on_step(self, items, loss): ...
        def on_sample(self, write): ...
        def on_epoch(self, record):
            if record.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job_of(tmp_path, force=True), Stop())
    np.testing.assert_array_equal(run_job(job_of(tmp_path, resume=True)).answers, whole)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folds": 1}, "folds must be at least 2"),
        ({"folds": 3, "one_out": True}, "two ways to score"),
        ({"folds": 3, "test": "x.csv"}, "leave out --valid and --test"),
        ({"one_out": True}, "needs --group"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, given, words) -> None:
    with pytest.raises(InputError, match=words):
        job_of(tmp_path, **given)


def test_a_timeline_changes_where_the_recording_does() -> None:
    sequences, labels = rising_and_falling(60, steps=(20, 21))
    classifier = SequenceClassifier(quick(epochs=15)).fit(sequences, labels)
    up = np.linspace(-2, 2, 40)
    rows = classifier.read([np.stack([np.concatenate([up, up[::-1]]), np.zeros(80)], axis=1)])
    found = timeline(classifier, rows, 20, 5, 0.0)
    assert [one.label for one in found] == ["up", "down"]
    assert abs(found[0].end - 40) <= 10
    assert (found[0].start, found[-1].end) == (1, 80)
    assert {one.label for one in timeline(classifier, rows, 20, 5, 1.0)} >= {UNSURE}


@pytest.mark.parametrize("steps", [1, 7, 20, 53])
@pytest.mark.parametrize("every", [1, 6, 45])
def test_segments_cover_every_step_once(steps, every) -> None:
    sequences, labels = rising_and_falling(20)
    classifier = SequenceClassifier(quick(epochs=1)).fit(sequences, labels)
    rows = classifier.read([np.random.default_rng(0).normal(size=(steps, 2))])
    found = timeline(classifier, rows, 20, every, 0.6)
    covered = [step for one in found for step in range(one.start, one.end + 1)]
    assert covered == list(range(1, steps + 1))


def test_where_few_are_scored_folds_are_named(tmp_path) -> None:
    few = job_of(tmp_path)
    assert any("give more rows, or --folds 5, which scores all" in line for line in few.understood(few.read()))
    scored = job_of(tmp_path, folds=5)
    assert not any("--folds" in line for line in scored.understood(scored.read()))
