"""Damaged folders of classifiers: whatever is wrong in one is said in a line when it is loaded."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from damage import check_all
from lstmkit.language.classify import TextClassifier


@pytest.mark.parametrize(
    ("pair", "kind"), [((-(2**63), 2**63 - 1), pl.Int64), ((1, 2**64 - 1), pl.UInt64), ((0, 10**18), pl.Int64)]
)
def test_labels_of_64_bits_are_kept_by_a_folder(pair, kind, reviews, small, tmp_path):
    rows = reviews.head(60)
    numbers = pl.Series("label", [pair[label == "yes"] for label in rows["label"]], kind)
    classifier = TextClassifier(dataclasses.replace(small, epochs=1)).fit(rows.with_columns(numbers))
    classifier.save(tmp_path / "model")
    found = TextClassifier.load(tmp_path / "model").predict(rows)
    assert found["label"].dtype == kind and set(found["label"]) <= set(pair)
    assert found.columns == ["label", *(f"p_{number}" for number in pair)]
    assert found.equals(classifier.predict(rows))


@pytest.mark.parametrize("task", ["classes", "number"])
def test_every_damage_to_a_folder_is_answered_in_a_line(task, reviews, small, tmp_path):
    how = dataclasses.replace(small, embedding_size=4, hidden_size=4, head_size=4, epochs=1, pooling="attention")
    rows = reviews.head(40)
    if task == "number":
        rows = rows.with_columns(pl.col("sentence").str.len_chars().alias("label"))
    TextClassifier(how, task).fit(rows).save(tmp_path / "model")

    def use() -> None:
        found = TextClassifier.load(tmp_path / "model").predict(pl.DataFrame({"sentence": ["a good film", ""]}))
        assert np.isfinite(found.drop("label", strict=False).to_numpy()).all()

    found = check_all(tmp_path / "model", use)
    needed = ("task", "settings", "shape", "columns", "classes", "scale", "whole", "lowercase", "tokens", "history")
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(line for name, line in found.items() if name.endswith(("NaN", "infinite")))
