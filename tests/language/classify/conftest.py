"""Small tables of texts that a small network can learn."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit.language.classify import ClassifierSettings

SMALL = ClassifierSettings(
    embedding_size=12,
    hidden_size=10,
    head_size=8,
    word_dropout=0.0,
    embedding_dropout=0.0,
    dropout=0.0,
    epochs=6,
    batch_size=16,
    learning_rate=0.01,
    average=None,
    patience=100,
)
FILLERS = ["the", "film", "of", "a", "story", "and", "its", "cast"]


def reviews_of(rows: int, seed: int) -> pl.DataFrame:
    """Praise or blame in a sentence of fillers; "not" before it turns it round, so that the order of words counts."""
    generator = np.random.default_rng(seed)
    sentences, labels = [], []
    for _ in range(rows):
        words = list(generator.choice(FILLERS, generator.integers(1, 9)))
        praise, turned = generator.integers(2), generator.integers(4) == 0
        said = (["not"] if turned else []) + ["good" if praise else "bad"]
        at = generator.integers(len(words) + 1)
        sentences.append(" ".join(words[:at] + said + words[at:]))
        labels.append(["no", "yes"][praise ^ int(turned)])
    return pl.DataFrame({"sentence": sentences, "label": labels})


@pytest.fixture(scope="session")
def small() -> ClassifierSettings:
    """A network that trains in a second."""
    return SMALL


@pytest.fixture(scope="session")
def reviews() -> pl.DataFrame:
    """400 rows to learn from."""
    return reviews_of(400, 0)


@pytest.fixture(scope="session")
def later() -> pl.DataFrame:
    """100 more rows."""
    return reviews_of(100, 1)
