"""Keys: what a tonic and a mode say about the seven letters, and how a pitch is spelt in a key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property

from lstmkit.errors import InputError
from lstmkit.ranges import shown

LETTERS = "CDEFGAB"
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Half tones above C."""
ALONG = "FCGDAEB"
"""The letters along the line of fifths."""
MODES = {"major": 0, "minor": -3, "dorian": -2, "phrygian": -4, "lydian": 1, "mixolydian": -1, "locrian": -5}
"""How many fifths the signature lies above that of the major key with the same tonic."""
SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
"""How ABC writes an accidental."""
ACCIDENTALS = {0: "", 1: "#", 2: "##", -1: "b", -2: "bb"}
"""How a name says half tones that are added to a letter."""
ALTERS = {"": 0, "#": 1, "+": 1, "b": -1}
"""Half tones that the sign behind a letter adds; some write + for the # of a bass."""
MOST_FIFTHS = 7
SHORT = {"major": "", "minor": "m"}
KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
EXTRA = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])(?![a-z])")


@dataclass(frozen=True)
class Key:
    """A tonic with a mode, or neither.

    tonic  a letter with # or b behind it
    mode   one of MODES
    extra  accidentals beside the signature, such as "^F", each for its letter
    """

    tonic: str = "C"
    mode: str = "major"
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if abs(self.fifths) > MOST_FIFTHS:
            raise InputError(f"key {self}: has a signature of more than seven accidentals; write it as its equal")

    @cached_property
    def fifths(self) -> int:
        """The sharps of the signature; flats are negative."""
        return _fifths(self.tonic) + MODES[self.mode]

    @cached_property
    def pitch_class(self) -> int:
        """Half tones of the tonic above C, 0 to 11."""
        return class_of(self.tonic)

    @cached_property
    def alters(self) -> dict[str, int]:
        """By letter, half tones that the signature adds."""
        sharps, flats = ALONG[: max(0, self.fifths)], ALONG[::-1][: max(0, -self.fifths)]
        own = {letter: (letter in sharps) - (letter in flats) for letter in LETTERS}
        return own | {one[-1]: SIGNS[one[:-1]] for one in self.extra}

    @cached_property
    def scale(self) -> frozenset[int]:
        """The pitch classes of the seven letters, from 0 to 11."""
        return frozenset((NATURAL[letter] + alter) % 12 for letter, alter in self.alters.items())

    def transposed(self, steps: int) -> Key:
        """Return the key some half tones higher, with the fewest accidentals, and without extra ones."""
        return key_at((self.pitch_class + steps) % 12, self.mode) if steps % 12 or self.extra else self

    def __str__(self) -> str:
        own = self.tonic + SHORT.get(self.mode, self.mode[:3])
        return " ".join([own, *([f"exp {' '.join(self.extra)}"] if self.extra else [])])


def class_of(name: str) -> int:
    """Return the half tones above C, 0 to 11, of a letter with a sign of ALTERS behind it."""
    return (NATURAL[name[0]] + ALTERS[name[1:]]) % 12


def _fifths(tonic: str) -> int:
    """Return the sharps of the major key of a tonic; flats are negative."""
    return ALONG.index(tonic[0]) - 1 + 7 * ALTERS[tonic[1:]]


@cache
def key_at(pitch_class: int, mode: str) -> Key:
    """Return the key of a tonic in half tones above C, with the fewest accidentals; sharps where there is a tie."""
    tonics = [letter + sign for letter in LETTERS for sign in ("", "#", "b")]
    counted = [(_fifths(tonic) + MODES[mode], tonic) for tonic in tonics if class_of(tonic) == pitch_class]
    return Key(min(counted, key=lambda one: (abs(one[0]), -one[0]))[1], mode)


def read_key(text: str) -> Key:
    """Return a key as ABC or people write it: "D", "Bb", "F#m", "A minor", "Gdor", "D exp ^g", "none".

    Raises  InputError if it is none
    """
    words = text.strip()
    if words.lower() in ("", "none") or words == "HP":
        return Key()
    if words == "Hp":
        return Key("D")
    found = KEY.match(words[:1].upper() + words[1:].replace("♯", "#").replace("♭", "b"))
    if found is None:
        raise InputError(f"no key: {shown(text)}; write a tonic and a mode, such as D, Bb, F#m or Gdor")
    rest = words[found.end() :]
    mode = _mode(found[3])
    if mode is None:  # a word that is no mode belongs to what follows, as in "D exp ^g" and "G clef=bass"
        if found[3].lower() not in ("exp", "clef", "octave", "transpose", "middle", "stafflines", "treble", "bass"):
            raise InputError(f"no key: {shown(text)}; modes are {', '.join(MODES)}")
        mode = "major"
    extra = tuple(sign + letter.upper() for sign, letter in EXTRA.findall(rest))
    return Key(found[1] + found[2], mode, extra)


def _mode(word: str) -> str | None:
    if word in ("", "m", "M"):
        return "minor" if word == "m" else "major"
    begun = word.lower()[:3]
    known = {mode[:3]: mode for mode in MODES} | {"ion": "major", "aeo": "minor"}
    return known.get(begun) if len(begun) == 3 and word.lower() != "exp" else None


@cache
def spelt(pitch: int, key: Key) -> tuple[str, int, int]:
    """Return how a pitch is written in a key: by its signature, else by the sign nearest to it in fifths.

    pitch    of MIDI, 60 is middle C
    Returns  letter, octave (5 from middle C on), and half tones that its sign adds
    """
    choices = []
    for letter in LETTERS:
        for alter in (-2, -1, 0, 1, 2):
            natural = pitch - alter - NATURAL[letter]
            if natural % 12 == 0:
                away = abs(ALONG.index(letter) - 1 + 7 * alter - (key.fifths + 2.5))
                choices.append((key.alters[letter] != alter, abs(alter) > 1, away, letter, natural // 12, alter))
    return min(choices)[3:]
