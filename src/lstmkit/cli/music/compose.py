"""`lstm music compose`: tunes in a style, key and metre, as ABC and MIDI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.music.composer import Composition

EXAMPLES = """\b
examples:
  lstm music compose music-tunes --style jig --key D --bars 16 --form AABB --out new
  lstm music compose music-tunes --meter 3/4 --count 8 --temperature 0.9 --top-p 0.95 --seed 7
  lstm music compose music-tunes --primer begin.abc --bars 16 --key Em --tempo 180 --instrument 73
  lstm music compose music-tunes --harmonise tune.abc --out harmonised
"""


@dataclass(frozen=True)
class Drawn:
    """How tunes are drawn."""

    count: Annotated[int, typer.Option(help="Tunes to compose; the likeliest comes first.")] = 1
    temperature: Annotated[
        float, typer.Option(help="Below 1 bolder, above 1 more varied; 0: the most likely event always.")
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
        Path | None, typer.Option(help="Folder for the tunes as ABC and MIDI; ABC to stdout if left out.")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace the files in --out.")] = False


@parameters.grouped
def compose(
    context: typer.Context,
    model: parameters.ModelFolder,
    *,
    style: Annotated[str | None, typer.Option(help="A style that was learnt; the model's choice if left out.")] = None,
    key: Annotated[str | None, typer.Option(help="Such as D, F#m or Gdor; the usual one if left out.")] = None,
    meter: Annotated[str | None, typer.Option(help="Such as 6/8; the model's choice if left out.")] = None,
    bars: Annotated[int | None, typer.Option(help="As they are written, without an upbeat.")] = None,
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
    """Compose tunes that hold their bars, the likeliest first."""
    from lstmkit.language.writing.sampling import SamplingSettings
    from lstmkit.music.abc import write_abc
    from lstmkit.music.composer import Composer, Wish
    from lstmkit.music.files import read_tune

    _check(context, drawn, left, free, harmonise)
    sampling = SamplingSettings(drawn.temperature, drawn.top_k, drawn.top_p)
    if harmonise is None:
        begin = None if primer is None else read_tune(primer)
        wish = Wish(style, key, meter, bars, form, begin, not free, not open_end, scale, tempo, instrument)
        found = Composer.load(model).compose(wish, drawn.count, sampling, drawn.seed, drawn.by)
    else:
        tune = read_tune(harmonise)
        found = Composer.load(model).harmonise(tune, drawn.count, sampling, drawn.seed, drawn.by)
    files = [] if left.out is None else _written(found, left.out, left.force, left.chords)
    if json:
        printing.print_json([_as_json(one, own) for one, own in zip(found, files or [{}] * len(found), strict=True)])
    elif left.out is None:
        printing.write(write_abc([one.tune for one in found]))
    else:
        printing.print_table(("tune", "nats an event", "file"), list(map(_row, found, files)))


HELD = ("scale", "open_end", "bars", "form")
"""Options that need rules."""
WISHES = ("style", "key", "meter", "primer", "tempo", "instrument", "free", *HELD)
"""Options that say what a new tune shall be."""


def _check(context: typer.Context, drawn: Drawn, left: Left, free: bool, harmonise: Path | None) -> None:
    """Refuse options that have no effect beside others."""

    def given(*names: str) -> dict[str, bool]:
        return {name: parameters.is_given(context, name) for name in names}

    if harmonise is not None:
        parameters.refuse_without_effect("with --harmonise", given(*WISHES))
    if free:
        parameters.refuse_without_effect("with --free", given(*HELD))
    if drawn.temperature == 0:
        parameters.refuse_without_effect("with --temperature 0", given("top_k", "top_p", "seed"))
    if left.out is None:
        parameters.refuse_without_effect("without --out", given("force", "chords"))


def _row(one: Composition, files: dict[str, str]) -> tuple[str, str, str]:
    """Return what the table says of a tune; its file without the folder, which a narrow terminal would cut."""
    return one.tune.title, f"{one.nats_per_event:.3f}", Path(files["abc"]).name


def _as_json(one: Composition, files: dict[str, str]) -> dict[str, Any]:
    from lstmkit.music.abc import write_abc

    own = {"style": one.tune.style, "key": str(one.tune.key), "meter": str(one.tune.metre), "ended": one.ended}
    return {"abc": write_abc([one.tune]), "nats_per_event": one.nats_per_event, **own, "files": files}


def _written(found: list[Composition], out: Path, force: bool, chords: bool) -> list[dict[str, str]]:
    """Write each tune as ABC and as MIDI; return the names."""
    from lstmkit.music.abc import write_abc
    from lstmkit.music.midi import accompanied, write_midi
    from lstmkit.training import write_atomically

    names = [{"abc": str(out / f"{k}.abc"), "midi": str(out / f"{k}.mid")} for k in range(1, len(found) + 1)]
    there = [path for own in names for path in own.values() if Path(path).exists()]
    if there and not force:
        raise InputError(f"{there[0]}: exists already; choose another --out, or --force to replace it")
    out.mkdir(parents=True, exist_ok=True)
    for one, own in zip(found, names, strict=True):
        write_atomically(Path(own["abc"]), write_abc([one.tune]).encode())
        write_atomically(Path(own["midi"]), write_midi(accompanied(one.tune) if chords else one.tune))
    return names
