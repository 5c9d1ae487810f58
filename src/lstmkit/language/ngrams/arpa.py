"""ARPA files out and in: the text format in which tools for speech and language exchange n-gram models.

Probabilities are logarithms to base 10, one n-gram a line: `logarithm<tab>words[<tab>back-off]`. `<s>` is the beginning
of a line, `</s>` its end; a model of one continuous stream has neither. Words are separated by white space, so a
token with white space in it is escaped: a space is `<sp>`, a newline `<n>`, a tab `<tab>`, a carriage return `<cr>`,
and any other white space of ASCII its code point, as `<U+000B>`. Reading undoes this, for any code point. What
stands before \\data\\ is a comment; one line of it, that begins with `MARK`, says how a text is cut into words. A name
that ends in .gz is compressed.
"""

from __future__ import annotations

import gzip
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import read_blocks
from lstmkit.errors import InputError
from lstmkit.language.ngrams.levels import ABSENT, Level
from lstmkit.language.ngrams.model import NGramModel
from lstmkit.language.text.reading import BYTE_ORDER_MARK
from lstmkit.language.vocabulary.splitting import ASCII_SPACE
from lstmkit.ranges import a_path, number_in
from lstmkit.training import replacing

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
BEGINNING = b"\\data\\"
NEVER = -99.0
"""The logarithm of the probability of `<s>`, which nothing predicts."""
ESCAPES = {" ": "<sp>", "\n": "<n>", "\t": "<tab>", "\r": "<cr>"}
ESCAPED = re.compile(r"<sp>|<n>|<tab>|<cr>|<U\+([0-9A-F]{4,6})>")
COUNT = re.compile(rb"ngram\s+(\d{1,3})\s*=\s*(\d{1,18})")
LARGEST_BACK_OFF = 16 * np.log(10)
"""Of a back-off: what is left over what is left, and no less than the rounding of float64 is ever left."""
LONGEST_LINE = 1 << 22
MARK = "# lstmkit: "
"""Begins the comment. KenLM takes no other lines before the data than those with the sign of a number."""
ROWS = 1 << 16
"""Lines that are made at once."""


def escape(symbol: str) -> str:
    """Return a token as one word of an ARPA file."""
    return "".join(ESCAPES.get(c, f"<U+{ord(c):04X}>") if c in ASCII_SPACE else c for c in symbol)


def unescape(word: str) -> str:
    """Return the token that a word of an ARPA file stands for."""
    characters = {word: character for character, word in ESCAPES.items()}
    return ESCAPED.sub(lambda found: _character(found) if found[1] else characters[found[0]], word)


def _character(found: re.Match[str]) -> str:
    """Return the character of a code point, or what is written where there is none."""
    code = int(found[1], 16)
    return chr(code) if code <= sys.maxunicode and not 0xD800 <= code < 0xE000 else found[0]


def write_arpa(model: NGramModel, symbols: Sequence[str], path: str | Path, comment: str = "") -> None:
    """Write a model as an ARPA file.

    symbols  V, how each token is written; that of the boundary is written as </s>
    path     is replaced once all is written; compressed if it ends in .gz
    comment  one line, which `read_arpa` gives back; "" for none
    Raises   InputError if the model has another number of tokens, a token cannot be told from another one or from a
             special word once it is written, or the file cannot be written
    """
    words = _words(model, symbols)
    path = a_path("the ARPA file", path)
    begun = [f"{MARK}{comment}\n\n"] if comment else []
    with replacing(path) as plain:
        if path.suffix == ".gz":
            with gzip.GzipFile(path.name, "wb", fileobj=plain) as file:
                file.writelines(line.encode() for line in chain(begun, _lines(model, words)))
        else:
            plain.writelines(line.encode() for line in chain(begun, _lines(model, words)))


def _words(model: NGramModel, symbols: Sequence[str]) -> list[str]:
    """Return V words and the one for the beginning of a line, each different."""
    if len(symbols) != model.vocabulary:
        raise InputError(
            f"ARPA: the model has {model.vocabulary} tokens, but {len(symbols)} symbols are given; give one for each"
        )
    words = []
    taken: dict[str, int] = {BEGIN: model.vocabulary}
    for token, symbol in enumerate(symbols):
        word = END if token == model.boundary else escape(symbol)
        if not word:
            raise InputError(f"ARPA: token {token} is empty text and cannot be written; give it a name")
        if word in taken or (token != model.boundary and (word == END or unescape(word) != symbol)):
            raise InputError(
                f"ARPA: token {token}, {symbol!r}, would be written as {word!r}, which stands for something "
                "else there; give it another name"
            )
        taken[word] = token
        words.append(word)
    return [*words, BEGIN]


