"""Subtitles: what is said or seen at which time of a recording, as SubRip and WebVTT have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDEST = 42
"""Characters of a line."""
LINES = 2
"""Of a subtitle, where it can be kept so short."""


class Cue(NamedTuple):
    """A subtitle: milliseconds when it comes and goes, and its lines."""

    start: int
    end: int
    lines: tuple[str, ...]


def broken(words: Sequence[str]) -> tuple[str, ...]:
    """Return words as lines of at most `WIDEST` characters, but for longer words."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= WIDEST:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def srt(cues: Sequence[Cue]) -> str:
    """Return subtitles as SubRip has them."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(cues, 1)
    )


def vtt(cues: Sequence[Cue]) -> str:
    """Return subtitles as WebVTT has them."""
    return "WEBVTT\n" + "".join(
        f"\n{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n" + "\n".join(map(_escaped, cue.lines)) + "\n"
        for cue in cues
    )


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
