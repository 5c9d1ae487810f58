"""What may follow in a tune that shall hold its bars: impossible events get no probability at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.music.events.table import TICKS, EventTable, Mask, reached
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.tune import SIGNS, Metre

CLOSING = (":|", "||", "|]", "::")
LAST = ("||", "|]", ":|")
"""Bar lines that a tune may end with."""
TOGETHER, GRACES = 5, 3
"""Notes that may sound together, and grace notes before one, at most."""
FIRST, AGAIN = "1", "2"
"""Endings that a repeat may have."""
ROOM = 3
"""Bars that are left at least where the first ending of a repeat begins."""


class Place(NamedTuple):
    """Where a tune stands; a value.

    at        ticks since the last bar line
    bars      that are complete
    upbeat    ticks of the first bar if it is a short one
    owed      ticks of the upbeat with which this part of a form began: its last bar leaves them out
    fresh     whether nothing has sounded since a bar line, or since the beginning
    partial   whether this bar may be an upbeat: the first, or one after a repeat
    sign      the bar line just written, "" if something followed it
    ending    of the repeat that is being written, "" for none
    tied      pitches that must be sounded next, the lowest first
    together  pitches that sound with the next note, the lowest first
    graces    grace notes just written
    chord     whether a chord symbol was just written
    home      whether the last note is the tonic
    """

    at: int = 0
    bars: int = 0
    upbeat: int = 0
    owed: int = 0
    fresh: bool = True
    partial: bool = True
    sign: str = ""
    ending: str = ""
    tied: tuple[int, ...] = ()
    together: tuple[int, ...] = ()
    graces: int = 0
    chord: bool = False
    home: bool = False


@dataclass(frozen=True)
class Rules:
    """What a tune must hold.

    tokens    the vocabulary
    metre     of every bar
    bars      that it has, without an upbeat; None leaves that to the model
    cadence   whether its last note is the tonic
    scale     pitch classes above the tonic that are allowed; None: all
    lowest, highest  half tones above the tonic that are allowed
    form      parts of equal length, such as "AABB": a letter twice is a part with a repeat. "": as the model has it
    Raises    InputError if the metre has no length, or no notes of the vocabulary fill its bars
    """

    tokens: EventTokens
    metre: Metre
    bars: int | None = None
    cadence: bool = True
    scale: frozenset[int] | None = None
    lowest: int = -1000
    highest: int = 1000
    form: str = ""
    table: EventTable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Look up what each event is, and whether bars can be filled."""
        object.__setattr__(self, "table", EventTable.of(self.tokens))
        if self.form and (self.bars is None or self.bars % len(self._parts)):
            raise InputError(
                f"form {self.form}: {len(self._parts)} parts of equal length need a multiple of so many bars; "
                f"got {'none' if self.bars is None else self.bars}"
            )
        length = self.metre.length * TICKS
        if not length or length.denominator != 1:
            raise InputError(f"metre {self.metre}: bars of it cannot be held; give another, or no constraint")
        if not self._fills[self.length] or (self.cadence and not self._fills_last[self.length]):
            raise InputError(
                f"metre {self.metre}: no notes that the model knows fill a bar of it within the scale and the range; "
                f"widen them, or give another metre"
            )

    @cached_property
    def length(self) -> int:
        """Ticks of a bar."""
        return int(self.metre.length * TICKS)

    @cached_property
    def _parts(self) -> list[int]:
        return parts_of(self.form)

    @cached_property
    def _part_bars(self) -> int:
        return (self.bars or 0) // len(self._parts)

    @cached_property
    def _allowed(self) -> Mask:
        """Which notes are within scale and range, (V,)."""
        pitch = self.table.pitch
        inside = (pitch >= self.lowest) & (pitch <= self.highest)
        if self.scale is not None:
            inside &= np.isin(pitch % 12, sorted(self.scale))
        return inside

    @cached_property
    def _fills(self) -> Mask:
        """Whether untied notes fill so many ticks, (length + 1,)."""
        notes = self.table.note & ~self.table.tied & self._allowed
        return reached(np.unique(self.table.ticks[notes]), self.length)

    @cached_property
    def _fills_last(self) -> Mask:
        """Whether untied notes fill so many ticks, the last of them the tonic."""
        notes = self.table.note & ~self.table.tied & self._allowed
        tonic = notes & (self.table.pitch % 12 == 0)
        found = np.zeros(self.length + 1, bool)
        for ticks in np.unique(self.table.ticks[tonic]):
            if ticks <= self.length:
                found[ticks:] |= self._fills[: self.length + 1 - ticks]
        return found

    def allowed(self, place: Place) -> Mask:
        """Return which events may follow, (V,); a tie, or what stands before a note, ends where no length fits."""
        found = self._following(place)
        return found if found.any() else self._following(place._replace(tied=(), together=(), graces=0, chord=False))

    def _following(self, place: Place) -> Mask:
        found = np.zeros(len(self.tokens.symbols), bool)
        waits = place.together or place.graces or place.chord  # for a note
        if place.tied:
            self._tied(place, found)
        else:
            self._notes(place, found)
            if not waits and place.at < self._bar(place) and not self._over(place):
                found |= self.table.chord
        if not waits:
            self._lines(place, found)
        return found

    def _bar(self, place: Place) -> int:
        """Return the ticks that this bar has: the last of a part of a form leaves out what its upbeat has."""
        if not self.form or (place.bars + 1) % self._part_bars:
            return self.length
        return self.length - place.owed

    def _over(self, place: Place) -> bool:
        """Whether all bars are written."""
        return self.bars is not None and place.bars >= self.bars

    def _final(self, place: Place) -> bool:
        """Whether this bar is the last."""
        upbeat = place.partial and place.bars == 0 and self.bars != 1  # this bar may be one
        return self.bars is not None and place.bars == self.bars - 1 and not upbeat

    def _ends(self, place: Place, ticks: NDArray[np.int64]) -> Mask:
        """Return whether a bar can still be filled after a note of so many ticks."""
        final = self._final(place)
        rests = [self._bar(place) - place.at - ticks]
        if final and place.upbeat and not self.form:  # the last bar may leave out what the upbeat has
            rests.append(rests[0] - place.upbeat)
        found = np.zeros(len(ticks), bool)
        for left in rests:
            inside = (ticks > 0) & (left >= 0)
            if final and self.cadence:
                ends = (left == 0) & (self.table.pitch % 12 == 0)
                found |= inside & (ends | self._fills_last[np.where(inside, left, 0)])
            else:
                found |= inside & self._fills[np.where(inside, left, 0)]
        return found

    def _notes(self, place: Place, found: Mask) -> None:
        """Add notes, rests, and what stands before a note."""
        table = self.table
        if self._over(place) or place.at >= self._bar(place):
            return
        fitting = self._ends(place, table.ticks)
        above = table.pitch > (place.together[-1] if place.together else -10_000)
        notes = table.note & self._allowed & fitting & above
        if self._final(place) or place.ending == FIRST:
            notes &= ~table.tied
        found |= notes
        if not notes.any():
            return
        highest = table.pitch[notes].max()
        if len(place.together) < TOGETHER - 1:
            found |= table.together & self._allowed & above & (table.pitch < highest)
        if not place.together:
            if place.graces < GRACES:
                found |= table.grace
            if not place.graces:
                found |= table.rest & fitting & (not (self._final(place) and self.cadence))

    def _tied(self, place: Place, found: Mask) -> None:
        """Add the note, or the next of the notes, to which one is tied; a chord symbol may stand between."""
        table = self.table
        same = table.pitch == place.tied[0]
        if place.at >= self._bar(place):
            return
        if len(place.tied) > 1:
            found |= table.together & same
        else:
            found |= table.note & ~table.tied & same & self._ends(place, table.ticks)
        if not place.chord and not place.together:
            found |= table.chord

    def _lines(self, place: Place, found: Mask) -> None:
        """Add bar lines, endings and the end of the tune."""
        for number, symbol in self._signs:
            found[number] = self._closes(place, symbol)
        for number, ending in self._endings:
            found[number] = self._begins(place, ending)
        if place.sign == ":|" and place.ending == FIRST:
            found[:] = False
            found[[number for number, ending in self._endings if ending == AGAIN]] = True
        over = self._over(place) if self.bars is not None else place.sign in CLOSING and place.ending != FIRST
        if over and place.sign and not place.tied:
            if self.bars is not None:
                found[:] = False
            found[self.tokens.end] = True

    @cached_property
    def _signs(self) -> list[tuple[int, str]]:
        return [(k, symbol) for k, symbol in enumerate(self.tokens.symbols) if symbol in SIGNS]

    @cached_property
    def _endings(self) -> list[tuple[int, str]]:
        known = ("[" + FIRST, "[" + AGAIN)
        whole = all(symbol in self.tokens.symbols for symbol in (*known, ":|"))
        return [(k, s[1:]) for k, s in enumerate(self.tokens.symbols) if whole and s in known]

    @cached_property
    def _last(self) -> tuple[str, ...]:
        """Bar lines of the vocabulary that a tune may end with; any where it has none of the usual."""
        known = tuple(symbol for _, symbol in self._signs)
        return tuple(sign for sign in LAST if sign in known) or known

    def _closes(self, place: Place, sign: str) -> bool:
        """Return whether a bar line may stand here."""
        if place.tied and sign != "|":
            return False
        if place.fresh:
            return sign == "|:" and place.sign == "" and place.bars == 0 and not place.tied
        complete = place.at == self.length
        short = bool(place.upbeat) and place.at == self.length - place.upbeat and sign in CLOSING and not place.tied
        short = short and (place.home or not (self.cadence and self._final(place)))
        if place.partial and 0 < place.at < self.length and place.upbeat in (0, place.at) and not self._final(place):
            rest = self._fills_last if self.cadence else self._fills
            return sign in ("|", "|:") and not place.tied and bool(rest[self.length - place.at])
        if self.form:
            return place.at == self._bar(place) and sign == self._wanted(place.bars + 1)
        if self._final(place):
            return (complete or short) and sign in self._last
        if self.bars is not None and place.ending == FIRST and place.bars == self.bars - 2:
            return (complete or short) and sign == ":|"  # the last bar is left for the second ending
        if place.ending == FIRST and sign in CLOSING and sign != ":|":
            return False
        if sign == ":|" and place.ending == AGAIN:
            return False
        return complete or short

    def _wanted(self, bar: int) -> str:
        """Return the bar line that a form wants after so many bars."""
        number, inside = divmod(bar, self._part_bars)
        if inside:
            return "|"
        here, after = [*self._parts, 1][number - 1 : number + 1]
        signs = {(2, 2): "::", (2, 1): ":|", (1, 2): "|:"}
        wanted, known = signs.get((here, after), "||"), {symbol for _, symbol in self._signs}
        return wanted if wanted in known else ":|" if here == 2 and ":|" in known else "|"

    def _begins(self, place: Place, ending: str) -> bool:
        """Return whether an ending may begin here."""
        if not place.sign or place.tied or ending != FIRST or self.form:
            return False
        left = ROOM if self.bars is None else self.bars - place.bars
        return place.ending == "" and place.sign in ("|", "||") and left >= ROOM and place.bars > 0

    def after(self, place: Place, token: int) -> Place:
        """Return where a tune stands after one more event."""
        table, symbol = self.table, self.tokens.symbols[token]
        if table.chord[token]:
            return place._replace(chord=True, sign="")
        if table.together[token]:
            own = int(table.pitch[token])
            return place._replace(together=(*place.together, own), tied=place.tied[1:], sign="", chord=False)
        if table.grace[token]:
            return place._replace(graces=place.graces + 1, sign="", chord=False)
        if symbol in SIGNS:
            return self._line(place, symbol)
        if symbol.startswith("["):
            return place._replace(ending=symbol[1:])
        ticks = int(table.ticks[token])
        if ticks <= 0:
            return place
        sounding = (*place.together, int(table.pitch[token]))
        return place._replace(
            at=place.at + ticks,
            fresh=False,
            sign="",
            tied=sounding if table.tied[token] else (),
            together=(),
            graces=0,
            chord=False,
            home=bool(table.note[token]) and int(table.pitch[token]) % 12 == 0,
        )

    def _line(self, place: Place, sign: str) -> Place:
        """Return where a tune stands after a bar line."""
        early = place.partial and 0 < place.at < self.length and not self._final(place)  # an upbeat
        upbeat = place.at if early and place.bars == 0 else place.upbeat
        whole = place.at in (self.length, self._bar(place)) or (sign in CLOSING and bool(place.upbeat))
        counted = whole and place.at > 0 and not early
        ended = sign in CLOSING or sign == "|:"
        ending = "" if place.ending == AGAIN and ended else place.ending
        return Place(
            bars=place.bars + int(counted),
            upbeat=upbeat,
            owed=place.at if early and sign == "|" else 0 if sign != "|" else place.owed,
            partial=(place.bars == 0 and place.at == 0) or (ended and bool(upbeat)),
            sign=sign,
            ending=ending,
            tied=place.tied,
        )


def parts_of(form: str) -> list[int]:
    """Return how often each part of a form is played, in order: 1 or 2.

    Raises  InputError if a part comes back later, or more often
    """
    runs = [len(run[0]) for run in re.finditer(r"([A-Z])\1*", form)]
    if sum(runs) != len(form) or len(set(form)) != len(runs) or max(runs, default=3) > 2:
        raise InputError(f"form {form!r}: write each part as a letter, once or twice in a row, such as AABB or ABC")
    return runs
