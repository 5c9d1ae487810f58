"""What a complaint advises, for the command that makes it: an option of another command is named as such."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import typer

OPTION = re.compile(r"(?<![\w'\"-])--[a-z][a-z-]*[a-z](?![\w-])")
"""An option in a sentence; what stands in quotes is the user's own."""

Command = tuple[tuple[str, ...], frozenset[str]]
"""Words after `lstm`, and options."""


def with_owners(message: str, arguments: Sequence[str], root: object) -> str:
    """Return a complaint that says of each option it names, and this command does not have, which command has it.

    A library's sentence is the same for all commands; a table that `lstm predict` reads may need what only
    `lstm forecast` can be told.

    arguments  of the command line: the command is the first words of them
    """
    commands = list(every_command(root))
    path: tuple[str, ...] = ()
    for word in arguments:
        if not any(own[: len(path) + 1] == (*path, word) for own, _ in commands):
            break
        path = (*path, word)
    return attributed(message, path, commands)


def attributed(message: str, path: tuple[str, ...], commands: Sequence[Command]) -> str:
    """Return a complaint with the owners of its options that the command of a path does not have."""
    own = next((options for words, options in commands if words == path), frozenset[str]())
    told = []
    for option in dict.fromkeys(OPTION.findall(message)):
        owners = [words for words, options in commands if option in options]
        if option not in own and owners:
            nearest = max(owners, key=lambda words: _in_common(words, path))  # of several, the first
            told.append(f"{option} is an option of lstm {' '.join(nearest)}, not of this command")
    return f"{message} ({'; '.join(told)})" if told else message


def every_command(group: object, path: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield every command within a group of them."""
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), frozenset(option for parameter in command.params for option in parameter.opts)


def _in_common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=False))
