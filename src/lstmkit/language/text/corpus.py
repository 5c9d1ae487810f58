"""From text files to a vocabulary and the ids of the three parts: training, validation and test.

Files are gone through several times, and no text is ever held whole. The ids of a large one lie in a file.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.language.text.encoding import encode_pieces
from lstmkit.language.text.parts import Repeats, find_repeats, parts_of
from lstmkit.language.text.reading import Source, last_space, named, read_pieces, size_on_disk, text_files
from lstmkit.language.vocabulary import PLURALS, UNITS, Characters, Subwords, Tokens, Words
from lstmkit.language.vocabulary.splitting import lacks_spaces
from lstmkit.ranges import check_fields
from lstmkit.sequences.splits import check_shares

ON_DISK = 1 << 28
"""Bytes of text from which on its ids lie in a file: 256 MiB. Sub-words are learnt from about so much at most."""

PARTS = ("train", "valid", "test")
Sources = tuple[Source, Source | None, Source | None]
TITLES = {"train": "training part", "valid": "validation part", "test": "test part"}
COUNTED_AT_ONCE = 1 << 22
MOST_UNKNOWN = 0.5
"""Share of unknown tokens above which a text is not of the model's vocabulary."""


@dataclass(frozen=True)
class VocabularySettings:
    """How a vocabulary is learnt.

    split      of words: "space" (tokenised already), "punctuation" (prose), or "auto", found from the first MiB
    min_count  of words: rarer ones are unknown; None means 1 if the text has <unk> of its own, else 2
    max_size   tokens at most; of sub-words: tokens, None means 8000, or fewer if the text supports fewer
    """

    split: str = "auto"
    min_count: int | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        """Check the types of the values."""
        check_fields(self, {})


@dataclass(frozen=True)
class Corpus:
    """A text in three parts, as ids of one vocabulary.

    train, valid, test  (T,) each; those of a large text are read-only and lie in a file
    tokens              the vocabulary, learnt from the training part alone
    characters          of the text of each part, line ends counted
    unknown             tokens of each part that are not in the vocabulary
    repeats             lines of the test part that stand in the training part
    notes               sentences that whoever trains on it should know
    """

    train: NDArray[np.int32]
    valid: NDArray[np.int32]
    test: NDArray[np.int32]
    tokens: Tokens
    characters: dict[str, int]
    unknown: dict[str, int]
    repeats: Repeats
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Stretch:
    """A part of a text, from one position to another, in characters.

    Unless it is exact, each end is moved back to the last end of a line; in a piece that is part of one line, to after
    the last white space.
    """

    source: Source
    begin: int = 0
    end: int = sys.maxsize
    exact: bool = True

    def pieces(self) -> Iterator[str]:
        position = 0
        for piece in read_pieces(self.source):
            first, last = (self._cut(piece, bound - position) for bound in (self.begin, self.end))
            if first < last:
                yield piece[first:last]
            position += len(piece)
            if position >= self.end:
                return

    def lines(self) -> Iterator[str]:
        for piece in self.pieces():
            yield from piece.split("\n")

    def _cut(self, piece: str, offset: int) -> int:
        if offset <= 0 or offset >= len(piece):
            return min(max(offset, 0), len(piece))
        if self.exact:
            return offset
        return piece.rfind("\n", 0, offset) + 1 if "\n" in piece[:-1] else last_space(piece[:offset])


