"""Tables of texts changed in ways that mean nothing: the answers stay."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit.language.classify import ClassifierSettings, TextClassifier


@pytest.fixture(scope="module")
def fitted(reviews: pl.DataFrame, small: ClassifierSettings) -> TextClassifier:
    return TextClassifier(small).fit(reviews)


def test_rows_in_another_order_are_answered_in_that_order(fitted: TextClassifier, later: pl.DataFrame) -> None:
    order = np.random.default_rng(0).permutation(len(later))
    found, expected = fitted.predict(later[order]), fitted.predict(later)[order]
    assert found["label"].equals(expected["label"])
    np.testing.assert_allclose(found["p_yes"], expected["p_yes"], atol=1e-6)


def test_columns_with_other_names_places_and_neighbours_teach_the_same(
    fitted: TextClassifier, reviews: pl.DataFrame, later: pl.DataFrame, small: ClassifierSettings
) -> None:
    def changed(table: pl.DataFrame) -> pl.DataFrame:
        return table.select(
            pl.lit(7).alias("label"),
            pl.col("label").alias("p_yes"),
            pl.col("sentence").alias("mean"),
            pl.lit("x").alias("sentence"),
        )

    other = TextClassifier(small).fit(changed(reviews), text="mean", label="p_yes")
    found, expected = other.predict(changed(later)), fitted.predict(later)
    assert found.to_numpy()[:, 0].tolist() == expected["label"].to_list()
    np.testing.assert_array_equal(found.to_numpy()[:, 1:].astype(float), expected.to_numpy()[:, 1:].astype(float))


def test_classes_with_other_names_in_the_same_order_are_told_apart_the_same(
    fitted: TextClassifier, reviews: pl.DataFrame, later: pl.DataFrame, small: ClassifierSettings
) -> None:
    names = {"no": "[/red]", "yes": "\U0001f600"}
    other = TextClassifier(small).fit(reviews.with_columns(pl.col("label").replace(names)))
    expected = fitted.predict(later)
    found = other.predict(later.select("sentence"))
    assert found["label"].to_list() == [names[label] for label in expected["label"]]
    np.testing.assert_array_equal(found[f"p_{names['yes']}"], expected["p_yes"])
