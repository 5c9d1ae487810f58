"""`lstm music train`: learn from tunes, score beside n-grams on tunes never seen."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.music.frames import OF_FRAMES, train_frames
from lstmkit.cli.progress import JobProgress, Rounds, run_shown
from lstmkit.errors import InputError
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, SEED, choice, real, whole

if TYPE_CHECKING:
    from lstmkit.music.frames import FrameComposer
    from lstmkit.music.result import MusicResult

EXAMPLES = """\b
examples:
  lstm music train tunes/
  lstm music train jigs.abc --test more.abc --out jigs
  lstm music train midi/ --style folder --epochs 40 --set hidden_size=384
  lstm music train chorales.json --step 1/4
  lstm music train midi/ --as frames --step 1/8 --set notes=independent
  lstm music train chorales.json --as voices
"""


@parameters.grouped
def train(
    context: typer.Context,
    music: Annotated[
        str, typer.Argument(metavar="MUSIC", help="File of ABC, MIDI or piano rolls, or a folder of them.")
    ],
    *,
    learn_as: Annotated[
        str,
        typer.Option(
            "--as",
            help="events, of tunes; frames, of piano rolls; voices, kept apart; auto: frames if all files are rolls.",
        ),
    ] = "auto",
    step: Annotated[
        str,
        typer.Option(help="How long a step of a piano roll or of voices is, as a part of a whole note, such as 1/4."),
    ] = "1/16",
    test: Annotated[
        str | None, typer.Option(help="Tunes that are only used to score; a share of MUSIC if left out.")
    ] = None,
    valid_share: Annotated[float, typer.Option(help="Share of MUSIC that chooses the best pass.")] = 0.08,
    test_share: Annotated[float, typer.Option(help="Share of MUSIC that --test stands for.")] = 0.1,
    style: Annotated[
        str, typer.Option(help="Where a tune's style is said: header (R: in ABC), file, folder, none or auto.")
    ] = "auto",
    cell: parameters.Cell = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the tunes.")] = None,
    minutes: parameters.Minutes = None,
    order: Annotated[int, typer.Option(help="Of the n-grams beside the network.")] = 6,
    setting: parameters.Set = None,
    seed: Annotated[int, typer.Option(help="Of weights, dropout and of what is held back.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: music-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Learn from tunes, score beside n-grams on tunes never seen, save the model."""
    from lstmkit.music.files import are_rolls
    from lstmkit.music.frames.job import FrameJob
    from lstmkit.music.rolls import read_step

    whole("seed", seed, SEED)
    real("--valid-share", valid_share, BETWEEN_0_AND_1)
    real("--test-share", test_share, BELOW_1)
    parameters.refuse_shares(context)
    if test is None and test_share == 0:
        raise InputError("--test-share 0 leaves no tune to score on; give a larger share, or a file by --test")
    if choice("--as", learn_as, WAYS) == "auto":
        learn_as = "frames" if are_rolls(music) else "events"
    changes = {"cell": cell, "epochs": epochs, "minutes": minutes}
    folder = out or parameters.named_after(music, "music")
    parts = (test, valid_share, test_share)
    if learn_as == "events":
        _train_tunes(music, folder, parts, (style, read_step(step)), order, seed, changes, setting, manner)
    else:
        given = {name: parameters.is_given(context, name) for name in ("style", "order")}
        parameters.refuse_without_effect(OF_FRAMES, given)
        composer = _composer(learn_as, setting, changes, seed, read_step(step))
        train_frames(FrameJob(music, folder, composer, *parts, manner.force, manner.resume), manner)


def _composer(
    learn_as: str, setting: list[str] | None, changes: dict[str, Any], seed: int, step: Fraction
) -> FrameComposer:
    """Return a composer of piano rolls or of voices that has learnt nothing yet."""
    from lstmkit.music.frames import FrameSettings, RollComposer
    from lstmkit.music.voices import VoiceComposer, VoiceSettings

    if learn_as == "voices":
        how = parameters.given_settings(VoiceSettings, setting, "a composer of voices", changes)
        return VoiceComposer(VoiceSettings(**how), seed, step)
    how = parameters.given_settings(FrameSettings, setting, "a composer of rolls", changes)
    return RollComposer(FrameSettings(**how), seed, step)


WAYS = ("auto", "events", "frames", "voices")
Parts = tuple[str | None, float, float]


def _train_tunes(
    music: str,
    folder: Path,
    parts: Parts,
    reading: tuple[str, Fraction],
    order: int,
    seed: int,
    changes: dict[str, Any],
    setting: list[str] | None,
    manner: parameters.Manner,
) -> None:
    from lstmkit.language.neural import LanguageSettings
    from lstmkit.music.composer import Composer
    from lstmkit.music.job import MusicJob
    from lstmkit.music.learning import SETTINGS

    given = parameters.given_settings(LanguageSettings, setting, "a composer", changes)
    composer = Composer(dataclasses.replace(SETTINGS, **given), order, seed)
    (style, step), (test, valid_share, test_share) = reading, parts
    job = MusicJob(music, folder, composer, test, style, valid_share, test_share, manner.force, manner.resume, step)
    rounds = Rounds(lambda nats: f"{nats:.4f} nats an event", items="events")
    result = run_shown(job, JobProgress(manner.silent, rounds), part="pass")
    printing.print_json(result.summary) if manner.json else _print(result)


def _print(result: MusicResult) -> None:
    from lstmkit.music.judgement import COLUMNS

    found = result.comparison
    title = f"{found.tunes:,} tunes never seen, {found.events:,} events, {found.unknown:,} of them unknown"
    printing.print_table(COLUMNS, found.rows(), title, bold_first=True)
    printing.print_verdict(result.verdict)
    if result.likeness is not None:
        printing.stdout().print(result.likeness.sentence())
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(
        f"{result.out / 'report.html'} is the page, {result.out / 'tunes.abc'} holds tunes of its own, "
        f"{result.out / 'model'} the model ({seconds:.1f} s)"
    )
