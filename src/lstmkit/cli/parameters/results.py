"""Where a command writes, what it may replace, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lstmkit.errors import InputError

ModelFolder = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder, or a folder of results with one in it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]
Minutes = Annotated[float | None, typer.Option(help="Training ends after this time.")]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")]


@dataclass(frozen=True)
class Manner:
    """How a command that trains deals with earlier results, and how it answers."""

    force: Annotated[bool, typer.Option("--force", help="Replace the results that --out holds.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in --out.")] = False
    json: Json = False
    quiet: Quiet = False

    @property
    def silent(self) -> bool:
        """Whether nothing but the result is said."""
        return self.quiet or self.json


def check_out(out: Path | None, force: bool, option: str = "--out") -> None:
    """Raise InputError if `out` exists and may not be replaced, or its folder is missing; a device is written to.

    option  that names it
    """
    from lstmkit.training import replaces

    refuse_without_effect(f"without {option}", {"force": force and out is None})
    if out is not None and not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {str(out.parent)!r}; make it first, or choose another {option}")
    if out is not None and not force and replaces(out):
        raise InputError(f"{out}: exists already; choose another {option}, or --force to replace it")


def named_after(file: str, kind: str) -> Path:
    """Return the folder of results that a command makes if --out is left out."""
    name = "input" if file == "-" else Path(file.removeprefix("demo:")).name.split(".")[0]
    return Path(f"{kind}-{name}")


def refuse_without_effect(where: str, given: Mapping[str, bool]) -> None:
    """Raise InputError for an option that does nothing beside others.

    where  what it is beside, such as "with --ray"
    given  whether it is given, by its name in Python
    """
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"--{name.replace('_', '-')} has no effect {where}; leave it out")


def refuse_shares(context: typer.Context) -> None:
    """Raise InputError for --valid-share or --test-share beside --valid or --test, which they stand for."""
    for part in ("valid", "test"):
        share = {f"{part}_share": context.params.get(part) is not None and is_given(context, f"{part}_share")}
        refuse_without_effect(f"with --{part}", share)


def is_given(context: typer.Context, name: str) -> bool:
    """Say whether an option stands in the command line, also with the value of its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
