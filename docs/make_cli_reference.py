"""Write docs/cli.md from what `lstm ... --help` prints; a test fails when the page is stale.

python docs/make_cli_reference.py
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import typer

from lstmkit.cli.app import app

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SUBCOMMANDS = tuple(COMMANDS)
NESTED = tuple((name, inner) for name in SUBCOMMANDS for inner in getattr(COMMANDS[name], "commands", ()))
HEAD = """\
# The command line

<!-- written by docs/make_cli_reference.py; do not edit -->

This page is what `--help` prints. What each option is for is in [forecasting.md](forecasting.md), and for
`lstm explain` in [explain.md](explain.md). Results go to stdout, everything else to stderr. Exit codes: 0 done, 2 the
input cannot be used (one line says why), 130 interrupted.
"""


def help_text(*words: str) -> str:
    """Return what `lstm WORDS --help` prints in a terminal of `WIDTH` columns."""
    printed = io.StringIO()
    command = typer.main.get_command(app)
    with contextlib.redirect_stdout(printed):
        command.main([*words, "--help"], prog_name="lstm", standalone_mode=False, terminal_width=WIDTH)
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def _place(words: tuple[str, ...]) -> tuple[int, ...]:
    """Return a key that puts a command of commands right before its own, all in the order of `lstm --help`."""
    return (*(SUBCOMMANDS.index(word) for word in words[:1]), *(NESTED.index(words) for _ in words[1:]))


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for words in sorted(((), *((name,) for name in SUBCOMMANDS), *NESTED), key=_place):
        parts.append(f"## {' '.join(('lstm', *words))}\n\n```text\n{help_text(*words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
