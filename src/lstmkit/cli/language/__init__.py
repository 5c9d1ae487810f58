"""`lstm language`: train, score, suggest, generate, arpa, classify, translate."""

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
from lstmkit.cli.language.translate import translate

language = typer.Typer(
    name="language",
    help="Text: model, score, suggest, generate, classify, translate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
language.command(short_help="Learn from text; score beside n-grams.", epilog=TRAIN_EXAMPLES)(train)
language.command(short_help="Score a text: perplexity, bits a character.", epilog=SCORE_EXAMPLES)(score)
language.command(short_help="Suggest the next word, once or as you type.", epilog=SUGGEST_EXAMPLES)(suggest)
language.command(short_help="Write on from a prompt.", epilog=GENERATE_EXAMPLES)(generate)
language.command(short_help="Write the n-gram model as an ARPA file.", epilog=ARPA_EXAMPLES)(arpa)
language.add_typer(classify)
language.add_typer(translate)
