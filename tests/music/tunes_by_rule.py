"""Tunes made up by rule, and settings of a network small enough to learn them at once."""

from __future__ import annotations

import random

from lstmkit.language.neural import LanguageSettings
from lstmkit.music.abc import read_abc
from lstmkit.music.tune import Tune

LETTERS = "CDEFGABcdefgab"


def made_tunes(count: int, seed: int = 0) -> list[Tune]:
    """Return jigs that go by steps and waltzes that go by leaps, in several keys, with upbeats and repeats."""
    draw = random.Random(seed)
    text = ""
    for number in range(count):
        jig = number % 2 == 0
        key = draw.choice(["D", "G", "A"] if jig else ["C", "Em"])
        place, body = draw.randrange(3, 9), "A|:" if jig else ""
        for bar in range(8):
            for step in range(6 if jig else 3):
                place = min(12, max(1, place + draw.choice((-1, 1) if jig else (-3, -2, 2, 3))))
                if jig and bar == 7 and step == 5:
                    break
                body += LETTERS[place] + ("" if jig else "2")
            body += ":|" if jig and bar == 7 else "||" if bar == 7 else "|"
        head = "R:jig\nM:6/8" if jig else "R:waltz\nM:3/4"
        text += f"X:{number}\nT:{number}\n{head}\nL:1/8\nK:{key}\n{body}\n\n"
    return read_abc(text).tunes


SMALL = LanguageSettings(
    embedding_size=16, hidden_size=24, epochs=12, window=32, columns=4, learning_rate=0.02, warmup=10,
    input_dropout=0.0, hidden_dropout=0.0, output_dropout=0.0,
)  # fmt: skip
