"""Where a tune stands in its bar and in its parts, and what followed the same places of bars before."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from lstmkit.language.neural.clues import ClueSizes
from lstmkit.music.abc.fields import metre_of
from lstmkit.music.events.tokens import CELL, CHORD, END, METRE, VOICE, sound_of
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.tune import SIGNS

TICKS = 96
"""Of a whole note; a time between two of them is the nearer one."""
WITHOUT = TICKS
"""Ticks of a bar where there is no metre."""
BACK = (1, 2, 4, 8)
"""Bars after which something may come again."""
LONGEST, BARS, ALL, ENDED, SAME = 2 * TICKS, 32, 64, 8, 16
"""Ticks of a bar, bars of a part, bars and parts of a tune, and events in a row that came again: more is counted as so
many."""
PARTS = ("||", "|]", ":|", "::", "|:")
"""Bar lines with which a part ends or begins."""
REMEMBERED = 1024
"""Times of a voice at which something stood, at most."""

ROOM = 6
"""Place among the numbers of what room there is for a note: the ticks that are left, told apart by whether the bar is
the first of its part, and may be an upbeat."""

Row = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]
"""Of a voice: times at which something stands, in order, and the events there."""


class Standing(NamedTuple):
    """Where a tune stands; a value.

    time    ticks since it began
    begun   time of the last bar line
    length  ticks of a bar
    bars    bar lines since the last part began
    all     bar lines since the tune began
    ended   parts that are complete
    short   ticks of the last bar that had not as many, 0 for none
    row     voice that is being written
    main    time at which the first voice goes on
    rows    what is heard in each voice, and its chord symbols
    same    for each of BACK, how many of these in a row were as so many bars before
    back    for each of BACK, which of them followed there; the unknown event for nothing
    """

    time: int
    begun: int
    length: int
    bars: int
    all: int
    ended: int
    short: int
    row: int
    main: int
    rows: tuple[Row, ...]
    same: tuple[int, ...]
    back: tuple[int, ...]


class TuneClues:
    """Follows a tune and says where it stands; see `lstmkit.language.neural.clues.Clues`.

    tokens  the vocabulary
    Source  Magenta 2016 (Lookback RNN), of which this has the position in the bar and the events of bars before
    """

    def __init__(self, tokens: EventTokens) -> None:
        symbols = tokens.symbols
        self._end, self._nothing = tokens.end, tokens.unknown
        sounds = [sound_of(one) for one in symbols]
        self._ticks = [0 if one is None or one.kind == "grace" else round(one.duration * TICKS) for one in sounds]
        self._heard = [
            one is not None or CHORD.fullmatch(s) is not None for one, s in zip(sounds, symbols, strict=True)
        ]
        self._lines = [one in (*SIGNS, CELL) and one != "" for one in symbols]
        self._parts = [one in PARTS for one in symbols]
        self._voices = [int(found[1]) if (found := VOICE.fullmatch(one)) else 0 for one in symbols]
        self._lengths = [_length(one) for one in symbols]
        whats = [s if s in (*SIGNS, END) else ticks for s, ticks in zip(symbols, self._ticks, strict=True)]
        numbers = {what: number for number, what in enumerate(dict.fromkeys(whats))}
        self._kinds = tuple(numbers[what] for what in whats)
        none = (self._nothing,) * len(BACK)
        self._begin = Standing(0, 0, WITHOUT, 0, 0, 0, 0, 0, 0, (((), ()),), (0,) * len(BACK), none)

    @property
    def sizes(self) -> ClueSizes:
        """Ticks since the bar line and to the next, of a short bar, bars and parts, room, and what came again.

        The room speaks of kinds: of lengths, each bar line, the end, and all else that takes no time, among it the
        place where music without bars would have one.
        """
        most = (LONGEST, LONGEST, LONGEST, BARS, ALL, ENDED, 2 * LONGEST + 1, *(SAME,) * len(BACK))
        return ClueSizes(tuple(one + 1 for one in most), len(BACK), self._kinds, ROOM)

    def begin(self) -> Standing:
        """Return where a tune begins."""
        return self._begin

    def told(self, place: Standing) -> tuple[int, ...]:
        """Return what is said of a place."""
        at, length = place.time - place.begun, place.length
        if at > length:  # a bar line was left out: as if it stood there, until the next bar is full
            at = (at - 1) % length + 1
        at, left, short = (min(one, LONGEST) for one in (at, length - at, place.short))
        room = left + (LONGEST + 1 if place.bars else 0)
        counts = min(place.bars, BARS), min(place.all, ALL), min(place.ended, ENDED)
        return at, left, short, *counts, room, *place.same, *place.back

    def advance(self, place: Standing, token: int) -> Standing:
        """Return where a tune stands after one more event."""
        if token == self._end:
            return self._begin
        time, begun, length, bars, total, ended, short, row, main, rows, same, back = place
        if self._lengths[token]:
            return place._replace(length=self._lengths[token])
        if self._heard[token]:
            same = tuple([min(count + 1, SAME) if one == token else 0 for count, one in zip(same, back, strict=True)])
            rows = (*rows[:row], _written(rows[row], time, token), *rows[row + 1 :])
            time += self._ticks[token]
        elif self._voices[token]:
            main = main if row else time
            row, time = min(self._voices[token], len(rows)), begun
            rows = rows if row < len(rows) else (*rows, ((), ()))
        elif self._lines[token]:
            time = main if row else time
            whole, row = time - begun, 0
            if whole:
                short = short if whole == length else whole
                bars, total = bars + 1, total + 1
            if self._parts[token]:
                bars, ended = 0, ended + (bars > 0)
            begun = time
        place = Standing(time, begun, length, bars, total, ended, short, row, main, rows, same, back)
        return place._replace(back=self._followed(rows[row], time, length))

    def _followed(self, row: Row, time: int, length: int) -> tuple[int, ...]:
        """Return for each of BACK what followed the like place: the event after as many as stand here already."""
        times, events = row
        here = len(events[-1]) if times and times[-1] == time else 0
        found = []
        for bars in BACK:
            then = time - bars * length
            place = bisect_left(times, then)
            there = events[place] if place < len(times) and times[place] == then else ()
            found.append(there[here] if here < len(there) else self._nothing)
        return tuple(found)


def _written(row: Row, time: int, token: int) -> Row:
    """Return a voice with one more event; its first are forgotten where there are too many."""
    times, events = row
    if times and times[-1] == time:
        return times, (*events[:-1], (*events[-1], token))
    if len(times) >= REMEMBERED:
        times, events = times[REMEMBERED // 2 :], events[REMEMBERED // 2 :]
    return (*times, time), (*events, (token,))


def _length(symbol: str) -> int:
    """Return the ticks of a bar that a metre has, 0 of what is no metre, or none with a length."""
    name = next((one for one in (METRE, "metre:") if symbol.startswith(one)), None)
    if name is None:
        return 0
    return round(metre_of(symbol.removeprefix(name)).length * TICKS)
