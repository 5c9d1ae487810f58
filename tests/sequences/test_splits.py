"""What is held back: by class, by group, in folds; and what is never torn apart."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.errors import InputError
from lstmkit.sequences import cut_off, cut_off_groups, fold_numbers, given, one_group_out


def test_a_share_of_every_class_is_held_back_but_never_all_of_it() -> None:
    labels = np.array([0] * 50 + [1] * 20 + [2])
    kept, cut = cut_off(labels, 0.1, seed=0)
    assert sorted(np.concatenate([kept, cut])) == list(range(71))
    assert np.bincount(labels[cut], minlength=3).tolist() == [5, 2, 0]
    assert cut.tolist() == cut_off(labels, 0.1, seed=0)[1].tolist() != cut_off(labels, 0.1, seed=1)[1].tolist()


def people_of(rows: int, seed: int, classes: int = 3) -> tuple[list[str], np.ndarray]:
    """Rows of people, of whom some have many and some have few, each of all classes."""
    generator = np.random.default_rng(seed)
    people = [f"p{int(n)}" for n in np.minimum(generator.geometric(0.2, rows), 12)]
    return people, generator.integers(classes, size=rows)


@pytest.mark.parametrize("seed", range(8))
def test_no_group_is_on_both_sides(seed: int) -> None:
    people, classes = people_of(200, seed)
    kept, cut = cut_off_groups(people, classes, 0.2, seed)
    assert sorted(np.concatenate([kept, cut])) == list(range(200))
    assert not {people[row] for row in kept} & {people[row] for row in cut}
    assert 15 <= len(cut) <= 70
    assert set(classes[kept]) == set(classes)
    assert cut.tolist() == cut_off_groups(people, classes, 0.2, seed)[1].tolist()


def test_a_group_that_alone_has_a_class_is_learnt_from() -> None:
    people, classes = ["a"] * 10 + ["b"] * 10 + ["c"] * 10, np.array([0] * 5 + [1] * 15 + [0] * 5 + [2] * 5)
    for seed in range(10):
        assert {people[row] for row in cut_off_groups(people, classes, 0.3, seed)[1]} <= {"a", "b"}
        assert len(cut_off_groups(people, classes, 0.3, seed)[1]) == 10


def test_groups_that_are_large_are_cut_off_where_there_are_no_others() -> None:
    people, classes = ["a"] * 10 + ["b"] * 12, np.zeros(22, np.int64)
    kept, cut = cut_off_groups(people, classes, 0.1, 0)
    assert (kept.tolist(), cut.tolist()) == (list(range(10, 22)), list(range(10)))
    with pytest.raises(InputError, match=r"^1 groups are too few to hold one back and learn every class"):
        cut_off_groups(["a"] * 5, np.zeros(5, np.int64), 0.5, 0)
    with pytest.raises(InputError, match=r"^2 groups are too few"):
        cut_off_groups(["a", "a", "b"], np.array([0, 0, 1]), 0.5, 0)


def test_every_group_is_left_out_once() -> None:
    found = list(one_group_out(["b", "a", "b", "10", "a"]))
    assert [(name, kept.tolist(), cut.tolist()) for name, kept, cut in found] == [
        ("10", [0, 1, 2, 4], [3]),
        ("a", [0, 2, 3], [1, 4]),
        ("b", [1, 3, 4], [0, 2]),
    ]
    with pytest.raises(InputError, match=r"^group 'x': there is no other; leaving one group out needs two$"):
        next(one_group_out(["x", "x"]))


def test_folds_have_every_class_alike() -> None:
    classes = np.repeat([0, 1, 2], [53, 20, 7])
    folds = fold_numbers(classes, 5, seed=1)
    for name, size in ((0, 53), (1, 20), (2, 7)):
        counts = np.bincount(folds[classes == name], minlength=5)
        assert counts.sum() == size and counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(folds)) == 0
    assert folds.tolist() == fold_numbers(classes, 5, seed=1).tolist() != fold_numbers(classes, 5, seed=2).tolist()


def test_folds_of_groups_tear_none_apart() -> None:
    people, classes = people_of(300, 3)
    folds = fold_numbers(classes, 4, 0, people)
    assert all(len({fold for fold, own in zip(folds, people, strict=True) if own == name}) == 1 for name in people)
    largest = max(people.count(name) for name in people)
    assert np.ptp(np.bincount(folds, minlength=4)) <= largest
    with pytest.raises(InputError, match=r"^5 folds are more than there are groups: 2$"):
        fold_numbers(classes[:3], 5, 0, ["a", "b", "a"])
    with pytest.raises(InputError, match=r"^5 folds are more than there are rows: 3$"):
        fold_numbers(classes[:3], 5, 0)


def test_a_division_that_was_made_before_is_taken_as_it_is() -> None:
    found = given(["Train", "dev", "test ", "training", "val"])
    assert {name: rows.tolist() for name, rows in found.items()} == {"train": [0, 3], "valid": [1, 4], "test": [2]}
    with pytest.raises(InputError, match=r"^row 2: 'fold 1' is no part of the data; write train, valid or test$"):
        given(["train", "fold 1"])
    with pytest.raises(InputError, match=r"^no row is of the training part; write train where"):
        given(["test"])
