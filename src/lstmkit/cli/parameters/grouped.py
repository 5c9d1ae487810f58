"""Options that several commands share come to a command in groups, and to its user one by one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer reads it: of each parameter that is a group, the options one by one, in its place.

    A group is a dataclass whose fields are options.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}

    @functools.wraps(command)
    def flat(**given: Any) -> None:  # typer calls a command by the names of its options
        for name, group in groups.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(group)}
            given[name] = group(**own)
        command(**given)

    flat.__signature__ = inspect.Signature(list(_parameters(command, hints)))  # type: ignore[attr-defined]
    return flat


def _parameters(command: Callable[..., None], hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a command, those of its groups in their places."""
    kind = inspect.Parameter.KEYWORD_ONLY
    for name, parameter in inspect.signature(command).parameters.items():
        if not dataclasses.is_dataclass(hints[name]):
            yield parameter.replace(kind=kind, annotation=hints[name])
            continue
        own = typing.get_type_hints(hints[name], include_extras=True)
        for field in dataclasses.fields(hints[name]):
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            if field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            yield inspect.Parameter(field.name, kind, default=default, annotation=own[field.name])
