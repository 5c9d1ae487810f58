"""`lstm speech`: train, score."""

from __future__ import annotations

import typer

from lstmkit.cli.speech.score import EXAMPLES as SCORE_EXAMPLES
from lstmkit.cli.speech.score import score
from lstmkit.cli.speech.train import EXAMPLES as TRAIN_EXAMPLES
from lstmkit.cli.speech.train import train

speech = typer.Typer(
    name="speech",
    help="Speech into text: train, score.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
speech.command(short_help="Learn from recordings with transcripts; score beside an HMM.", epilog=TRAIN_EXAMPLES)(train)
speech.command(short_help="Score a saved recogniser on recordings.", epilog=SCORE_EXAMPLES)(score)
