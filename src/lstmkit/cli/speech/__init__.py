"""`lstm speech`: train, transcribe, score; emotion."""

from __future__ import annotations

import typer

from lstmkit.cli.speech.emotion import emotion
from lstmkit.cli.speech.score import EXAMPLES as SCORE_EXAMPLES
from lstmkit.cli.speech.score import score
from lstmkit.cli.speech.train import EXAMPLES as TRAIN_EXAMPLES
from lstmkit.cli.speech.train import train
from lstmkit.cli.speech.transcribe import EXAMPLES as TRANSCRIBE_EXAMPLES
from lstmkit.cli.speech.transcribe import transcribe

speech = typer.Typer(
    name="speech",
    help="Speech into text: train, transcribe, score.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
speech.command(short_help="Learn from recordings with transcripts; score beside an HMM.", epilog=TRAIN_EXAMPLES)(train)
speech.command(short_help="Write down what is said.", epilog=TRANSCRIBE_EXAMPLES)(transcribe)
speech.command(short_help="Score a saved recogniser on recordings.", epilog=SCORE_EXAMPLES)(score)
speech.add_typer(emotion)
