"""Words as people type them and as a vocabulary has them: other case, other apostrophes."""

from __future__ import annotations

INSIDE = frozenset("'’-")  # noqa: RUF001
"""Marks that are part of a word."""


def variants(word: str) -> tuple[str, ...]:
    """Return a word, then itself with other apostrophes, in lower case, with a capital, in capitals; each once."""
    quoted = (word, word.replace("’", "'"), word.replace("'", "’"))  # noqa: RUF001
    cases = [form(one) for form in (str, str.lower, _with_capital, str.upper) for one in quoted]
    return tuple(dict.fromkeys(cases))


def as_typed(word: str, typed: str) -> str:
    """Return a word of the vocabulary as the letters typed want it.

    Capitals typed stay, and so do apostrophes; after several letters, all of them capitals, the others are too. A
    capital of the vocabulary stays where a small letter was typed: a name is a name.
    """
    begun, rest = word[: len(typed)], word[len(typed) :]
    if begun.lower() == begun and len(typed) == len(begun):
        begun = typed
    else:
        begun = "".join(t if b in INSIDE or t.isupper() else b for t, b in zip(typed, begun, strict=False))
    letters = [character for character in typed if character.isalpha()]
    return begun + (rest.upper() if len(letters) > 1 and typed.isupper() else rest)


def _with_capital(word: str) -> str:
    return word[:1].upper() + word[1:].lower()
