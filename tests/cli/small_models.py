"""Small models of a small text, for tests of the commands that use them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.job import LanguageJob
from lstmkit.results import run_job

SMALL = ("--set", "embedding_size=8", "--set", "hidden_size=16", "--set", "columns=4", "--set", "window=20")
TRAIN = ("language", "train")
UNITS = ("word", "character", "subword")
HOW = LanguageSettings(embedding_size=8, hidden_size=16, epochs=1, columns=4, window=20, patience=None)


def sentences(count: int, seed: int) -> str:
    """Return lines in which an n-gram model finds something to learn."""
    draw = np.random.default_rng(seed)
    nouns, verbs = ["cat", "dog", "king", "queen"], ["sees", "hears", "likes"]
    lines = [f"the {draw.choice(nouns)} {draw.choice(verbs)} the old {draw.choice(nouns)} .\n" for _ in range(count)]
    return "".join(lines)


def train_small(folder: Path, unit: str, text: Path, order: int | None = 3) -> Path:
    """Train a model in a moment and return its folder of results."""
    out = folder / (unit if order else f"{unit}-alone")
    how = dataclasses.replace(HOW, softmax="full" if unit == "character" else "tied")
    run_job(LanguageJob(str(text), out, LanguageModel(unit, how, order=order)))
    return out
