"""`lstm music`: train, compose, score."""

from __future__ import annotations

import typer

from lstmkit.cli.music.compose import EXAMPLES as COMPOSE_EXAMPLES
from lstmkit.cli.music.compose import compose
from lstmkit.cli.music.score import EXAMPLES as SCORE_EXAMPLES
from lstmkit.cli.music.score import score
from lstmkit.cli.music.train import EXAMPLES as TRAIN_EXAMPLES
from lstmkit.cli.music.train import train

music = typer.Typer(name="music", help="Tunes: learn, compose, score.", no_args_is_help=True, rich_markup_mode=None)
music.command(short_help="Learn from tunes; score beside n-grams.", epilog=TRAIN_EXAMPLES)(train)
music.command(short_help="Compose tunes in a style, key and metre.", epilog=COMPOSE_EXAMPLES)(compose)
music.command(short_help="Score tunes, note by note if asked.", epilog=SCORE_EXAMPLES)(score)
