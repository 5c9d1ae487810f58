"""What is told along a recording or a clip: a strip of stretches, which a script marks as they are played.

The script works within every element of the class `played` that holds an <audio> or a <video>: what has data-start and
data-end, in seconds, has the class `now` while that is played, and is played when it is clicked; its data-label stands
in the <output>, if there is one. data-begin of the `played` is the second of the file at which what is played begins.
In an element of the class `along` a line moves, over data-seconds of the `played`, and a drawing in it plays from
where it is clicked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from lstmkit.results import page

COLOURS = ("#2f6fed", "#e07b39", "#2e9e6b", "#8a5cd1", "#c23b6b", "#b58900", "#17a2b8", "#5b6ee1", "#a0522d", "#3f7d20")
PLAIN = "#d0d7de"


@dataclass(frozen=True)
class Part:
    """A stretch of what is played.

    start, end   seconds from its beginning
    label        what is told of it
    probability  of that
    """

    start: float
    end: float
    label: str
    probability: float


def colours_of(labels: Sequence[str], plain: str) -> dict[str, str]:
    """Return a colour for each label, and grey for what is none of them.

    plain  how that is called
    """
    return {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)} | {plain: PLAIN}


def strip(parts: Sequence[Part], seconds: float, colours: Mapping[str, str]) -> str:
    """Return a strip as HTML, a button a stretch; the last is also told of the end.

    seconds  of all that is played
    """
    found = []
    for place, own in enumerate(parts):
        begin, wide = 100 * own.start / seconds, 100 * (min(own.end, seconds) - own.start) / seconds
        end = own.end if place + 1 < len(parts) else seconds + 1
        text = page.attribute(f"{own.label}, {100 * own.probability:.0f} %, from {own.start:.2f} s to {own.end:.2f} s")
        found.append(
            f'<button type="button" data-start="{own.start:.3f}" data-end="{end:.3f}" '
            f'data-label="{page.attribute(own.label)}" style="left:{begin:.3f}%;width:{wide:.3f}%;'
            f'background:{colours[own.label]}" title="{text}" aria-label="{text}"></button>'
        )
    return f'<div class="strip">{"".join(found)}</div>' if found else ""


def played(style: str, body: str, colours: Mapping[str, str] | None = None) -> str:
    """Return what plays as HTML, with the script that plays it.

    style    CSS of its own
    colours  of labels, which are explained above it
    """
    own = files("lstmkit.results.player")
    script, shared = ((own / f"player.{ending}").read_text(encoding="utf-8") for ending in ("js", "css"))
    key = f'<div class="key">{page.key(colours)}</div>' if colours else ""
    return f"<style>{shared}{style}</style>{key}{body}<script>{script}</script>"
