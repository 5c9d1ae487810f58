"""`lstm video caption`: learn to say what is seen in clips or done by skeletons, and say it of others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.translate.searching import Searching
from lstmkit.cli.progress import JobProgress, Rounds, run_shown
from lstmkit.cli.video.reading import Bodies, Cache, Frames, Pattern, reading_shown, refuse_pattern, settings_of
from lstmkit.errors import InputError
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from lstmkit.video.captions import Captioner, CaptionSettings
    from lstmkit.video.captions.along import Said
    from lstmkit.video.captions.result import CaptionResult
    from lstmkit.video.rows import Kind

SUBTITLES = ("srt", "vtt")
FORMATS = ("text", "json", *SUBTITLES)

caption = typer.Typer(
    name="caption",
    help="What is seen in clips or done by skeletons, in words: learn it, say it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True)
class Told:
    """Where captions stand, and which clips are not learnt from."""

    captions: Annotated[
        str | None,
        typer.Option(help="File of captions: JSON with an entry a clip (id, caption), or a table with a row each."),
    ] = None
    caption: Annotated[str, typer.Option(help="Column of the captions.")] = "caption"
    cased: Annotated[bool, typer.Option("--cased", help="Keep case and last marks.")] = False
    valid: Annotated[str | None, typer.Option(help="Clips that choose the best epoch; a share if left out.")] = None
    test: Annotated[str | None, typer.Option(help="Clips that are only used to score; a share if left out.")] = None
    valid_share: Annotated[float, typer.Option(help="Share of the clips that --valid stands for.")] = 0.1
    test_share: Annotated[float, typer.Option(help="Share of the clips that --test stands for.")] = 0.2


@dataclass(frozen=True)
class Network:
    """Size and training of the network: the settings that have options of their own, and --set."""

    cell: parameters.Cell = None
    epochs: Annotated[int | None, typer.Option(help="Passes over the captions, at most.")] = None
    minutes: parameters.Minutes = None
    setting: parameters.Set = None

    def settings(self, frames: Kind) -> CaptionSettings:
        """Return the settings, those that are not given as usual for what is read."""
        from lstmkit.video.captions import CaptionSettings
        from lstmkit.video.captions.settings import usual_settings

        given = {"cell": self.cell, "epochs": self.epochs, "minutes": self.minutes}
        own = parameters.given_settings(CaptionSettings, self.setting, "a captioner", given)
        return CaptionSettings(**{**usual_settings(frames), **own})


@caption.command()
@parameters.grouped
def train(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|FOLDER",
            help="Table with the columns video, caption, a row a caption; or clips with --captions.",
        ),
    ],
    *,
    told: Told,
    pattern: Pattern = None,
    group: Annotated[
        str | None, typer.Option(help="Column or field of the person or film: none is on both sides of a split.")
    ] = None,
    frames: Frames,
    bodies: Bodies,
    arrays: Annotated[
        bool, typer.Option("--arrays", help="Files .npy, .npz or .mat hold frames as they are, not skeletons.")
    ] = False,
    start: Annotated[
        str | None, typer.Option(help="Language model of words, from lstm language train, to begin with.")
    ] = None,
    network: Network,
    searching: Searching,
    seed: Annotated[int, typer.Option(help="Of weights, order, dropout, and of the clips that are held back.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: caption-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Learn from clips and what is said of them; score beside simple captions on clips never seen.

    \b
    examples:
      lstm video caption train captions.csv --group film
      lstm video caption train clips/ --captions captions.json --start sentences --out said
      lstm video caption train features/ --arrays --captions train.json --valid more/ --test others/
    """
    from lstmkit.video.captions import Captioner
    from lstmkit.video.captions.job import CaptionJob
    from lstmkit.video.rows import Asked

    parameters.refuse_shares(context)
    refuse_pattern(pattern, [own for own in (source, told.valid, told.test) if own is not None])
    how = _kind(source, frames, bodies, arrays)
    settings = network.settings(how)
    searching.refuse_without_attention(settings)
    captioner = Captioner(settings, how, cased=told.cased, seed=seed, cache=frames.cache)
    folder = out or parameters.named_after(source, "caption")
    progress = JobProgress(manner.silent, Rounds(lambda nats: f"perplexity {math.exp(min(nats, 700)):,.2f}"))
    parts = (told.valid, told.test, told.valid_share, told.test_share)
    asked = (Asked(None, group, pattern), told.captions, told.caption, start)
    manners = (searching.settings(), manner.force, manner.resume, reading_shown(progress))
    job = CaptionJob(source, folder, captioner, *asked, *parts, *manners)
    result = run_shown(job, progress)
    printing.print_json(result.summary) if manner.json else _print_trained(result)


