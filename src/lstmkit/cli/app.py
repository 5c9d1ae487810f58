"""The entry point: subcommands, and how errors end.

Input that cannot be used ends in one line and exit code 2; Ctrl-C in exit code 130. A defect of lstmkit keeps its
traceback. Nothing here, nor in the modules imported here, imports torch: `lstm --help` must answer at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from lstmkit import __version__
from lstmkit.cli.backtest import EXAMPLES as BACKTEST_EXAMPLES
from lstmkit.cli.backtest import backtest
from lstmkit.cli.doctor import doctor
from lstmkit.cli.explain import explain
from lstmkit.cli.forecast import EXAMPLES as FORECAST_EXAMPLES
from lstmkit.cli.forecast import forecast
from lstmkit.cli.language import language
from lstmkit.cli.predict import predict
from lstmkit.cli.tune import EXAMPLES as TUNE_EXAMPLES
from lstmkit.cli.tune import tune
from lstmkit.errors import InputError

app = typer.Typer(
    name="lstm",
    help="Sequences and LSTMs: forecasts and language, shown beside what a simple method would have said.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(short_help="Train on a table, score honestly, forecast ahead.", epilog=FORECAST_EXAMPLES)(forecast)
app.command(short_help="Forecast again from a saved model.")(predict)
app.command(short_help="Forecast from several cutoffs, and score.", epilog=BACKTEST_EXAMPLES)(backtest)
app.command(short_help="Try settings; print the command that won.", epilog=TUNE_EXAMPLES)(tune)
app.command(short_help="Versions, backends and why, a speed check.")(doctor)
app.add_typer(explain)
app.add_typer(language)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"lstmkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Sequences and LSTMs: forecasts and language, shown beside what a simple method would have said."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and leave with its exit code."""
    # Threads that spin while they wait make a step a thousand times slower when the cores are shared with others;
    # torch's OpenMP reads this when torch is imported, which is later than here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Large tensors in huge pages: a step with a vocabulary of words allocates hundreds of megabytes, and faulting them
    # in by 4 KiB takes a quarter of its time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="lstm", standalone_mode=False)
    except InputError as error:
        code = _fail(str(error))
    except typer.BadParameter as error:
        names = getattr(error.param, "opts", [])
        code = _fail(f"{error.format_message()}{_given(arguments, names)}")
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a command that needs a subcommand, and got none, shows its help
            typer.echo(message, err=True)
        code = error.exit_code if not message or message.startswith("Usage:") else _fail(message)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 0
    sys.exit(code)


def _given(arguments: list[str], names: list[str]) -> str:
    """Return "; got 'x'" with the value given for an option that could not be read, or ""."""
    for k, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in names and (equals or k + 1 < len(arguments)):
            return f"; got {value if equals else arguments[k + 1]!r}"
    return ""


def _fail(message: str) -> int:
    line = " ".join(message.split())
    print(f"lstm: {line}", file=sys.stderr)  # noqa: T201
    return 2
