"""The words in which a tune is written as events, and what each of them means.

A pitch is said as half tones above the tonic of the first key, in the octave from middle C on: so a tune is the same in
every key, and what is learnt of one key holds for all.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from lstmkit.music.chords import SYMBOL
from lstmkit.music.keys import ACCIDENTALS, Key, class_of, spelt

HOME = 60
"""The tonic lies in the octave from this pitch on."""
STYLE, METRE, MODE = "style=", "metre=", "mode="
"""How the tokens begin that stand at the head of a tune, in this order."""
DRUMS = "drums"
"""How a token begins that says of a voice that its pitches are drums; the number of the voice follows."""
UNKNOWN, END, CELL = "<unk>", "<end>", ","
"""What is not in the vocabulary; the end of a tune; a place where a bar line would stand in music without bars."""
SOUND = re.compile(r"(&|g)?(-?\d+|z)(?::(\d+(?:/\d+)?)(~)?)?")
VOICE = re.compile(r"v(\d+)")
SHAPE = re.compile(rf"program(\d+)=(\d+)|{DRUMS}(\d+)")
CHORD = re.compile(r'"(\d+):([^/]*)(?:/(\d+))?')


class Sound(NamedTuple):
    """A token that sounds, or rests.

    kind      "note", "with" (sounds together with the next note), "grace" or "rest"
    pitch     half tones above the tonic; 0 of a rest
    duration  of a whole note; zero of "with"
    tied      whether it goes on in the next note
    """

    kind: str
    pitch: int
    duration: Fraction
    tied: bool


@lru_cache(maxsize=1 << 14)
def sound_of(token: str) -> Sound | None:
    """Return what a token sounds, None if it is no sound."""
    found = SOUND.fullmatch(token)
    if found is None or (found[1] == "&") == (found[3] is not None):
        return None
    rest = found[2] == "z"
    kind = "rest" if rest else {"&": "with", "g": "grace"}.get(found[1] or "", "note")
    below = (found[3] or "1").split("/")[-1]
    if int(below) == 0:
        return None
    return Sound(kind, 0 if rest else int(found[2]), Fraction(found[3] or 0), found[4] is not None)


def home_of(key: Key) -> int:
    """Return the pitch that pitches are counted from."""
    return HOME + key.pitch_class


def style_word(style: str) -> str:
    """Return a style as one word."""
    return "_".join(style.lower().split())


def chord_token(symbol: str, key: Key) -> str:
    """Return a chord symbol as half tones above the tonic."""
    found = SYMBOL.fullmatch(symbol.strip("()"))
    if found is None:
        return UNKNOWN
    root, bass = _steps(found[1] + found[2], key), found[4]
    return f'"{root}:{found[3]}' + (f"/{_steps(bass.upper() + found[5], key)}" if bass else "")


def chord_symbol(token: str, key: Key) -> str:
    """Return the chord symbol of a token, spelt in a key."""
    found = CHORD.fullmatch(token)
    if found is None:
        return ""
    bass = f"/{_name(int(found[3]), key)}" if found[3] else ""
    return _name(int(found[1]), key) + found[2] + bass


def _steps(name: str, key: Key) -> int:
    return (class_of(name) - key.pitch_class) % 12


def _name(steps: int, key: Key) -> str:
    letter, _, alter = spelt(HOME + (steps + key.pitch_class) % 12, key)
    return letter + ACCIDENTALS[alter]
