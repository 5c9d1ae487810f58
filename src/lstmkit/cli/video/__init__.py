"""`lstm video`: what is done in clips."""

from __future__ import annotations

import typer

from lstmkit.cli.video.classify import classify

video = typer.Typer(
    name="video",
    help="Video and skeletons: what is done in them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
video.add_typer(classify)
