"""Settings from `--set NAME=VALUE`, each of the type that its field in a dataclass has."""

from __future__ import annotations

import ast
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.forecasting.models import ModelSettings

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the model, such as hidden_size=128; may be repeated."
    ),
]


def settings_of(model: str, pairs: Sequence[str] | None) -> ModelSettings | None:
    """Read settings of a model from NAME=VALUE, each of the type that the settings have; None without any.

    Raises  InputError if there is no such model or setting, or a value is not of its type or out of range
    """
    from lstmkit.forecasting.models import model_named

    kind = model_named(model).Settings
    given = given_settings(kind, pairs, f"model {model}")
    return kind(**given) if given else None


def given_settings(
    kind: type, pairs: Sequence[str] | None, owner: str, own: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Read settings from NAME=VALUE, each of the type that its field in a dataclass has.

    owner   whose settings they are, for an error
    own     settings that have options of their own, None where one was not given
    Returns  settings by name, those of `own` among them
    Raises  InputError if there is no such setting, one is given twice, or a value is not of its type
    """
    from lstmkit.data.series import closest

    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InputError(f"--set takes NAME=VALUE, such as hidden_size=128; got {pair!r}")
        if name not in hints:
            raise InputError(f"{owner} has no setting {name!r}{closest(name, hints)}")
        if name in given:
            raise InputError(f"--set {name} is given twice; leave one out")
        given[name] = _typed(name, text.strip(), hints[name])
    own = {name: value for name, value in (own or {}).items() if value is not None}
    for name in own:
        if name in given:
            raise InputError(f"--set {name} and --{name.replace('_', '-')} are the same setting; leave one out")
    return given | own


def _typed(name: str, text: str, hint: Any) -> Any:
    """Return a setting's value from text; "none" where the setting may be left to the model."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if types.NoneType in kinds and text.lower() in ("none", "null", ""):
        return None
    kind = next(k for k in kinds if k is not types.NoneType)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    value = _read_as(kind, text)
    if value is None:
        also = " or none" if types.NoneType in kinds else ""
        what = words.get(kind, "numbers in brackets, such as ((1,2),(4,8))")
        raise InputError(f"--set {name} must be {what}{also}; got {text!r}")
    return value


def _read_as(kind: Any, text: str) -> Any:
    """Return text as a value of a type, or None if it is not one."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    if kind is str:
        return text or None
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text) if math.isfinite(float(text)) else None
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # of brackets without end
        return None
    return _of_tuples(value, kind)


def _of_tuples(value: Any, kind: Any) -> Any:
    """Return nested lists or tuples as tuples of the type tuple[X, ...], or None if they are something else."""
    if typing.get_origin(kind) is not tuple:
        return value if type(value) is kind else None
    if not isinstance(value, list | tuple):
        return None
    found = tuple(_of_tuples(v, typing.get_args(kind)[0]) for v in value)
    return None if None in found else found
