"""A piano roll as an array, and as a tune.

A roll says what sounds in each step of time. It does not say whether a note is held or struck again, nor anything of
key, metre and bars; as a tune, a key that sounds in steps that follow each other is one note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.music.tune import Note, Tune, Voice, in_order

KEYS, LOWEST_KEY = 88, 21
"""Of a piano, and the pitch of the lowest."""
Roll = NDArray[np.uint8]
"""(T, 88), 1 where a key sounds."""
STEP = Fraction(1, 16)
PART = re.compile("[1-9][0-9]{0,4}(/[1-9][0-9]{0,4})?")
"""How a part of a whole note is written."""
MOST_STEPS = 1_000_000
"""Of one piece: 88 MB."""
SILENCE = -1


def read_step(text: str) -> Fraction:
    """Return a length of steps, such as "1/16", as a part of a whole note.

    Raises  InputError if it is none
    """
    if PART.fullmatch(text.strip()) is None:
        raise InputError(f"--step must be a part of a whole note, such as 1/16; got {text!r}")
    return Fraction(text.strip())


def roll_of(frames: Iterable[Sequence[int]], place: str) -> Roll:
    """Return a roll from the pitches of each step.

    place   how a complaint calls the piece
    Raises  InputError if a pitch is none of a piano
    """
    found = [list(frame) for frame in frames]
    roll = np.zeros((len(found), KEYS), np.uint8)
    for step, pitches in enumerate(found):
        for pitch in pitches:
            if not LOWEST_KEY <= pitch < LOWEST_KEY + KEYS:
                raise InputError(
                    f"{place}, step {step + 1}: the pitch {pitch} is outside {LOWEST_KEY} to {LOWEST_KEY + KEYS - 1}, "
                    f"the keys of a piano; move it by octaves"
                )
            roll[step, pitch - LOWEST_KEY] = 1
    return roll


def tune_of_roll(roll: Roll, step: Fraction = STEP) -> Tune:
    """Return a roll as a tune of one voice.

    step    of time, as a part of a whole note
    """
    notes = [
        note
        for key in np.flatnonzero(roll.any(axis=0)).tolist()
        for note in _held(roll[:, key].tolist(), step, {0: None, 1: LOWEST_KEY + key})
    ]
    return Tune((Voice(in_order(notes)),), end=len(roll) * step)


def tune_of_parts(parts: NDArray[np.int16], step: Fraction = STEP) -> Tune:
    """Return voices as a tune.

    parts   (T, V) the pitch of each voice, or SILENCE
    """
    names = ("soprano", "alto", "tenor", "bass") if parts.shape[1] == 4 else ("",) * parts.shape[1]
    voices = []
    for column, name in zip(parts.T.tolist(), names, strict=True):
        pitches = {pitch: None if pitch == SILENCE else pitch for pitch in column}
        voices.append(Voice(tuple(_held(column, step, pitches)), name))
    return Tune(tuple(voices), end=len(parts) * step)


def _held(values: Sequence[int], step: Fraction, pitches: dict[int, int | None]) -> list[Note]:
    """Return a note for each run of one value that has a pitch."""
    found, begin = [], 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[begin]:
            pitch = pitches[values[begin]]
            if pitch is not None:
                found.append(Note(begin * step, (at - begin) * step, pitch))
            begin = at
    return found


def tune_to_roll(tune: Tune, step: Fraction = STEP) -> Roll:
    """Return which keys sound in each step of a tune; drums and grace notes left out.

    step    of time; onsets and ends are rounded to it, and every note sounds in one step at least
    Raises  InputError if a note is no key of a piano, or the tune is longer than MOST_STEPS
    """
    steps = _steps(tune, step)
    roll = np.zeros((steps, KEYS), np.uint8)
    for voice in tune.voices:
        for note in () if voice.drums else voice.notes:
            if not note.grace:
                begin, end = _within(note, step, tune, steps)
                roll[begin:end, note.pitch - LOWEST_KEY] = 1
    return roll


def parts_of_tune(tune: Tune, step: Fraction = STEP) -> NDArray[np.int16]:
    """Return the pitch of each voice in each step, SILENCE where it rests; drums and grace notes left out.

    step    of time; onsets and ends are rounded to it, and every note sounds in one step at least; of several notes of
            a voice in one step the last stays
    Raises  InputError if a voice has notes that sound together, a note is no key of a piano, or the tune is longer than
            MOST_STEPS
    """
    voices = [voice for voice in tune.voices if not voice.drums]
    steps = _steps(tune, step)
    found = np.full((steps, len(voices)), SILENCE, np.int16)
    for column, voice in enumerate(voices):
        last = None
        for note in voice.notes:
            if note.grace:
                continue
            if last is not None and note.onset < last.end:
                raise InputError(
                    f"{tune.title or 'the tune'}: notes of voice {column + 1} sound together; write them as voices of "
                    f"their own, or learn frames of keys"
                )
            begin, end = _within(note, step, tune, steps)
            found[begin:end, column], last = note.pitch, note
    return found


def _steps(tune: Tune, step: Fraction) -> int:
    """Return how many steps a tune has."""
    steps = int(-(-tune.end // step))
    if steps > MOST_STEPS:
        raise InputError(
            f"{tune.title or 'the tune'}: {steps:,} steps; {MOST_STEPS:,} are possible, take a longer step"
        )
    return steps


def _within(note: Note, step: Fraction, tune: Tune, steps: int) -> tuple[int, int]:
    """Return the step in which a note begins, one of so many, and that before which it ends."""
    require_key(note.pitch, tune.title or "the tune")
    begin = min(round(note.onset / step), steps - 1)
    return begin, max(round(note.end / step), begin + 1)


def require_key(pitch: int, name: str) -> None:
    """Raise InputError if a pitch is no key of a piano; `name` is what the complaint begins with."""
    if not LOWEST_KEY <= pitch < LOWEST_KEY + KEYS:
        raise InputError(
            f"{name}: the note {pitch} is outside {LOWEST_KEY} to {LOWEST_KEY + KEYS - 1}, the keys of a piano; "
            f"move it by octaves"
        )


def require_same_voices(pieces: Iterable[NDArray[np.int16]]) -> None:
    """Raise InputError if pieces (T, V) have different numbers of voices."""
    numbers = sorted({piece.shape[1] for piece in pieces})
    if len(numbers) > 1:
        raise InputError(
            f"voices: pieces of {numbers[0]} and of {numbers[-1]} voices; learn from pieces with the same number"
        )
