"""The page of answers: recordings as waves that play, where it was heard, and how it is said along the time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.unsure import UNSURE
from lstmkit.results import Verdict, page, player
from lstmkit.results.verdict import EQUAL
from lstmkit.speech.audio import RATE, Samples, read_audio
from lstmkit.speech.emotion.along import Told
from lstmkit.speech.played import embedded

WIDTH, HEIGHT = 1000, 120
"""Of a wave."""
COLUMNS = 500
"""Of a wave."""
MOST_SHOWN = 100
"""Recordings on a page."""
MOST_SOUND = 6_000_000
"""Bytes of sound that the page holds; what is more is played from its file."""
STYLE = ".wave { fill: #57606a; stroke: none; } .weight { fill: #f2b134; }"


def write_answers(path: Path, told: Sequence[Told], shift: float, model: str) -> None:
    """Write the page.

    told   the recordings
    shift  seconds from a frame to the next
    model  the folder that answered
    """
    shown = list(told)[:MOST_SHOWN]
    classes = list(shown[0].shares)
    colours = player.colours_of(classes, UNSURE)
    left, blocks = MOST_SOUND, []
    for one in shown:
        samples = read_audio(one.utterance.audio, start=one.utterance.start, end=one.utterance.end)
        sound = embedded(samples)
        if len(sound) > left:
            sound = one.utterance.audio.resolve().as_uri()
        else:
            left -= len(sound)
        blocks.append(_block(one, samples, sound, shift, colours))
    body = player.played(STYLE, "".join(blocks), colours)
    text = _explained(shown)
    unsure = sum(one.label == UNSURE for one in told)
    more = f" The first {MOST_SHOWN} are shown." if len(told) > len(shown) else ""
    headline = f"{len(told) - unsure:,} of {len(told):,} recordings told, {unsure:,} unsure."
    finding = Verdict(EQUAL, headline, f"Answers of {model}.{more}")
    page.write_page(
        path, "How it is said", "", finding, [page.card("Recordings", text, body)], "This page needs no network."
    )


def _explained(shown: Sequence[Told]) -> str:
    lines = ["A wave that is clicked is played from there."]
    if any(one.weights is not None for one in shown):
        lines.append("The darker the ground, the more it weighed in the answer.")
    if any(one.stretches for one in shown):
        lines.append("The strip below says how it is said along the time.")
    return " ".join(lines)


def _block(one: Told, samples: Samples, sound: str, shift: float, colours: dict[str, str]) -> str:
    seconds = len(samples) / RATE
    share = max(one.shares.values())
    title = page.words(f"{one.utterance.name}: {one.label}, {100 * share:.0f} %")
    begin = one.utterance.start
    told = [player.Part(own.start - begin, own.end - begin, own.label, own.probability) for own in one.stretches]
    ground = "" if one.weights is None else _ground(one.weights, shift, seconds)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" style="height:{HEIGHT}px"'
    drawing = f'<svg {box}>{ground}<path class="wave" d="{_wave(samples)}"/></svg>'
    sounds = f'<audio controls preload="none" src="{escape(sound)}"></audio>'
    along = f'<div class="along">{drawing}{player.strip(told, seconds, colours)}</div>'
    return f'<div class="played" data-seconds="{seconds:.3f}">{sounds}{title}{along}</div>'


def _wave(samples: Samples) -> str:
    """Return the outline of samples, from their lowest to their highest in each column."""
    edges = np.linspace(0, len(samples), min(COLUMNS, len(samples)) + 1).astype(np.int64)
    loudest = max(float(np.abs(samples).max()), 1e-4)
    high = np.maximum.reduceat(samples, edges[:-1]) / loudest
    low = np.minimum.reduceat(samples, edges[:-1]) / loudest
    x = WIDTH * (edges[:-1] + edges[1:]) / (2 * len(samples))
    middle = HEIGHT / 2
    points = [*zip(x, middle - 0.9 * middle * high, strict=True)]
    points += [*zip(x[::-1], middle - 0.9 * middle * low[::-1], strict=True)]
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points) + "Z"


def _ground(weights: NDArray[np.float64], shift: float, seconds: float) -> str:
    """Return rectangles behind a wave, the darker the more their frames weighed."""
    cells = min(len(weights), COLUMNS // 2)
    edges = np.linspace(0, len(weights), cells + 1).astype(np.int64)
    sums = np.add.reduceat(weights, edges[:-1]) / np.maximum(np.diff(edges), 1)
    shares = sums / max(float(sums.max()), 1e-12)
    found = []
    for begin, end, share in zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True):
        a, b = (min(WIDTH, WIDTH * place * shift / seconds) for place in (begin, end))
        if share > 0.02:
            found.append(
                f'<rect class="weight" x="{a:.1f}" y="0" width="{b - a:.1f}" height="{HEIGHT}" opacity="{share:.2f}"/>'
            )
    return "".join(found)
