"""`lstm music compose`: tunes in a style, key and metre, as ABC, MIDI and MusicXML."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.music.frames import OF_FRAMES, Asked, composed
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.music.composing.wish import Composition
    from lstmkit.music.frames import ComposedPiece
    from lstmkit.music.rolls import Frames, Notation
    from lstmkit.music.tune import Tune

EXAMPLES = """\b
examples:
  lstm music compose music-tunes --style jig --key D --bars 16 --form AABB --out new
  lstm music compose music-tunes --meter 3/4 --count 8 --temperature 0.9 --top-p 0.95 --seed 7
  lstm music compose music-tunes --primer begin.abc --bars 16 --key Em --tempo 180 --instrument 73
  lstm music compose music-tunes --harmonise tune.abc --out harmonised
  lstm music compose music-chorales --steps 64 --temperature 0.9 --out chorale
"""


@dataclass(frozen=True)
class Drawn:
    """How tunes are drawn."""

    count: Annotated[int, typer.Option(help="Tunes to compose; the likeliest comes first.")] = 1
    temperature: Annotated[
        float, typer.Option(help="Below 1 likelier events, above 1 more varied; 0: the most likely event always.")
    ] = 1.0
    top_k: Annotated[int | None, typer.Option(help="Draw from so many most likely events.")] = None
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the fewest most likely events with this probability together.")
    ] = None
    seed: Annotated[int, typer.Option(help="The same seed composes the same tunes.")] = 0
    by: Annotated[str, typer.Option(help="What composes: lstm, ngram, or the mixture of both.")] = "lstm"


@dataclass(frozen=True)
class Left:
    """What a command leaves."""

    chords: Annotated[bool, typer.Option("--chords", help="Chord symbols sound in the MIDI files.")] = False
    out: Annotated[
        Path | None, typer.Option(help="Folder for the tunes as ABC, MIDI and MusicXML; ABC to stdout if left out.")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace the files in --out.")] = False


@dataclass(frozen=True)
class Made:
    """What was composed.

    nats     an event or a frame
    figures  what JSON says of it
    frames   where it is frames, and how they are written
    """

    tune: Tune
    nats: float
    figures: dict[str, Any]
    frames: tuple[Frames, Notation] | None = None


@parameters.grouped
def compose(
    context: typer.Context,
    model: parameters.ModelFolder,
    *,
    style: Annotated[str | None, typer.Option(help="A style that was learnt; the model's choice if left out.")] = None,
    key: Annotated[str | None, typer.Option(help="Such as D, F#m or Gdor; the usual one if left out.")] = None,
    meter: Annotated[str | None, typer.Option(help="Such as 6/8; the model's choice if left out.")] = None,
    bars: Annotated[int | None, typer.Option(help="As they are written, without an upbeat.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of a piano roll or voices, where these were learnt.")] = None,
    form: Annotated[
        str, typer.Option(help="Parts of equal length, such as AABB: a letter twice is a part with a repeat.")
    ] = "",
    primer: Annotated[Path | None, typer.Option(help="File whose tune is the beginning, note for note.")] = None,
    harmonise: Annotated[
        Path | None, typer.Option(help="File whose tune is kept, and gets the chords or voices that were learnt.")
    ] = None,
    tempo: Annotated[float | None, typer.Option(help="Quarter notes a minute.")] = None,
    instrument: Annotated[int, typer.Option(help="Of General MIDI, 0 to 127.")] = 0,
    drawn: Drawn,
    free: Annotated[bool, typer.Option("--free", help="Do not hold bars, repeats and ties.")] = False,
    scale: Annotated[bool, typer.Option("--scale", help="Only notes of the key.")] = False,
    open_end: Annotated[bool, typer.Option("--open-end", help="The last note need not be the tonic.")] = False,
    left: Left,
    json: parameters.Json = False,
) -> None:
    """Compose tunes that hold their bars, the likeliest first; or frames, where these were learnt."""
    from lstmkit.language.writing.sampling import SamplingSettings
    from lstmkit.music.composing.wish import Wish
    from lstmkit.music.frames import FrameComposer
    from lstmkit.music.stored import load_composer

    _check(context, drawn, left, free, harmonise)
    wish = Wish(style, key, meter, bars, form, None, not free, not open_end, scale, tempo, instrument)
    composer = load_composer(model)
    if isinstance(composer, FrameComposer):
        parameters.refuse_without_effect(OF_FRAMES, _given(context, *OF_TUNES))
        asked = Asked(steps, primer, harmonise, wish, drawn.count, drawn.temperature, drawn.seed)
        pieces = composed(composer, asked)
        _tell([_piece_as_made(*one, composer.notation) for one in pieces], left, json, "nats a frame")
        return
    parameters.refuse_without_effect("where tunes are learnt; give --bars", _given(context, "steps"))
    sampling = SamplingSettings(drawn.temperature, drawn.top_k, drawn.top_p)
    if harmonise is None:
        wish = wish if primer is None else replace(wish, primer=_tune_of(primer))
        found = composer.compose(wish, drawn.count, sampling, drawn.seed, drawn.by)
    else:
        found = composer.harmonise(_tune_of(harmonise), drawn.count, sampling, drawn.seed, drawn.by)
    _tell([_tune_as_made(one) for one in found], left, json, "nats an event")


HELD = ("scale", "open_end", "bars", "form")
"""Options that need rules."""
WISHES = ("style", "key", "meter", "steps", "primer", "tempo", "instrument", "free", *HELD)
"""Options that say what a new tune shall be."""
OF_TUNES = ("style", "key", "meter", "free", *HELD, "top_k", "top_p", "by", "chords")
"""Options that say nothing of frames."""


def _check(context: typer.Context, drawn: Drawn, left: Left, free: bool, harmonise: Path | None) -> None:
    """Refuse options that have no effect beside others."""

    if harmonise is not None:
        parameters.refuse_without_effect("with --harmonise", _given(context, *WISHES))
    if free:
        parameters.refuse_without_effect("with --free", _given(context, *HELD))
    if drawn.temperature == 0:
        parameters.refuse_without_effect("with --temperature 0", _given(context, "top_k", "top_p", "seed"))
    if left.out is None:
        parameters.refuse_without_effect("without --out", _given(context, "force", "chords"))


def _given(context: typer.Context, *names: str) -> dict[str, bool]:
    return {name: parameters.is_given(context, name) for name in names}


def _tune_of(path: Path) -> Tune:
    """Return the first tune of a file; what was noticed in it is said."""
    from lstmkit.music.files import lines_of, read_music

    read = read_music(path)
    printing.remark(lines_of(read.remarks))
    return read.tunes[0]


def _tune_as_made(one: Composition) -> Made:
    own = {"style": one.tune.style, "key": str(one.tune.key), "meter": str(one.tune.metre), "ended": one.ended}
    return Made(one.tune, one.nats_per_event, {"nats_per_event": one.nats_per_event, **own})


def _piece_as_made(piece: ComposedPiece, tune: Tune, notation: Notation) -> Made:
    figures = {"nats_per_frame": piece.nats_per_frame, "steps": len(piece.frames)}
    return Made(tune, piece.nats_per_frame, figures, (piece.frames, notation))


def _tell(found: list[Made], left: Left, json: bool, unit: str) -> None:
    """Write the files, and print what was composed, or where it lies."""
    from lstmkit.music.abc import write_abc

    files = [] if left.out is None else _written(found, left.out, left.force, left.chords)
    if json:
        own = zip(found, files or [{}] * len(found), strict=True)
        printing.print_json([{"abc": write_abc([one.tune]), **one.figures, "files": names} for one, names in own])
    elif left.out is None:
        printing.write(write_abc([one.tune for one in found]))
    else:
        rows = [  # the file without the folder, which a narrow terminal would cut
            (one.tune.title, f"{one.nats:.3f}", Path(names["abc"]).name)
            for one, names in zip(found, files, strict=True)
        ]
        printing.print_table(("tune", unit, "file"), rows)


def _written(found: list[Made], out: Path, force: bool, chords: bool) -> list[dict[str, str]]:
    """Write each tune as ABC, as MIDI and as MusicXML, frames also as such; return the names."""
    from lstmkit.music.abc import write_abc
    from lstmkit.music.midi import accompanied, write_midi
    from lstmkit.music.musicxml import write_musicxml
    from lstmkit.training import write_atomically

    names = []
    for k, one in enumerate(found, 1):
        kinds = {"abc": "abc", "midi": "mid", "musicxml": "musicxml"}
        kinds |= {} if one.frames is None else {"frames": one.frames[1].ending}
        names.append({kind: str(out / f"{k}.{end}") for kind, end in kinds.items()})
    there = [path for own in names for path in own.values() if Path(path).exists()]
    if there and not force:
        raise InputError(f"{there[0]}: exists already; choose another --out, or --force to replace it")
    out.mkdir(parents=True, exist_ok=True)
    for one, own in zip(found, names, strict=True):
        write_atomically(Path(own["abc"]), write_abc([one.tune]).encode())
        write_atomically(Path(own["midi"]), write_midi(accompanied(one.tune) if chords else one.tune))
        write_atomically(Path(own["musicxml"]), write_musicxml(one.tune).encode())
        if one.frames is not None:
            frames, notation = one.frames
            notation.write(Path(own["frames"]), {"composed": [frames]})
    return names
