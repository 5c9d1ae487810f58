"""What lies on disk is checked before it is used: strict JSON, then types, ranges and names by a dataclass."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

import msgspec

from lstmkit.errors import InputError

T = TypeVar("T")

LONGEST = 100
"""Characters of a value in a message."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""A whole number from zero on."""
Positive = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
"""A whole number from one on."""
Seed = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""What torch takes for a seed."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A number from zero to one."""
Factor = Annotated[float, msgspec.Meta(gt=0, le=1e300)]
"""A number above zero that something is multiplied by."""


def read_json(content: bytes) -> Any:
    """Return what strict JSON says: no NaN or Infinity, no name twice, no text that UTF-8 cannot hold.

    Raises  InputError, without the place
    """
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse)
        canonical(found)
    except RecursionError as error:
        raise InputError("nested too deep") from error
    except ValueError as error:
        raise InputError(shown(" ".join(str(error).split()))) from error
    return found


def canonical(value: Any) -> bytes:
    """Return JSON-able data as bytes that depend on nothing but the data.

    Raises  ValueError if a number is not finite, or a text cannot be written as UTF-8
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def checked(value: Any, kind: type[T]) -> T:
    """Return JSON-able data as a dataclass (lists become its tuples), every type, range and name in it checked.

    kind    also any type that msgspec knows, but not a number with a range beside a tuple of two, `Natural |
            tuple[int, int]`, which msgspec 0.22 gets wrong; what a dataclass refuses with an InputError is refused here
    Raises  InputError that names the place within the data, such as `$.settings.hidden_size`
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InputError(shown(error)) from error


def shown(value: object) -> str:
    """Return a value as a message can hold it, cut where it is long."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r} occurs twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
