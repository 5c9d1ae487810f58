"""`lstm language train`: learn from text, score beside an n-gram model on text never seen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, Rounds, run_shown
from lstmkit.errors import InputError
from lstmkit.ranges import NOT_NEGATIVE, SEED, whole

if TYPE_CHECKING:
    from lstmkit.language.job import LanguageResult
    from lstmkit.language.language_model import LanguageModel

EXAMPLES = """\b
examples:
  lstm language train novel.txt
  lstm language train train.txt --valid valid.txt --test test.txt --minutes 35 --out news
  lstm language train novel.txt --unit character --cell mogrifier
  lstm language train more.txt --start news --minutes 10 --out more
  lstm language train texts/ --unit subword --vocabulary 8000 --set weight_drop=0.5
"""
HEAD = ("model", "perplexity", "bits a character", "nats a token")

Unit = Annotated[
    str | None,
    typer.Option(
        help="What a token is: word, character or subword.  [default: word, or character where a script has no spaces]",
        show_default=False,
    ),
]

Vocabulary = Annotated[
    int | None,
    typer.Option(help="Tokens at most; of sub-words 8000 if left out, or fewer in a short text.", show_default=False),
]


@parameters.grouped
def train(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Text file (also .gz), or a folder of them.")],
    *,
    valid: Annotated[
        str | None, typer.Option(help="Text that chooses the best round; the last share of TEXT if left out.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Text that is only used to score; the last share of TEXT if left out.")
    ] = None,
    valid_share: Annotated[float, typer.Option(help="Share of TEXT that --valid stands for.")] = 0.05,
    test_share: Annotated[float, typer.Option(help="Share of TEXT, at its end, that --test stands for.")] = 0.1,
    unit: Unit = None,
    vocabulary: Vocabulary = None,
    min_count: Annotated[
        int | None, typer.Option(help="Rarer words are unknown; 2 if left out, or 1 if the text has <unk>.")
    ] = None,
    split: Annotated[str, typer.Option(help="How words are found: space, punctuation or auto.")] = "auto",
    start: Annotated[
        Path | None, typer.Option(help="Folder of a finished model to go on from, with its vocabulary and its network.")
    ] = None,
    cell: parameters.Cell = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the text, at most.")] = None,
    minutes: parameters.Minutes = None,
    order: Annotated[
        int | None,
        typer.Option(help="Of the n-gram model beside the network; 0: none.  [default: 5, of characters 7]"),
    ] = None,
    setting: parameters.Set = None,
    seed: Annotated[int, typer.Option(help="Of weights and dropout; the same seed gives the same model.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: language-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Learn from text, score beside an n-gram model on text never seen, save the model."""
    from lstmkit.language.job import LanguageJob

    parameters.refuse_shares(context)
    if test is None and test_share == 0:
        raise InputError("--test-share 0 leaves no text to score on; give a larger share, or a file by --test")
    whole("seed", seed, SEED)
    begun = None if start is None else _begun(start, unit, split, min_count, vocabulary)
    known = unit or (_unit_for(text, manner.silent) if begun is None else begun.unit)
    given = {"cell": cell, "epochs": epochs, "minutes": minutes}
    words = (split, min_count, vocabulary)
    model = _model(known, words, given, order, setting, seed, begun)
    folder = out or parameters.named_after(text, "language")
    origin = None if begun is None else (begun, str(start))
    job = LanguageJob(text, folder, model, valid, test, valid_share, test_share, origin, manner.force, manner.resume)
    rounds = Rounds(loss_of(known), "Untrained" if begun is None else "As it was")
    result = run_shown(job, JobProgress(manner.silent, rounds), part="round")
    printing.print_json(result.summary) if manner.json else _print(result)


def _unit_for(text: str, silent: bool) -> str:
    """Return the unit that suits a text, and say so where it is not words."""
    from lstmkit.language.text.corpus import unit_for

    unit = unit_for(text)
    if unit != "word" and not silent:
        printing.stderr().print(
            f"{text}: its script has no spaces between words: characters are the tokens (or --unit subword)"
        )
    return unit


def _begun(start: Path, unit: str | None, split: str, min_count: int | None, vocabulary: int | None) -> LanguageModel:
    """Return the model to go on from.

    Raises  InputError if it cannot be loaded, or an option asks for another vocabulary than it has
    """
    from lstmkit.language.language_model import LanguageModel

    model = LanguageModel.load(start)
    wanted = {
        "--unit": unit if unit != model.unit else None,
        "--split": split if split != "auto" else None,
        "--min-count": min_count,
        "--vocabulary": vocabulary,
    }
    for option, value in wanted.items():
        if value is not None:
            raise InputError(f"{option} {value}: with --start the vocabulary is that of {start}; leave the option out")
    return model


def _model(
    unit: str,
    words: tuple[str, int | None, int | None],
    given: dict[str, Any],
    order: int | None,
    setting: list[str] | None,
    seed: int,
    begun: LanguageModel | None,
) -> LanguageModel:
    """Return the unfitted model that the options describe, on what the one to go on from is like."""
    from lstmkit.language.language_model import LanguageModel
    from lstmkit.language.neural import LanguageSettings
    from lstmkit.language.neural.beginning import settings_after
    from lstmkit.language.neural.settings import ORDERS
    from lstmkit.language.text import VocabularySettings

    changes = parameters.given_settings(LanguageSettings, setting, "a language model", given)
    usual = LanguageSettings.of(unit) if begun is None else settings_after(begun.unit, begun.settings)
    settings = dataclasses.replace(usual, **changes)
    if order is not None:
        whole("--order", order, NOT_NEGATIVE)
    elif begun is not None:
        order = begun.order
    elif unit in ORDERS:
        order = ORDERS[unit]
    return LanguageModel(unit, settings, VocabularySettings(*words), order or None, seed)


def loss_of(unit: str) -> Callable[[float], str]:
    """Return what puts a loss in words: characters show nats, other tokens perplexity."""
    if unit == "character":
        return lambda nats: f"{nats:.4f} nats a character"
    return lambda nats: f"perplexity {math.exp(min(nats, 700)):,.1f}"


def _print(result: LanguageResult) -> None:
    from lstmkit.language.judgement.verdict import TITLES

    out, scores = printing.stdout(), result.comparison.scores
    rows = [
        (TITLES[name], f"{s.perplexity:,.2f}", f"{s.bits_per_character:.4f}", f"{s.nats_per_token:.4f}")
        for name, s in scores.items()
    ]
    first = next(iter(scores.values()))
    where = "of the test part" if result.corpus.repeats.notable else "of text never seen"
    title = f"{first.tokens:,} tokens {where}, {first.unknown:,} of them unknown"
    printing.print_table(HEAD, rows, title, bold_first=True)
    if result.verdict is not None:
        printing.print_verdict(result.verdict)
    for note in first.notes:
        printing.stderr().print(note[:1].upper() + note[1:])
    out.print(f"{result.job.out / 'model'} holds the model ({result.summary['seconds']['total']:.1f} s)")
