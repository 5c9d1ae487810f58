"""A small language and another: its words are others, and stand in the reverse order."""

from __future__ import annotations

import random

from lstmkit.language.translate import TranslatorSettings
from lstmkit.language.translate.reading.lines import Lines

WORDS = {"red": "rot", "old": "alt", "dog": "hund", "cat": "katze", "runs": "rennt", "sees": "sieht", "the": "der"}
WORDS |= {"big": "gross", "house": "haus", "now": "jetzt", "here": "hier", "tree": "baum"}

SMALL = TranslatorSettings(
    embedding_size=24,
    hidden_size=32,
    input_dropout=0.0,
    hidden_dropout=0.0,
    output_dropout=0.0,
    label_smoothing=0.0,
    batch_size=16,
    learning_rate=0.01,
    warmup=20,
    epochs=6,
    average=None,
)


def lines(count: int, seed: int = 0, most: int = 6) -> Lines:
    draw = random.Random(seed)
    source = [" ".join(draw.choices(list(WORDS), k=draw.randint(2, most))) for _ in range(count)]
    return Lines(source, [translated(text) for text in source])


def translated(text: str) -> str:
    return " ".join(WORDS[word] for word in reversed(text.split()))
