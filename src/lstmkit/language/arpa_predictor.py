"""ARPA files as predictors: the vocabulary is what the 1-grams say, and words are what stands between white space.

The token that ends a line is `</s>`, or a word `<eos>` in a model of one continuous stream. A file whose tokens have
white space in them, such as `<sp>`, is one of characters. A file without `<unk>` gets one that is impossible.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmkit.errors import InputError
from lstmkit.language.arpa import END as ARPA_END
from lstmkit.language.arpa import read_arpa, write_arpa
from lstmkit.language.characters import Characters
from lstmkit.language.ngram import NGramModel
from lstmkit.language.ngram_levels import Level
from lstmkit.language.ngram_predictor import NGramPredictor
from lstmkit.language.tokens import END, UNKNOWN, Tokens
from lstmkit.language.word_search import SPACE
from lstmkit.language.words import Words
from lstmkit.training import replaces

SUFFIXES = (".arpa", ".arpa.gz")
PIECES = 0.02
"""Share of tokens that begin with the mark of sentencepiece from which on they are taken for sub-words."""


def is_arpa(path: str | Path) -> bool:
    """Return whether a name is that of an ARPA file."""
    return Path(path).name.lower().endswith(SUFFIXES)


def arpa_predictor(path: str | Path) -> NGramPredictor:
    """Return the n-gram model in an ARPA file with the vocabulary of its words or characters.

    Raises  InputError if the file cannot be read, if no token ends a line, or if its tokens are sub-words
    """
    model, symbols = read_arpa(path, END)
    if UNKNOWN not in symbols:
        model, symbols = _with_unknown(model), (*symbols, UNKNOWN)
    return NGramPredictor(_tokens(path, symbols), model)


def save_arpa(predictor: NGramPredictor, path: str | Path, force: bool = False) -> None:
    """Write the n-gram model of a predictor as an ARPA file.

    path    ends in .arpa, or in .arpa.gz to be compressed
    force   replace a file that is there
    Raises  InputError if the name ends otherwise, the file exists or cannot be written, or a token reads like a special
            word of the format
    """
    path, tokens = Path(path), predictor.tokens
    if not is_arpa(path):
        raise InputError(f"{path}: the name of an ARPA file must end in {' or '.join(SUFFIXES)}")
    if not force and replaces(path):
        raise InputError(f"{path}: exists already; give another name, or --force to replace it")
    # In a model of one stream the end of a line is a word like others, and </s> stands for something else.
    symbols = [
        END if (token, symbol) == (tokens.end, ARPA_END) else symbol for token, symbol in enumerate(tokens.symbols)
    ]
    write_arpa(predictor.model, symbols, path)


def _tokens(path: str | Path, symbols: tuple[str, ...]) -> Tokens:
    """Return the vocabulary of a file's tokens."""
    spaced = next((symbol for symbol in symbols if symbol.split() != [symbol]), None)
    if spaced is not None:
        symbols = tuple("\n" if symbol == END and "\n" not in symbols else symbol for symbol in symbols)
        long = next((symbol for symbol in symbols if len(symbol) != 1 and symbol != UNKNOWN), None)
        if long is not None:
            raise InputError(
                f"{path}: the token {spaced!r} has white space in it, as in a model of characters, but {long!r} is not "
                "one character; give a file of words or one of characters"
            )
    elif sum(symbol.startswith(SPACE) for symbol in symbols) > PIECES * len(symbols):
        raise InputError(
            f"{path}: its tokens are sub-words, and an ARPA file does not say how a text is cut into them; "
            "give the model folder"
        )
    end = END if spaced is None else "\n"
    if end not in symbols:
        raise InputError(f"{path}: no token ends a line; </s> or <eos> must be among the 1-grams")
    return Words(symbols, "space") if spaced is None else Characters(symbols)


def _with_unknown(model: NGramModel) -> NGramModel:
    """Return the same model with one more token, the last, whose probability is zero."""
    V = model.vocabulary
    levels = [replace(level, width=V + 2) for level in model.levels]
    # The token goes before the row for the beginning of a line, which stays the last.
    first = model.levels[0]
    log_backoff = np.insert(first.log_backoff, V, 0) if len(first.log_backoff) else first.log_backoff
    tokens, starts = np.arange(V + 2, dtype=np.int32), np.array([0, V + 2], np.int64)
    levels[0] = Level(tokens, starts, np.insert(first.log_prob, V, -np.inf), log_backoff, V + 2)
    if len(levels) > 1:
        second = levels[1]
        levels[1] = replace(second, starts=np.insert(second.starts, V, second.starts[V]))
    return NGramModel(tuple(levels), model.boundary)
