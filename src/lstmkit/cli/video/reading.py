"""How clips and skeletons are read: the options that classifying and captions share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters
from lstmkit.cli.progress import JobProgress

if TYPE_CHECKING:
    from lstmkit.video import PictureSettings, SkeletonSettings
    from lstmkit.video.rows import Watch

Pattern = Annotated[
    str | None,
    typer.Option(help="Names of the files of a folder, such as '{label}_{person}_{take}.mp4'.", show_default=False),
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder where frames of videos are kept.  [default: LSTMKIT_CACHE, or ~/.cache/lstmkit/video]"),
]


@dataclass(frozen=True)
class Frames:
    """How videos become frames."""

    features: Annotated[
        str | None,
        typer.Option(
            help="network, grid, both, motion, flow or pixels.  [default: both, where its weights are installed]"
        ),
    ] = None
    rate: Annotated[float | None, typer.Option(help="Pictures a second that are looked at.  [default: 8]")] = None
    count: Annotated[int | None, typer.Option(help="In place of --rate: pictures, evenly over the clip.")] = None
    side: Annotated[
        int | None,
        typer.Option(
            help="Of the square as large as what the network sees of a picture; with --region moving, half the side "
            "of what any features are made from.  [default: 224]"
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(help="What is looked at: whole, or moving: the square where things move.  [default: whole]"),
    ] = None
    cache: Cache = None

    def settings(self) -> PictureSettings:
        """Return the settings."""
        from lstmkit.video import PictureSettings
        from lstmkit.video.pictures import usual_features

        given = {name: own for name, own in vars(self).items() if own is not None and name != "cache"}
        return PictureSettings(**{"features": usual_features(), **given})


@dataclass(frozen=True)
class Bodies:
    """How skeletons are read."""

    joints: Annotated[
        str | None, typer.Option(help="kinect20, kinect25, coco17, mediapipe33, or a file with a name a line.")
    ] = None
    root: Annotated[
        list[str] | None, typer.Option(help="Joint from which others are measured; repeat it.  [default: all of them]")
    ] = None
    dimensions: Annotated[int | None, typer.Option(help="Of a joint, where an array does not show it: 2 or 3.")] = None
    id: Annotated[str | None, typer.Option(help="Column that tells skeletons apart, if a row is a step.")] = None
    time: Annotated[str | None, typer.Option(help="Column by which the steps are put in order.")] = None
    mirror: Annotated[bool, typer.Option("--mirror", help="Left and right may be changed in training.")] = False

    def settings(self) -> SkeletonSettings:
        """Return the settings."""
        from lstmkit.video import SkeletonSettings
        from lstmkit.video.joints import named_joints

        names = () if self.joints is None else named_joints(self.joints)
        return SkeletonSettings(names, self.dimensions or 3, tuple(self.root or ()), self.id, self.time)


def settings_of(skeletons: bool, frames: Frames, bodies: Bodies) -> PictureSettings | SkeletonSettings:
    """Return how skeletons or videos become frames; raise InputError for an option that is for the other kind."""
    of_others, where = (vars(frames), "with skeletons") if skeletons else (vars(bodies), "with videos")
    both = {"mirror"}
    parameters.refuse_without_effect(where, {name: bool(own) for name, own in of_others.items() if name not in both})
    if skeletons:
        return bodies.settings()
    found = frames.settings()
    without = {
        "side": frames.side is not None and not found.sees and found.region == "whole",
        "mirror": bodies.mirror and found.mirror == tuple(range(1, len(found.mirror) + 1)),
    }
    parameters.refuse_without_effect(f"with --features {found.features}", without)
    return found


def reading_shown(progress: JobProgress) -> Watch:
    """Return what shows how far the reading of clips is."""
    begun: list[int] = []

    def watch(done: int, count: int, name: str, share: float | None) -> None:
        if not begun:
            begun.append(count)
            progress.begin("reading", count)
        progress.move(done + (share or 0.0), f"{done:,} of {count:,}, {name}")

    return watch


def refuse_pattern(pattern: str | None, sources: Sequence[str]) -> None:
    """Raise InputError for a pattern of names where nothing is a folder of files."""
    folders = any(Path(source).is_dir() for source in sources)
    parameters.refuse_without_effect("without a folder of clips", {"pattern": pattern is not None and not folders})
