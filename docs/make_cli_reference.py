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
SUBCOMMANDS = tuple(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
HEAD = """\
# The command line

<!-- written by docs/make_cli_reference.py; do not edit -->

This page is what `--help` prints. What each option is for is in [forecasting.md](forecasting.md). Results go to
stdout, everything else to stderr. Exit codes: 0 done, 2 the input cannot be used (one line says why), 130 interrupted.
"""


def help_text(*words: str) -> str:
    """Return what `lstm WORDS --help` prints in a terminal of `WIDTH` columns."""
    printed = io.StringIO()
    command = typer.main.get_command(app)
    with contextlib.redirect_stdout(printed):
        command.main([*words, "--help"], prog_name="lstm", standalone_mode=False, terminal_width=WIDTH)
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for words in ((), *((name,) for name in SUBCOMMANDS)):
        parts.append(f"## {' '.join(('lstm', *words))}\n\n```text\n{help_text(*words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
