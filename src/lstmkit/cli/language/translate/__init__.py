"""`lstm language translate`: train, translate, score."""

from __future__ import annotations

import typer

from lstmkit.cli.language.translate.score import EXAMPLES as SCORE_EXAMPLES
from lstmkit.cli.language.translate.score import score
from lstmkit.cli.language.translate.train import EXAMPLES as TRAIN_EXAMPLES
from lstmkit.cli.language.translate.train import train
from lstmkit.cli.language.translate.translate import EXAMPLES as TRANSLATE_EXAMPLES
from lstmkit.cli.language.translate.translate import translate as translate_lines

translate = typer.Typer(
    name="translate",
    help="From one language to another: learn from translations, translate, score.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
translate.command(short_help="Learn from translations; score beside a dictionary.", epilog=TRAIN_EXAMPLES)(train)
translate.command("translate", short_help="Translate lines.", epilog=TRANSLATE_EXAMPLES)(translate_lines)
translate.command(short_help="Score a model on sentences and their translations.", epilog=SCORE_EXAMPLES)(score)
