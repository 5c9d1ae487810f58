"""Writing on: text drawn token by token from what a model finds likely."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.subwords import SPACE
from lstmkit.language.writing.prompt import encode_prompt
from lstmkit.language.writing.sampling import SamplingSettings, draw, filtered
from lstmkit.ranges import SEED, whole

if TYPE_CHECKING:
    from lstmkit.language.predicting import Predictor
    from lstmkit.language.vocabulary import Tokens

SAMPLED = {"word": 20, "subword": 30, "character": 100}
"""Tokens of a sample."""
BOLD = 0.8
"""Temperature of a sample."""
KEPT = 500
"""Tokens of a line, before the last, that decide how it is written."""


@dataclasses.dataclass(frozen=True)
class Generated:
    """A text that a model has written.

    text      the prompt as it was given, and what follows it
    ids       (T,) tokens that were written, without those of the prompt
    log_prob  natural logarithm of their probability under the model itself, before temperature, top-k and top-p
    stopped   whether the stop token ended it; it is the last of the tokens
    """

    text: str
    ids: NDArray[np.int32]
    log_prob: float
    stopped: bool

    @property
    def tokens(self) -> int:
        """How many tokens were written."""
        return len(self.ids)


class Writer:
    """Turns tokens into text as they come.

    A piece of text is the difference that one more token makes to its line, so that spaces and marks are where they
    belong whatever the vocabulary.

    ids  (T,) tokens that have been written already
    """

    def __init__(self, tokens: Tokens, ids: NDArray[np.int32]) -> None:
        self._tokens = tokens
        self._ids = [int(token) for token in ids[-KEPT:]]
        self._begin_line()
        self._shown = tokens.decode(self._ids)

    def add(self, token: int) -> str:
        """Return what one more token adds."""
        self._ids.append(token)
        piece = self._tokens.decode(self._ids)[len(self._shown) :]
        self._begin_line()
        self._shown = self._tokens.decode(self._ids)
        return piece

    def _begin_line(self) -> None:
        """Forget the lines before, and the beginning of a line that is too long."""
        if self._tokens.end in self._ids:
            last = len(self._ids) - 1 - self._ids[::-1].index(self._tokens.end)
            self._ids = self._ids[last:]
        if len(self._ids) > 2 * KEPT:
            self._ids = self._ids[-KEPT:]


def generate(
    predictor: Predictor,
    prompt: str = "",
    count: int = 100,
    settings: SamplingSettings | None = None,
    seed: int = 0,
    stop: str | None = None,
    allow_unknown: bool = False,
) -> Generated:
    """Continue a prompt token by token.

    prompt         text to continue; "": the beginning of a text
    count          tokens to write at most
    settings       how tokens are drawn; None: from the model as it is, without the unknown token
    seed           the same seed gives the same text
    stop           symbol of the token that ends the text, once it is written; "\\n" means the end of a line
    allow_unknown  unknown words of the prompt are read as the unknown token instead of refused
    Raises         InputError for a prompt, a stop token, a count or a seed that cannot be used
    """
    steps = list(generate_tokens(predictor, prompt, count, settings, seed, stop, allow_unknown))
    ids = np.array([step.token for step in steps], dtype=np.int32)
    text = prompt + "".join(step.text for step in steps)
    log_prob = float(sum(step.log_prob for step in steps))
    return Generated(text, ids, log_prob, stop is not None and int(ids[-1]) == stop_token(predictor.tokens, stop))


def sample(predictor: Predictor, seed: int) -> str:
    """Return a few words from the beginning of a text, rather bold ones, to see what a model has learnt."""
    count = SAMPLED[predictor.tokens.unit]
    return generate(predictor, "", count, SamplingSettings(temperature=BOLD), seed).text


@dataclasses.dataclass(frozen=True)
class Step:
    """A token that has just been drawn.

    text      what it adds to the text
    log_prob  natural logarithm of its probability under the model itself
    """

    token: int
    text: str
    log_prob: float


def generate_tokens(
    predictor: Predictor,
    prompt: str = "",
    count: int = 100,
    settings: SamplingSettings | None = None,
    seed: int = 0,
    stop: str | None = None,
    allow_unknown: bool = False,
) -> Iterator[Step]:
    """Return an iterator over the tokens that `generate` draws, each at hand as soon as it is drawn.

    The arguments are those of `generate`, and are checked before the first token is asked for.
    """
    count, seed = whole("count", count), whole("seed", seed, SEED)
    settings = SamplingSettings() if settings is None else settings
    end = None if stop is None else stop_token(predictor.tokens, stop)
    ids = encode_prompt(predictor.tokens, prompt, allow_unknown)
    at_space = not prompt or prompt[-1].isspace()
    return _steps(predictor, ids, at_space, count, settings, np.random.default_rng(seed), end)


def _steps(
    predictor: Predictor,
    ids: NDArray[np.int32],
    at_space: bool,
    count: int,
    settings: SamplingSettings,
    generator: np.random.Generator,
    end: int | None,
) -> Iterator[Step]:
    tokens, context = predictor.tokens, predictor.begin()
    for token in ids:
        context = predictor.advance(context, int(token))
    writer = Writer(tokens, ids)
    banned = {tokens.unknown} if settings.ban_unknown else set()
    inner = {i for i, symbol in enumerate(tokens.symbols) if not symbol.startswith(SPACE)}
    for number in range(1, count + 1):
        log_probs = predictor.next_log_probs(context)
        # After white space a piece from within a word would not be what the model means by it.
        barred = banned | inner if at_space and tokens.unit == "subword" else banned
        token = draw(filtered(log_probs, settings, list(barred)), generator)
        text = writer.add(token)
        if at_space:  # the space that the vocabulary puts before a word has been typed
            text, at_space = text.removeprefix(" "), False
        yield Step(token, text, float(log_probs[token]))
        if token == end or number == count:
            return
        context = predictor.advance(context, token)


def stop_token(tokens: Tokens, symbol: str) -> int:
    """Return the id of the token that is shown as `symbol`.

    symbol  "\\n", also as backslash and n, is the end of a line in every vocabulary
    Raises  InputError if the vocabulary has no such token; the nearest is named
    """
    if symbol in ("\n", "\\n"):
        return tokens.end
    if symbol in tokens.symbols:
        return tokens.symbols.index(symbol)
    near = difflib.get_close_matches(symbol, tokens.symbols, n=1, cutoff=0.0)
    raise InputError(f"the vocabulary has no token {symbol!r} to stop at; the nearest is {near[0]!r}")
