"""What a model holds likely before each note of a tune, in words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from lstmkit.language.predicting import Predictor
from lstmkit.language.writing.sampling import most_likely
from lstmkit.music.events.decoding import onsets
from lstmkit.music.events.encoding import Events
from lstmkit.music.events.tokens import CHORD, END, chord_symbol, home_of, sound_of
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.keys import ACCIDENTALS, Key, spelt


class Moment(NamedTuple):
    """A note of a tune, and what was expected in its place.

    onset   of the note
    came    the event in words
    share   its probability
    likely  the likeliest events in words, each with its probability
    """

    onset: Fraction
    came: str
    share: float
    likely: tuple[tuple[str, float], ...]


def foreseen(predictor: Predictor, tokens: EventTokens, events: Events, most: int = 5) -> list[Moment]:
    """Return what was expected at each note of a tune.

    tokens  the vocabulary of the predictor
    events  of the tune
    most    events that are told
    """
    found, context = [], predictor.begin()
    symbols: Sequence[str] = events.tokens
    for at, symbol, token in zip(onsets(symbols), symbols, tokens.ids_of(symbols).tolist(), strict=True):
        sound = sound_of(symbol)
        if sound is not None and sound.kind == "note":
            shares = np.exp(predictor.next_log_probs(context))
            likely = tuple(
                (in_words(tokens.symbols[k], events.key), float(shares[k])) for k in most_likely(shares, most)
            )
            found.append(Moment(at, in_words(symbol, events.key), float(shares[token]), likely))
        context = predictor.advance(context, token)
    return found


def in_words(symbol: str, key: Key) -> str:
    """Return an event in words, such as "F# 1/8"."""
    sound = sound_of(symbol)
    if sound is not None:
        what = "rest" if sound.kind == "rest" else note_name(home_of(key) + sound.pitch, key)
        before = {"with": "with ", "grace": "grace "}.get(sound.kind, "")
        return f"{before}{what}" + (f" {sound.duration}" if sound.duration else "") + (" tied" if sound.tied else "")
    if CHORD.fullmatch(symbol) is not None:
        return f"chord {chord_symbol(symbol, key)}"
    return {END: "the end", "|": "bar line"}.get(symbol, symbol)


def note_line(onset: Fraction, pitch: int, bits: float, key: Key) -> str:
    """Return a line that says when a note comes, which it is, and how much it surprises, by a bar as long."""
    return f"{onset!s:>8}  {note_name(pitch, key):<4} {bits:6.2f} {'#' * round(2 * bits)}\n"


def note_name(pitch: int, key: Key) -> str:
    """Return the name of a pitch with its octave, such as F#4, as it is spelt in a key."""
    letter, octave, alter = spelt(pitch, key)
    return f"{letter}{ACCIDENTALS[alter]}{octave - 1}"
