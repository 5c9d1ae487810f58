"""A toy language: words are tones, told by voices that are higher or lower, so that a small network learns them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from lstmkit.speech import FeatureSettings, Lexicon, RecognizerSettings

RATE = 8000
TONES = {"do": (400, 400), "re": (800, 800), "mi": (400, 1600), "fa": (1600, 800)}
"""Frequencies of the two halves of every word."""
LEXICON = Lexicon({"do": (("L", "L"),), "re": (("M", "M"),), "mi": (("L", "H"),), "fa": (("H", "M"), ("H", "H"))})
FEATURES = FeatureSettings(rate=RATE, bins=16, low=100, high=3800)
SMALL = RecognizerSettings(
    hidden_size=16,
    num_layers=1,
    stack=4,
    epochs=12,
    batch_steps=150,
    learning_rate=0.03,
    layer_dropout=0.0,
    output_dropout=0.0,
    weight_drop=0.0,
    time_masks=0.0,
    band_masks=0,
    average=None,
    lookahead=2,
)


def spoken(text: str, voice: float, seed: int) -> NDArray[np.float32]:
    """Return a text as sound: 100 ms of silence, and for every word two tones of 80 ms and as much silence."""
    generator = np.random.default_rng(seed)
    parts = [np.zeros(RATE // 10)]
    for word in text.split():
        for tone in TONES[word]:
            parts.append(0.3 * np.sin(2 * np.pi * voice * tone * np.arange(RATE * 8 // 100) / RATE))
        parts.append(np.zeros(RATE * 8 // 100))
    whole = np.concatenate(parts)
    return (whole + 0.003 * generator.normal(size=len(whole))).astype(np.float32)


def texts(count: int, seed: int) -> list[str]:
    """Return so many texts of two to four words."""
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(list(TONES), generator.integers(2, 5))) for _ in range(count)]


def corpus(folder: Path, count: int, seed: int, speakers: int = 4) -> Path:
    """Write recordings of several speakers and a table of them; return its path."""
    lines = ["audio,text,speaker"]
    for number, text in enumerate(texts(count, seed)):
        who = number % speakers
        name = f"{seed}-{number}.wav"
        soundfile.write(folder / name, spoken(text, 0.9 + 0.06 * who, number), RATE)
        lines.append(f"{name},{text},s{who}")
    path = folder / f"list-{seed}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
