"""`lstm video pose`: skeletons of the persons in clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress
from lstmkit.cli.video.reading import reading_shown
from lstmkit.errors import InputError


def pose(
    sources: Annotated[list[str], typer.Argument(metavar="CLIP|FOLDER...", help="Videos, and folders with videos.")],
    *,
    rate: Annotated[float, typer.Option(help="Pictures a second that are looked at.")] = 15.0,
    out: Annotated[
        Path, typer.Option(help="Folder for the skeletons, with folders as those of the videos are.")
    ] = Path("skeletons"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace skeletons that are there; else they are left.")
    ] = False,
    json: parameters.Json = False,
) -> None:
    """Write the skeleton of the person who is seen best in each clip, for lstm video classify.

    \b
    examples:
      lstm video pose clips/ --out skeletons
      lstm video classify train skeletons --joints mediapipe33 --dimensions 2 --folds 5
    """
    from lstmkit.video.pose.reading import Poses, skeleton_files, write_skeletons

    files = skeleton_files(sources, out)
    with JobProgress(json, passing=True) as progress:
        found = write_skeletons(files, rate, force, reading_shown(progress))
    missed = [told for _, told in found if isinstance(told, str)]
    done = {path: told for path, told in found if isinstance(told, Poses)}
    if len(missed) == len(files):
        raise InputError(missed[0])
    printing.remark([note for told in done.values() for note in told.notes])
    printing.remark([f"left out: {told}" for told in missed])
    if len(found) < len(files):
        printing.remark([f"{len(files) - len(found):,} skeletons were there before; --force makes them again"])
    if json:
        printing.print_json(
            [
                {"clip": str(path), "skeleton": str(files[path]), "steps": len(told.times), "seen": told.share}
                for path, told in done.items()
            ]
        )
        return
    rows = [
        (str(path), str(files[path]), f"{len(told.times):,}", f"{100 * told.share:.0f} %")
        for path, told in done.items()
    ]
    printing.print_table(("clip", "skeleton", "steps", "somebody seen"), rows)
