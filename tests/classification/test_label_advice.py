"""What is said of labels before they are learnt from."""

from __future__ import annotations

import pytest

from lstmkit.classification.advice import label_notes
from lstmkit.classification.settings import NetworkSettings

HOW = NetworkSettings()
EVEN = ["a", "b"] * 50


def advice(labels: list[str], tested: list[str] | None = None, how: NetworkSettings = HOW) -> list[str]:
    return label_notes(labels, labels if tested is None else tested, how)[1:]


def test_even_classes_need_no_advice() -> None:
    assert label_notes(EVEN, EVEN[:20], HOW) == ["2 classes; the largest, 'a', has 50 %"]
    assert advice([str(number % 7) for number in range(700)]) == []


def test_one_class_that_hides_the_others() -> None:
    labels = ["no"] * 95 + ["yes"] * 5
    what = "whoever always answers 'no' is right for 95 %: look at Matthews"
    assert advice(labels) == [f"{what}; --class-weights balanced lets every class weigh the same"]
    assert advice(labels, how=NetworkSettings(class_weights="balanced")) == [what]
    assert advice(["no"] * 80 + ["yes"] * 20) == []


def test_classes_that_are_hardly_tested() -> None:
    assert advice([*EVEN, "c"], EVEN[:20]) == [
        "few rows to score on: 'c' none; its scores are chance: give more rows, or --test"
    ]
    many = [f"class {number}" for number in range(10)] * 10
    (line,) = advice(many, many[:10])
    assert line.startswith("few rows to score on: 'class 0' 1, 'class 1' 1, ")
    assert line.endswith("'class 5' 1 and 4 more classes; their scores are chance: give more rows, or --test")


def test_ids_for_classes() -> None:
    labels = ["none"] * 20 + [f"id{number}" for number in range(30)]
    assert advice(labels, ["none"] * 5)[0] == (
        "30 of 50 rows have a label of their own: is this the column of the classes?"
    )


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["1.5", "2.5", "3"] * 20, "numbers with decimals"),
        ([str(number % 25) for number in range(250)], "25 whole numbers"),
        (["-1", "0", "1"] * 20, ""),
        (["1.5", "none"] * 20, ""),
        (["nan", "inf"] * 20, ""),
        (["1_000.5", "2"] * 20, ""),
    ],
)
def test_numbers_that_may_be_amounts(labels: list[str], kind: str) -> None:
    said = [f"the labels are {kind}: with --task number they are learnt as amounts, not as classes"] if kind else []
    assert advice(labels) == said
