"""Scores and the uncertainty of a difference, against scikit-learn, scipy and plain resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk

from lstmkit.classification.metrics import (
    MEASURES,
    accuracy,
    answer_score,
    class_difference,
    class_scores,
    confusion,
    matthews,
    mean_recall,
    number_difference,
    number_scores,
)


def answers_of(classes: int, rows: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=rows)
    other = generator.integers(classes, size=rows)
    return truth, np.where(generator.random(rows) < right, truth, other)


@pytest.mark.parametrize("classes", [2, 5])
def test_class_scores_are_scikit_learns(classes: int) -> None:
    truth, answers = answers_of(classes, 200, 0.4, classes)
    found = class_scores(truth, answers, tuple("abcde"[:classes]))
    expected = {
        "accuracy": sk.accuracy_score(truth, answers),
        "f1": sk.f1_score(truth, answers, average="macro"),
        "matthews": sk.matthews_corrcoef(truth, answers),
    }
    if classes == 2:
        expected["f1_positive"] = sk.f1_score(truth, answers)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_mean_recall_and_mean_f1_are_scikit_learns_also_where_a_class_does_not_occur(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, answers = generator.integers(4, size=12) // 2 * 2, generator.integers(4, size=12)
    table = confusion(truth, answers, 5)
    recalls = sk.recall_score(truth, answers, average="macro", labels=np.unique(truth))
    assert MEASURES["uar"](table) == pytest.approx(recalls)
    assert MEASURES["f1"](table) == pytest.approx(sk.f1_score(truth, answers, average="macro"))
    both = np.stack([table, confusion(answers, answers, 5)])
    for measure in MEASURES.values():
        assert measure(both).tolist() == pytest.approx([float(measure(table)), 1.0])


def test_one_answer_for_all_has_no_matthews_correlation() -> None:
    truth = np.array([0, 1, 1, 0, 1])
    ones = np.ones(5, np.int64)
    assert matthews(confusion(truth, ones, 2)) == sk.matthews_corrcoef(truth, ones) == 0.0
    assert class_scores(truth, ones, ("0", "1"))["matthews"] == 0.0


def test_number_scores_are_scipys() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=100)
    answers = truth + generator.normal(size=100)
    found = number_scores(truth, answers)
    assert found["rmse"] == pytest.approx(math.sqrt(((truth - answers) ** 2).mean()))
    assert found["pearson"] == pytest.approx(stats.pearsonr(truth, answers).statistic, abs=1e-6)
    assert found["spearman"] == pytest.approx(stats.spearmanr(truth, answers).statistic, abs=1e-6)
    alike = number_scores(truth, np.zeros(100))
    assert math.isnan(alike["pearson"]) and math.isnan(alike["spearman"])


@pytest.mark.parametrize(("measure", "score"), [("accuracy", accuracy), ("matthews", matthews), ("uar", mean_recall)])
def test_the_interval_of_a_difference_is_that_of_drawing_rows(measure: str, score: object) -> None:
    """Counts of kinds of rows are drawn in one go; here, rows are drawn one by one."""
    truth, first = answers_of(3, 300, 0.7, 1)
    second = answers_of(3, 300, 0.5, 1)[1]
    found = class_difference(truth, first, second, 3, measure)
    generator, drawn = np.random.default_rng(5), []
    for _ in range(3000):
        rows = generator.integers(300, size=300)
        drawn.append(score(confusion(truth[rows], first[rows], 3)) - score(confusion(truth[rows], second[rows], 3)))
    assert found.value == pytest.approx(score(confusion(truth, first, 3)) - score(confusion(truth, second, 3)))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.012)
    assert class_difference(truth, first, second, 3, measure) == found


def test_a_difference_of_many_classes_is_worked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, first = answers_of(4, 200, 0.7, 2)
    second = answers_of(4, 200, 0.4, 2)[1]
    whole = class_difference(truth, first, second, 4, "accuracy")
    monkeypatch.setattr("lstmkit.classification.metrics.AT_ONCE", 1000)
    assert class_difference(truth, first, second, 4, "accuracy") == whole


def test_the_interval_of_a_difference_of_errors_counts_less_error_as_better() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=400)
    good, bad = truth + generator.normal(0, 0.5, 400), truth + generator.normal(0, 1.0, 400)
    found = number_difference(truth, good, bad)
    assert found.value == pytest.approx(np.sqrt(((bad - truth) ** 2).mean()) - np.sqrt(((good - truth) ** 2).mean()))
    assert 0.3 < found.low < found.value < found.high < 0.7
    # The difference of two root mean squares by the delta method: its spread is close to that of the draws.
    gradient = (bad - truth) ** 2 / (2 * np.sqrt(((bad - truth) ** 2).mean()))
    gradient -= (good - truth) ** 2 / (2 * np.sqrt(((good - truth) ** 2).mean()))
    assert found.high - found.low == pytest.approx(2 * 1.96 * gradient.std() / 20, rel=0.1)


def test_early_stopping_prefers_answers_that_tell_classes_apart() -> None:
    """On skewed classes the cross-entropy is lower for the answer that is always the large class."""
    targets = torch.tensor([1] * 8 + [0] * 2)
    shy = np.tile([0.2, 0.8], (10, 1))
    bold = np.array([[0.05, 0.95]] * 7 + [[0.99, 0.01]] + [[0.6, 0.4], [0.01, 0.99]])

    def entropy(found: np.ndarray) -> float:
        return float(-np.log(found[np.arange(10), targets]).mean())

    assert entropy(shy) < entropy(bold)
    assert answer_score(shy, targets) == pytest.approx(1 + 0.01 * entropy(shy))
    assert answer_score(bold, targets) < answer_score(shy, targets)
    numbers = torch.tensor([1.0, 3.0])
    assert answer_score(np.array([[0.0], [1.0]]), numbers) == pytest.approx((1 + 4) / 2)
