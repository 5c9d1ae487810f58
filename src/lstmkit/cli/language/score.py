"""`lstm language score`: how well a model foresees a text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.predictors import ByAll, Model, load_predictors
from lstmkit.cli.streams import STANDARD_INPUT, named_or_input
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.language.judgement import Comparison
    from lstmkit.language.judgement.scoring import Difference
    from lstmkit.language.predicting import Scorer

EXAMPLES = """\b
examples:
  lstm language score language-news test.txt
  lstm language score language-news test.txt --lines --by lstm
  echo "the king of france" | lstm language score language-news - --json
"""
HEAD = ("predictor", "perplexity", "bits a character", "nats a token", "log-probability")
LINE_HEAD = ("line", "by", "tokens", "unknown", "log_prob", "perplexity", "bits_per_character")
IMPOSSIBLE = (
    "a token of this text has a probability of zero: a model in an ARPA file without <unk> foresees no words but its "
    "own"
)


def score(
    model: Model,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Text file or folder of text files; - for standard input.")
    ],
    lines: Annotated[bool, typer.Option("--lines", help="Score each line by itself, as if it stood alone.")] = False,
    by: ByAll = None,
    adapt: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Also score the LSTM as it goes on learning from what it has read, at this rate, such as 0.3.",
        ),
    ] = None,
    json: parameters.Json = False,
) -> None:
    """Score a text: log-probability, perplexity and bits a character, of LSTM, n-gram model and mixture side by side.

    Every token counts, those that end lines too. With --lines, a line of tab-separated values comes for each line of
    text, or with --json one line of JSON.
    """
    from lstmkit.language.judgement import score_source

    predictors: dict[str, Scorer] = dict(load_predictors(model, by if by is not None or lines else "all"))
    if adapt is not None:
        predictors["adapting"] = _adapting(predictors, adapt, lines)
    with named_or_input(file) as source:
        if lines:
            _print_lines(predictors, source, json)
            return
        found = score_source(predictors, source)
    if json:
        printing.print_json(found.to_json())
    else:
        _print(found, STANDARD_INPUT if file == "-" else file)


def _adapting(predictors: dict[str, Scorer], rate: float, lines: bool) -> Scorer:
    """Return the network of a model as one that goes on learning."""
    from lstmkit.language.neural import NetworkPredictor

    network = predictors.get("lstm")
    if lines or not isinstance(network, NetworkPredictor):
        raise InputError("--adapt goes with the LSTM and a whole text: leave --lines out, and --by out or lstm or all")
    return network.adapting(rate)


def _print(found: Comparison, name: str) -> None:
    ranked = sorted(found.scores.items(), key=lambda item: -item[1].log_prob)
    rows = [
        (by, f"{s.perplexity:,.2f}", f"{s.bits_per_character:.4f}", f"{s.nats_per_token:.4f}", f"{s.log_prob:,.1f}")
        for by, s in ranked
    ]
    first = ranked[0][1]
    title = f"{name}: {first.tokens:,} tokens, {first.unknown:,} of them unknown, {first.characters:,} characters"
    printing.print_table(HEAD, rows, title, bold_first=len(rows) > 1)
    for difference in found.differences:
        printing.stdout().print(_in_words(difference))
    notes = (IMPOSSIBLE,) if any(math.isinf(s.log_prob) for s in found.scores.values()) else first.notes
    for note in notes:
        printing.stderr().print(note)


def _in_words(one: Difference) -> str:
    interval = f"{one.mean:.4f} nats a token (95 %: {one.low:.4f} to {one.high:.4f})"
    if one.clear:
        return f"{one.better} foresees this text better than {one.worse}, by {interval}"
    return f"{one.better} and {one.worse} do not clearly differ on this text: {interval}"


def _print_lines(predictors: dict[str, Scorer], source: Path, json: bool) -> None:
    from json import dumps

    from lstmkit.language.judgement.scoring import score_source_lines
    from lstmkit.results import without_nan

    scored = score_source_lines(predictors, source)
    if not json:
        printing.write("\t".join(LINE_HEAD) + "\n")
    for number, found in enumerate(scored, 1):
        if json:
            scores = {by: one.to_json() for by, one in found.items()}
            printing.write(dumps({"line": number, "scores": without_nan(scores)}) + "\n")
            continue
        for by, one in found.items():
            figures = f"{one.log_prob:.4f}\t{one.perplexity:.4f}\t{one.bits_per_character:.4f}"
            printing.write(f"{number}\t{by}\t{one.tokens}\t{one.unknown}\t{figures}\n")
