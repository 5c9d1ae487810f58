"""What labels mean: their coding for a network and back, and which rows are held back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.classification import Coding
from lstmkit.classification.labels import hold_back
from lstmkit.errors import InputError


def test_classes_are_places_among_their_names_sorted() -> None:
    coding = Coding.learn(["10", "9", "10", "-1"], "kind", "classes", True)
    assert (coding.classes, coding.outputs) == (("-1", "9", "10"), 3)
    assert coding.targets(["9", "-1"], "test").tolist() == [1, 0]
    found = np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    columns = coding.columns(found)
    assert columns["label"].tolist() == [9, 10] and list(columns) == ["label", "p_-1", "p_9", "p_10"]
    assert coding.restored(found) is found
    assert Coding.learn(["10", "9"], "kind", "classes", False).columns(found[:, :2])["label"].tolist() == ["10", "10"]
    with pytest.raises(InputError, match=r"^test part, label column 'kind', row 2: class '8' is not in the training"):
        coding.targets(["9", "8"], "test")


def test_numbers_are_standardised_by_the_training_part_and_restored() -> None:
    labels = ["1.5", "2.5", "6.5"]
    coding = Coding.learn(labels, "age", "number", False)
    targets = coding.targets(labels, "training")
    numbers = np.array([1.5, 2.5, 6.5])
    np.testing.assert_allclose(targets, (numbers - numbers.mean()) / numbers.std(), rtol=1e-6)
    assert targets.dtype == torch.float32 and coding.outputs == 1
    np.testing.assert_allclose(coding.restored(targets[:, None].double().numpy())[:, 0], numbers, rtol=1e-6)
    assert coding.truth(["3"]).tolist() == [3.0]
    with pytest.raises(InputError, match=r"^label column 'age': every row has 2; there is nothing to learn$"):
        Coding.learn(["2", "2.0"], "age", "number", False)


def test_groups_are_held_back_whole_for_classes_and_for_numbers() -> None:
    groups = [f"p{n % 10}" for n in range(200)]
    classes = [str(n % 3) for n in range(200)]
    for task, labels in (("classes", classes), ("number", [str(n) for n in range(200)])):
        kept, cut = hold_back(labels, "label", task, 0.2, 0, groups)
        assert len(cut) == 40 and not {groups[row] for row in kept} & {groups[row] for row in cut}
        kept, cut = hold_back(labels, "label", task, 0.2, 0)
        assert len(cut) in range(39, 42) and {groups[row] for row in kept} & {groups[row] for row in cut}
    with pytest.raises(InputError, match=r"^1 groups are too few"):
        hold_back(classes, "label", "classes", 0.2, 0, ["x"] * 200)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([-(2**63), 2**63 - 1], np.int64),
        ([0, 2**63], np.uint64),
        ([10**18, 2**64 - 1], np.uint64),
        ([1234567890123456789, 9], np.int64),
    ],
)
def test_whole_numbers_of_64_bits_are_classes_that_come_back(labels: list[int], kind: type) -> None:
    coding = Coding.learn([str(label) for label in labels], "kind", "classes", True)
    coding.require_sound("classes", 2)
    assert coding.names.dtype == kind and coding.names.tolist() == sorted(labels)
    assert coding.columns(np.array([[0.9, 0.1], [0.2, 0.8]]))["label"].tolist() == sorted(labels)


@pytest.mark.parametrize("labels", [["-1", "18446744073709551615"], ["1", "18446744073709551616"]])
def test_whole_numbers_that_no_type_holds_are_names(labels: list[str]) -> None:
    coding = Coding.learn(labels, "kind", "classes", True)
    assert not coding.whole and coding.names.tolist() == sorted(labels)


@pytest.mark.parametrize("name", ["1.5", "x", "+1", "٣", "1_0", " 1", "", "18446744073709551616", "9" * 5000])
def test_a_file_that_calls_other_names_whole_numbers_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^classes that are no whole numbers$"):
        Coding("kind", ("1", name), True, (0.0, 1.0)).require_sound("classes", 2)


def test_classes_written_in_several_ways_have_one_order() -> None:
    assert Coding.learn(["01", "1", "007", "7", "10"], "kind", "classes", False).classes == (
        "01",
        "1",
        "007",
        "7",
        "10",
    )
    Coding.learn(["1", "2"], "kind", "number", True).require_sound("number", 1)
