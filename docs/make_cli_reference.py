"""Write docs/cli.md from what `lstm ... --help` prints; a test fails when the page is stale.

python docs/make_cli_reference.py
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lstmkit.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SUBCOMMANDS = tuple(COMMANDS)
HEAD = """\
# The command line

<!-- written by docs/make_cli_reference.py; do not edit -->

This page is what `--help` prints. What each option is for is in [forecasting.md](forecasting.md), for
`lstm classify` in [classify.md](classify.md), for `lstm language` in [language.md](language.md) and
[classification.md](classification.md), for `lstm speech` in [speech.md](speech.md), for `lstm music` in
[music.md](music.md), for `lstm video` in [video.md](video.md), and for `lstm explain` in
[explain.md](explain.md). Results go to stdout, everything else to stderr. Exit codes: 0 done, 2 the input cannot be
used (one line says why), 130 interrupted.
"""


def help_text(*words: str) -> str:
    """Return what `lstm WORDS --help` prints in a terminal of `WIDTH` columns."""
    printed = io.StringIO()
    command = typer.main.get_command(app)
    with contextlib.redirect_stdout(printed):
        command.main([*words, "--help"], prog_name="lstm", standalone_mode=False, terminal_width=WIDTH)
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def every_command(commands: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, in the order of the help; a command of commands comes right before its own."""
    for name, command in commands.items():
        yield (*above, name)
        yield from every_command(getattr(command, "commands", {}), (*above, name))


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for words in ((), *every_command(COMMANDS)):
        parts.append(f"## {' '.join(('lstm', *words))}\n\n```text\n{help_text(*words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
