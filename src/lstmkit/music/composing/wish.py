"""What may be asked of a composer, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from lstmkit.errors import InputError
from lstmkit.music.events.rules import parts_of
from lstmkit.music.tune import HIGHEST, START, Tune
from lstmkit.ranges import Range, whole

PROGRAM = Range("must be an instrument of General MIDI, from 0 to 127", least=0, most=HIGHEST)


@dataclass(frozen=True)
class Wish:
    """What a tune shall be; None leaves it to the model.

    style    one that was learnt
    key      such as "D" or "F#m"; the model knows no key but by its mode, so any will do
    metre    such as "6/8", one that was learnt
    bars     without an upbeat, repeats as they are written
    form     parts of equal length, such as "AABB": a letter twice is a part with a repeat (needs bars, only if held)
    primer   a tune that it begins with, note for note, moved to the key
    hold     whether bars have the length of the metre, repeats their second ending, and every note its end
    cadence  whether it ends on the tonic (only if held)
    scale    whether all notes belong to the key (only if held)
    tempo    quarter notes a minute
    program  instrument of General MIDI
    Raises   InputError if a value is out of range
    """

    style: str | None = None
    key: str | None = None
    metre: str | None = None
    bars: int | None = None
    form: str = ""
    primer: Tune | None = None
    hold: bool = True
    cadence: bool = True
    scale: bool = False
    tempo: float | None = None
    program: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        if self.bars is not None:
            whole("bars", self.bars)
        if self.form:
            parts_of(self.form)
        whole("instrument", self.program, PROGRAM)
        if self.tempo is not None and not 1 <= self.tempo <= 1000:
            raise InputError(f"a tempo of {self.tempo:g} is out of range; give from 1 to 1000 quarter notes a minute")

    def sounding(self, tune: Tune) -> Tune:
        """Return a tune in the tempo and by the instrument that are wished for; it keeps its own where none is."""
        voices = tuple(replace(voice, program=self.program or voice.program) for voice in tune.voices)
        tempos = ((START, Fraction(self.tempo).limit_denominator(1000)),) if self.tempo else tune.tempos
        return replace(tune, voices=voices, tempos=tempos)


@dataclass(frozen=True)
class Composition:
    """A tune that was composed.

    nats_per_event  under the model itself, before rules and temperature: the lower, the likelier
    ended           whether it came to an end by itself
    """

    tune: Tune
    nats_per_event: float
    ended: bool


@dataclass(frozen=True)
class TuneScore:
    """How well a tune is foreseen.

    events   of the body, its end counted
    nats     by predictor, of all of them together, given style, metre and mode
    unknown  events that the vocabulary does not have
    notes    onset, pitch and bits of every note by the first predictor: that of its pitch and length together
    """

    events: int
    nats: dict[str, float]
    unknown: int
    notes: tuple[tuple[Fraction, int, float], ...]
