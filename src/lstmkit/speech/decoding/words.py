"""What may be said: words in the units of a head, and what each of them counts after the words before it.

A search asks for three things alone: where a unit leads from a node, which words end at a node, and how much the best
of the words counts that can still come of a node. A closed list is a tree of spellings; words of an open vocabulary
are spelled as they come, and end where the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.predicting import Predictor
from lstmkit.language.vocabulary.tokens import PLURALS
from lstmkit.speech.decoding.hotwords import Hotwords
from lstmkit.speech.decoding.language import KEPT, WordLanguage, is_value
from lstmkit.speech.units import Numbers

ROOT, SEPARATED, NOWHERE = 0, -1, -2
"""Nodes: where words begin; the same after a gap; none."""


class Weighing(NamedTuple):
    """What a word counts beside its sound.

    predictor  of words; None finds all equally likely
    weight     of the logarithms of its probabilities
    bonus      for each word; below 0 makes words fewer
    hotwords   phrases that count more
    """

    predictor: Predictor | None = None
    weight: float = 0.5
    bonus: float = 0.0
    hotwords: Hotwords | None = None


class State:
    """What is known after some words: context of the predictor, state of the hotwords, and what follows from them.

    scores  what each word counts
    end     what it counts that nothing follows
    """

    __slots__ = ("after", "context", "end", "hot", "looks", "scores")

    def __init__(self, context: Any, hot: int) -> None:
        self.context, self.hot = context, hot
        self.scores: NDArray[np.float32] = np.empty(0, np.float32)
        self.end = 0.0
        self.after: dict[int, State] = {}
        self.looks: dict[int, float] = {}


class Words(Protocol):
    """What a search asks; nodes are numbers, of which the ROOT is the beginning of a word."""

    gap: int | None
    """The unit between words; None where words follow each other at once."""
    most: float
    """What no word counts more than."""

    def child(self, node: int, unit: int) -> int:
        """Return where a unit leads, or NOWHERE."""

    def first(self, unit: int) -> int:
        """Return where a unit leads that begins a word right after another, or NOWHERE."""

    def unit(self, node: int) -> int:
        """Return the last unit of a node."""

    def begin(self, before: Sequence[str] = ()) -> State:
        """Return the state before the first word, others having been said before."""

    def after(self, state: State, word: int) -> State:
        """Return the state after a word."""

    def endings(self, state: State, node: int) -> Sequence[tuple[int, float]]:
        """Return the words that end at a node, and what each counts."""

    def look(self, state: State, node: int) -> float:
        """Return what the best word counts that may come of a node."""

    def text(self, word: int) -> str:
        """Return how a word is written."""

    def anew(self) -> Words:
        """Return the same for one search, which may keep what it has found in it."""


class _States:
    """States, and equal ones only once, as long as they are not too many."""

    def __init__(self, weighing: Weighing, listed: Sequence[str], language: WordLanguage | None = None) -> None:
        predictor = weighing.predictor
        if predictor is not None and predictor.tokens.unit != "word":
            raise InputError(
                f"language model: it foresees {PLURALS[predictor.tokens.unit]}, and the search needs words; give one "
                "of words"
            )
        self.weighing = weighing
        self.language = language
        if language is None and predictor is not None:
            self.language = WordLanguage(predictor, listed)
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(listed):
            self._places.setdefault(word, []).append(place)
        self._count = len(listed)
        self._known: dict[tuple[Any, int], State] = {}
        self.most = weighing.bonus + (weighing.hotwords.most if weighing.hotwords else 0.0)

    def begin(self, before: Sequence[str] = ()) -> State:
        """Return the state before the first word, others having been said before."""
        state = self._of(self.language.begin() if self.language else (), 0)
        for word in before:
            state = self.after(state, self.language.token(word) if self.language else 0, word)
        return state

    def after(self, state: State, token: int, word: str) -> State:
        """Return the state after a word."""
        hot = self.weighing.hotwords.step(state.hot, word)[0] if self.weighing.hotwords else 0
        return self._of(self.language.advance(state.context, token) if self.language else (), hot)

    def _of(self, context: Any, hot: int) -> State:
        if is_value(context) and (context, hot) in self._known:
            return self._known[context, hot]
        state = self._made(context, hot)
        if is_value(context):
            if len(self._known) * len(state.scores) > KEPT:
                self._known.clear()
            self._known[context, hot] = state
        return state

    def _made(self, context: Any, hot: int) -> State:
        weighing, state = self.weighing, State(context, hot)
        if self.language is not None:
            scores, end = self.language.followers(context)
            state.scores, state.end = scores * np.float32(weighing.weight) + np.float32(weighing.bonus), end
            state.end *= weighing.weight
        else:
            state.scores = np.full(self._count, weighing.bonus, np.float32)
        if weighing.hotwords is not None:
            lost = weighing.hotwords.taken_back(hot)
            state.end += lost
            if self._count:
                state.scores += np.float32(lost)
                for word, earned in weighing.hotwords.expected(hot).items():
                    state.scores[self._places.get(word, [])] += np.float32(earned - lost)
        return state


class _Nodes:
    """Spellings as nodes, each a unit after another, and what is known after words.

    gap     the unit between words, None where there is none
    states  after words
    """

    def __init__(self, gap: int | None, states: _States) -> None:
        self.gap, self.most = gap, states.most
        self._states = states
        self._children: list[dict[int, int]] = [{}]
        self._units = [0]

    def _grown(self, node: int, unit: int) -> int:
        """Return a new node, where a unit leads from another."""
        found = self._children[node][unit] = len(self._units)
        self._children.append({})
        self._units.append(unit)
        return found

    def unit(self, node: int) -> int:
        """Return the last unit of a node."""
        return self._units[node]

    def begin(self, before: Sequence[str] = ()) -> State:
        """Return the state before the first word, others having been said before."""
        return self._states.begin(before)


@final
class ClosedWords(_Nodes):
    """Words of a list, as a tree of their spellings.

    spellings  of each word, one or several
    gap        the unit between words, None where there is none
    weighing   what a word counts beside its sound
    Raises     InputError if the predictor is none of words, or a hotword is not on the list
    """

    def __init__(
        self, spellings: Mapping[str, Sequence[Numbers]], gap: int | None = None, weighing: Weighing | None = None
    ) -> None:
        weighing = weighing or Weighing()
        self._words = list(spellings)
        _refuse_unknown(weighing.hotwords, lambda word: word in spellings)
        # Sorted, what goes on from a beginning lies side by side, and what ends there comes first.
        entries = sorted({(tuple(own), word) for word, several in enumerate(spellings.values()) for own in several})
        self._entries = [word for _, word in entries]
        self._tokens = {word: place for place, word in enumerate(self._entries)}
        super().__init__(gap, _States(weighing, [self._words[word] for word in self._entries]))
        self._first, self._last, self._ends = [0], [len(entries)], [0]
        for place, (own, _) in enumerate(entries):
            self._add(place, own)

    def _add(self, place: int, spelled: Numbers) -> None:
        node = ROOT
        for unit in spelled:
            if unit not in self._children[node]:
                self._grown(node, unit)
                self._first.append(place)
                self._last.append(place)
                self._ends.append(place)
            node = self._children[node][unit]
            self._last[node] = place + 1
        self._ends[node] = place + 1

    def child(self, node: int, unit: int) -> int:
        """Return where a unit leads, or NOWHERE."""
        return self._children[max(node, ROOT)].get(unit, NOWHERE)

    def first(self, unit: int) -> int:
        """Return where a unit leads that begins a word right after another, or NOWHERE."""
        return self._children[ROOT].get(unit, NOWHERE)

    def after(self, state: State, word: int) -> State:
        """Return the state after a word."""
        found = state.after.get(word)
        if found is None:
            language = self._states.language
            token = int(language.tokens[self._tokens[word]]) if language else 0
            found = state.after[word] = self._states.after(state, token, self._words[word])
        return found

    def endings(self, state: State, node: int) -> Sequence[tuple[int, float]]:
        """Return the words that end at a node, and what each counts."""
        if node <= ROOT or self._first[node] == self._ends[node]:
            return ()
        return [(self._entries[k], float(state.scores[k])) for k in range(self._first[node], self._ends[node])]

    def look(self, state: State, node: int) -> float:
        """Return what the best word counts that may come of a node."""
        node = max(node, ROOT)
        found = state.looks.get(node)
        if found is None:
            found = state.looks[node] = float(state.scores[self._first[node] : self._last[node]].max())
        return found

    def text(self, word: int) -> str:
        """Return how a word is written."""
        return self._words[word]

    def anew(self) -> ClosedWords:
        """Return the same: nothing is added to a list."""
        return self


@final
class OpenWords(_Nodes):
    """Words that are spelled as they come.

    symbols   how each unit is written, from 1 on; those in `begins` begin a word
    gap       the unit between words
    begins    mark of units that begin a word, where there is no gap
    weighing  what a word counts beside its sound
    language  that of the weighing's predictor, where it has been made already
    Raises    InputError if the predictor is none of words, or a hotword cannot be spelled
    """

    def __init__(
        self,
        symbols: Sequence[str],
        gap: int | None = None,
        begins: str | None = None,
        weighing: Weighing | None = None,
        language: WordLanguage | None = None,
    ) -> None:
        weighing = weighing or Weighing()
        self._given = symbols, gap, begins, weighing
        self._begins = {k for k, symbol in enumerate(symbols, 1) if begins is not None and symbol.startswith(begins)}
        self._symbols = ["", *(symbol.removeprefix(begins) if begins else symbol for symbol in symbols)]
        letters = {letter for symbol in self._symbols for letter in symbol}
        _refuse_unknown(weighing.hotwords, lambda word: set(word) <= letters)
        super().__init__(gap, _States(weighing, (), language))
        self._texts = [""]
        self._written: dict[str, int] = {}

    def child(self, node: int, unit: int) -> int:
        """Return where a unit leads, or NOWHERE: what begins a word goes on with none."""
        node = max(node, ROOT)
        if node != ROOT and unit in self._begins:
            return NOWHERE
        if unit not in self._children[node]:
            found = self._grown(node, unit)
            self._texts.append(self._texts[node] + self._symbols[unit])
            self._written.setdefault(self._texts[-1], found)
        return self._children[node][unit]

    def first(self, unit: int) -> int:
        """Return where a unit leads that begins a word right after another, or NOWHERE."""
        return self.child(ROOT, unit) if unit in self._begins else NOWHERE

    def after(self, state: State, word: int) -> State:
        """Return the state after a word, which is the first node that was written so."""
        found = state.after.get(word)
        if found is None:
            language, text = self._states.language, self._texts[word]
            found = state.after[word] = self._states.after(state, language.token(text) if language else 0, text)
        return found

    def endings(self, state: State, node: int) -> Sequence[tuple[int, float]]:
        """Return the word that ends at a node, if any, and what it counts."""
        text = self._texts[max(node, ROOT)]
        if not text:
            return ()
        weighing, language = self._states.weighing, self._states.language
        score = float(state.scores[language.token(text)]) if language else weighing.bonus
        if weighing.hotwords is not None:
            score += weighing.hotwords.step(state.hot, text)[1]
        return ((self._written[text], score),)

    def look(self, state: State, node: int) -> float:
        """Return what a hotword earns for the part of it that is spelled."""
        hotwords = self._states.weighing.hotwords
        if hotwords is None:
            return 0.0
        found = state.looks.get(node)
        if found is None:
            text = self._texts[max(node, ROOT)]
            lost = hotwords.taken_back(state.hot)
            found = lost if text else 0.0
            for word, earned in hotwords.expected(state.hot).items():
                if text and word.startswith(text):
                    found = max(found, lost + (earned - lost) * len(text) / len(word))
            state.looks[node] = found
        return found

    def text(self, word: int) -> str:
        """Return how a word is written."""
        return self._texts[word]

    def anew(self) -> OpenWords:
        """Return the same without the words that have been spelled, so that they do not gather."""
        return OpenWords(*self._given, language=self._states.language)


def _refuse_unknown(hotwords: Hotwords | None, known: Callable[[str], bool]) -> None:
    missing = sorted(word for word in hotwords.words if not known(word)) if hotwords else []
    if missing:
        raise InputError(
            f"hotwords: {len(missing):,} words cannot be written by this model, first {missing[0]!r}; leave them out, "
            "or add them to the lexicon"
        )