def _lines(model: NGramModel, words: list[str]) -> Iterator[str]:
    """Return the lines of the file, each with its newline."""
    without_begin = np.arange(model.vocabulary if model.boundary is None else model.vocabulary + 1)
    yield "\\data\\\n"
    for n, level in enumerate(model.levels, start=1):
        yield f"ngram {n}={len(without_begin) if n == 1 else len(level)}\n"
    for n, level in enumerate(model.levels, start=1):
        yield f"\n\\{n}-grams:\n"
        rows = without_begin if n == 1 else np.arange(len(level))
        for first in range(0, len(rows), ROWS):
            yield from _section(model, n, rows[first : first + ROWS], words)
    yield "\n\\end\\\n"


def _section(model: NGramModel, order: int, rows: NDArray[np.int64], words: list[str]) -> Iterator[str]:
    """Return a line for each of some n-grams of an order."""
    level = model.levels[order - 1]
    log_probs = _base_10(level.log_prob[rows])
    log_backoffs = _base_10(level.log_backoff[rows]) if len(level.log_backoff) else None
    columns = []
    for below in reversed(model.levels[:order]):
        columns.append(below.tokens[rows].tolist())
        rows = below.keys[rows] // below.width
    for place, tokens in enumerate(zip(*reversed(columns), strict=True)):
        # Nine digits give every float32 back.
        line = f"{log_probs[place]:.9g}\t{' '.join([words[token] for token in tokens])}"
        yield f"{line}\n" if log_backoffs is None else f"{line}\t{log_backoffs[place]:.9g}\n"


def _base_10(natural: NDArray[np.floating[Any]]) -> list[float]:
    """Return logarithms to base 10 of what has these natural ones, NEVER for zero."""
    found: list[float] = np.maximum(natural.astype(np.float64) / np.log(10), NEVER).tolist()
    return found


class ArpaFile(NamedTuple):
    """What an ARPA file holds.

    symbols  V, in the order of the file
    comment  what `write_arpa` was given, "" where nothing is said
    """

    model: NGramModel
    symbols: tuple[str, ...]
    comment: bytes


def read_arpa(path: str | Path, end: str = END) -> ArpaFile:
    """Return the model in an ARPA file and the symbols of its tokens.

    What else stands before \\data\\ is passed over; back-offs may be absent, which is 0; <UNK> is read as <unk>. The
    model has a boundary if the file has </s>.

    end     the symbol of </s> in the vocabulary
    Raises  InputError if the file cannot be read, is cut off or says two things; names the line and the fix
    """
    path = a_path("the ARPA file", path)
    return _Reader(path, _lines_of(path)).model(end)


def looks_like_arpa(path: Path) -> bool:
    """Return whether the first bytes of a file, plain or gzip, hold the line that begins the data.

    Raises  InputError if it cannot be read
    """
    first = next(read_blocks(path), b"")
    return first.lstrip(BYTE_ORDER_MARK + b" \r\n").startswith(BEGINNING) or b"\n" + BEGINNING in first


