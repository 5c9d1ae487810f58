"""The page of `lstm classify train`: what it holds, of classes, numbers and folds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from small_sequences import quick, rising_and_falling

from lstmkit import SequenceClassifier
from lstmkit.classification.classifier.job import ClassifyJob
from lstmkit.classification.reading import Form
from lstmkit.results import run_job


def page_of(tmp_path: Path, names: dict[str, object], task: str = "classes", folds: int = 0) -> str:
    """Return the page of a job on sequences whose labels are renamed."""
    sequences, labels = rising_and_falling(40, steps=(8, 9))
    y = [names[label] for label in labels]
    if task == "number":
        y = [float(own[-1, 0]) for own in sequences]
    np.savez(tmp_path / "own.npz", X=np.stack(sequences), y=y)
    classifier = SequenceClassifier(quick(epochs=2), task)
    run_job(ClassifyJob(str(tmp_path / "own.npz"), tmp_path / "out", Form(), classifier, folds=folds))
    return (tmp_path / "out" / "report.html").read_text()


def figures(page: str) -> dict[str, dict]:
    found = re.findall(r'<script type="application/json" id="data-(\w+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text)["figure"] for name, text in found}


def test_a_page_of_classes_shows_what_was_taken_for_what_and_examples(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"up": "<b>rise", "down": "fall"})
    found = figures(page)
    assert set(found) == {"confusion", "training", "examples"}
    assert "<b>rise" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    counts = [int(text) for row in found["confusion"]["data"][0]["text"] for text in row if text]
    assert sum(counts) == 8
    assert 1 <= len(found["examples"]["steps"]) <= 8
    assert len(found["examples"]["steps"][0]["traces"]) == 3  # two channels, and the weights


def test_folds_show_examples_without_weights(tmp_path: Path) -> None:
    found = figures(page_of(tmp_path, {"up": "up", "down": "down"}, folds=2))
    counts = [int(text) for row in found["confusion"]["data"][0]["text"] for text in row if text]
    assert sum(counts) == 40
    assert len(found["examples"]["steps"][0]["traces"]) == 2


def test_weights_of_very_long_sequences_are_left_out(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("lstmkit.classification.classifier.report.WEIGHED", 7)
    found = figures(page_of(tmp_path, {"up": "up", "down": "down"}))
    assert len(found["examples"]["steps"][0]["traces"]) == 2


def test_a_page_of_numbers_shows_truth_and_answers(tmp_path: Path) -> None:
    assert set(figures(page_of(tmp_path, {"up": 1, "down": 0}, task="number"))) == {"numbers", "training", "examples"}
