"""Answers beside each other: what is compared, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.classification import Coding, judge
from lstmkit.classification.evaluation import evaluate_answers
from lstmkit.classification.verdict import score_head, score_rows

TITLES = {
    "model": "network",
    "functionals": "functionals + logistic regression",
    "constant": "always the largest class",
}


def shares_of(truth: np.ndarray, right: float, seed: int, classes: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    answers = np.where(generator.random(len(truth)) < right, truth, generator.integers(classes, size=len(truth)))
    return np.eye(classes)[answers]


def test_classes_are_compared_by_what_was_asked_for() -> None:
    truth = np.random.default_rng(0).choice(3, p=[0.5, 0.3, 0.2], size=400)
    coding = Coding("kind", ("a", "b", "c"), False, (0.0, 1.0))
    found = {"model": shares_of(truth, 0.9, 1, 3), "functionals": shares_of(truth, 0.5, 2, 3)}
    found["constant"] = np.tile([0.5, 0.3, 0.2], (400, 1))
    groups = [f"p{n % 20}" for n in range(400)]
    seen = {}
    for measure in ("", "uar", "f1", "matthews"):
        for own in (None, groups):
            evaluation = evaluate_answers(coding, truth, found, found["constant"][0], TITLES, 0.1, own, measure)
            seen[measure, own is None] = judge(evaluation)
            assert evaluation.best == "functionals" and judge(evaluation).kind == "better"
            assert score_rows(evaluation)[0][0] == "network"
    assert score_head(evaluate_answers(coding, truth, found, found["constant"][0], TITLES, 0.1, None, "uar")) == (
        "", "accuracy", "mean recall", "F1, mean", "Matthews"
    )  # fmt: skip
    assert seen["", True].headline.startswith("Better than functionals + logistic regression: accuracy 9")
    assert seen["uar", True].headline.startswith("Better than functionals + logistic regression: mean recall 9")
    assert seen["f1", True].headline.startswith("Better than functionals + logistic regression: mean F1 0.9")
    assert "points" in seen["uar", True].detail and "points" not in seen["f1", True].detail
    assert "on 400 test rows that neither has seen" in seen["", True].detail
    assert "on 400 test rows of 20 groups that neither has seen" in seen["", False].detail


def test_the_mean_recall_is_that_of_the_classes() -> None:
    coding = Coding("kind", ("a", "b"), False, (0.0, 1.0))
    truth, found = np.array([0, 0, 0, 0, 1, 1]), np.eye(2)[[0, 0, 0, 1, 1, 0]]
    assert coding.scores(truth, found, recall=True)["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert "uar" not in coding.scores(truth, found)


def test_numbers_are_compared_by_their_errors() -> None:
    truth = np.random.default_rng(1).normal(50, 10, 200)
    coding = Coding("age", (), False, (50.0, 10.0))
    noise = np.random.default_rng(2).normal(size=(200, 1))
    found = {"model": truth[:, None] + noise, "functionals": truth[:, None] + 5 * noise}
    found["constant"] = np.full((200, 1), 50.0)
    evaluation = evaluate_answers(coding, truth, found, np.array([0.0]), TITLES, 0.1, ["x", "y"] * 100)
    assert (evaluation.measure, evaluation.best, evaluation.groups) == ("rmse", "functionals", 2)
    assert judge(evaluation).headline.startswith("Better than functionals + logistic regression: RMSE ")
