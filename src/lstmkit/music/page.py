"""A tune on a page: its roll with what surprises in it, its notation as text, and a button that plays it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Protocol

from lstmkit.music.abc import write_abc
from lstmkit.music.events.foreseen import Moment
from lstmkit.music.repeats import order_of, played
from lstmkit.music.tune import QUARTERS, START, Tune, holding
from lstmkit.results import page
from lstmkit.results.packing import to_script

QUARTER, HIGH = 40, 7
"""Units of a roll for each quarter note, and for each half tone."""
WHOLE = 4 * QUARTER
MARGIN = 2
"""Half tones above and below the notes."""
SURPRISING = 8.0
"""Bits from which on a note has the full colour."""


class Scored(Protocol):
    """What says how much each note of a tune surprises."""

    @property
    def notes(self) -> tuple[tuple[Fraction, int, float], ...]:
        """Onset, pitch and bits of every note."""


def player() -> str:
    """Return the scripts that draw and play tunes, once a page: abcjs, which draws sheet music, and our own."""
    own = files("lstmkit.music")
    scripts = (own / "abcjs" / "abcjs-basic-min.js", own / "player.js")
    return "".join(f"<script>{one.read_text(encoding='utf-8')}</script>" for one in scripts)


def tune_card(tune: Tune, score: Scored, name: str, text: str, moments: Sequence[Moment] = ()) -> str:
    """Return a tune as HTML.

    name     unique on the page
    text     a sentence below the title
    moments  what was expected at each note, which is shown as the tune runs
    """
    pace, abc = _tempo(tune) / 60 * QUARTER, write_abc([tune])
    likely = [
        (round(float(m.onset) * WHOLE, 2), m.came, round(m.share, 4), [(what, round(p, 4)) for what, p in m.likely])
        for m in moments
    ]
    data = to_script({"notes": seconds_of(tune), "parts": _parts(tune), "pace": pace, "likely": likely, "abc": abc})
    button = f'<button type="button" class="play" onclick="playTune(this, \'{name}\')">▶ play</button>'
    body = (
        f"<p>{button}</p>{page.scrolling(roll(tune, score, name))}{_expected(name) if moments else ''}"
        f'<div class="sheet" id="sheet-{name}"></div><script type="application/json" id="tune-{name}">{data}</script>'
        f'<script>drawSheet("{name}")</script>{page.code(abc)}'
    )
    return page.card(tune.title or name, text, body)


def _expected(name: str) -> str:
    """Return the place where it is shown what was expected at a note."""
    return (
        f'<div class="expected" id="expected-{name}" style="min-height:11em">Play the tune, or point at a note: '
        "what the model expected there.</div>"
    )


def _tempo(tune: Tune) -> float:
    """Return the quarter notes a minute with which a tune begins."""
    return float(holding(tune.tempos, START, QUARTERS))


def seconds_of(tune: Tune) -> list[tuple[float, float, int]]:
    """Return start and length in seconds, and pitch, of all notes as they are played, at the first tempo."""
    each = 240 / _tempo(tune)
    return [
        (round(float(n.onset) * each, 4), round(float(n.duration) * each, 4), n.pitch)
        for n in played(tune).notes
        if not n.grace
    ]


def _parts(tune: Tune) -> list[tuple[float, float, float]]:
    """Return for each part that is played from when to when it is, in seconds, and where it begins in the roll."""
    each, at, found = 240 / _tempo(tune), 0.0, []
    for begin, end in order_of(tune):
        length = float(end - begin) * each
        found.append((round(at, 4), round(at + length, 4), float(begin) * WHOLE))
        at += length
    return found


def roll(tune: Tune, score: Scored, name: str) -> str:
    """Return a tune as it is written as SVG: bars as lines, notes the redder the more they surprise."""
    pitches = [note.pitch for note in tune.notes]
    low, high = min(pitches) - MARGIN, max(pitches) + MARGIN
    height, width = (high - low + 1) * HIGH, max(float(tune.end) * WHOLE, 1.0)
    bits = _bits(score)
    parts = [
        f'<rect x="0" y="{(high - p) * HIGH}" width="{width:.1f}" height="{HIGH}" fill="{page.GRID}" opacity="0.55"/>'
        for p in range(low, high + 1)
        if p % 12 == tune.key.pitch_class
    ]
    for bar in tune.bars:
        x, wide = float(bar.onset) * WHOLE, 2 if bar.sign != "|" else 1
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="{page.GREY}" stroke-width="{wide}"/>'
        )
    for note in tune.notes:
        if not note.grace:
            cost = bits.get((note.onset, note.pitch), 0.0)
            x, long = float(note.onset) * WHOLE, max(2.0, float(note.duration) * WHOLE - 1.5)
            parts.append(
                f'<rect class="note" onmouseover="expect(\'{name}\', {x:.1f})" x="{x:.1f}" '
                f'y="{(high - note.pitch) * HIGH}" width="{long:.1f}" height="{HIGH}" rx="2" fill="{_colour(cost)}">'
                f"<title>{note.pitch}, {cost:.1f} bits</title></rect>"
            )
    for at, symbol in tune.chords:
        parts.append(
            f'<text x="{float(at) * WHOLE + 2:.1f}" y="{height + 14}" font-size="11">{page.words(symbol)}</text>'
        )
    cursor = f'<rect class="cursor" x="0" y="0" width="2" height="{height}" fill="{page.ORANGE}" visibility="hidden"/>'
    return (
        f'<svg id="roll-{name}" role="img" aria-label="piano roll" width="{width:.0f}" height="{height + 20}" '
        f'viewBox="0 0 {width:.0f} {height + 20}">{"".join(parts)}{cursor}</svg>'
    )


def _bits(score: Scored) -> dict[tuple[Fraction, int], float]:
    return {(at, pitch): cost for at, pitch, cost in score.notes}


def _colour(bits: float) -> str:
    """Return blue for what was expected, red for what surprises."""
    share = min(1.0, bits / SURPRISING)
    calm, loud = (47, 111, 237), (207, 34, 46)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(calm, loud, strict=True))
