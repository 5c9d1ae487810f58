"""Text of a user as it may be shown: nothing in it moves a cursor, hides itself, or turns a line around.

Ids, names of columns and files, and texts come from files that anyone may have written. A terminal obeys the escape
characters in them, and a reader is misled by those that reverse a line. Shown, such a character is written as Python
writes it, `\\x1b`.
"""

from __future__ import annotations

import re

HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]"  # control characters, and other ends of lines
    r"|[\u202a-\u202e\u2066-\u2069]"  # what reverses text; marks such as U+200F, which honest text has, stay
    r"|[\ud800-\udfff]"  # bytes of a file name that are no text
)
LINES = re.compile(r"[\t\n]")
QUOTES, VOWELS = "'\"", ("a", "e", "i", "o", "u")


def visible(text: str) -> str:
    """Return a text with control characters written as escapes; tabs and ends of lines stay."""
    return HIDDEN.sub(_escape, text)


def visible_line(text: str) -> str:
    """Return a text as `visible` does, on one line: tabs and ends of lines are written as escapes too."""
    return LINES.sub(_escape, visible(text))


def with_article(text: str) -> str:
    """Return words with "a" or "an" before them, by their first letter; a quote before it does not count.

    "None" is nothing that there are several of, and has none.
    """
    if text == "None":
        return text
    return f"{'an' if text.lstrip(QUOTES).lower().startswith(VOWELS) else 'a'} {text}"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
