"""`lstm speech emotion`: learn how recordings are said, and tell it of others."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown
from lstmkit.errors import InputError
from lstmkit.ranges import choice

if TYPE_CHECKING:
    from lstmkit.speech.emotion import Told

SOURCES = "Folder with a folder a class, folder and --pattern, or table with the columns audio, label, perhaps speaker."
Pattern = Annotated[
    str | None,
    typer.Option(
        help="Names of the files of a folder, such as '{speaker:2}{text:3}{label:1}{take:1}.wav'.", show_default=False
    ),
]

emotion = typer.Typer(
    name="emotion",
    help="How something is said: learn it, tell it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@emotion.command()
@parameters.grouped
def train(
    source: Annotated[str, typer.Argument(metavar="FOLDER|TABLE", help=SOURCES)],
    *,
    pattern: Pattern = None,
    label: Annotated[str, typer.Option(help="Column or field of the classes.")] = "label",
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=WEIGHT", help="Column or field learnt beside, such as speaker=0.3; repeat it."),
    ] = None,
    units: Annotated[
        str, typer.Option(help="none, or the frames in those of the speaker or of the recording.")
    ] = "none",
    valid: Annotated[str | None, typer.Option(help="Recordings for early stopping; a fifth if left out.")] = None,
    test: Annotated[
        str | None, typer.Option(help="Recordings that are only used to score; a fifth if left out.")
    ] = None,
    folds: Annotated[
        int, typer.Option(help="Score on all, in so many parts, each by a network that heard none of it.")
    ] = 0,
    leave_one_speaker_out: Annotated[
        bool, typer.Option("--leave-one-speaker-out", help="Score each speaker by a network trained on the others.")
    ] = False,
    right: Annotated[
        float, typer.Option(help="Share of the answers told that shall be right; below, predict says unsure.")
    ] = 0.9,
    network: parameters.FrameNetwork,
    rate: Annotated[int, typer.Option(help="Samples a second that are listened to.")] = 16_000,
    seed: Annotated[int, typer.Option(help="Of weights, the recordings held back, order and dropout.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: emotion-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Train on recordings by class, and score beside functionals with logistic regression on speakers never heard.

    \b
    examples:
      lstm speech emotion train emodb/ --pattern '{speaker:2}{text:3}{label:1}{take:1}.wav'
      lstm speech emotion train calls.csv --label mood --leave-one-speaker-out
      lstm speech emotion train calls.csv --cell alstm --beside speaker=0.3 --beside gender=0.6
    """
    from lstmkit.speech.emotion import EmotionClassifier, VoiceSettings
    from lstmkit.speech.emotion.classifier import USUAL
    from lstmkit.speech.emotion.frames import NORMALISATIONS
    from lstmkit.speech.emotion.job import EmotionJob

    frames = VoiceSettings(rate=rate, normalise=choice("--units", units, NORMALISATIONS))
    classifier = EmotionClassifier(network.settings(USUAL), frames, seed, _weights(beside), right)
    folder = out or parameters.named_after(source, "emotion")
    scored = (label, pattern, valid, test, leave_one_speaker_out, folds)
    job = EmotionJob(source, folder, classifier, *scored, manner.force, manner.resume)
    result = run_shown(job, JobProgress(manner.silent))
    printing.print_json(result.summary) if manner.json else printing.print_trained(result, "recordings")


@emotion.command()
def predict(
    model: parameters.ModelFolder,
    sources: Annotated[
        list[str], typer.Argument(metavar="AUDIO|FOLDER|TABLE...", help="Recordings, or lists of them.")
    ],
    pattern: Pattern = None,
    threshold: Annotated[
        float | None, typer.Option(help="Below this probability an answer is unsure.  [default: as was learnt]")
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            help="Seconds of a window that moves along: stretches are told, not recordings.", show_default=False
        ),
    ] = None,
    every: Annotated[
        float | None, typer.Option(help="Seconds from a window to the next.  [default: half a window]")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show where in a recording it was heard.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="HTML file with every recording as a wave that plays.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write instead of printing.")] = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Tell how recordings are said, with the probability of every class.

    \b
    examples:
      lstm speech emotion predict emotion-emodb call.wav other.wav --explain --page answers.html
      lstm speech emotion predict emotion-emodb calls/ --out answers.csv
      lstm speech emotion predict emotion-emodb day.flac --window 3 --every 1
    """
    from lstmkit.speech.emotion import Asked, EmotionClassifier, tell
    from lstmkit.speech.emotion.page import write_answers

    parameters.refuse_without_effect("without --out or --page", {"force": force and out is None and page is None})
    for file, option in ((out, "--out"), (page, "--page")):
        if file is not None:
            parameters.check_out(file, force, option)
    if window is None:
        parameters.refuse_without_effect("without --window", {"every": every is not None})
    classifier = EmotionClassifier.load(model)
    asked = Asked(explain, window, every, threshold)
    found = [one for source in sources for one in tell(classifier, source, asked, pattern)]
    if page is not None:
        write_answers(page, found, classifier.frames.shift / 1000, str(model))
    records = [own for one in found for own in _records(one)]
    if out is not None:
        printing.write_records(records, out, "weights")
    if json:
        printing.print_json(records)
    elif out is None:
        _print_answers(records)


def _records(one: Told) -> list[dict[str, Any]]:
    """Return a record for a recording, or for each stretch of it that is told alike."""
    if one.stretches:
        return [dataclasses.asdict(own) for own in one.stretches]
    shares = {f"p_{name}": share for name, share in one.shares.items()}
    found = {"id": one.utterance.name, "label": one.label, "probability": max(one.shares.values()), **shares}
    return [found if one.weights is None else found | {"weights": one.weights.tolist()}]


def _print_answers(records: list[dict[str, Any]]) -> None:
    if "start" in records[0]:
        rows = [
            (one["id"], f"{one['start']:.2f}", f"{one['end']:.2f}", one["label"], f"{100 * one['probability']:.0f} %")
            for one in records
        ]
        printing.print_table(("recording", "from s", "to s", "label", "probability"), rows)
        return
    printing.print_told("recording", records)


def _weights(pairs: list[str] | None) -> dict[str, float] | None:
    """Return the weights of labels that are learnt beside the main one."""
    found: dict[str, float] = {}
    for pair in pairs or ():
        name, equals, weight = pair.rpartition("=")
        try:
            number = float(weight)
        except ValueError:
            equals, number = "", 0.0
        if not equals or not name or name in found:
            raise InputError(f"--beside takes NAME=WEIGHT, each name once, such as speaker=0.3; got {pair!r}")
        found[name] = number
    return found or None
