"""`lstm music score`: how well tunes are foreseen, and what surprises in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.music.frames import MOST, OF_FRAMES, score_frames
from lstmkit.cli.music.notes import notes_as_json, print_notes

if TYPE_CHECKING:
    from lstmkit.music.composing.wish import TuneScore
    from lstmkit.music.tune import Tune

EXAMPLES = """\b
examples:
  lstm music score music-tunes new.abc
  lstm music score music-tunes new.mid --notes
  lstm music score music-tunes tunes/ --json
  lstm music score music-chorales others.npz
"""
HEAD = ("tune", "events", "LSTM", "n-grams", "both together", "LSTM, a note")


def score(
    context: typer.Context,
    model: parameters.ModelFolder,
    music: Annotated[
        Path, typer.Argument(metavar="MUSIC", help="File of ABC, MIDI or piano rolls, or a folder of them.")
    ],
    notes: Annotated[bool, typer.Option("--notes", help="Show the surprise of every note, in bits.")] = False,
    style: Annotated[
        str, typer.Option(help="Where a tune's style is said: header (R: in ABC), file, folder, none or auto.")
    ] = "auto",
    json: parameters.Json = False,
) -> None:
    """Score tunes by network, n-grams and both together: bits an event, given style, metre and mode.

    A model of piano rolls or voices scores these in nats a frame, beside a chain of first order and the last frame
    repeated.
    """
    from lstmkit.music.files import lines_of, read_music
    from lstmkit.music.frames import FrameComposer
    from lstmkit.music.stored import load_composer

    composer = load_composer(model)
    if isinstance(composer, FrameComposer):
        parameters.refuse_without_effect(OF_FRAMES, {"style": parameters.is_given(context, "style")})
        score_frames(composer, music, notes, json)
        return
    read = read_music(music, style)
    printing.remark(lines_of(read.remarks))
    scores = [composer.score(tune) for tune in read.tunes]
    if json:
        printing.print_json([_as_json(t, s, notes) for t, s in zip(read.tunes, scores, strict=True)])
        return
    rows = [_row(tune.title, [s]) for tune, s in zip(read.tunes[:MOST], scores[:MOST], strict=True)]
    if len(scores) > 1:
        rows.append(_row(f"all {len(scores):,} tunes", scores))
    printing.print_table(HEAD, rows, "bits an event: the lower, the better foreseen")
    unknown = sum(one.unknown for one in scores)
    if unknown:
        total = sum(one.events for one in scores)
        printing.stderr().print(f"{unknown:,} of {total:,} events are none that the model learnt")
    if notes:
        for tune, own in zip(read.tunes, scores, strict=True):
            print_notes(tune.title, own.notes, tune.key)


def _row(name: str, scores: list[TuneScore]) -> tuple[str, ...]:
    events = sum(one.events for one in scores)
    nats = [sum(one.nats[by] for one in scores) for by in ("lstm", "ngram", "mixture")]
    notes = [bits for one in scores for _, _, bits in one.notes]
    each = f"{math.fsum(notes) / len(notes):.3f}" if notes else ""
    return (name, f"{events:,}", *(f"{one / events / math.log(2):.3f}" for one in nats), each)


def _as_json(tune: Tune, own: TuneScore, notes: bool) -> dict[str, Any]:
    bits = {by: nats / own.events / math.log(2) for by, nats in own.nats.items()}
    found: dict[str, Any] = {"title": tune.title, "style": tune.style, "events": own.events, "unknown": own.unknown}
    found["bits_per_event"] = bits
    found["bits_per_note"] = math.fsum(cost for _, _, cost in own.notes) / max(1, len(own.notes))
    found["bits_per_bar"] = own.nats["lstm"] / math.log(2) / max(1, len(tune.bars))
    if notes:
        found["notes"] = notes_as_json(own.notes)
    return found
