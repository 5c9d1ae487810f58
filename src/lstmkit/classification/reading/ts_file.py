"""Files of labelled sequences as the UEA and UCR archives and sktime have them: .ts."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import number_in

FLAGS = ("@timestamps", "@classlabel", "@targetlabel")
BETWEEN = re.compile(r"(?<=\)):")
"""What stands between channels whose values have times: these may hold a colon, too."""
PAIR = re.compile(r"\(([^(),]*),([^(),]*)\)")
"""A value with its time."""
GAPS = ("?", "nan", "")
"""What stands for a missing value."""


def parse_ts(content: str, place: str) -> tuple[list[NDArray[np.float64]], list[str] | None, list[str]]:
    """Return the sequences of a file, (steps, C) each, their labels if it has any, and the names of the channels.

    place   of the file, for a complaint
    Raises  InputError naming the line that is not as the format has it
    """
    said = dict.fromkeys(FLAGS, "")
    sequences: list[NDArray[np.float64]] = []
    labels: list[str] = []
    within = False
    for number, raw in enumerate(content.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if not within:
            key, _, value = line.partition(" ")
            within = key.lower() == "@data"
            if not line.startswith("@"):
                raise InputError(f"{place}: line {number} stands before @data; a .ts file begins with lines of @")
            said[key.lower()] = value.strip().lower()
            continue
        stamped = said["@timestamps"] == "true"
        parts = BETWEEN.split(line) if stamped and ")" in line else line.split(":")
        if "true" in (said["@classlabel"].split(" ")[0], said["@targetlabel"].split(" ")[0]):
            labels.append(parts.pop().strip())
        sequences.append((_timed if stamped else _sequence)(parts, f"{place}: line {number}"))
        if sequences[-1].shape[1] != sequences[0].shape[1]:
            raise InputError(
                f"{place}: line {number} has {sequences[-1].shape[1]} channels where the first has "
                f"{sequences[0].shape[1]}; all sequences have the same"
            )
    if not sequences:
        raise InputError(f"{place}: there are no sequences after @data; the file is cut short")
    return sequences, labels or None, [f"channel {k}" for k in range(1, sequences[0].shape[1] + 1)]


def _sequence(parts: list[str], place: str) -> NDArray[np.float64]:
    """Return a sequence; missing steps at its end are none, and others are NaN."""
    channels = [_numbers(part, place) for part in parts]
    for number, own in enumerate(channels, 1):
        if len(own) != len(channels[0]):
            raise InputError(
                f"{place}: channel {number} has {len(own):,} steps where the first has {len(channels[0]):,}; all "
                f"channels of a sequence have the same"
            )
    if not channels:
        raise InputError(f"{place}: has a label alone; leave it out")
    values = np.stack(channels, axis=1)
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    return values[: there[-1] + 1 if len(there) else 0]


def _timed(parts: list[str], place: str) -> NDArray[np.float64]:
    """Return a sequence whose values have time stamps, such as (0,1.5),(1,2.0), in the order of the times."""
    channels: list[dict[str, str]] = []
    for number, part in enumerate(parts, 1):
        pairs = [(time.strip(), value) for time, value in PAIR.findall(part)]
        if PAIR.sub("", part).strip(" ,") or not pairs:
            raise InputError(f"{place}: channel {number} is no list of (time,value); write such, or @timestamps false")
        channels.append(dict(pairs))
        if len(channels[-1]) < len(pairs) or channels[-1].keys() != channels[0].keys():
            raise InputError(
                f"{place}: channel {number} has a time twice, or other times than the first channel; all channels of "
                f"a sequence have the same, so write ? where one has no value"
            )
    order = sorted(channels[0], key=_moment) if channels else []
    return _sequence([",".join(own[time] for time in order) for own in channels], place)


def _moment(time: str) -> tuple[float, str]:
    """Return what times are sorted by: numbers by size, dates, which are written from the year on, as text."""
    try:
        return number_in(time), ""
    except ValueError:
        return 0.0, time


def _numbers(part: str, place: str) -> NDArray[np.float64]:
    found = np.empty(part.count(",") + 1)
    for step, text in enumerate(part.split(",")):
        try:
            found[step] = np.nan if text.strip().lower() in GAPS else number_in(text)
        except ValueError as error:
            raise InputError(f"{place}: {text.strip()!r} is not a number; write ? where a value is missing") from error
    return found
