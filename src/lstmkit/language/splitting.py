"""Where words begin and end in a text, and how words become a text again.

space        the text is tokenised already: whatever stands between white space is a word
punctuation  prose: words with inner apostrophes and hyphens, numbers, and each other mark alone
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

from lstmkit.language.tokens import UNKNOWN

SPLITS = ("space", "punctuation")
JOINERS = "\u200c\u200d"
"""Invisible, and inside words of Persian and of the scripts of India."""

CLOSING = frozenset(",.;:!?)]}%…’”»")  # noqa: RUF001
OPENING = frozenset("([{$£€#¿¡‘“«")  # noqa: RUF001
QUOTES = frozenset("\"'")


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    """Return the pattern of one token of prose. Python's \\w lacks the marks that many scripts write vowels with."""
    marks = "".join(chr(c) for c in range(0x300, 0x20000) if unicodedata.category(chr(c))[0] == "M")
    letter = rf"[\w{marks}{JOINERS}]"
    number = r"\d+(?:[.,:]\d+)+(?!\w)"
    return re.compile(rf"{UNKNOWN}|{number}|\w{letter}*(?:['’\-]\w{letter}*)*|\S")  # noqa: RUF001


def splitter(split: str) -> Callable[[str], list[str]]:
    """Return the function that cuts a text into words.

    split    one of SPLITS
    """
    return str.split if split == "space" else _word_pattern().findall


def find_split(text: str) -> str:
    """Return "space" if a text is tokenised already, else "punctuation".

    It is if it holds <unk>, or if at least half of its commas, full stops and other such marks stand alone.
    """
    if re.search(rf"(?<!\S){UNKNOWN}(?!\S)", text):
        return "space"
    alone = len(re.findall(r"(?<!\S)[,.!?;](?!\S)", text))
    attached = len(re.findall(r"\w[,.!?;](?!\S)", text))
    return "space" if alone >= attached else "punctuation"


def join_words(words: Iterable[str], split: str) -> str:
    """Return the words of one line as text, in prose with the marks where they belong.

    Quotation marks that look the same at both ends open and close in turn.
    """
    if split == "space":
        return " ".join(words)
    parts: list[str] = []
    attach = True
    quoted: set[str] = set()
    for word in words:
        closes = word in CLOSING or word in quoted
        parts += [word] if attach or closes else [" ", word]
        attach = word in OPENING or (word in QUOTES and not closes)
        if word in QUOTES:
            quoted ^= {word}
    return "".join(parts)
