"""How words are pronounced: a file of words and their phones, several pronunciations to a word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.language.text.reading import read_lines
from lstmkit.ranges import a_path
from lstmkit.speech.scoring import words_of

NUMBERED = re.compile(r"(.+)\(\d+\)")
"""A word with the number of its pronunciation, as CMU's dictionaries have it."""
NO_WORDS = ("<", "!", "[", "#", ";;;")
"""What entries begin with that are no words: marks of sentences, noises, comments."""


@dataclass(frozen=True)
class Lexicon:
    """The pronunciations of words.

    words  by word, as `words_of` writes it, one or several sequences of phones
    """

    words: Mapping[str, tuple[tuple[str, ...], ...]]

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones, sorted."""
        return tuple(sorted({phone for own in self.words.values() for one in own for phone in one}))

    def require(self, texts: Iterable[str], place: str = "the lexicon") -> None:
        """Raise InputError if a word of the texts is not among these; it names which."""
        missing = sorted({word for text in texts for word in words_of(text)} - set(self.words))
        if missing:
            raise InputError(
                f"{place}: {len(missing):,} words of the transcripts have no pronunciation: {shorten(missing)}; add "
                "them, or leave those recordings out"
            )


def read_lexicon(path: str | Path) -> Lexicon:
    """Return the lexicon in a file with a word and its phones a line.

    Another pronunciation is another line, with the word alone or numbered, as in CMU's dictionaries: `WORD(2)`. Entries
    that begin with <, !, [, # or ;;; are passed over.

    Raises  InputError naming the line that has no phones, or if there is no word
    """
    path = a_path("the lexicon", path)
    found: dict[str, list[tuple[str, ...]]] = {}
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split()
        if not fields or fields[0].startswith(NO_WORDS):
            continue
        numbered = NUMBERED.fullmatch(fields[0])
        written = numbered[1] if numbered else fields[0]
        words = words_of(written)
        if len(words) != 1 or len(fields) < 2:
            what = "has no phones" if len(fields) < 2 else "is no single word"
            raise InputError(f"{path}, line {number}: {written!r} {what}; a word and its phones make a line")
        own = found.setdefault(words[0], [])
        if tuple(fields[1:]) not in own:
            own.append(tuple(fields[1:]))
    if not found:
        raise InputError(f"{path}: holds no word with its phones")
    return Lexicon({word: tuple(own) for word, own in found.items()})
