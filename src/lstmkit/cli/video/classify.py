"""`lstm video classify`: learn what is done in clips or by skeletons, and tell it of others."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown
from lstmkit.cli.video.reading import Bodies, Cache, Frames, Pattern, reading_shown, refuse_pattern, settings_of
from lstmkit.errors import InputError
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from lstmkit.classification.reading import Labelled
    from lstmkit.video import ActionClassifier
    from lstmkit.video.clips import Clips
    from lstmkit.video.page import Told

SOURCES = (
    "Folder with a folder a class, folder and --pattern, or table with the columns video, label; skeletons likewise."
)
classify = typer.Typer(
    name="classify",
    help="What is done in clips or by skeletons: learn it, tell it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@classify.command()
@parameters.grouped
def train(
    source: Annotated[str, typer.Argument(metavar="FOLDER|TABLE", help=SOURCES)],
    *,
    pattern: Pattern = None,
    label: Annotated[str, typer.Option(help="Column or field of the classes.")] = "label",
    group: Annotated[
        str | None, typer.Option(help="Column or field of the person or film: none is on both sides of a split.")
    ] = None,
    frames: Frames,
    bodies: Bodies,
    valid: Annotated[str | None, typer.Option(help="Clips for early stopping; a fifth if left out.")] = None,
    test: Annotated[str | None, typer.Option(help="Clips that are only used to score; a fifth if left out.")] = None,
    folds: Annotated[
        int, typer.Option(help="Score on all, in so many parts, each by a network that saw none of it.")
    ] = 0,
    leave_one_group_out: Annotated[
        bool, typer.Option("--leave-one-group-out", help="Score each group by a network trained on the others.")
    ] = False,
    right: Annotated[
        float, typer.Option(help="Share of the answers told that shall be right; below, predict says unsure.")
    ] = 0.9,
    network: parameters.FrameNetwork,
    seed: Annotated[int, typer.Option(help="Of weights, the clips held back, order and dropout.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: action-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Train on clips or skeletons by class, and score beside simple methods on what was never seen.

    \b
    examples:
      lstm video classify train clips/ --folds 5
      lstm video classify train clips.csv --group film --test more.csv
      lstm video classify train skeletons/ --pattern 'a{label}_s{person}_t{take}_*.mat' --group person --joints kinect20
    """
    from lstmkit.video import ActionClassifier
    from lstmkit.video.classifier import usual_settings
    from lstmkit.video.job import ActionJob
    from lstmkit.video.rows import Asked, holds_skeletons

    how = settings_of(holds_skeletons(source), frames, bodies)
    action = ActionClassifier(network.settings(usual_settings(how)), how, seed, right, frames.cache, bodies.mirror)
    folder = out or parameters.named_after(source, "action")
    scored = (Asked(label, group, pattern), valid, test, folds, leave_one_group_out)
    progress = JobProgress(manner.silent)
    job = ActionJob(source, folder, action, *scored, manner.force, manner.resume, reading_shown(progress))
    result = run_shown(job, progress)
    printing.print_json(result.summary) if manner.json else printing.print_trained(result, "clips")


@dataclass(frozen=True)
class Along:
    """How a long recording is told of."""

    window: Annotated[
        float | None, typer.Option(help="Seconds (of skeletons steps) of a window that moves along a long recording.")
    ] = None
    every: Annotated[float | None, typer.Option(help="By how much the window moves; half of it if left out.")] = None
    threshold: Annotated[
        float | None, typer.Option(help="Below this probability an answer is unsure.  [default: as was learnt]")
    ] = None
    live: Annotated[
        bool, typer.Option("--live", help="Tell of a video, or of a pipe, while it comes; with --window.")
    ] = False


