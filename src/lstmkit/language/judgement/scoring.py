"""How well a model foresees a text: log-probability, perplexity, bits a character; several models side by side."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.predicting import MixturePredictor
from lstmkit.language.text.corpus import check_vocabulary, encode_counted
from lstmkit.language.text.reading import read_lines, read_pieces
from lstmkit.results.bootstrap import ratio_interval

if TYPE_CHECKING:
    from lstmkit.language.predicting import Scorer

BLOCK = 1000
"""Tokens that are drawn together, because errors close to each other are alike."""
BLOCKS = 20
"""Blocks of a text at least; those of a short text are shorter for it."""


@dataclasses.dataclass(frozen=True)
class Score:
    """How well a model foresees a text.

    tokens      every token of the text counts, those that end lines and unknown ones too
    unknown     of these stand for what the vocabulary does not have
    characters  code points of the text, those that end lines counted
    log_prob    natural logarithm of the probability of all tokens, the first given an empty context
    """

    tokens: int
    unknown: int
    characters: int
    log_prob: float

    @property
    def nats_per_token(self) -> float:
        """Minus the log-probability, divided by the number of tokens."""
        return -self.log_prob / self.tokens

    @property
    def perplexity(self) -> float:
        """The exponential of the nats a token."""
        return math.exp(self.nats_per_token) if self.nats_per_token < 700 else math.inf

    @property
    def bits_per_character(self) -> float:
        """Minus the log-probability to base 2, divided by the number of characters."""
        return -self.log_prob / math.log(2) / self.characters

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the figures may be compared with."""
        if not self.unknown:
            return ()
        share = f"{self.unknown:,} of {self.tokens:,} tokens ({100 * self.unknown / self.tokens:.1f} %)"
        return (
            f"{share} are unknown, and an unknown token is easier to foresee than the word it stands for: "
            "compare these figures only with those of models with the same vocabulary",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the figures."""
        figures = {name: getattr(self, name) for name in ("perplexity", "bits_per_character", "nats_per_token")}
        return dataclasses.asdict(self) | figures | {"notes": list(self.notes)}


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one model foresees a text better than another.

    better, worse  names of the models
    mean           of the differences of log-probability, in nats a token; not negative
    low, high      interval of 95 % for the mean, by a bootstrap over blocks of the text
    """

    better: str
    worse: str
    mean: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt which is better."""
        return self.low > 0


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Models side by side on one text.

    scores       by name of the model
    differences  of every two models
    """

    scores: dict[str, Score]
    differences: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it all as values that JSON can hold."""
        scores = {name: score.to_json() for name, score in self.scores.items()}
        return {"scores": scores, "differences": [dataclasses.asdict(one) for one in self.differences]}


def score_ids(predictor: Scorer, ids: NDArray[np.int32], characters: int) -> Score:
    """Score a text that begins afresh.

    ids         (T,) its tokens
    characters  of its text, those that end lines counted
    Raises      InputError if there is no token
    """
    return _score(predictor, ids, characters)[0]


def score_lines(predictor: Scorer, lines: Iterable[str]) -> Iterator[Score]:
    r"""Score each line by itself, as if it were the only one.

    lines   each with its "\n"; for words and sub-words a line without one is ended all the same, so that its end is a
            token that counts, but no character
    Yields  a score a line
    """
    for line in lines:
        yield score_ids(predictor, predictor.tokens.encode(line), len(line))


def score_all(predictors: Mapping[str, Scorer], ids: NDArray[np.int32], characters: int, seed: int = 0) -> Comparison:
    """Score models with one vocabulary on the same text.

    predictors  by name
    ids         (T,) tokens of the text
    characters  of the text, those that end lines counted
    seed        of the bootstrap
    Raises      InputError if there is no token
    """
    known: dict[int, NDArray[np.float64]] = {}
    found = {name: _score(predictor, ids, characters, known) for name, predictor in predictors.items()}
    pairs = itertools.combinations(found, 2)
    differences = tuple(_difference(a, b, found[a][1] - found[b][1], seed) for a, b in pairs)
    return Comparison({name: score for name, (score, _) in found.items()}, differences)


def score_source(predictors: Mapping[str, Scorer], source: str | Path, seed: int = 0) -> Comparison:
    """Score models with one vocabulary on a file or folder.

    Raises  InputError for whatever is wrong with the text, and if most of it is unknown to the models
    """
    tokens = next(iter(predictors.values())).tokens
    ids, characters = encode_counted(source, tokens)
    check_vocabulary(tokens, int(np.count_nonzero(ids == tokens.unknown)), len(ids), source)
    return score_all(predictors, ids, characters, seed)


def score_source_lines(predictors: Mapping[str, Scorer], source: str | Path) -> Iterator[dict[str, Score]]:
    """Score models with one vocabulary on every line of a file or folder, each line by itself.

    Yields  for each line its scores by name of the model
    Raises  InputError as `score_source`, before the first line is scored
    """
    tokens = next(iter(predictors.values())).tokens
    unknown = total = 0
    for piece in read_pieces(source):
        ids = tokens.encode(piece)
        unknown, total = unknown + int(np.count_nonzero(ids == tokens.unknown)), total + len(ids)
    check_vocabulary(tokens, unknown, total, source)
    return (
        {name: next(score_lines(predictor, [line])) for name, predictor in predictors.items()}
        for line in read_lines(source)
    )


def _score(
    predictor: Scorer, ids: NDArray[np.int32], characters: int, known: dict[int, NDArray[np.float64]] | None = None
) -> tuple[Score, NDArray[np.float64]]:
    """Return the score of a text and the log-probabilities of its tokens.

    known  those of predictors that were asked before, by identity: a mixture need not ask its parts again; filled
    """
    if not len(ids):
        raise InputError("the text to score has no token")
    known = {} if known is None else known
    if isinstance(predictor, MixturePredictor) and all(id(part) in known for part in predictor.parts):
        log_probs = predictor.mixed(*(known[id(part)] for part in predictor.parts))
    else:
        log_probs = predictor.token_log_probs(ids)
    known[id(predictor)] = log_probs
    unknown = int(np.count_nonzero(ids == predictor.tokens.unknown))
    return Score(len(ids), unknown, characters, float(log_probs.sum())), log_probs


def _difference(first: str, second: str, gains: NDArray[np.float64], seed: int) -> Difference:
    """Return the difference of two models from what the first gains at each token.

    The text is cut into blocks, and texts of as many blocks are drawn from them.

    Source  block bootstrap: Künsch 1989; here the blocks do not overlap
    """
    if gains.sum() < 0:
        first, second, gains = second, first, -gains
    size = max(1, min(BLOCK, len(gains) // BLOCKS))
    starts = np.arange(0, len(gains), size)
    sums, lengths = np.add.reduceat(gains, starts), np.diff(np.append(starts, len(gains)))
    low, high = ratio_interval(sums, lengths, seed)
    return Difference(first, second, float(gains.mean()), low, high)
