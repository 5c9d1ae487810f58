"""`lstm video`: what is done in clips."""

from __future__ import annotations

import typer

from lstmkit.cli import parameters
from lstmkit.cli.video.caption import caption
from lstmkit.cli.video.classify import classify
from lstmkit.cli.video.pose import pose

video = typer.Typer(
    name="video",
    help="Video and skeletons: what is done in them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
video.add_typer(classify)
video.add_typer(caption)
video.command()(parameters.grouped(pose))