def read_corpus(
    train: str | Path,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    unit: str = "word",
    *,
    settings: VocabularySettings | None = None,
    valid_share: float = 0.05,
    test_share: float = 0.1,
    folder: Path | None = None,
    tokens: Tokens | None = None,
) -> Corpus:
    """Read a text, learn the vocabulary of its training part, and encode all parts.

    train, valid, test  a file or folder each. A folder train whose files name the parts, as train.txt, valid.txt and
                        test.txt do, is learnt from by its training part, and has the others for valid and test where
                        these are None. Where valid or test is None otherwise, the last share of train is cut off: test
                        last, valid before it. Characters are cut exactly, so that floor((1 - test_share) n) of n remain
                        before the test part; words and sub-words at the last end of a line before that, or in a text
                        of one line at white space
    unit                one of UNITS
    settings            of the vocabulary; None means VocabularySettings()
    valid_share         of the characters of train
    test_share          of the characters of train; 0 leaves the test part empty
    folder              where the ids of a large text are kept; None means in files without a name, gone with the arrays
    tokens              a vocabulary of that unit that was learnt before; None learns one from the training part
    Raises              InputError with one line for whatever is wrong with a file, a setting, or a part left empty
    """
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is not one of {', '.join(UNITS)}")
    sources, known = _named_parts(train, valid, test)
    stretches, notes = _divide(sources, unit, valid_share, test_share)
    if next(stretches["train"].pieces(), None) is None:
        raise InputError(_too_short(train, "train"))
    given = tokens
    tokens, learnt = (
        _learn(stretches["train"], unit, settings or VocabularySettings()) if given is None else (given, [])
    )
    notes = [*known, *notes, *learnt]
    if tokens.unit != unit:
        raise InputError(f"tokens: a vocabulary of {PLURALS[tokens.unit]}, where unit is {unit!r}; give another")
    ids, characters, unknown = {}, {}, {}
    large: list[str] = []
    for part, stretch in stretches.items():
        on_disk = size_on_disk(stretch.source) > ON_DISK
        ids[part], characters[part] = encode_pieces(
            stretch.pieces(), tokens, on_disk, None if folder is None else folder / part
        )
        large += [TITLES[part]] * on_disk
        if not ids[part].size and not (part == "test" and test is None and test_share == 0):
            raise InputError(_too_short(train, part))
        unknown[part] = _count(ids[part], tokens.unknown)
        if given is not None:
            check_vocabulary(tokens, unknown[part], len(ids[part]), named(stretch.source))
    repeats = find_repeats(stretches["train"].lines(), stretches["test"].lines())
    notes += [repeats.note("lines")] * (repeats.repeated > 0)
    notes += [f"ids in a file, not in memory, because the text is large: {', '.join(large)}"] * bool(large)
    notes += _unknown_note(ids, unknown)
    return Corpus(ids["train"], ids["valid"], ids["test"], tokens, characters, unknown, repeats, tuple(notes))


def encode_counted(source: str | Path, tokens: Tokens, folder: Path | None = None) -> tuple[NDArray[np.int32], int]:
    """Return the ids of a text (T,), read-only if they lie in a file, and its characters, line ends counted.

    source   a file or folder
    tokens   the vocabulary
    folder   where the file `tokens.bin` with the ids of a large text is written; None means a file without a name, gone
             with the array
    Raises   InputError for whatever is wrong with a file
    """
    return encode_pieces(read_pieces(source), tokens, size_on_disk(source) > ON_DISK, folder)


def check_vocabulary(tokens: Tokens, unknown: int, total: int, source: str | Path) -> None:
    """Check that a text is of the model's vocabulary.

    unknown, total  tokens of the text
    source          its name
    Raises          InputError if more than half of the tokens are unknown
    """
    if unknown > MOST_UNKNOWN * total:
        raise InputError(
            f"{source}: vocabulary mismatch, {unknown:,} of its {total:,} tokens are unknown to the model of "
            f"{len(tokens.symbols):,} {PLURALS[tokens.unit]}; take a model that was trained on such text"
        )


def unit_for(train: str | Path) -> str:
    """Return the unit that suits a text: characters where its script has no spaces between words, else words.

    train    as in `read_corpus`; its first MiB decides
    Raises   InputError for whatever is wrong with it
    """
    (learnt, *_), _ = _named_parts(train, None, None)
    return "character" if lacks_spaces(next(read_pieces(learnt))) else "word"


