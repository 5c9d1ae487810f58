"""A small text with rules in it, and a model of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_text import SMALL, sentences

from lstmkit.language import LanguageModel


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 sentences in a file."""
    path = tmp_path_factory.mktemp("text") / "cats.txt"
    path.write_text(sentences(600, 0), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def fitted(text: Path) -> LanguageModel:
    """A small model of the sentences, with 3-grams."""
    return LanguageModel(settings=SMALL, order=3).fit(text)
