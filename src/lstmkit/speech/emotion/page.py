"""Recordings as waves that a page plays: where it was heard, and how it is said along the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier.charts import Example
from lstmkit.classification.unsure import UNSURE, most_probable
from lstmkit.errors import InputError
from lstmkit.results import Verdict, page, player
from lstmkit.results.verdict import EQUAL
from lstmkit.speech.audio import RATE, Samples, read_audio
from lstmkit.speech.emotion.along import Told
from lstmkit.speech.emotion.clips import Clips
from lstmkit.speech.played import embedded
from lstmkit.speech.utterance import Utterance

WIDTH, HEIGHT = 1000, 120
"""Of a wave."""
COLUMNS = 500
"""Of a wave."""
MOST_SHOWN = 100
"""Recordings on a page."""
MOST_SOUND = 6_000_000
"""Bytes of sound that the page holds; what is more is played from its file."""
PLAYS = "A wave that is clicked is played from there."
DARKER = "The darker the ground, the more it weighed in the answer."
STYLE = ".wave { fill: #57606a; stroke: none; } .weight { fill: #f2b134; }"


def write_answers(path: Path, told: Sequence[Told], shift: float, model: str) -> None:
    """Write the page.

    told   the recordings
    shift  seconds from a frame to the next
    model  the folder that answered
    """
    shown = list(told)[:MOST_SHOWN]
    colours = player.colours_of(list(shown[0].shares), UNSURE)
    sounds = _Sounds()
    body = player.played(STYLE, "".join(_block(one, sounds, shift, colours) for one in shown), colours)
    more = f" The first {MOST_SHOWN} are shown." if len(told) > len(shown) else ""
    finding = Verdict(EQUAL, _counted(told), f"Answers of {model}.{more}")
    sections = [page.card("Recordings", _explained(shown), body)]
    page.write_page(path, "How it is said", "", finding, sections, "This page needs no network.")


def played_examples(clips: Clips, shift: float, examples: Sequence[Example]) -> str:
    """Return recordings that a report is about as HTML that plays them, with what weighed where that is known.

    A recording that cannot be read any more is told in words: what was learnt and scored is not lost for it.

    clips  those that were tested
    shift  seconds from a frame to the next
    """
    known = dict(zip(clips.names, clips.manifest.utterances, strict=True))
    sounds, waves = _Sounds(), []
    for own in examples:
        title = f"{own.name}: {own.said}"
        try:
            waves.append(_wave_of(known[own.name], title, sounds, shift, own.weights))
        except InputError as error:
            waves.append(f"<div>{page.words(title)}<p>{page.words(str(error))}</p></div>")
    text = f"<p>{PLAYS}{f' {DARKER}' if any(own.weights is not None for own in examples) else ''}</p>"
    return player.played(STYLE, text + "".join(waves))


class _Sounds:
    """Recordings that are within the page as long as they are small enough together."""

    def __init__(self) -> None:
        self.left = MOST_SOUND

    def address(self, utterance: Utterance, samples: Samples) -> tuple[str, float]:
        """Return where a page finds the sound, and the second at which it begins there."""
        sound = embedded(samples)
        if len(sound) > self.left:
            begin = utterance.start
            part = f"#t={begin:.3f},{begin + len(samples) / RATE:.3f}"  # a browser plays no more than that
            return utterance.audio.resolve().as_uri() + part, begin
        self.left -= len(sound)
        return sound, 0.0


def _counted(told: Sequence[Told]) -> str:
    """Return how many recordings are told; or in how many something is, along their time."""
    if any(one.stretches for one in told):
        some = sum(any(own.label != UNSURE for own in one.stretches) for one in told)
        return f"Along {some:,} of {len(told):,} recordings something is told, along {len(told) - some:,} nothing."
    unsure = sum(one.label == UNSURE for one in told)
    return f"{len(told) - unsure:,} of {len(told):,} recordings told, {unsure:,} unsure."


def _explained(shown: Sequence[Told]) -> str:
    lines = [PLAYS]
    if any(one.weights is not None for one in shown):
        lines.append(DARKER)
    if any(one.stretches for one in shown):
        lines.append("The strip below says how it is said along the time.")
    return " ".join(lines)


def _block(one: Told, sounds: _Sounds, shift: float, colours: dict[str, str]) -> str:
    begin = one.utterance.start
    told = [player.Part(own.start - begin, own.end - begin, own.label, own.probability) for own in one.stretches]
    title = f"{one.utterance.name}: {one.label} ({most_probable(one.shares)})"
    return _wave_of(one.utterance, title, sounds, shift, one.weights, told, colours)


def _wave_of(
    utterance: Utterance,
    title: str,
    sounds: _Sounds,
    shift: float,
    weights: NDArray[np.float64] | None,
    parts: Sequence[player.Part] = (),
    colours: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return a recording as HTML: what plays it, its wave over what weighed, and a strip of its parts."""
    samples = read_audio(utterance.audio, start=utterance.start, end=utterance.end)
    seconds = len(samples) / RATE
    ground = "" if weights is None else _ground(weights, shift, seconds)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" style="height:{HEIGHT}px"'
    drawing = f'<svg {box}>{ground}<path class="wave" d="{_wave(samples)}"/></svg>'
    address, begin = sounds.address(utterance, samples)
    sound = f'<audio controls preload="none" src="{escape(address)}"></audio>'
    along = f'<div class="along">{drawing}{player.strip(parts, seconds, colours)}</div>'
    given = f'data-seconds="{seconds:.3f}" data-begin="{begin:.3f}"'
    return f'<div class="played" {given}>{sound}{page.words(title)}{along}</div>'


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