def _named_parts(train: str | Path, valid: str | Path | None, test: str | Path | None) -> tuple[Sources, list[str]]:
    """Return the three parts, with those that files of the folder `train` name, and what to say of it."""
    folder = Path(train)
    if not folder.is_dir():
        return (train, valid, test), []
    files = text_files(folder)
    found = parts_of(folder, files)
    if not found:
        return (train, valid, test), []
    said = [f"{named(found[part]).removeprefix(f'{folder}/')} is its {TITLES[part]}" for part in found]
    left = [str(file.relative_to(folder)) for file in files if not any(file in own for own in found.values())]
    notes = [f"the folder names its parts: {', '.join(said)}"]
    notes += [f"of the folder, {shorten(left)} is left out: it is in no part"] * bool(left)
    return (found["train"], valid or found.get("valid"), test or found.get("test")), notes


def _divide(
    sources: Sources, unit: str, valid_share: float, test_share: float
) -> tuple[dict[str, _Stretch], list[str]]:
    """Return where each part lies, and what to say of it."""
    train, valid, test = sources
    if valid is not None and test is not None:
        return {"train": _Stretch(train), "valid": _Stretch(valid), "test": _Stretch(test)}, []
    validated, tested = check_shares(valid is None, valid_share, test is None, test_share)
    characters = sum(len(piece) for piece in read_pieces(train))
    to_test = math.floor((1 - tested) * characters)
    to_valid = math.floor((1 - tested - validated) * characters)
    exact = unit == "character"
    parts = {
        "train": _Stretch(train, 0, to_valid, exact),
        "valid": _Stretch(train, to_valid, to_test, exact) if valid is None else _Stretch(valid),
        "test": _Stretch(train, to_test, exact=exact) if test is None else _Stretch(test),
    }
    cut = [f"{float(100 * validated):g} % for validation"] * (valid is None)
    cut += [f"{float(100 * tested):g} % for the test"] * (test is None and tested > 0)
    return parts, [f"cut off the end of the training text: {', then '.join(cut)}"]


def learn_tokens(pieces: Iterable[str], unit: str, settings: VocabularySettings) -> Tokens:
    """Return the vocabulary of a text.

    pieces  the text in order, a line or any number of lines at a time
    Raises  InputError if the settings do not suit the unit, or the text
    """
    if unit == "word":
        return Words.learn(pieces, settings.split, settings.min_count, settings.max_size)
    if settings.split != "auto" or settings.min_count is not None:
        given = f"split {settings.split!r}" if settings.min_count is None else f"min_count {settings.min_count}"
        raise InputError(f"{given} is for words, and the unit is {unit!r}; leave it out")
    learn = Characters.learn if unit == "character" else Subwords.learn
    return learn(pieces, settings.max_size)


def _learn(stretch: _Stretch, unit: str, settings: VocabularySettings) -> tuple[Tokens, list[str]]:
    """Return the vocabulary of the training part, and what to say of it."""
    every = -(-size_on_disk(stretch.source) // ON_DISK) if unit == "subword" else 1
    tokens = learn_tokens(itertools.islice(stretch.pieces(), 0, None, every), unit, settings)
    notes = [f"sub-words learnt from one in {every} pieces of the text"] * (every > 1)
    if isinstance(tokens, Words):
        prose = tokens.split == "punctuation"
        notes = ["split into words and punctuation" if prose else "split at white space, as already tokenised"]
    return tokens, notes


def _too_short(source: Source, part: str) -> str:
    what = f"the text is too short for the split, its {TITLES[part]} is empty; give --valid and --test files"
    return f"{named(source)}: {what}"


def _count(ids: NDArray[np.int32], token: int) -> int:
    """Return how often a token occurs, without a second array as long as the text."""
    starts = range(0, len(ids), COUNTED_AT_ONCE)
    return sum(int(np.count_nonzero(ids[start : start + COUNTED_AT_ONCE] == token)) for start in starts)


def _unknown_note(ids: dict[str, NDArray[np.int32]], unknown: dict[str, int]) -> list[str]:
    shares = [f"{100 * unknown[part] / len(ids[part]):.2g} % of the {TITLES[part]}" for part in PARTS if unknown[part]]
    return [f"what is not in the vocabulary becomes <unk>: {', '.join(shares)}"] if shares else []
