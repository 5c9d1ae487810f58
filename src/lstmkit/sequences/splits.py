"""Which rows learn and which are held back: by class, by group, one group after another, in folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, real

Numbers = NDArray[np.int64]

PARTS = {"train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid"}
PARTS |= {"test": "test", "testing": "test", "eval": "test"}
"""What people call the parts of their data, in names of files and in columns."""


def cut_off(classes: Numbers, share: float, seed: int) -> tuple[Numbers, Numbers]:
    """Return the rows that stay, and those cut off at random: the share of every class, but never all of its rows.

    classes  (N,) of the rows, or zeros for numbers
    """
    generator = np.random.default_rng(seed)
    held: list[Numbers] = []
    for name in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == name))
        held.append(rows[: min(len(rows) - 1, round(share * len(rows)))])
    cut = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(classes)), cut), cut


def check_shares(validates: bool, valid_share: float, scores: bool, test_share: float) -> tuple[Fraction, Fraction]:
    """Return the shares that are held back to validate and to score, 0 where something is given for it.

    validates, scores  whether a share is held back, because nothing is given
    Raises             InputError if a share is out of range, or together they leave nothing
    """
    valid_share = real("valid_share", valid_share, BETWEEN_0_AND_1)
    test_share = real("test_share", test_share, BELOW_1)
    # decimal fractions, because 0.9 of the rows should not depend on what 0.9 is in binary
    validated = Fraction(str(valid_share)) if validates else Fraction(0)
    tested = Fraction(str(test_share)) if scores else Fraction(0)
    if validated + tested >= 1:
        raise InputError(f"valid_share {valid_share} and test_share {test_share} leave nothing to train on; lower them")
    return validated, tested


def cut_off_groups(groups: Sequence[str], classes: Numbers, share: float, seed: int) -> tuple[Numbers, Numbers]:
    """Return the rows that stay, and those cut off: whole groups at random, until they have about a share of the rows.

    A group that alone has a class stays, so that every class can be learnt; one whose rows would be more than are
    wanted is taken only where it comes nearer to the share than none would.

    groups   (N,) name of the group of every row
    classes  (N,) of the rows, or zeros for numbers
    Raises   InputError if no group can be cut off
    """
    names, own = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    has = np.zeros((len(names), int(classes.max(initial=0)) + 1), bool)
    has[own, classes] = True
    sizes, left, wanted = np.bincount(own), has.sum(axis=0), share * len(own)
    cut: list[int] = []
    for group in np.random.default_rng(seed).permutation(len(names)).tolist():
        missing = wanted - sizes[cut].sum()
        if (left[has[group]] > 1).all() and abs(missing - sizes[group]) < missing:
            cut.append(group)
            left = left - has[group]
    if not cut:
        smallest = [g for g in np.argsort(sizes, kind="stable").tolist() if (left[has[g]] > 1).all()]
        if not smallest:
            raise InputError(
                f"{len(names):,} groups are too few to hold one back and learn every class from the others; give more "
                f"groups, or files for validation and test"
            )
        cut = smallest[:1]
    held = np.isin(own, cut)
    return np.flatnonzero(~held), np.flatnonzero(held)


def given(names: Sequence[str]) -> dict[str, Numbers]:
    """Return the rows of each part, "train", "valid" and "test", as somebody has divided them.

    names   (N,) of the part of every row, in any of the words of `PARTS`
    Raises  InputError for another word, or if no row is of the training part
    """
    parts = [PARTS.get(name.strip().lower(), "") for name in names]
    if "" in parts:
        row = parts.index("")
        raise InputError(f"row {row + 1}: {names[row]!r} is no part of the data; write train, valid or test")
    if "train" not in parts:
        raise InputError("no row is of the training part; write train where a row is to be learnt from")
    own = np.asarray(parts)
    return {part: np.flatnonzero(own == part) for part in ("train", "valid", "test")}


def one_group_out(groups: Sequence[str]) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Yield for each group, sorted by name: its name, the rows of all others, and its own.

    groups  (N,) name of the group of every row
    Raises  InputError if there is only one
    """
    names, own = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"group {str(names[0])!r}: there is no other; leaving one group out needs two")
    for number, name in enumerate(names.tolist()):
        yield name, np.flatnonzero(own != number), np.flatnonzero(own == number)


def fold_numbers(classes: Numbers, count: int, seed: int, groups: Sequence[str] | None = None) -> Numbers:
    """Return in which of several folds each row is, from 0 on, every class spread evenly over them.

    classes  (N,) of the rows, or zeros for numbers
    groups   (N,) name of the group of every row: no group is in two folds; the largest are dealt out first, each to the
             fold that has fewest rows. None lets every row go by itself
    Raises   InputError if there are fewer rows, or groups, than folds
    """
    generator = np.random.default_rng(seed)
    units = np.arange(len(classes)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    number = int(units.max(initial=-1)) + 1
    if number < count:
        raise InputError(f"{count} folds are more than there are {'rows' if groups is None else 'groups'}: {number:,}")
    if groups is None:
        folds = np.empty(len(classes), np.int64)
        shuffled = generator.permutation(len(classes))
        order = shuffled[np.argsort(classes[shuffled], kind="stable")]
        folds[order] = np.arange(len(order)) % count
        return folds
    sizes = np.bincount(units)
    shuffled = generator.permutation(number)
    filled, of_group = np.zeros(count), np.empty(number, np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        of_group[group] = int(filled.argmin())
        filled[of_group[group]] += sizes[group]
    return of_group[units]
