"""Which frames of a video are looked at: so many a second, whatever its own rate, or so many evenly over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lstmkit.video.film import Shot


class Look(NamedTuple):
    """A moment at which a video is looked at.

    time   in seconds
    shot   the frame that is shown then
    fresh  whether it is another than at the moment before
    """

    time: float
    shot: Shot
    fresh: bool


def at_rate(rate: float) -> Iterator[float]:
    """Yield the moments of a rate a second, from the first frame on."""
    return (k / rate for k in itertools.count())


def spread(times: list[float], count: int) -> list[float]:
    """Return moments in the middles of so many equal parts of a video, from the times of its frames."""
    longest = times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1)  # the last frame is shown as long as others
    return [longest * (k + 0.5) / count for k in range(count)]


def looks(shots: Iterable[Shot], moments: Iterable[float], to_the_end: bool = False) -> Iterator[Look]:
    """Yield the frame that is shown at each moment, until the frames or the moments end.

    moments     rising
    to_the_end  whether moments after the last frame see the last one
    """
    waiting = iter(moments)
    moment = next(waiting, None)
    held: Shot | None = None
    fresh = True
    for shot in shots:
        while held is not None and moment is not None and moment < shot.time:
            yield Look(moment, held, fresh)
            fresh, moment = False, next(waiting, None)
        if moment is None:
            return
        held, fresh = shot, True
    while held is not None and moment is not None and (to_the_end or moment <= held.time):
        yield Look(moment, held, fresh)
        fresh, moment = False, next(waiting, None)
