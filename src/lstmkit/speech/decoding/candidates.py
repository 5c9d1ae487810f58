"""What may have been said, scored by every head at once: a pool of what the searches find, and what lies between.

Each head is searched by itself. All that is found is scored exactly by all heads, the language model and the hotwords;
then the best is changed, place by place, to what others of the pool say there, as long as that is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_1, NOT_NEGATIVE, Range, check_fields
from lstmkit.speech.decoding.beam import BeamSearch, BeamSettings
from lstmkit.speech.decoding.forward import Slots, slot_scores
from lstmkit.speech.decoding.hotwords import Hotwords
from lstmkit.speech.decoding.language import WordLanguage
from lstmkit.speech.decoding.words import ClosedWords, OpenWords, Weighing, Words
from lstmkit.speech.scoring import SAME, align
from lstmkit.speech.units import Numbers

Floats = NDArray[np.float32]
Said = tuple[str, ...]

ROUNDS = 6
"""Of changes to the best."""
POOLED = 12
"""Of each search, that are scored by all heads."""
LONG = 250
"""Frames beyond which what is said is searched in parts."""
STRANGE, SHORT = 4.0, 30.0
"""How much less likely than its best a head finds words, each that it cannot write, and what is too long for it."""
RANGES = {
    "beam": AT_LEAST_1,
    "language": NOT_NEGATIVE,
    "bonus": Range("must be from -100 to 100", least=-100, most=100),
    "least": Range("must be negative", below=0),
    "margin": NOT_NEGATIVE,
}


@dataclass(frozen=True)
class DecodingSettings:
    """How a transcript is found.

    beam      beginnings that are kept after each frame
    language  weight of the logarithms of the language model's probabilities
    bonus     for each word; below 0 makes words fewer
    heads     weight of the logarithms of each head's probabilities; empty: the same for all
    slope, offset  of the logistic curve that makes a confidence of a posterior probability
    least, margin  see `BeamSettings`
    Raises    InputError if a value is out of range
    """

    beam: int = 16
    language: float = 0.5
    bonus: float = 0.0
    heads: dict[str, float] = field(default_factory=dict)
    slope: float = 1.0
    offset: float = 0.0
    least: float = -9.0
    margin: float = 30.0

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "DecodingSettings")
        for name, weight in self.heads.items():
            if not 0 <= weight < np.inf:
                raise InputError(f"DecodingSettings: the weight of {name} must not be negative; got {weight}")

    @property
    def tried(self) -> BeamSettings:
        """How much a search tries."""
        return BeamSettings(self.beam, self.least, self.margin)

    def shares(self, names: Iterable[str]) -> dict[str, float]:
        """Return the weight of each of some heads, together 1."""
        own = {name: self.heads.get(name, 0.0) if self.heads else 1.0 for name in names}
        total = sum(own.values())
        if not total:
            raise InputError(f"DecodingSettings: no head has a weight; name one of {', '.join(own)}")
        return {name: weight / total for name, weight in own.items()}


@dataclass(frozen=True)
class Head:
    """How words are written in the units of a head.

    symbols  how each unit is written, from number 1 on
    spell    returns the ways to write a word, none where it cannot be
    gap      the unit between words
    begins   mark of units that begin a word
    opens    whether units spell words that are on no list
    """

    symbols: tuple[str, ...]
    spell: Callable[[str], Sequence[Numbers]]
    gap: int | None = None
    begins: str | None = None
    opens: bool = False

    def slots(self, words: Sequence[str]) -> Slots:
        """Return the ways to write each word, and the gaps between."""
        found: list[Sequence[Numbers]] = []
        for place, word in enumerate(words):
            if place and self.gap is not None:
                found.append(((self.gap,),))
            found.append(self.spell(word))
        return found

    def words(self, listed: Sequence[str] | None, weighing: Weighing) -> Words | None:
        """Return what a search may find, None where this head has no such words."""
        if listed is None and self.opens:
            return OpenWords(self.symbols, self.gap, self.begins, weighing)
        if listed is None:  # a head of words knows those; the hotwords are heard by heads that spell
            listed, weighing = [one for one in self.symbols if self.spell(one)], weighing._replace(hotwords=None)
        spelled = {word: own for word in listed if (own := self.spell(word))}
        return ClosedWords(spelled, self.gap, weighing) if spelled else None


class Around(NamedTuple):
    """What is known of an utterance besides its sound.

    before    words that were said before
    last      whether nothing follows
    begun     words that it begins with
    searches  of heads that were searched already
    """

    before: Said = ()
    last: bool = True
    begun: Said = ()
    searches: Mapping[str, BeamSearch] = MappingProxyType({})


class Candidate(NamedTuple):
    """Words that may have been said, and what speaks for them.

    words     in order
    sounds    logarithm of their probability by each head
    language  logarithm of their probability by the language model
    hot       what hotwords earn
    """

    words: Said
    sounds: tuple[float, ...]
    language: float
    hot: float


@final
class Judges:
    """All that says how likely words are: heads, a language model, hotwords.

    heads     by name
    weighing  language model and hotwords; its weight and bonus are those of the settings
    words     all that can be said; None: whatever a head can spell
    settings  how a transcript is found
    Raises    InputError if nothing can be searched, or a hotword cannot be written
    """

    def __init__(
        self, heads: Mapping[str, Head], weighing: Weighing, words: Sequence[str] | None, settings: DecodingSettings
    ) -> None:
        self.heads, self.settings = dict(heads), settings
        self.shares = settings.shares(heads)
        self.hotwords: Hotwords | None = weighing.hotwords
        self._language = WordLanguage(weighing.predictor) if weighing.predictor is not None else None
        own = weighing._replace(weight=settings.language, bonus=settings.bonus)
        named = [name for name, share in self.shares.items() if share > 0]
        found = {name: head.words(words, own) for name, head in self.heads.items()}
        able = {name: one for name, one in found.items() if one is not None}
        # Where none that counts can be searched, the others say what those judge.
        self.searched = {name: one for name, one in able.items() if name in named} or able
        if not self.searched:
            raise InputError(
                f"decoding: {', '.join(named)} spell no words by themselves; give a lexicon or a list of words"
            )

    def pool(self, emissions: Mapping[str, Floats], around: Around | None = None) -> list[Candidate]:
        """Return what may have been said, the best first.

        emissions  by head, (T, 1 + U) logarithms of the probability of blank and units
        around     what is known besides
        """
        around = around or Around()
        raw: dict[Said, Candidate] = {}
        found: dict[Said, Candidate] = {}
        best: Said | None = None
        wanted: list[Said] = []
        for name, words in self.searched.items():
            search = around.searches.get(name)
            if search is None:
                search = BeamSearch(words, self.settings.tried, around.before)
                search.accept(emissions[name])
            wanted += [one.words for one in search.best(POOLED, around.last)]
        for _ in range(ROUNDS):
            wanted = [said for said in dict.fromkeys(wanted) if said[: len(around.begun)] == around.begun]
            new = [said for said in wanted if said not in found]
            if not new:
                break
            raw |= zip(new, self.judged(emissions, new, around), strict=True)
            found = self._completed(raw)
            before, best = best, max(found, key=lambda said: self.score(found[said]))
            if best == before:
                break
            wanted = _between(best, found)
        return sorted(found.values(), key=lambda one: -self.score(one))

    def judged(self, emissions: Mapping[str, Floats], several: Sequence[Said], around: Around) -> list[Candidate]:
        """Return words with what speaks for them; -inf of a head that cannot write them."""
        columns = np.zeros((len(several), len(self.heads)))
        for place, (name, head) in enumerate(self.heads.items()):
            if self.shares[name] > 0:
                columns[:, place] = slot_scores(emissions[name], [head.slots(one) for one in several])
        return [
            Candidate(words, tuple(row), *self._counted(words, around))
            for words, row in zip(several, columns.tolist(), strict=True)
        ]

    def _completed(self, found: Mapping[Said, Candidate]) -> dict[Said, Candidate]:
        """Return candidates, also where a head cannot write all words: it finds them less likely than its best."""
        sounds = np.array([one.sounds for one in found.values()])
        known = np.isfinite(sounds)
        if known.all():
            return dict(found)
        best = np.where(known, sounds, -np.inf).max(axis=0)
        for place, (name, head) in enumerate(self.heads.items()):
            for row in np.flatnonzero(~known[:, place]).tolist() if self.shares[name] > 0 else ():
                strange = sum(not head.spell(word) for word in list(found.values())[row].words)
                sounds[row, place] = best[place] - (STRANGE * strange if strange else SHORT)
        # What no head can write at all is told by the others alone.
        sounds[:, ~np.isfinite(best)] = 0.0
        return {
            said: one._replace(sounds=tuple(row))
            for (said, one), row in zip(found.items(), sounds.tolist(), strict=True)
        }

    def score(self, one: Candidate) -> float:
        """Return what speaks for words, all together."""
        settings = self.settings
        sound = sum(share * own for share, own in zip(self.shares.values(), one.sounds, strict=True))
        return sound + settings.language * one.language + settings.bonus * len(one.words) + one.hot

    def _counted(self, words: Said, around: Around) -> tuple[float, float]:
        """Return the logarithm of the probability of words, and what hotwords earn."""
        total, hot, state = 0.0, 0.0, 0
        if self._language is not None:
            context = self._language.begin()
            for place, word in enumerate((*around.before, *words)):
                token = self._language.token(word)
                if place >= len(around.before):
                    total += float(self._language.followers(context)[0][token])
                context = self._language.advance(context, token)
            total += self._language.followers(context)[1] if around.last else 0.0
        if self.hotwords is not None:
            for place, word in enumerate((*around.before, *words)):
                state, earned = self.hotwords.step(state, word)
                hot += earned if place >= len(around.before) else 0.0
            hot += self.hotwords.taken_back(state) if around.last else 0.0
        return total, hot


def _between(best: Said, others: Iterable[Said]) -> list[Said]:
    """Return what the best becomes when one place of it is as another has it."""
    found: dict[Said, None] = {}
    for other in others:
        for begin, end, said in changes(best, other):
            found[best[:begin] + said + best[end:]] = None
    return list(found)


def changes(own: Said, other: Said) -> list[tuple[int, int, Said]]:
    """Return where two differ: first and last place of the one, and what the other has there."""
    found: list[tuple[int, int, Said]] = []
    at, open_ = 0, False
    for edit in align(own, other):
        if edit.kind == SAME:
            open_ = False
        else:
            begin, said = (found[-1][0], found[-1][2]) if open_ else (at, ())
            entry = (begin, at + bool(edit.truth), said + ((edit.found,) if edit.found else ()))
            found[-1:] = [entry] if open_ else [*found[-1:], entry]
            open_ = True
        at += bool(edit.truth)
    return found
