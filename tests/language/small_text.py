"""Sentences with a rule in them, and settings for a small model of them."""

from __future__ import annotations

import numpy as np

from lstmkit.language import LanguageSettings

SMALL = LanguageSettings(
    embedding_size=16, hidden_size=24, epochs=6, columns=4, window=12, learning_rate=0.02, patience=None
)


def sentences(count: int, seed: int) -> str:
    """Sentences whose verb agrees with a noun some words before it: n-grams of order 3 cannot know it."""
    draw = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        one = draw.integers(2)
        noun, verb = (("cat", "cats")[one], ("sleeps", "sleep")[one])
        filler = " ".join(draw.choice(["very", "old", "grey", "quiet"], draw.integers(3, 5)))
        lines.append(f"the {noun} with a {filler} tail {verb}\n")
    return "".join(lines)
