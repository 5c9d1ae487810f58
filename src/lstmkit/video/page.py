"""Clips as a page plays them: what is told of them runs along; those that a report is about."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lstmkit.classification.classifier.charts import Example
from lstmkit.classification.classifier.timeline import Stretch
from lstmkit.classification.unsure import UNSURE, most_probable
from lstmkit.data.content import STANDARD_INPUT
from lstmkit.errors import InputError
from lstmkit.results import Verdict, page, player
from lstmkit.video.classifier import ActionClassifier
from lstmkit.video.clips import Clip, Clips
from lstmkit.video.film import Film, Shot, entry_before, reading, video_package
from lstmkit.video.pictures import shape_of, small
from lstmkit.video.sampling import Look, at_rate, looks

SIDE, RATE, BITS = 320, 12, 350_000
"""Of what is played: the side of the square as large as a picture, pictures and bits a second."""
LONGEST, LONGEST_SHOWN = 600.0, 30.0
"""Seconds of a clip that are played, and in a report."""
MOST_SHOWN = 40
"""Clips that are on the page: the first ones."""
STYLE = (
    ".screen { position: relative; width: fit-content; max-width: 100%; margin-top: 6px; }"
    ".screen video { display: block; max-width: 100%; max-height: 60vh; border-radius: 6px; background: #000; }"
    ".screen output { position: absolute; left: 8px; top: 8px; padding: 2px 10px; border-radius: 6px; color: #fff;"
    " background: #000a; }"
    ".screen output:empty { display: none; }"
    ".beside { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 0 16px; }"
)


@dataclass(frozen=True)
class Told:
    """What is told of a clip.

    stretches  along it; one over the whole where nothing moves along
    shares     probabilities of its classes; empty along a recording
    """

    clip: Clip
    stretches: Sequence[Stretch]
    shares: Mapping[str, float]


def require_playable(classifier: ActionClassifier, sources: Sequence[str]) -> None:
    """Raise InputError if what is to be told of cannot be played."""
    if classifier.reads_skeletons:
        raise InputError("--page: plays videos, and the model reads skeletons; leave it out")
    if str(STANDARD_INPUT) in sources:
        raise InputError("--page: standard input cannot be read twice; give a file, or leave --page out")


def write_player(told: Sequence[Told], path: Path, model: str, version: str) -> None:
    """Write a page that plays clips with what is told of them.

    model    that told it
    Raises   InputError if a clip cannot be read, or the page not be written
    """
    shown = told[:MOST_SHOWN]
    labels = sorted({stretch.label for one in told for stretch in one.stretches} - {UNSURE})
    colours = player.colours_of(labels, UNSURE)
    body = player.played(STYLE, "".join(_block(one, colours) for one in shown), colours)
    count = f"{len(told):,} clip{'s' if len(told) != 1 else ''}"
    left = f" The first {len(shown)} are shown." if len(shown) < len(told) else ""
    text = f"What is told runs along while a clip plays; a click on a stretch plays it.{left}"
    unsure = sum(stretch.label == UNSURE for one in told for stretch in one.stretches)
    detail = f"{len(labels):,} different label{'s' if len(labels) != 1 else ''}, {unsure:,} unsure."
    verdict = Verdict("equal", f"{count}: {', '.join(labels[:6]) or UNSURE}", detail)
    footer = f"lstm video classify predict, lstmkit {version}. This page needs no network."
    page.write_page(path, "What is done", f"Told by {model}.", verdict, [page.card("Clips", text, body)], footer)


def played_examples(clips: Clips, examples: Sequence[Example]) -> str:
    """Return clips that a report is about as HTML that plays them, the first `LONGEST_SHOWN` seconds of each.

    A clip that cannot be read any more is told in words: what was learnt and scored is not lost for it.

    clips  those that were tested
    """
    known, blocks = dict(zip(clips.names, clips.clips, strict=True)), []
    for own in examples:
        head = _head(own.name, own.said)
        try:
            film, seconds = film_of(known[own.name], LONGEST_SHOWN)
        except InputError as error:
            blocks.append(f"<div>{head}<p>{page.words(str(error))}</p></div>")
            continue
        blocks.append(_screen(head, film, seconds))
    cut = f"<p>Of longer clips the first {LONGEST_SHOWN:g} seconds.</p>"
    return player.played(STYLE, f'{cut}<div class="beside">{"".join(blocks)}</div>')


def _block(told: Told, colours: Mapping[str, str]) -> str:
    """Return a clip with its strip as HTML."""
    film, end = film_of(told.clip)
    begin = told.clip.start
    end = max(end, *(own.end - begin for own in told.stretches))
    parts = [
        player.Part(own.start - begin, end if told.shares else own.end - begin, own.label, own.probability)
        for own in told.stretches
    ]
    return _screen(_head(told.clip.name, most_probable(told.shares)), film, end, player.strip(parts, end, colours))


def _head(name: str, said: str) -> str:
    return f"<b>{page.words(name)}</b>{f' <small>{page.words(said)}</small>' if said else ''}"


def _screen(head: str, film: bytes, seconds: float, strip: str = "") -> str:
    """Return what plays a small film as HTML, a strip below it."""
    data = f"data:video/webm;base64,{base64.b64encode(film).decode('ascii')}"
    screen = f'<video controls muted playsinline preload="metadata" src="{data}"></video><output></output>'
    along = f'<div class="along">{strip}</div>' if strip else ""
    return f'<div class="played" data-seconds="{seconds:.3f}">{head}<div class="screen">{screen}</div>{along}</div>'


def film_of(clip: Clip, longest: float = LONGEST) -> tuple[bytes, float]:
    """Return a clip as a small WebM that every browser plays, and how long it is in seconds.

    longest  seconds of it
    Raises   InputError if it cannot be read
    """
    av = video_package("av")
    written, count = io.BytesIO(), 0
    entry = entry_before(clip.path, clip.start) if clip.start else None
    with reading(clip.path, entry) as (film, shots), av.open(written, "w", format="webm") as container:
        stream = None
        for look in _within(looks(shots, at_rate(RATE)), clip, longest):
            picture = _frame(film, look.shot)
            if stream is None:
                stream = container.add_stream("libvpx", rate=RATE, options={"deadline": "realtime", "cpu-used": "8"})
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
                stream.bit_rate = BITS
            picture.pts, picture.time_base = count, Fraction(1, RATE)
            container.mux(stream.encode(picture))
            count += 1
        if stream is not None:
            container.mux(stream.encode())
    return written.getvalue(), count / RATE


def _within(looked: Iterator[Look], clip: Clip, longest: float) -> Iterator[Look]:
    """Yield the moments of a clip; where it is shorter than from one to the next, the one before it."""
    before, some = None, False
    for look in looked:
        if look.time >= clip.start:
            if look.time - clip.start > longest or (clip.end is not None and look.time >= clip.end):
                break
            some = True
            yield look
        before = look
    if not some and before is not None:
        yield before


def _frame(film: Film, shot: Shot) -> Any:
    pixels = small(film, shot, shape_of(film.shape, SIDE))
    return video_package("av").VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
