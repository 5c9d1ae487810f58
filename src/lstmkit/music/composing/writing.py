"""A tune drawn event by event from a predictor, within the rules that it shall hold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmkit.errors import InputError
from lstmkit.language.predicting import Predictor
from lstmkit.language.writing.sampling import SamplingSettings, draw, filtered
from lstmkit.music.events.rules import Place, Rules
from lstmkit.music.events.tokens import METRE, MODE, STYLE, sound_of
from lstmkit.music.events.vocabulary import EventTokens

MOST_EVENTS = 4000
"""Of a tune that finds no end."""
HEAD = (STYLE, METRE, MODE)


@dataclass(frozen=True)
class Written:
    """Events of a tune.

    tokens    head and body, without the end
    log_prob  natural logarithm of what the model says of all that was drawn, before rules and temperature
    drawn     events that were drawn
    ended     whether the tune came to an end
    """

    tokens: tuple[str, ...]
    log_prob: float
    drawn: int
    ended: bool

    @property
    def nats_per_event(self) -> float:
        """Minus the logarithm, for each event that was drawn."""
        return -self.log_prob / max(1, self.drawn)


class Writing:
    """A tune that is being written.

    predictor  whose vocabulary are events
    tokens     that vocabulary
    sampling   how an event is drawn
    random     generator of the draws
    """

    def __init__(
        self, predictor: Predictor, tokens: EventTokens, sampling: SamplingSettings, random: np.random.Generator
    ) -> None:
        self._predictor, self._tokens, self._sampling, self._random = predictor, tokens, sampling, random
        self._context: Any = predictor.begin()
        self._written: list[int] = []
        self._log_prob, self._drawn = 0.0, 0
        heads = [tokens.all_of(kind) for kind in HEAD]
        self._free = np.setdiff1d(np.arange(len(tokens.symbols)), [tokens.unknown, *itertools.chain(*heads)])

    def given(self, token: int) -> None:
        """Take an event that was not drawn."""
        self._written.append(token)
        self._context = self._predictor.advance(self._context, token)

    def one_of(self, allowed: Sequence[int] | np.ndarray) -> int:
        """Draw one of some events, which is not taken yet."""
        log_probs = self._predictor.next_log_probs(self._context)
        banned = np.ones(len(log_probs), bool)
        banned[allowed] = False
        token = draw(filtered(log_probs, self._sampling, np.flatnonzero(banned)), self._random)
        self._log_prob += float(log_probs[token])
        self._drawn += 1
        return token

    def head(self, choices: Sequence[Sequence[int]]) -> list[str]:
        """Write style, metre and mode, each drawn from its choices; return them."""
        for known in choices:
            self.given(known[0] if len(known) == 1 else self.one_of(known))
        return [self._tokens.symbols[k].removeprefix(kind) for k, kind in zip(self._written, HEAD, strict=True)]

    def body(self, rules: Rules | None, primer: Sequence[int], most: int = MOST_EVENTS) -> Written:
        """Write what follows the head: the primer as it is, then what is drawn.

        rules   None holds nothing
        primer  events of the beginning of the body
        Raises  InputError if the primer does not hold the rules
        """
        place = Place()
        for token in primer:
            if rules is not None:
                place = _kept(rules, place, token)
            self.given(token)
        ended = False
        sounds = any(self._sounds(token) for token in self._written)
        while len(self._written) < most and not ended:
            follow = self._may_follow(rules, place)
            token = self.one_of(follow if sounds or len(follow) == 1 else follow[follow != self._tokens.end])
            ended, sounds = token == self._tokens.end, sounds or self._sounds(token)
            if not ended:
                self.given(token)
                place = place if rules is None else rules.after(place, token)
        symbols = tuple(self._tokens.symbols[token] for token in self._written)
        return Written(symbols, self._log_prob, self._drawn, ended)

    def _sounds(self, token: int) -> bool:
        """Whether an event is a note: no tune ends before there is one."""
        sound = sound_of(self._tokens.symbols[token])
        return sound is not None and sound.kind == "note"

    def _may_follow(self, rules: Rules | None, place: Place) -> np.ndarray:
        if rules is None:
            return self._free
        allowed = rules.allowed(place)
        if not allowed.any():
            raise InputError(
                "no notes that the model knows complete the bar in which the primer ends; end it elsewhere"
            )
        return np.flatnonzero(allowed)


def _kept(rules: Rules, place: Place, token: int) -> Place:
    """Return where a tune stands after an event of a primer.

    Raises  InputError if a bar is too long, or there are more bars than asked for
    """
    after = rules.after(place, token)
    if after.at > rules.length:
        raise InputError(
            f"bar {place.bars + 1} of the primer is longer than {rules.metre}; correct it, or do not hold the bars"
        )
    if rules.bars is not None and after.bars >= rules.bars:
        raise InputError(
            f"the primer has {rules.bars} bars or more, and the tune shall have {rules.bars}; ask for more bars, or "
            f"give less of the primer"
        )
    return after
