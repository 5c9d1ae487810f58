"""Sequences that are told apart by whether they rise: quick to learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier import SequenceSettings


def rising_and_falling(
    number: int, seed: int = 0, steps: tuple[int, int] = (8, 14)
) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Return sequences of two channels: the first rises or falls from anywhere, the second is noise."""
    generator = np.random.default_rng(seed)
    found, labels = [], []
    for k in range(number):
        T = int(generator.integers(*steps))
        slope = 1.0 if k % 2 else -1.0
        line = generator.normal() + slope * np.linspace(0, 2, T) + 0.1 * generator.normal(size=T)
        found.append(np.stack([line, generator.normal(size=T)], axis=1))
        labels.append("up" if k % 2 else "down")
    return found, labels


def quick(**given: object) -> SequenceSettings:
    """Return settings of a small network."""
    small = {"hidden_size": 8, "head_size": 8, "epochs": 12, "learning_rate": 0.02, "dropout": 0.1, "ensemble": 1}
    return SequenceSettings(**(small | given))  # type: ignore[arg-type]
