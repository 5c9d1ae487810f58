"""A tune that is given, with what a model puts beside it: chord symbols, and voices below.

Many versions are written side by side. What is given is never drawn: how likely a version foresees it is its weight,
and at every bar line versions of little weight give way to copies of others. So what is drawn early suits what comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.predicting import Predictor
from lstmkit.language.writing.sampling import SamplingSettings, draw, filtered
from lstmkit.music.composing.writing import HEAD
from lstmkit.music.events.table import TICKS, EventTable, Mask, reached
from lstmkit.music.events.tokens import CELL, END, VOICE, sound_of
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.tune import SIGNS

FEW = 0.5
"""Share of the versions that count, below which they are drawn anew."""
MOST = 200
"""Events that are put between two that are given."""


class Version(NamedTuple):
    """One of the versions, as a value.

    context   of the predictor
    written   symbols
    log_prob  natural logarithm of what the model says of all of it
    weight    natural logarithm, since the versions were drawn anew
    chord     whether a chord symbol was just written
    row       voice that is being written, 0 for what is given
    at        ticks of its bar that this voice has
    together  pitches that sound with its next note, the lowest first
    """

    context: Any
    written: tuple[str, ...] = ()
    log_prob: float = 0.0
    weight: float = 0.0
    chord: bool = False
    row: int = 0
    at: int = 0
    together: tuple[int, ...] = ()


@dataclass(frozen=True)
class Harmonising:
    """How a tune is completed.

    predictor  whose vocabulary are events
    tokens     that vocabulary
    sampling   how an event is drawn
    random     generator of the draws
    """

    predictor: Predictor
    tokens: EventTokens
    sampling: SamplingSettings
    random: np.random.Generator

    @cached_property
    def table(self) -> EventTable:
        """What each event is."""
        return EventTable.of(self.tokens)

    @cached_property
    def voices(self) -> dict[int, int]:
        """The event with which each voice below the first begins."""
        return {int(found[1]): k for k, one in enumerate(self.tokens.symbols) if (found := VOICE.fullmatch(one))}

    def head(self, symbols: Sequence[str]) -> Version:
        """Return a version that begins with style, metre and mode; what was not learnt gives way to the likeliest."""
        version = Version(self.predictor.begin())
        for kind, symbol in zip(HEAD, symbols, strict=True):
            known = self.tokens.all_of(kind)
            if symbol not in self.tokens.symbols:
                log_probs = self.predictor.next_log_probs(version.context)[known]
                symbol = self.tokens.symbols[known[int(log_probs.argmax())]]
            version = self.given(version, symbol)
        return version

    def given(self, version: Version, symbol: str) -> Version:
        """Return a version with an event that was given, also one that is not in the vocabulary."""
        token = int(self.tokens.ids_of([symbol])[0])
        own = float(self.predictor.next_log_probs(version.context)[token])
        return self._with(version, token, symbol, own)._replace(chord=False, row=0, at=0, together=())

    def _with(self, version: Version, token: int, symbol: str, log_prob: float) -> Version:
        context = self.predictor.advance(version.context, token)
        return version._replace(
            context=context, written=(*version.written, symbol), log_prob=version.log_prob + log_prob
        )

    def up_to(self, version: Version, symbol: str, begins: bool, length: int) -> Version:
        """Return a version with what it puts before an event that is given, and that event.

        begins  whether a chord symbol may stand before it
        length  ticks of the bar that ends with it, which further voices fill; 0 where none ends
        """
        token = int(self.tokens.ids_of([symbol])[0])
        fills = reached(np.unique(self.table.ticks[self.table.note | self.table.rest]), length)
        for _ in range(MOST):
            allowed = self._allowed(version, token, begins, length, fills)
            if allowed.sum() == 1 and allowed[token]:
                break
            log_probs = self.predictor.next_log_probs(version.context).astype(np.float64)
            chosen = draw(filtered(log_probs, self.sampling, np.flatnonzero(~allowed)), self.random)
            version = version._replace(weight=version.weight + float(np.logaddexp.reduce(log_probs[allowed])))
            if chosen == token:
                return self._with(version, token, symbol, log_probs[token])._replace(chord=False, row=0, at=0)
            version = self._put(version, chosen, float(log_probs[chosen]))
        before = version.log_prob
        version = self.given(version, symbol)
        return version._replace(weight=version.weight + version.log_prob - before)

    def _put(self, version: Version, token: int, log_prob: float) -> Version:
        """Return a version with an event that was drawn."""
        table, symbol = self.table, self.tokens.symbols[token]
        version = self._with(version, token, symbol, log_prob)
        if table.chord[token]:
            return version._replace(chord=True)
        if table.together[token]:
            return version._replace(together=(*version.together, int(table.pitch[token])))
        if VOICE.fullmatch(symbol):
            return version._replace(row=version.row + 1, at=0)
        return version._replace(at=version.at + int(table.ticks[token]), together=())

    def _allowed(self, version: Version, token: int, begins: bool, length: int, fills: Mask) -> Mask:
        """Return which events may follow, (V,)."""
        table, found = self.table, np.zeros(len(self.tokens.symbols), bool)
        if version.row and version.at < length:
            left = length - version.at - table.ticks
            fitting = (table.ticks > 0) & (left >= 0) & fills[np.clip(left, 0, length)]
            above = table.pitch > (version.together[-1] if version.together else -10_000)
            found |= table.note & fitting & above
            if found.any():
                found |= table.together & above & (table.pitch < table.pitch[found].max())
            return found if version.together else found | (table.rest & fitting)
        found[token] = True
        if begins and not version.chord:
            found |= table.chord
        if length and version.row + 1 in self.voices:
            found[self.voices[version.row + 1]] = True
        return found

    def anew(self, versions: list[Version]) -> list[Version]:
        """Return as many versions, drawn by their weights where few of them count; else as they are."""
        weights = np.array([one.weight for one in versions])
        shares: NDArray[np.float64] = np.exp(weights - np.logaddexp.reduce(weights))
        if 1 / np.square(shares).sum() >= FEW * len(versions):
            return versions
        places = (self.random.random() + np.arange(len(versions))) / len(versions)
        chosen = np.minimum(np.searchsorted(np.cumsum(shares), places), len(versions) - 1)
        return [versions[k]._replace(weight=0.0) for k in chosen.tolist()]


def harmonised(how: Harmonising, given: Sequence[str], ends: Sequence[int], count: int) -> list[Version]:
    """Return versions of a tune, the likeliest first.

    given   events of one voice without chord symbols, the head first
    ends    for each of them, ticks of the bar that ends with it, 0 where none does
    count   versions that are written side by side
    Raises  InputError if there is nothing that the model puts beside a tune
    Source  Gordon, Salmond & Smith 1993 (sequential importance resampling), systematic draws
    """
    if not how.table.chord.any() and not how.voices:
        raise InputError(
            "the model learnt neither chord symbols nor further voices, so it cannot put any to a tune; train on tunes "
            "with them"
        )
    begin = how.head(given[: len(HEAD)])
    versions, before = [begin] * count, ""
    for symbol, length in zip(given[len(HEAD) :], ends[len(HEAD) :], strict=True):
        begins = sound_of(symbol) is not None and not before.startswith(("&", "g"))
        versions = [how.up_to(one, symbol, begins, length) for one in versions]
        if length:
            versions = how.anew(versions)
        before = symbol
    return sorted(versions, key=lambda one: -one.log_prob)


def bars_filled(events: Sequence[str]) -> list[int]:
    """Return for each event of one voice the ticks of the bar that ends with it, 0 where none does."""
    found, at = [], 0
    for symbol in events:
        sound = sound_of(symbol)
        if sound is not None:
            at += 0 if sound.kind == "grace" else round(sound.duration * TICKS)
            found.append(0)
        else:
            ends = symbol in (*SIGNS, CELL, END)
            found.append(at if ends else 0)
            at = 0 if ends else at
    return found
