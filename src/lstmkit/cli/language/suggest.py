"""`lstm language suggest`: the most likely next words."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.predictors import AllowUnknown, By, Model, load_predictor
from lstmkit.cli.streams import input_lines
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.language.suggestions import Suggester, Suggestion

EXAMPLES = """\b
examples:
  lstm language suggest language-news "the king of"
  lstm language suggest language-news "the king of fr" --complete --count 3
  lstm language suggest language-news --interactive
"""


def suggest(
    model: Model,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What has been written; may be left out with --interactive.")
    ] = None,
    count: Annotated[int, typer.Option(help="Words to suggest.")] = 5,
    complete: Annotated[
        bool, typer.Option("--complete", help="TEXT ends within a word: suggest words that begin so.")
    ] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Suggest at each key; Tab or a digit takes a word, Ctrl-D ends.")
    ] = False,
    by: By = None,
    allow_unknown: AllowUnknown = False,
    json: parameters.Json = False,
) -> None:
    """Print the most likely next words after TEXT, with their probabilities.

    With --interactive, unknown words are always allowed. Where standard input is no terminal, or with --json, it reads
    lines and answers each with one line; a line that does not end in a space ends within a word.
    """
    from lstmkit.language.suggestions import Suggester

    if interactive:
        if complete:
            raise InputError("--interactive completes words by itself: leave --complete out")
        _interact(Suggester(load_predictor(model, by), count, allow_unknown=True), text or "", json)
        return
    if text is None:
        raise InputError("TEXT is missing: what has been written, or --interactive to type it")
    suggester = Suggester(load_predictor(model, by), count, allow_unknown)
    read = text if complete or not text else text + " "
    _print(text, suggester.unfinished(read), suggester.suggest(read), json)


def _print(text: str, begun: str, found: list[Suggestion], json: bool) -> None:
    if json:
        printing.print_json(_record(text, found))
    elif found:
        rows = [(one.text, f"{100 * one.probability:.2f} %") for one in found]
        printing.print_table(("next word", "probability"), rows)
    else:
        what = f"word that begins with {begun!r}" if begun else "next word"
        printing.stderr().print(f"the model has no {what}")


def _record(text: str, found: list[Suggestion]) -> dict[str, object]:
    return {"text": text, "suggestions": [dataclasses.asdict(one) for one in found]}


def _interact(suggester: Suggester, text: str, json: bool) -> None:
    """Suggest key by key in a terminal, else line by line."""
    from json import dumps

    from lstmkit.cli.language.keyboard import Keyboard, SuggestionScreen, terminal, type_along

    descriptor = None if json else terminal()
    if descriptor is not None:
        with Keyboard(descriptor) as keyboard:
            typed = type_along(keyboard, suggester, SuggestionScreen(sys.stderr), text)
        if not sys.stdout.isatty():
            printing.write(typed)
        return
    for line in input_lines():
        written = text + line.removesuffix("\n").removesuffix("\r")
        found = suggester.suggest(written)
        words = "   ".join(f"{one.text} {100 * one.probability:.1f} %" for one in found)
        printing.write((dumps(_record(written, found)) if json else words) + "\n")
