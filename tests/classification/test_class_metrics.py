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


@pytest.mark.parametrize("measure", ["accuracy", "uar"])
def test_rows_of_one_group_are_drawn_together(measure: str) -> None:
    """Errors come person by person: the interval is that of drawing persons, and wider than that of drawing rows."""
    generator = np.random.default_rng(3)
    persons = np.repeat(np.arange(12), generator.integers(5, 40, 12))
    truth = generator.integers(3, size=len(persons))
    right = generator.random(12)[persons] > generator.random(len(persons))
    first, second = np.where(right, truth, (truth + 1) % 3), answers_of(3, len(persons), 0.6, 4)[1]
    found = class_difference(truth, first, second, 3, measure, groups=persons)
    drawn = []
    for _ in range(3000):
        rows = np.concatenate([np.flatnonzero(persons == person) for person in generator.integers(12, size=12)])
        tables = [confusion(truth[rows], own[rows], 3) for own in (first, second)]
        drawn.append(MEASURES[measure](tables[0]) - MEASURES[measure](tables[1]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.03)
    single = class_difference(truth, first, second, 3, measure)
    assert found.value == single.value and found.high - found.low > 1.5 * (single.high - single.low)
    alone = class_difference(truth, first, second, 3, measure, groups=np.arange(len(truth)))
    assert (alone.low, alone.high) == pytest.approx((single.low, single.high), abs=0.01)


def test_errors_of_one_group_are_drawn_together() -> None:
    generator = np.random.default_rng(5)
    persons = np.repeat(np.arange(10), generator.integers(5, 40, 10))
    truth = generator.normal(size=len(persons))
    first = truth + generator.normal(size=10)[persons]
    second = truth + generator.normal(0, 1.5, len(persons))
    found = number_difference(truth, first, second, groups=persons)
    drawn = []
    for _ in range(3000):
        rows = np.concatenate([np.flatnonzero(persons == person) for person in generator.integers(10, size=10)])
        errors = [np.sqrt(((own - truth)[rows] ** 2).mean()) for own in (first, second)]
        drawn.append(errors[1] - errors[0])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.05)
    single = number_difference(truth, first, second)
    assert found.value == pytest.approx(single.value) and found.high - found.low > 2 * (single.high - single.low)


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