@classify.command()
@parameters.grouped
def predict(
    model: parameters.ModelFolder,
    sources: Annotated[
        list[str], typer.Argument(metavar="CLIP|FOLDER|TABLE...", help="Clips, or lists of them; - for standard input.")
    ],
    *,
    pattern: Pattern = None,
    along: Along,
    page: Annotated[Path | None, typer.Option(help="HTML page that plays the clips with what is told of them.")] = None,
    cache: Cache = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write instead of printing.")] = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Tell what is done in clips or by skeletons, or along long recordings.

    \b
    examples:
      lstm video classify predict action-clips a.mp4 b.avi
      lstm video classify predict action-clips day.mp4 --window 2 --page day.html
      ffmpeg -f v4l2 -i /dev/video0 -f matroska - | lstm video classify predict action-clips - --window 2 --live
      lstm video classify predict action-skeletons new.npz --out answers.csv
    """
    from lstmkit.video import ActionClassifier

    parameters.check_out(out, force and out is not None)
    if page is not None:
        parameters.check_out(page, force, "--page")
    parameters.refuse_without_effect("without --window", {"every": along.every is not None and along.window is None})
    classifier = ActionClassifier.load(model, cache)
    if along.live:
        given = {"pattern": pattern, "page": page, "out": out, "cache": cache}
        parameters.refuse_without_effect("with --live", {name: own is not None for name, own in given.items()})
        _follow(classifier, sources, along, json)
        return
    refuse_pattern(pattern, sources)
    records = _told(classifier, sources, pattern, along, page, str(model), json)
    if out is not None:
        printing.write_records(records, out, "")
    if json:
        printing.print_json(records)
    elif out is None:
        _print_segments(records) if along.window is not None else printing.print_told("clip", records)


def _told(
    classifier: ActionClassifier,
    sources: list[str],
    pattern: str | None,
    along: Along,
    page: Path | None,
    model: str,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Return what is told of clips, or along them, and write the page if there is to be one."""
    from lstmkit import __version__
    from lstmkit.video.page import require_playable, write_player

    if page is not None:
        require_playable(classifier, sources)
    records: list[dict[str, Any]] = []
    played: list[Told] = []
    for source in sources:
        progress = JobProgress(quiet=quiet, passing=True)
        with progress:
            rows, clips = classifier.read(source, pattern if Path(source).is_dir() else None, reading_shown(progress))
        printing.remark(rows.notes)
        windowed = along.window is not None
        own = _segments(classifier, rows, along) if windowed else _answers(classifier, rows, along.threshold)
        records += own
        if page is not None and clips is not None:
            played += _played_along(clips, own) if windowed else _played(clips, rows, own)
    if page is not None:
        write_player(played, page, model, __version__)
    return records


def _follow(classifier: ActionClassifier, sources: list[str], along: Along, json: bool) -> None:
    """Print what is done whenever it changes, or as JSON at every answer; at the end, how quick it was."""
    from json import dumps
    from time import perf_counter

    from lstmkit.video.live import follow

    if along.window is None or len(sources) != 1:
        raise InputError("--live: needs --window, the seconds that are answered for, and one video; give both")
    begun, label, last = perf_counter(), "", 0.0
    for own in follow(classifier, Path(sources[0]), along.window, along.every, along.threshold):
        last = own.time
        if json:
            printing.write(dumps({"time": own.time, "label": own.label, "probability": own.probability}) + "\n")
        elif own.label != label:
            printing.write(f"{own.time:9.2f} s  {visible_line(own.label)}  {100 * own.probability:.0f} %\n")
        label = own.label
    spent = max(perf_counter() - begun, 1e-9)
    printing.remark([f"{last:.1f} s of video in {spent:.1f} s: {last / spent:.1f} times as quick as it plays"])


def _answers(classifier: ActionClassifier, rows: Labelled, threshold: float | None) -> list[dict[str, Any]]:
    found = classifier.classifier_.answers(rows)
    records = []
    for name, label, own in zip(rows.ids, classifier.told(found, threshold), found, strict=True):
        shares = {f"p_{one}": float(share) for one, share in zip(classifier.classes_, own, strict=True)}
        records.append({"id": name, "label": str(label), "probability": float(own.max()), **shares})
    return records


def _segments(classifier: ActionClassifier, rows: Labelled, along: Along) -> list[dict[str, Any]]:
    from lstmkit.video.timeline import segments

    assert along.window is not None
    found = segments(classifier, rows, along.window, along.every, along.threshold)
    return [dataclasses.asdict(own) for own in found]


def _played_along(clips: Clips, records: list[dict[str, Any]]) -> list[Told]:
    """Return what a page shows of clips: what is told along them."""
    from lstmkit.classification.classifier.timeline import Stretch
    from lstmkit.video.page import Told

    return [
        Told(clip, [Stretch(**record) for record in records if record["id"] == clip.name], {}) for clip in clips.clips
    ]


def _played(clips: Clips, rows: Labelled, answers: list[dict[str, Any]]) -> list[Told]:
    """Return what a page shows of clips: what is told of the whole of each."""
    from lstmkit.classification.classifier.timeline import Stretch
    from lstmkit.video.page import Told

    found = []
    for row, (clip, answer) in enumerate(zip(clips.clips, answers, strict=True)):
        assert rows.times is not None
        end = float(rows.times[int(rows.frames.offsets[row + 1]) - 1])
        whole = Stretch(clip.name, clip.start, end, answer["label"], answer["probability"])
        found.append(Told(clip, [whole], printing.shares_of(answer)))
    return found


def _print_segments(records: list[dict[str, Any]]) -> None:
    shown = [
        (one["id"], f"{one['start']:.2f}", f"{one['end']:.2f}", one["label"], f"{100 * one['probability']:.0f} %")
        for one in records
    ]
    printing.print_table(("clip", "start", "end", "label", "probability"), shown)
