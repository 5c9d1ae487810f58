"""The page of what is told of clips: each is played, and what is told of it runs along."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

from lstmkit.classification.classifier.timeline import Stretch
from lstmkit.classification.unsure import UNSURE
from lstmkit.data.content import STANDARD_INPUT
from lstmkit.errors import InputError
from lstmkit.results import Verdict, page
from lstmkit.video.classifier import ActionClassifier
from lstmkit.video.clips import Clip
from lstmkit.video.film import Film, Shot, reading, video_package
from lstmkit.video.pictures import shape_of, small
from lstmkit.video.sampling import at_rate, looks

SIDE, RATE, BITS = 320, 12, 350_000
"""Of what is played: the side of the square as large as a picture, pictures and bits a second."""
LONGEST = 600.0
"""Seconds of a clip that are played."""
MOST_SHOWN = 40
"""Clips that are on the page: the first ones."""
COLOURS = ("#2f6fed", "#e07b39", "#2e9e6b", "#8a5cd1", "#c23b6b", "#b58900", "#17a2b8", "#5b6ee1", "#a0522d", "#3f7d20")
GREY = "#d0d7de"


@dataclass(frozen=True)
class Told:
    """What is told of a clip.

    stretches  along it; one over the whole where nothing moves along
    shares     probabilities of its classes, the most probable first; empty along a recording
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
    shown, own = told[:MOST_SHOWN], files("lstmkit.video")
    labels = sorted({stretch.label for one in told for stretch in one.stretches} - {UNSURE})
    colours = {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(labels)} | {UNSURE: GREY}
    style, script = ((own / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    blocks = "".join(_block(one, colours) for one in shown)
    body = f'<style>{style}</style><div class="key">{page.key(colours)}</div>{blocks}<script>{script}</script>'
    count = f"{len(told):,} clip{'s' if len(told) != 1 else ''}"
    left = f" The first {len(shown)} are shown." if len(shown) < len(told) else ""
    text = f"What is told runs along while a clip plays; a click on a stretch plays it.{left}"
    unsure = sum(stretch.label == UNSURE for one in told for stretch in one.stretches)
    detail = f"{len(labels):,} different label{'s' if len(labels) != 1 else ''}, {unsure:,} unsure."
    verdict = Verdict("equal", f"{count}: {', '.join(labels[:6]) or UNSURE}", detail)
    footer = f"lstm video classify predict, lstmkit {version}. This page needs no network."
    page.write_page(path, "What is done", f"Told by {model}.", verdict, [page.card("Clips", text, body)], footer)


def _block(told: Told, colours: Mapping[str, str]) -> str:
    """Return a clip with its strip as HTML."""
    film, end = film_of(told.clip)
    begin = told.clip.start
    end = max(end, *(own.end - begin for own in told.stretches))
    parts = []
    for own in told.stretches:
        a, b = own.start - begin, end if told.shares else own.end - begin
        text = f"{own.label}, {100 * own.probability:.0f} %, from {a:.2f} s to {b:.2f} s"
        parts.append(
            f'<button type="button" data-start="{a:.3f}" data-end="{b:.3f}" data-label="{page.attribute(own.label)}" '
            f'style="left:{100 * a / end:.3f}%;width:{100 * (b - a) / end:.3f}%;background:{colours[own.label]}" '
            f'title="{page.attribute(text)}" aria-label="{page.attribute(text)}"></button>'
        )
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in told.shares.items())
    head = f"<b>{page.words(told.clip.name)}</b>{f' <small>{page.words(shares)}</small>' if shares else ''}"
    data = f"data:video/webm;base64,{base64.b64encode(film).decode('ascii')}"
    return (
        f'<div class="film">{head}<div class="screen"><video controls muted playsinline preload="metadata" '
        f'src="{data}"></video><output></output></div><div class="strip">{"".join(parts)}<s></s></div></div>'
    )


def film_of(clip: Clip) -> tuple[bytes, float]:
    """Return a clip as a small WebM that every browser plays, and how long it is in seconds.

    Raises  InputError if it cannot be read
    """
    av = video_package("av")
    written, count = io.BytesIO(), 0
    with reading(clip.path) as (film, shots), av.open(written, "w", format="webm") as container:
        stream = None
        for look in looks(shots, at_rate(RATE)):
            if look.time < clip.start:
                continue
            if look.time - clip.start > LONGEST or (clip.end is not None and look.time >= clip.end):
                break
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


def _frame(film: Film, shot: Shot) -> Any:
    pixels = small(film, shot, shape_of(film.shape, SIDE))
    return video_package("av").VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