def _kind(source: str, frames: Frames, bodies: Bodies, arrays: bool) -> Kind:
    """Return how what is given becomes frames."""
    from lstmkit.video.rows import ArraySettings, holds_skeletons

    files = holds_skeletons(source)
    parameters.refuse_without_effect("with videos", {"arrays": arrays and not files})
    parameters.refuse_without_effect("on captions, which say left and right", {"mirror": bodies.mirror})
    if not arrays:
        return settings_of(files, frames, bodies)
    of_others = vars(frames) | {name: own for name, own in vars(bodies).items() if name not in ("id", "time")}
    parameters.refuse_without_effect("with --arrays", {name: bool(own) for name, own in of_others.items()})
    return ArraySettings(bodies.id, bodies.time)


def _print_trained(result: CaptionResult) -> None:
    from lstmkit.video.captions.judgement.verdict import HEAD, score_rows

    title = f"{len(result.parts.test):,} clips never seen"
    printing.print_table(HEAD, score_rows(result.scored.scores), title, bold_first=True)
    printing.print_verdict(result.verdict)
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(
        f"{result.out / 'report.html'} shows it all, {result.out / 'model'} says what is seen ({seconds:.1f} s)"
    )


@caption.command()
@parameters.grouped
def predict(
    model: parameters.ModelFolder,
    sources: Annotated[
        list[str], typer.Argument(metavar="CLIP|FOLDER|TABLE...", help="Clips, or lists of them; - for standard input.")
    ],
    *,
    pattern: Pattern = None,
    shots: Annotated[
        bool, typer.Option("--shots", help="A sentence for every shot of a long video, with its times.")
    ] = False,
    best: Annotated[int, typer.Option(help="Captions of each clip or shot, with their scores.")] = 1,
    searching: Searching,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Further model of the same words and frames; the probabilities of all are averaged. Repeat it.",
        ),
    ] = None,
    format: Annotated[str, typer.Option(help="text, json, srt or vtt.")] = "text",
    cache: Cache = None,
    out: Annotated[Path | None, typer.Option(help="File to write instead of printing.")] = None,
    force: parameters.ForceFile = False,
) -> None:
    """Say what is seen in clips: a sentence a clip, or a shot.

    \b
    examples:
      lstm video caption predict caption-clips a.mp4 b.avi
      lstm video caption predict caption-clips day.mp4 --shots --format srt --out day.srt
    """
    from lstmkit.ranges import choice
    from lstmkit.video.captions import Captioner
    from lstmkit.video.captions.along import require_shots, say

    choice("format", format, FORMATS)
    subtitles = f"with --format {format}"
    parameters.refuse_without_effect(subtitles, {"best": best != 1 and format in SUBTITLES})
    parameters.check_out(out, force)
    refuse_pattern(pattern, sources)
    search = searching.settings(best)
    captioner = Captioner.load(model, cache)
    beside = [Captioner.load(path, cache) for path in also or ()]
    captioner.require_alike(beside)
    searching.refuse_without_attention(captioner.settings)
    if shots:
        require_shots(captioner)
    patterns = [pattern if Path(source).is_dir() else None for source in sources]
    _look_at(captioner, sources, patterns, format)
    said: list[Said] = []
    for source, own in zip(sources, patterns, strict=True):
        progress = JobProgress(quiet=format != "text", passing=True)
        with progress:
            rows, _ = captioner.read(source, own, reading_shown(progress))
        printing.remark(rows.notes)
        said += say(captioner, rows, search, shots, beside)
    _write(_written(said, format, shots, best), out)


def _look_at(captioner: Captioner, sources: list[str], patterns: list[str | None], format: str) -> None:
    """Raise InputError for what cannot be said, as far as that shows before frames are computed."""
    from lstmkit.video.captions.along import tells_times
    from lstmkit.video.captions.reading import a_row_a_clip
    from lstmkit.video.clips import read_clips
    from lstmkit.video.rows import holds_skeletons

    timed = tells_times(captioner)
    if format in SUBTITLES and not timed:
        raise InputError(f"--format {format}: nothing tells the times of {sources[0]!r}, as subtitles need; use json")
    films = [
        len(read_clips(a_row_a_clip(source), None, own))
        for source, own in zip(sources, patterns, strict=True)
        if timed and not holds_skeletons(source)
    ]
    if format in SUBTITLES and sum(films) > 1:
        raise InputError(
            f"--format {format}: subtitles are of one video, and {sum(films):,} are given; give one at a time"
        )


def _write(text: str, out: Path | None) -> None:
    from lstmkit.training import write_atomically

    if out is None:
        printing.write(text)
    else:
        write_atomically(out, text.encode())


def _written(said: list[Said], format: str, shots: bool, best: int) -> str:
    from json import dumps

    from lstmkit.results.subtitles import srt, vtt

    if format == "json":
        return dumps([one.to_json() for one in said], ensure_ascii=False, indent=1) + "\n"
    if format in SUBTITLES:
        return (srt if format == "srt" else vtt)([one.cue for one in said])
    lines = []
    for one in said:
        place = f"{visible_line(one.id)}\t{one.start:.2f}\t{one.end:.2f}" if shots else visible_line(one.id)
        for own in one.captions:
            score = f"\t{own.score:.4f}" if best > 1 else ""
            lines.append(f"{place}{score}\t{own.text}\n")
    return "".join(lines)
