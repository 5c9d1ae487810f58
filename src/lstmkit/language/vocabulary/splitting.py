"""Where words begin and end in a text, and how words become a text again.

space        the text is tokenised already: whatever stands between white space is a word
ascii        the same, but only white space of ASCII separates, as in KenLM and SRILM: ARPA files that say nothing else
punctuation  prose: words with inner apostrophes and hyphens, numbers, and each other mark alone; in scripts without
             spaces between words (Chinese, Japanese, Thai, ...) each character with the marks that belong to it
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

from lstmkit.language.vocabulary.tokens import UNKNOWN

SPLITS = ("space", "punctuation")
"""Those that can be asked for."""
ALL_SPLITS = (*SPLITS, "ascii")
JOINERS = "\u200c\u200d"
"""Invisible, and inside words of Persian and of the scripts of India."""

UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # Chinese characters
)
"""Scripts that write words without spaces between them, as ranges of a pattern."""
CLOSING = frozenset(",.;:!?)]}%…’”»、。，；：！？）」』】》〉")  # noqa: RUF001
OPENING = frozenset("([{$£€#¿¡‘“«（「『【《〈")  # noqa: RUF001
MOST_MARKED = 1.02
"""Words and marks of prose without commas and full stops, over what stands between white space."""
QUOTES = frozenset("\"'")
ASCII_SPACE = " \t\n\r\v\f"


_ASCII_WORD = re.compile(f"[^{ASCII_SPACE}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_JOINED = re.compile(f"[{UNSPACED}\u3000-\u303f\uff00-\uffef]")


@functools.cache
def _word_pattern(unspaced: bool) -> re.Pattern[str]:
    """Return the pattern of one token of prose. Python's \\w lacks the marks that many scripts write vowels with.

    unspaced  whether the text has characters of scripts without spaces; the pattern for those is slower
    """
    marks = "".join(chr(c) for c in range(0x300, 0x20000) if unicodedata.category(chr(c))[0] == "M")
    number = r"\d+(?:[.,:]\d+)+(?!\w)"
    if not unspaced:
        letter = rf"[\w{marks}{JOINERS}]"
        return re.compile(rf"{UNKNOWN}|{number}|\w{letter}*(?:['’\-]\w{letter}*)*|\S")  # noqa: RUF001
    first, alone = rf"[^\W{UNSPACED}]", rf"[{UNSPACED}][{marks}]*"
    letter = rf"(?:{first}|[{marks}{JOINERS}])"
    return re.compile(rf"{UNKNOWN}|{number}|{alone}|{first}{letter}*(?:['’\-]{first}{letter}*)*|\S")  # noqa: RUF001


def _words_of(text: str) -> list[str]:
    return _word_pattern(not text.isascii() and _UNSPACED.search(text) is not None).findall(text)


def lacks_spaces(text: str) -> bool:
    """Return whether at least half of the letters of a text are of scripts without spaces between words."""
    letters = sum(map(str.isalpha, text))
    return letters > 0 and 2 * len(_UNSPACED.findall(text)) >= letters


def splitter(split: str) -> Callable[[str], list[str]]:
    """Return the function that cuts a text into words.

    split    one of ALL_SPLITS
    """
    if split == "ascii":
        return _ASCII_WORD.findall
    return str.split if split == "space" else _words_of


def find_split(text: str) -> str:
    """Return "space" if a text is tokenised already, else "punctuation".

    It is if it holds <unk>, or if at least half of its commas, full stops and other such marks stand alone. Without
    any, it is where words have other marks inside them, such as chords and codes; words of letters are taken for
    prose, which will have marks some day.
    """
    if re.search(rf"(?<!\S){UNKNOWN}(?!\S)", text):
        return "space"
    alone = len(re.findall(r"(?<!\S)[,.!?;](?!\S)", text))
    attached = len(re.findall(r"\w[,.!?;](?!\S)", text))
    if alone == attached == 0:
        return "space" if len(_words_of(text)) > MOST_MARKED * len(text.split()) else "punctuation"
    return "space" if alone >= attached else "punctuation"


def join_words(words: Iterable[str], split: str) -> str:
    """Return the words of one line as text, in prose with the marks where they belong.

    Quotation marks that look the same at both ends open and close in turn. Between characters of scripts without
    spaces, and their marks, there is none.
    """
    if split != "punctuation":
        return " ".join(words)
    parts: list[str] = []
    attach, before = True, ""
    quoted: set[str] = set()
    for word in words:
        closes = word in CLOSING or word in quoted or (_unspaced(before[-1:]) and _unspaced(word[:1]))
        parts += [word] if attach or closes else [" ", word]
        attach = word in OPENING or (word in QUOTES and not closes)
        if word in QUOTES:
            quoted ^= {word}
        before = word
    return "".join(parts)


def _unspaced(character: str) -> bool:
    return _JOINED.match(character) is not None
