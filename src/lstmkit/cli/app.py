"""The entry point: subcommands, and how errors end.

Input that cannot be used ends in one line and exit code 2, and so does what the operating system refuses; Ctrl-C in
exit code 130; a reader of the results who goes away (`| head`) in a quiet exit. A defect of lstmkit keeps its
traceback. Nothing here, nor in the modules imported here, imports torch: `lstm --help` must answer at once.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lstmkit import __version__
from lstmkit.cli.advice import with_owners
from lstmkit.cli.backtest import EXAMPLES as BACKTEST_EXAMPLES
from lstmkit.cli.backtest import backtest
from lstmkit.cli.classify import classify
from lstmkit.cli.doctor import doctor
from lstmkit.cli.explain import explain
from lstmkit.cli.forecast import EXAMPLES as FORECAST_EXAMPLES
from lstmkit.cli.forecast import forecast
from lstmkit.cli.language import language
from lstmkit.cli.music import music
from lstmkit.cli.predict import predict
from lstmkit.cli.speech import speech
from lstmkit.cli.streams import end_stdout, open_missing, reader_has_gone
from lstmkit.cli.tune import EXAMPLES as TUNE_EXAMPLES
from lstmkit.cli.tune import tune
from lstmkit.cli.video import video
from lstmkit.errors import InputError, NothingToDo
from lstmkit.visible import visible

PLACES = ("--out", "--storage", "--start")
"""Options that name a file or a folder."""
NO_MEMORY = "there is not enough memory for this; take smaller sizes, or fewer rows or columns"

app = typer.Typer(
    name="lstm",
    help="Sequences and LSTMs: forecasts, classes and language, shown beside what a simple method would have said.",
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
app.add_typer(classify)
app.add_typer(explain)
app.add_typer(language)
app.add_typer(speech)
app.add_typer(music)
app.add_typer(video)


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
    """Sequences and LSTMs: forecasts, classes and language, shown beside what a simple method would have said."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and leave with its exit code."""
    # Threads that spin while they wait make a step a thousand times slower when the cores are shared with others;
    # torch's OpenMP reads this when torch is imported, which is later than here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Large tensors in huge pages: a step with a vocabulary of words allocates hundreds of megabytes, and faulting them
    # in by 4 KiB takes a quarter of its time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    open_missing()
    if not _has_place():  # torch's libraries abort there
        sys.exit(_fail("the working directory has been deleted; change to one that exists"))
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    trouble = end_stdout()
    sys.exit(code if trouble is None else _fail(trouble))


def _has_place() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _run(arguments: list[str]) -> int:
    """Run a command; return its exit code, with what is wrong told on stderr."""
    for name in PLACES:  # an empty one would be this folder; most often a variable of the shell that is not set
        if f"{name}=" in arguments or (name, "") in itertools.pairwise(arguments):
            return _fail(f"{name}: the name is empty; give a place")
    command = typer.main.get_command(app)
    try:
        with command.make_context("lstm", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except NothingToDo as done:
        print(f"lstm: {done}", file=sys.stderr)  # noqa: T201
        return _show(done.summary) if "--json" in arguments else 0
    except InputError as error:
        return _fail(with_owners(str(error), arguments, command))
    except typer.BadParameter as error:
        names = getattr(error.param, "opts", [])
        return _fail(f"{error.format_message()}{_given(arguments, names)}")
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # a command that needs a subcommand, and got none, shows its help
            typer.echo(message, err=True)
        return error.exit_code if not message or message.startswith("Usage:") else _fail(message)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if error.errno == errno.EPIPE and reader_has_gone():
            return 0
        trouble = end_stdout()
        if trouble is None and error.errno is None:
            raise
        return _fail(trouble or _of_the_system(error))
    except MemoryError:
        return _fail(NO_MEMORY)
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):  # torch has no class of its own for it
            raise
        return _fail(NO_MEMORY)
    return 0


def _show(summary: Path) -> int:
    """Print what a run that is complete already has written."""
    try:
        typer.echo(summary.read_text(encoding="utf-8"), nl=False)
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"{summary}: cannot be read ({getattr(error, 'strerror', None) or error}); --force starts again")
    return 0


def _given(arguments: list[str], names: list[str]) -> str:
    """Return "; got 'x'" with the value given for an option that could not be read, or ""."""
    for k, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in names and (equals or k + 1 < len(arguments)):
            return f"; got {value if equals else arguments[k + 1]!r}"
    return ""


def _of_the_system(error: OSError) -> str:
    """Return the sentence about what the operating system refused."""
    if error.filename is None:
        return f"standard output or a file: cannot be written or read ({error.strerror}); give another place"
    name = error.filename if isinstance(error.filename, str) else repr(error.filename)
    return f"{name}: cannot be used ({error.strerror}); give another place"


def _fail(message: str) -> int:
    line = " ".join(str(InputError(visible(message))).split())
    with contextlib.suppress(OSError):  # the exit code says it, too
        print(f"lstm: {line}", file=sys.stderr)  # noqa: T201
    return 2
