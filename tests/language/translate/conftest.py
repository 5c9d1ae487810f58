"""A translator of a small language."""

from __future__ import annotations

import pytest
from parallel import SMALL, lines

from lstmkit.language.translate import Translator


@pytest.fixture(scope="session")
def translator() -> Translator:
    """A translator that has learnt the small language by heart, by words of a vocabulary for each side."""
    return Translator("word", SMALL, joint=False).fit_lines(lines(900, 0), lines(60, 1))