def _lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, plain or gzip, without a byte order mark."""
    held, number = b"", 1
    for position, block in enumerate(read_blocks(path)):
        if position == 0:
            block = block.removeprefix(BYTE_ORDER_MARK)
        *lines, held = (held + block).split(b"\n")
        yield from lines
        number += len(lines)
        if len(held) > LONGEST_LINE:
            raise InputError(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes; it is no ARPA file")
    if held:
        yield held


@final
@dataclass(frozen=True)
class _Section:
    """The n-grams of one order as a file has them.

    ids          (M, n) tokens
    log_prob     (M,) natural logarithm
    log_backoff  (M,) natural logarithm
    lines        (M,) where each stands
    """

    ids: NDArray[np.int64]
    log_prob: NDArray[np.float64]
    log_backoff: NDArray[np.float64]
    lines: NDArray[np.int64]


@final
class _Reader:
    """Reads an ARPA file line by line and knows the line it is at.

    path  for messages
    file  as bytes: only white space of ASCII separates words
    """

    def __init__(self, path: Path, file: Iterable[bytes]) -> None:
        self.path = path
        self.file = iter(file)
        self.number = 0
        self.line = b""
        self.words: dict[bytes, int] = {}
        self.comment = b""

    def model(self, end: str) -> ArpaFile:
        """Return all that the file holds."""
        counts = self.counts()
        first = self.section(1, counts)
        V = sum(word != BEGIN.encode() for word in self.words)
        symbols = self.symbols(first, end)
        levels = [self.unigrams(first, V)]
        for n in range(2, len(counts) + 1):
            levels.append(self.level(self.section(n, counts), levels, V + 1))
        if self.line != b"\\end\\":
            raise self.wrong(f"\\end\\ must follow the last n-grams; got {self.shown()}; make the file again")
        top = levels[-1]
        levels[-1] = Level(top.tokens, top.starts, top.log_prob, np.zeros(0), V + 1)
        model = NGramModel(tuple(level.rounded() for level in levels), self.words.get(END.encode()))
        return ArpaFile(model, symbols, self.comment)

    def advance(self, missing: str) -> None:
        """Go to the next line that is not blank; raise InputError with what is missing if there is none."""
        for line in self.file:
            self.number += 1
            self.line = line.strip()
            if self.line:
                return
        raise self.wrong(f"the file ends, and {missing} is missing; it is no ARPA file, or cut off: make it again")

    def wrong(self, what: str, number: int | None = None) -> InputError:
        """Return the error that says what is wrong in a line, the one it is at if no other is given."""
        return InputError(f"{self.path}, line {self.number if number is None else number}: {what}")

    def shown(self) -> str:
        """Return the line for a message."""
        return repr(self.line[:60].decode(errors="replace"))

    def counts(self) -> list[int]:
        """Return how many n-grams of each order the file announces."""
        while self.line != BEGINNING:
            self.advance("\\data\\")
            if self.line.startswith(MARK.encode()):
                self.comment = self.line.removeprefix(MARK.encode())
        counts: list[int] = []
        self.advance("ngram 1=")
        while not self.line.startswith(b"\\"):
            found = COUNT.fullmatch(self.line)
            if found is None or int(found[1]) != len(counts) + 1:
                raise self.wrong(f"'ngram {len(counts) + 1}=' and a number must follow; got {self.shown()}")
            counts.append(int(found[2]))
            self.advance("\\1-grams:")
        if not counts:
            raise self.wrong(f"'ngram 1=' and a number must follow \\data\\; got {self.shown()}")
        return counts

    def section(self, n: int, counts: list[int]) -> _Section:
        """Return the n-grams of an order and go to the line after them."""
        if self.line != b"\\%d-grams:" % n:
            raise self.wrong(f"\\{n}-grams: must follow; got {self.shown()}; make the file again")
        ids, numbers, lines = array("q"), array("d"), array("q")
        while True:
            self.advance("\\end\\")
            if self.line.startswith(b"\\"):
                break
            fields = self.line.split()
            if len(fields) not in (n + 1, n + 2):
                raise self.wrong(
                    f"an n-gram of order {n} has a logarithm, {n} words and perhaps a back-off; got {len(fields)} "
                    "fields; write white space within a word as <sp>, or make the file again"
                )
            try:
                numbers.extend((number_in(fields[0]), number_in(fields[n + 1]) if len(fields) > n + 1 else 0.0))
            except ValueError:
                raise self.wrong(f"no number where a logarithm must be: {self.shown()}; make the file again") from None
            ids.extend([self.identify(word, n) for word in fields[1 : n + 1]])
            lines.append(self.number)
        if len(lines) != counts[n - 1]:
            raise self.wrong(
                f"\\data\\ announces {counts[n - 1]} n-grams of order {n}, but there are {len(lines)}; "
                "the file is cut off or was changed by hand: make it again"
            )
        found = np.array(numbers).reshape(-1, 2) * np.log(10)
        for row in np.flatnonzero(~((found[:, 0] <= 0) & (found[:, 1] <= LARGEST_BACK_OFF)))[:1].tolist():
            raise self.wrong(
                f"{numbers[2 * row]:g} and {numbers[2 * row + 1]:g} are no logarithm of a probability and of a "
                "back-off; the first must be 0 or less: make the file again",
                lines[row],
            )
        for row in np.flatnonzero(found[:, 1])[:1].tolist() if n == len(counts) else ():
            raise self.wrong(
                f"a back-off of {numbers[2 * row + 1]:g} at the highest order, {n}, above which nothing is left; the "
                "file is cut off or was changed by hand: make it again",
                lines[row],
            )
        return _Section(np.array(ids, np.int64).reshape(-1, n), found[:, 0], found[:, 1], np.array(lines, np.int64))

    def identify(self, word: bytes, n: int) -> int:
        """Return the token of a word; 1-grams say which words there are, in the order of tokens."""
        if n > 1:
            if word not in self.words:
                raise self.wrong(f"the word {word.decode(errors='replace')!r} is not among the 1-grams; add it there")
            return self.words[word]
        if word in self.words:
            raise self.wrong(f"the word {word.decode(errors='replace')!r} stands twice among the 1-grams; keep one")
        begun = BEGIN.encode() in self.words
        self.words[word] = ABSENT if word == BEGIN.encode() else len(self.words) - begun
        return self.words[word]

    def symbols(self, section: _Section, end: str) -> tuple[str, ...]:
        """Return how each of the V tokens is shown."""
        if self.words.keys() <= {BEGIN.encode()}:
            raise self.wrong("the 1-grams have no words; give a file with at least one")
        if BEGIN.encode() in self.words and END.encode() not in self.words:
            raise self.wrong("the 1-grams have <s> but no </s>: lines that begin must end; add </s>")
        upper = UNKNOWN.encode() not in self.words
        found: dict[str, None] = {}
        for word, line in zip(self.words, section.lines.tolist(), strict=True):
            if word == BEGIN.encode():
                continue
            try:
                symbol = unescape(word.decode())
            except UnicodeDecodeError as error:
                raise self.wrong(f"byte 0x{word[error.start]:02x} is not UTF-8; convert the file", line) from None
            symbol = end if word == END.encode() else UNKNOWN if upper and word == b"<UNK>" else symbol
            if symbol in found:
                raise self.wrong(f"{symbol!r} would be two different tokens; rename the word in this line", line)
            found[symbol] = None
        return tuple(found)

    def unigrams(self, section: _Section, V: int) -> Level:
        """Return the first order: the V tokens, then the beginning of a line, which nothing predicts."""
        log_prob, log_backoff = np.full(V + 1, -np.inf), np.zeros(V + 1)
        ids = section.ids[:, 0]
        log_prob[ids[ids != ABSENT]] = section.log_prob[ids != ABSENT]
        log_backoff[ids] = section.log_backoff  # ABSENT is the last, as it should be
        if BEGIN.encode() in self.words:
            self.words[BEGIN.encode()] = V
        tokens, starts = np.arange(V + 1, dtype=np.int32), np.array([0, V + 1], np.int64)
        return Level(tokens, starts, log_prob, log_backoff, V + 1)

    def level(self, section: _Section, levels: list[Level], width: int) -> Level:
        """Return the order above `levels`."""
        n = len(levels) + 1
        for row in np.flatnonzero((section.ids[:, 1:] == width - 1).any(1))[:1].tolist():
            raise self.wrong("<s> can only begin an n-gram; take the line out", int(section.lines[row]))
        prefixes = np.zeros(len(section.ids), np.int64)
        for below, tokens in zip(levels, section.ids.T[:-1], strict=True):
            prefixes = below.find(prefixes, tokens)
        for row in np.flatnonzero(prefixes == ABSENT)[:1].tolist():
            raise self.wrong(
                f"the first {n - 1} words of this n-gram are not among the {n - 1}-grams; make the file again",
                int(section.lines[row]),
            )
        keys = prefixes * width + section.ids[:, -1]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        for row in order[1:][keys[1:] == keys[:-1]][:1].tolist():
            raise self.wrong("this n-gram stands there twice; keep one", int(section.lines[row]))
        starts = np.searchsorted(keys, np.arange(len(levels[-1]) + 1) * width)
        tokens = section.ids[order, -1].astype(np.int32)
        return Level(tokens, starts, section.log_prob[order], section.log_backoff[order], width)
