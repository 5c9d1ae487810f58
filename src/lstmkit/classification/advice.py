"""What whoever trains on a table should know of its labels, before it is learnt from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from lstmkit.classification.settings import NetworkSettings
from lstmkit.data.series import shorten
from lstmkit.ranges import number_in

MOSTLY = 0.8
"""Share of the largest class from which on it hides the others."""
FEW = 5
"""Rows of a class in the test part, below which its scores are chance."""
NAMED = 6
"""Classes that a line names at most."""
AMOUNTS = 20
"""Whole numbers in a column of labels from which on they may be amounts."""


def label_notes(
    labels: Sequence[str], tested: Sequence[str], settings: NetworkSettings, ways: str = "--test"
) -> list[str]:
    """Return a line on how many classes there are, then what stands in the way of learning or scoring them.

    labels, tested  of the training and of the test part
    ways            options by which more rows are scored
    """
    counted, rows = Counter(sorted(labels)), len(labels)
    name, size = counted.most_common(1)[0]
    lines = [f"{len(counted)} classes; the largest, {shorten([name])}, has {100 * size / rows:.0f} %"]
    single = [label for label, count in counted.items() if count == 1]
    if 2 * len(single) > rows:
        lines.append(f"{len(single):,} of {rows:,} rows have a label of their own: is this the column of the classes?")
    if kind := numbers_kind(list(counted)):
        lines.append(f"the labels are {kind}: with --task number they are learnt as amounts, not as classes")
    if size > MOSTLY * rows:
        balanced = "; --class-weights balanced lets every class weigh the same" * (settings.class_weights == "none")
        share = f"{100 * size / rows:.0f} %"
        lines.append(f"whoever always answers {shorten([name])} is right for {share}: look at Matthews{balanced}")
    return lines + _rarely_tested(counted, Counter(tested), ways)


def numbers_kind(classes: Sequence[str]) -> str:
    """Return what kind of numbers classes are, where they may be amounts; "" where nothing says so."""
    if not _all_numbers(classes):
        return ""
    if any(number_in(name) % 1 for name in classes):
        return "numbers with decimals"
    return f"{len(classes):,} whole numbers" if len(classes) > AMOUNTS else ""


def no_class_to_cut(labels: Sequence[str], column: str, share: float) -> str:
    """Return why no share of any class can be held back, and what to do.

    column  of the labels
    """
    (name, most), *_ = Counter(labels).most_common(1)
    place, shown = f"label column {column!r}", shorten([name])
    if most > 1:
        amounts = "; or pass --task number if these are amounts" if numbers_kind(sorted(set(labels))) else ""
        return (
            f"{place}: the largest class, {shown}, has {most} rows, too few to hold back a share of {share:g}; give "
            f"more rows of each class, or files for validation and test{amounts}"
        )
    way = "pass --task number if it holds amounts" if _all_numbers(labels) else "name another by --label"
    return (
        f"{place}: each of the {len(labels):,} rows has a label of its own, the first {shown}; is this the column of "
        f"the classes? {way}"
    )


def _all_numbers(labels: Sequence[str]) -> bool:
    try:
        return all(math.isfinite(number_in(label)) for label in labels)
    except ValueError:
        return False


def _rarely_tested(counted: Counter[str], tested: Counter[str], ways: str) -> list[str]:
    """Return a line on the classes with hardly a row to be scored on."""
    rare = {label: tested[label] for label in counted if tested[label] < FEW}
    if not rare or not tested.total():
        return []
    named = [f"{shorten([label])} {count or 'none'}" for label, count in list(rare.items())[:NAMED]]
    more = f" and {len(rare) - NAMED:,} more classes" if len(rare) > NAMED else ""
    what = "their" if len(rare) > 1 else "its"
    return [f"few rows to score on: {', '.join(named)}{more}; {what} scores are chance: give more rows, or {ways}"]
