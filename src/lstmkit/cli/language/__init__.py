"""`lstm language`: train, score, suggest, generate, arpa, classify."""

from __future__ import annotations

import typer

from lstmkit.cli.language.arpa import EXAMPLES as ARPA_EXAMPLES
from lstmkit.cli.language.arpa import arpa
from lstmkit.cli.language.classify import classify
from lstmkit.cli.language.generate import EXAMPLES as GENERATE_EXAMPLES
from lstmkit.cli.language.generate import generate
from lstmkit.cli.language.score import EXAMPLES as SCORE_EXAMPLES
from lstmkit.cli.language.score import score
from lstmkit.cli.language.suggest import EXAMPLES as SUGGEST_EXAMPLES
from lstmkit.cli.language.suggest import suggest
from lstmkit.cli.language.train import EXAMPLES as TRAIN_EXAMPLES
from lstmkit.cli.language.train import train

language = typer.Typer(
    name="language",
    help="Text: model it, suggest the next word, write on, score, classify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
language.command(epilog=TRAIN_EXAMPLES)(train)
language.command(epilog=SCORE_EXAMPLES)(score)
language.command(epilog=SUGGEST_EXAMPLES)(suggest)
language.command(epilog=GENERATE_EXAMPLES)(generate)
language.command(epilog=ARPA_EXAMPLES)(arpa)
language.add_typer(classify)
