"""Numbers, choices and flags that people give: each checked for its type and its range, in one way.

numpy's numbers are taken as Python's are; True is no number, and 3.0 and "5" are no whole numbers. What is returned is
Python's own, so that it can be written as JSON. A complaint reads `name must be ...; got value`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import os
import sys
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstmkit.errors import InputError
from lstmkit.visible import with_article

MOST_SHOWN = 80
"""Characters of a value in a complaint."""
LEAST_PERCENT = 5
"""From where on a number in place of a share is taken for a percentage."""
LARGEST_NUMBER = sys.float_info.max
LARGEST = 2**31 - 1
"""Of whole numbers: all of them count what must fit into memory or be done in a life."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """Which numbers are allowed.

    words  what a number must be, as in a complaint
    least, most  ends; they belong to it
    above, below  ends that do not
    percent  what makes a share of a percentage or the reverse, if the numbers are such: a complaint says how a number
             on the other side of 1 is written
    """

    words: str
    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    percent: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether a number is one of these; NaN never is."""
        return self.least <= value <= self.most and self.above < value < self.below

    def complaint(self, name: str, value: float) -> str:
        """Return what is wrong with a number that is none of these."""
        percent = self.percent if self.percent is not None else math.nan
        likely = value < 1 if percent > 1 else value >= LEAST_PERCENT  # 1.5 is rather a slip than 1.5 %
        meant = value * percent if likely else math.nan
        fix = f"; write {meant:g} for {max(meant, value):g} %" if self.holds(meant) else ""
        return f"{name} {self.words}; got {shown(value)}{fix}"


def number_in(text: str | bytes) -> float:
    """Return the number that a text is; Python would read 1_000 too, which no other program writes.

    Raises  ValueError if it is none
    """
    shown = text.decode() if isinstance(text, bytes) else text
    if "_" in shown:
        raise ValueError(shown)
    return float(shown)


AT_LEAST_1 = Range("must be at least 1", least=1)
AT_LEAST_2 = Range("must be at least 2", least=2)
NOT_NEGATIVE = Range("must not be negative", least=0)
MORE_THAN_0 = Range("must be more than 0", above=0)
BETWEEN_0_AND_1 = Range("must be between 0 and 1", above=0, below=1, percent=0.01)
BELOW_1 = Range("must be at least 0 and below 1", least=0, below=1, percent=0.01)
UP_TO_1 = Range("must be more than 0 and at most 1", above=0, most=1, percent=0.01)
PROBABILITY = Range("must be a probability from 0 to 1", least=0, most=1, percent=0.01)
SEED = Range("must be from 0 to 9223372036854775807", least=0, most=2**63 - 1)
ANY = Range("must be a number")


def whole(name: str, value: Any, within: Range = AT_LEAST_1) -> int:
    """Return a whole number.

    name    how a complaint calls it
    Raises  InputError if it is of another type, or out of range
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InputError(f"{name} must be a whole number; got {shown(value)}")
    number = int(value)
    if not within.holds(number):
        raise InputError(f"{name} {within.words}; got {shown(number)}")
    if within.most == math.inf and number > LARGEST:
        raise InputError(f"{name} must be at most {LARGEST}; got {shown(number)}")
    return number


def real(name: str, value: Any, within: Range = ANY) -> float:
    """Return a finite number; a whole one stays one.

    name    how a complaint calls it
    Raises  InputError if it is of another type, not finite, or out of range
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputError(f"{name} must be a number; got {shown(value)}")
    found: float = int(value) if isinstance(value, numbers.Integral) else float(value)
    if abs(found) > LARGEST_NUMBER:
        raise InputError(f"{name} must be a finite number; got {shown(found)}")
    if not within.holds(found):
        raise InputError(within.complaint(name, found))
    return found


def several(name: str, values: Any, within: Range, kind: type = float, example: str = "(80, 95)") -> Sequence[Any]:
    """Return numbers as a tuple, or as the list or tuple that they are: scikit-learn's `clone` wants its own back.

    kind     int for whole numbers
    example  of what may be given
    Raises   InputError if it is no sequence, or one of them is of another type or out of range
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be several numbers, such as {example}; got {shown(values)}")
    found = tuple(whole(name, v, within) if kind is int else real(name, v, within) for v in values)
    if isinstance(values, list | tuple) and all(type(a) is type(b) for a, b in zip(values, found, strict=True)):
        return values
    return found


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return a word; raise InputError if it is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}; got {shown(value)}")
    return value


def words(name: str, value: Any) -> tuple[str, ...]:
    """Return several words as a tuple; one alone is one of them."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable):
        raise InputError(f"{name} must be several words; got {shown(value)}")
    return tuple(_text(name, one) for one in value)


def flag(name: str, value: Any) -> bool:
    """Return True or False; raise InputError if it is something else."""
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False; got {shown(value)}")
    return value


def a_path(name: str, value: Any) -> Path:
    """Return a path; raise InputError if it is something else, or a name that no system has."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise InputError(f"{name} must be a path; got {shown(value)}")
    if "\0" in os.fspath(value):
        raise InputError(f"{name} must be a path, without a zero character; got {shown(os.fspath(value))}")
    return Path(value)


def check_fields(settings: Any, ranges: Mapping[str, Range | Sequence[str]], owner: str = "") -> None:
    """Check every field of a frozen dataclass for the type that it is declared with, and for its range.

    Checked are fields of numbers, words, True and False, tuples of these, and None where it is declared; numpy's
    numbers become Python's, and lists tuples.

    ranges  by name, what a field's numbers must be, or the choices of a word; a number without any may be any, a whole
            number must be at least 1
    owner   whose field it is, before its name in a complaint
    Raises  InputError for the first that is wrong
    """
    hints = _hints(settings.__class__)
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), f"{owner}: {field.name}" if owner else field.name
        checked = _checked(name, value, hints[field.name], ranges.get(field.name))
        if checked is not value:
            object.__setattr__(settings, field.name, checked)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _checked(name: str, value: Any, hint: Any, within: Range | Sequence[str] | None) -> Any:
    """Return a value of the type of an annotation."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and types.NoneType in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    kind = str if isinstance(value, str) and str in kinds else kinds[-1]
    if kind is bool:
        return flag(name, value)
    if kind is int:
        return whole(name, value, within if isinstance(within, Range) else AT_LEAST_1)
    if kind is float:
        return real(name, value, within if isinstance(within, Range) else ANY)
    if kind is str:
        return choice(name, value, within) if _is_choices(within) else _text(name, value)
    if typing.get_origin(kind) is tuple:
        return _tuple(name, value, typing.get_args(kind), within)
    return value


def _is_choices(within: Range | Sequence[str] | None) -> typing.TypeGuard[Sequence[str]]:
    return within is not None and not isinstance(within, Range)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} must be text; got {shown(value)}")
    return value


def _tuple(name: str, value: Any, kinds: tuple[Any, ...], within: Range | Sequence[str] | None) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{name} must be a tuple; got {shown(value)}")
    found = tuple(_checked(name, one, kinds[0], within) for one in value)
    return value if isinstance(value, tuple) and all(a is b for a, b in zip(value, found, strict=True)) else found


def shown(value: Any) -> str:
    """Return a value for a complaint: short, and the type alone of what is no number, word or list of these."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    if value is not None and not isinstance(value, int | float | str | bytes | tuple | list):
        return with_article(type(value).__name__) if not isinstance(value, numbers.Number) else str(value)
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
