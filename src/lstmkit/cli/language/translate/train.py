"""`lstm language translate train`: learn from translations, score beside a dictionary on sentences never seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.translate.searching import Searching
from lstmkit.cli.progress import JobProgress, Rounds, run_shown

if TYPE_CHECKING:
    from lstmkit.language.translate.result import TranslateResult

EXAMPLES = """\b
examples:
  lstm language translate train train.en train.de
  lstm language translate train train.en train.de --valid val.en val.de --test test.en test.de --minutes 60
  lstm language translate train train.de train.en --unit word --set attention=additive --out words
"""


@dataclass(frozen=True)
class Held:
    """The pairs that are not learnt from."""

    valid: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SOURCE TARGET", help="Files that choose the best epoch; a share of the pairs if left out."
        ),
    ] = None
    test: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SOURCE TARGET", help="Files that are only used to score; a share of the pairs if left out."
        ),
    ] = None
    valid_share: Annotated[float, typer.Option(help="Share of the pairs that --valid stands for.")] = 0.05
    test_share: Annotated[float, typer.Option(help="Share of the pairs that --test stands for.")] = 0.05


@dataclass(frozen=True)
class Vocabulary:
    """What a token is."""

    unit: Annotated[str, typer.Option(help="What a token is: subword (needs sentencepiece), word or character.")] = (
        "subword"
    )
    vocabulary: Annotated[
        int | None,
        typer.Option(
            help="Tokens at most; of sub-words 8000 if left out, or fewer in a short text.", show_default=False
        ),
    ] = None
    min_count: Annotated[int | None, typer.Option(help="Rarer words are unknown; 2 if left out.")] = None
    separate: Annotated[bool, typer.Option("--separate", help="Each language has a vocabulary of its own.")] = False
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Read and write lower case alone.")] = False


@parameters.grouped
def train(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Text file with a sentence a line (also .gz).")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Their translations, line for line.")],
    *,
    held: Held,
    vocabulary: Vocabulary,
    cell: parameters.Cell = None,
    attention: Annotated[
        str | None,
        typer.Option(help="multiplicative, additive, or none.  [default: multiplicative]", show_default=False),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pairs, at most.")] = None,
    minutes: parameters.Minutes = None,
    setting: parameters.Set = None,
    searching: Searching,
    seed: Annotated[int, typer.Option(help="Of weights, order, dropout, and of the pairs that are held back.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: translate-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Learn from sentences and their translations, score beside a dictionary on others, save the model."""
    from lstmkit.language.text import VocabularySettings
    from lstmkit.language.translate import Translator, TranslatorSettings
    from lstmkit.language.translate.job import TranslateJob

    parameters.refuse_shares(context)
    given = {"cell": cell, "attention": attention, "epochs": epochs, "minutes": minutes}
    settings = TranslatorSettings(**parameters.given_settings(TranslatorSettings, setting, "a translator", given))
    searching.refuse_without_attention(settings)
    words = VocabularySettings(min_count=vocabulary.min_count, max_size=vocabulary.vocabulary)
    model = Translator(vocabulary.unit, settings, words, not vocabulary.separate, vocabulary.lowercase, seed)
    folder = out or parameters.named_after(source, "translate")
    parts, how = (held.valid, held.test, held.valid_share, held.test_share), searching.settings()
    job = TranslateJob((source, target), folder, model, *parts, how, manner.force, manner.resume)
    rounds = Rounds(lambda nats: f"perplexity {math.exp(min(nats, 700)):,.2f}")
    result = run_shown(job, JobProgress(manner.silent, rounds))
    printing.print_json(result.summary) if manner.json else _print(result)


def _print(result: TranslateResult) -> None:
    from lstmkit.language.translate.judgement.verdict import HEAD, score_rows

    where = "of the test part" if result.parts.repeats.notable else "never seen"
    title = f"{len(result.parts.test):,} sentences {where}"
    printing.print_table(HEAD, score_rows(result.scored.scores), title, bold_first=True)
    printing.print_verdict(result.verdict)
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(
        f"{result.out / 'report.html'} shows it all, {result.out / 'model'} translates ({seconds:.1f} s)"
    )
