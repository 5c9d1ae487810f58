"""A tune: notes in voices, with key, metre, tempo, bar lines and chords, all at exact times.

Times and lengths are fractions of a whole note from the beginning, as the tune is written: repeats are bar lines, and
`played` writes them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, TypeVar

from lstmkit.errors import InputError
from lstmkit.music.chords import transposed_symbol
from lstmkit.music.keys import Key

T = TypeVar("T")
MOST_WHOLE_NOTES = 100_000
"""That a tune lasts, more than two days: a note at a time that nothing reaches is a fault of its file."""
START = Fraction(0)
LOWEST, HIGHEST = 0, 127
"""Of a pitch, as MIDI counts."""
SIGNS = ("", "|", "||", "|]", "[|", "|:", ":|", "::")
"""Bar lines; the first is none: an ending may begin within a bar."""
VELOCITY = 80
"""How loud a note is that does not say it, of 127."""
QUARTERS = Fraction(120)
"""Quarter notes a minute of a tune that does not say it."""


class Note(NamedTuple):
    """One note.

    onset, duration  of a whole note; the duration of a grace note takes no time
    pitch            60 is middle C
    velocity         1 to 127
    grace            stands before the note at its onset
    """

    onset: Fraction
    duration: Fraction
    pitch: int
    velocity: int = VELOCITY
    grace: bool = False

    @property
    def end(self) -> Fraction:
        """When it ends."""
        return self.onset if self.grace else self.onset + self.duration


class Metre(NamedTuple):
    """A metre, such as 6/8; both zero where a tune has none."""

    beats: int
    unit: int

    @property
    def length(self) -> Fraction:
        """Of a bar; zero where there is none."""
        return Fraction(self.beats, self.unit) if self.unit else START

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}" if self.unit else "none"


class Bar(NamedTuple):
    """A bar line.

    sign    one of SIGNS
    ending  which times through a repeat go on here, such as "1" or "1,3"; "" is every time
    """

    onset: Fraction
    sign: str = "|"
    ending: str = ""

    @property
    def closes(self) -> bool:
        """Whether a repeat ends here."""
        return self.sign in (":|", "::")

    @property
    def opens(self) -> bool:
        """Whether a repeat begins here."""
        return self.sign in ("|:", "::")


@dataclass(frozen=True)
class Voice:
    """Notes of one instrument, in order of onset, then pitch; grace notes as they are played, before the note.

    program  of General MIDI, 0 to 127
    drums    whether pitches are drums
    """

    notes: tuple[Note, ...]
    name: str = ""
    program: int = 0
    drums: bool = False


@dataclass(frozen=True)
class Tune:
    """A piece of music.

    voices   at least one with a note
    keys, metres, tempos  what holds from a time on; a tempo in quarter notes a minute
    bars     in order, one at a time
    chords   symbols such as "Am7"
    end      of the last bar, or of what sounds last
    title, style  of the tune; "" where it has none
    """

    voices: tuple[Voice, ...]
    keys: tuple[tuple[Fraction, Key], ...] = ((START, Key()),)
    metres: tuple[tuple[Fraction, Metre], ...] = ((START, Metre(0, 0)),)
    tempos: tuple[tuple[Fraction, Fraction], ...] = ()
    bars: tuple[Bar, ...] = ()
    chords: tuple[tuple[Fraction, str], ...] = ()
    end: Fraction = START
    title: str = field(default="", compare=False)
    style: str = ""

    @property
    def key(self) -> Key:
        """The first."""
        return self.keys[0][1]

    @property
    def metre(self) -> Metre:
        """The first."""
        return self.metres[0][1]

    @property
    def notes(self) -> list[Note]:
        """Those of all voices, in order."""
        return sorted((note for voice in self.voices for note in voice.notes), key=lambda n: (n.onset, n.pitch))


def check_end(end: Fraction, place: str) -> None:
    """Raise InputError if a tune that is read lasts too long; `place` is how a complaint calls it."""
    if end > MOST_WHOLE_NOTES:
        raise InputError(
            f"{place}: lasts {float(end):,.0f} whole notes, more than {MOST_WHOLE_NOTES:,}; correct when its last note "
            f"sounds, or divide it"
        )


def in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes as a voice has them: by onset, grace notes first and as they are played, then by pitch."""
    return tuple(sorted(notes, key=lambda note: (note.onset, not note.grace, 0 if note.grace else note.pitch)))


def transposed(tune: Tune, steps: int) -> Tune:
    """Return a tune some half tones higher; its chords too.

    Raises  InputError if a note would leave the range of MIDI
    """
    pitches = [note.pitch for voice in tune.voices if not voice.drums for note in voice.notes]
    if pitches and not LOWEST <= min(pitches) + steps <= max(pitches) + steps <= HIGHEST:
        raise InputError(f"transposed by {steps} half tones, a note leaves the range from {LOWEST} to {HIGHEST}")
    moved = tuple(
        v if v.drums else replace(v, notes=tuple(n._replace(pitch=n.pitch + steps) for n in v.notes))
        for v in tune.voices
    )
    keys = tuple((at, key.transposed(steps)) for at, key in tune.keys)
    return replace(tune, voices=moved, keys=keys, chords=moved_chords(tune, steps))


def moved_chords(tune: Tune, steps: int) -> tuple[tuple[Fraction, str], ...]:
    """Return the chord symbols of a tune some half tones higher."""
    return tuple((at, transposed_symbol(text, steps)) for at, text in tune.chords)


def holding(changes: Iterable[tuple[Fraction, T]], at: Fraction, default: T) -> T:
    """Return what holds at a time: the last of what began before or at it."""
    found = default
    for onset, value in changes:
        if onset > at:
            break
        found = value
    return found


def changes(values: Iterable[tuple[Fraction, T]], default: T) -> tuple[tuple[Fraction, T], ...]:
    """Return what holds from a time on, in order, without what is only said again.

    default  what holds at the beginning, if nothing says it
    """
    found = sorted(values, key=lambda one: one[0])
    if not found or found[0][0] > START:
        found.insert(0, (START, default))
    return tuple(one for k, one in enumerate(found) if not k or found[k - 1][1] != one[1])


def lengths_of_bars(tune: Tune) -> list[tuple[Fraction, Fraction, bool]]:
    """Return for each bar with a length its beginning, that length, and whether it may be a part of one.

    The first bar may be an upbeat; beside a repeat, a double line or an ending, the bar is made up by another.
    """
    lines = [Bar(START, ""), *tune.bars]
    if tune.end > lines[-1].onset:
        lines.append(Bar(tune.end, "|]"))
    found = []
    for before, after in pairwise(lines):
        if after.onset > before.onset:
            apart = before.onset == START or before.sign != "|" or after.sign != "|" or before.ending != ""
            found.append((before.onset, after.onset - before.onset, apart or after.ending != ""))
    return found


def uneven_bars(tune: Tune) -> list[Fraction]:
    """Return where bars begin that are not as long as their metre says; upbeats and what makes them up are none."""
    found = []
    for onset, length, apart in lengths_of_bars(tune):
        wanted = holding(tune.metres, onset, Metre(0, 0)).length
        if wanted and length != wanted and not (apart and length < wanted):
            found.append(onset)
    return found
