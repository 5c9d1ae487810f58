"""How well recordings were understood: errors of words and characters, by speaker, and two recognisers compared.

Before texts are compared, both become words in one way (`words_of`): Unicode's composed form, letters without case,
marks dropped but for apostrophes, hyphens and points inside words and numbers; in scripts without spaces every
character is a word. Numbers are not spelled out. Characters are those of the words with one space between.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.splitting import splitter
from lstmkit.results.bootstrap import ratio_interval
from lstmkit.results.verdict import BETTER, WORSE, Verdict, kind_of

SAME, SUBSTITUTED, DELETED, INSERTED = "same", "substituted", "deleted", "inserted"


class Edit(NamedTuple):
    """One place of an alignment: SAME, SUBSTITUTED, DELETED or INSERTED; the word that is not there is ""."""

    kind: str
    truth: str
    found: str


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are compared."""
    cut = splitter("punctuation")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return [word for word in cut(folded.replace("’", "'")) if any(c.isalnum() for c in word)]  # noqa: RUF001


def align(truth: Sequence[str], found: Sequence[str]) -> tuple[Edit, ...]:
    """Return the fewest changes that make what was found of the truth; of equal ones, those that keep words in place.

    Source  Wagner and Fischer 1974
    """
    own, other = _codes(truth, found)
    costs = np.empty((len(own) + 1, len(other) + 1), np.int32)
    costs[0] = np.arange(len(other) + 1)
    for row, code in enumerate(own, 1):
        costs[row] = _next_row(costs[row - 1], code, other)
    edits: list[Edit] = []
    i, j = len(own), len(other)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (own[i - 1] != other[j - 1]):
            i, j = i - 1, j - 1
            edits.append(Edit(SAME if own[i] == other[j] else SUBSTITUTED, truth[i], found[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            edits.append(Edit(DELETED, truth[i], ""))
        else:
            j -= 1
            edits.append(Edit(INSERTED, "", found[j]))
    return tuple(reversed(edits))


def distance(truth: Sequence[str], found: Sequence[str]) -> int:
    """Return the number of changes of `align`, in the memory of one row."""
    own, other = _codes(truth, found)
    row = np.arange(len(other) + 1, dtype=np.int32)
    for code in own:
        row = _next_row(row, code, other)
    return int(row[-1])


def _codes(truth: Sequence[str], found: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    numbers: dict[str, int] = {}
    own, other = (np.array([numbers.setdefault(w, len(numbers)) for w in part], np.int32) for part in (truth, found))
    return own, other


def _next_row(row: NDArray[np.int32], code: np.int32, other: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the row of costs after one more word of the truth."""
    places = np.arange(len(row), dtype=np.int32)
    best = row + 1
    best[1:] = np.minimum(best[1:], row[:-1] + (other != code))
    return np.minimum.accumulate(best - places) + places


@dataclass(frozen=True)
class UtteranceScore:
    """How well one utterance was understood.

    edits             its alignment
    characters        of the truth
    character_errors  changes of characters
    """

    name: str
    speaker: str | None
    edits: tuple[Edit, ...]
    characters: int
    character_errors: int

    @property
    def words(self) -> int:
        """Words of the truth."""
        return sum(edit.kind != INSERTED for edit in self.edits)

    @property
    def errors(self) -> int:
        """Words that are wrong, missing or too many."""
        return sum(edit.kind != SAME for edit in self.edits)


@dataclass(frozen=True)
class SpeechScore:
    """How well many utterances were understood."""

    utterances: tuple[UtteranceScore, ...]

    @property
    def words(self) -> int:
        """Words of the truth."""
        return sum(one.words for one in self.utterances)

    @property
    def errors(self) -> int:
        """Words that are wrong, missing or too many."""
        return sum(one.errors for one in self.utterances)

    @property
    def wer(self) -> float:
        """Errors over words, NaN without words; can be more than 1."""
        return self.errors / self.words if self.words else float("nan")

    @property
    def cer(self) -> float:
        """Errors of characters over characters, NaN without any."""
        characters = sum(one.characters for one in self.utterances)
        return sum(one.character_errors for one in self.utterances) / characters if characters else float("nan")

    @property
    def sentences(self) -> float:
        """Share of utterances without an error."""
        return sum(not one.errors for one in self.utterances) / len(self.utterances)

    @property
    def counts(self) -> dict[str, int]:
        """How many words are the same, substituted, deleted and inserted."""
        found = Counter(edit.kind for one in self.utterances for edit in one.edits)
        return {kind: found[kind] for kind in (SAME, SUBSTITUTED, DELETED, INSERTED)}

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the word error rate, utterances drawn with replacement."""
        return ratio_interval(*_of_each(self))

    def by_speaker(self) -> dict[str, SpeechScore]:
        """Return the scores of every speaker that is known, the worst first."""
        names = sorted({one.speaker for one in self.utterances if one.speaker is not None})
        own = {name: SpeechScore(tuple(o for o in self.utterances if o.speaker == name)) for name in names}
        return dict(sorted(own.items(), key=lambda item: -np.nan_to_num(item[1].wer)))

    def confusions(self, most: int = 20) -> list[tuple[Edit, int]]:
        """Return the most frequent errors and how often each was made."""
        errors = Counter(edit for one in self.utterances for edit in one.edits if edit.kind != SAME)
        return sorted(errors.items(), key=lambda item: (-item[1], item[0]))[:most]


def score_texts(
    truths: Sequence[str],
    found: Sequence[str],
    names: Sequence[str] | None = None,
    speakers: Sequence[str | None] | None = None,
) -> SpeechScore:
    """Score what was understood of utterances.

    truths, found  texts, one of each an utterance
    names          of the utterances; None numbers them from 1
    speakers       who speaks; None where that is not known
    Raises         InputError if there is none, their numbers differ, or the truth has no word at all
    """
    names = names or [str(number) for number in range(1, len(truths) + 1)]
    speakers = speakers or [None] * len(truths)
    if not truths or not len(truths) == len(found) == len(names) == len(speakers):
        raise InputError(
            f"scores: {len(truths)} transcripts, {len(found)} texts, {len(names)} names, {len(speakers)} speakers; "
            "give one of each for every utterance"
        )
    scores = [_scored(*own) for own in zip(truths, found, names, speakers, strict=True)]
    if not any(one.words for one in scores):
        raise InputError("scores: no transcript has a word; give what was said")
    return SpeechScore(tuple(scores))


def _scored(truth: str, found: str, name: str, speaker: str | None) -> UtteranceScore:
    own, other = words_of(truth), words_of(found)
    letters = " ".join(own), " ".join(other)
    return UtteranceScore(name, speaker, align(own, other), len(letters[0]), distance(*letters))


@dataclass(frozen=True)
class WerDifference:
    """By how much one recogniser's word error rate is lower than another's on the same utterances.

    value      positive if the first is better
    low, high  95 % interval, the same units drawn for both
    units      utterances, or speakers, that were drawn
    unit       which of them
    """

    value: float
    low: float
    high: float
    units: int
    unit: str


def compare(first: SpeechScore, second: SpeechScore, speakers: bool = False, seed: int = 0) -> WerDifference:
    """Compare two recognisers on the same utterances.

    speakers  draw speakers with all that they say, whose errors are alike, in place of utterances
    Raises    InputError if the utterances are not the same
    """
    own, other = ([(o.name, o.words, o.speaker) for o in score.utterances] for score in (first, second))
    if own != other:
        raise InputError("scores: both recognisers must be scored on the same utterances in the same order")
    errors, words = _of_each(first)
    gains = _of_each(second)[0] - errors
    if speakers:
        if any(one.speaker is None for one in first.utterances):
            raise InputError("scores: not every speaker is known; draw utterances, or name the speakers")
        groups = np.unique([str(one.speaker) for one in first.utterances], return_inverse=True)[1]
        gains, words = np.bincount(groups, gains), np.bincount(groups, words)
    low, high = ratio_interval(gains, words, seed)
    return WerDifference(second.wer - first.wer, low, high, len(gains), "speakers" if speakers else "utterances")


def _of_each(score: SpeechScore) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return errors and words of every utterance."""
    return np.array([one.errors for one in score.utterances]), np.array([one.words for one in score.utterances])


def judge(score: SpeechScore, rival: SpeechScore, name: str, speakers: bool = False) -> Verdict:
    """Judge a recogniser against another by the 95 % interval of the difference.

    name  of the rival, as in "the hidden Markov model"
    """
    difference = compare(score, rival, speakers)
    kind = kind_of(difference.low, difference.high)
    told = {BETTER: "Better than", WORSE: "Worse than"}.get(kind, "No better than")
    headline = f"{told} {name}: word error rate {100 * score.wer:.2f} % against {100 * rival.wer:.2f} %."
    interval = f"95 % interval of the gain {100 * difference.low:+.2f} to {100 * difference.high:+.2f} points"
    where = f"on {score.words:,} words in {difference.units:,} {difference.unit}"
    detail = (
        f"{interval}, {where}." if kind in (BETTER, WORSE) else f"The uncertainty ({interval}, {where}) includes zero."
    )
    return Verdict(kind, headline, detail)


def aligned(edits: Sequence[Edit]) -> tuple[str, str]:
    """Return truth and what was found as two lines, word below word; stars where one is missing."""
    columns = []
    for edit in edits:
        pair = [edit.truth or "*" * len(edit.found), edit.found or "*" * len(edit.truth)]
        if edit.kind == SUBSTITUTED:
            pair = [word.upper() for word in pair]
        columns.append([word.ljust(max(map(len, pair))) for word in pair])
    above, below = (" ".join(column[line] for column in columns).rstrip() for line in (0, 1))
    return above, below
