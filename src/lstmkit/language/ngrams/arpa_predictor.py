"""ARPA files as predictors: the vocabulary is what the 1-grams say, how a text is cut is what the comment says.

In a file without such a comment, words are what stands between white space of ASCII, as for the tools that write them.
The token that ends a line is `</s>`, or a word `<eos>` in a model of one continuous stream. A file whose tokens have
white space in them, such as `<sp>`, is one of characters then. A file without `<unk>` gets one that is impossible.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmkit.errors import InputError
from lstmkit.language.ngrams.arpa import END as ARPA_END
from lstmkit.language.ngrams.arpa import LONGEST_LINE, MARK, looks_like_arpa, read_arpa, write_arpa
from lstmkit.language.ngrams.levels import Level
from lstmkit.language.ngrams.lines import lines_alone
from lstmkit.language.ngrams.model import NGramModel
from lstmkit.language.ngrams.predictor import NGramPredictor
from lstmkit.language.vocabulary import END, UNKNOWN, Characters, StoredTokens, Tokens, Words, tokens_from
from lstmkit.language.vocabulary.splitting import ASCII_SPACE
from lstmkit.language.vocabulary.subwords import SPACE
from lstmkit.training import replaces
from lstmkit.training.schema import checked, read_json

SUFFIXES = (".arpa", ".arpa.gz", ".lm", ".lm.gz")
PIECES = 0.02
"""Share of tokens that begin with the mark of sentencepiece from which on they are taken for sub-words."""


def is_arpa(path: str | Path) -> bool:
    """Return whether a file is to be read as ARPA: its name is that of one, or its first bytes are.

    Raises  InputError if it cannot be read
    """
    path = Path(path)
    return not path.is_dir() and (_has_name(path) or (path.is_file() and looks_like_arpa(path)))


def _has_name(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def arpa_predictor(path: str | Path) -> NGramPredictor:
    """Return the n-gram model in an ARPA file with the vocabulary of its words or characters.

    Raises  InputError if the file cannot be read, if no token ends a line, or if its tokens are sub-words
    """
    model, symbols, comment = read_arpa(path, END)
    if UNKNOWN not in symbols:
        model, symbols = _with_unknown(model), (*symbols, UNKNOWN)
    tokens = _guessed(path, symbols) if not comment else _described(path, symbols, comment)
    return NGramPredictor(tokens, model)


def save_arpa(predictor: NGramPredictor, path: str | Path, force: bool = False, sentences: bool = False) -> NGramModel:
    """Write the n-gram model of a predictor as an ARPA file, with a comment that says how a text is cut into tokens.

    path       ends in .arpa or .lm, or in .arpa.gz or .lm.gz to be compressed
    force      replace a file that is there
    sentences  let lines stand alone, between <s> and </s>, as KenLM and SRILM have it, also where they follow each
               other in the model; see `lines_alone`
    Returns    the model as it was written
    Raises     InputError if the name ends otherwise, the file exists or cannot be written, or a token reads like a
               special word of the format
    """
    path, tokens = Path(path), predictor.tokens
    if not _has_name(path):
        raise InputError(f"{path}: the name of an ARPA file must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not force and replaces(path):
        raise InputError(f"{path}: exists already; give another name, or --force to replace it")
    # In a model of one stream the end of a line is a word like others, and </s> stands for something else.
    symbols = [
        END if (token, symbol) == (tokens.end, ARPA_END) else symbol for token, symbol in enumerate(tokens.symbols)
    ]
    model = lines_alone(predictor.model, tokens.end) if sentences else predictor.model
    write_arpa(model, symbols, path, _description(tokens))
    return model


def _description(tokens: Tokens) -> str:
    """Return how a text is cut into these tokens, as one line; "" if it is too long for a file to be read again."""
    how = json.dumps({name: value for name, value in tokens.config().items() if name != "symbols"})
    return how if len(MARK) + len(how) < LONGEST_LINE else ""


def _described(path: str | Path, symbols: tuple[str, ...], comment: bytes) -> Tokens:
    """Return the vocabulary of a file's tokens, cut as its comment says."""
    try:
        how = read_json(comment)
        unit = how.get("unit") if isinstance(how, dict) else None
        end = "\n" if unit == "character" else ARPA_END if unit == "subword" else END
        symbols = tuple(end if symbol == END and end not in symbols else symbol for symbol in symbols)
        return tokens_from(checked({**how, "symbols": symbols} if isinstance(how, dict) else how, StoredTokens))
    except InputError as error:
        raise InputError(
            f"{path}: the comment on how a text is cut into tokens does not belong to the file ({error}); take the "
            "line out, or make the file again"
        ) from error


def _guessed(path: str | Path, symbols: tuple[str, ...]) -> Tokens:
    """Return the vocabulary of a file's tokens, cut as they suggest."""
    spaced = next((symbol for symbol in symbols if any(character in ASCII_SPACE for character in symbol)), None)
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
    return Words(symbols, "ascii") if spaced is None else Characters(symbols)


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
