"""Which columns of a wide table are steps of which channel, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lstmkit.classification.reading.labelled import Form
from lstmkit.errors import InputError

MARKS = " _.-:,;/()[]{}'\""
"""What stands between a channel and the number of a step."""
NUMBER_LAST = re.compile(r"(?P<before>.*?)(?P<number>\d{1,9})[\s\])}'\"]*(?:ms|s|sec|min|h)?(?P<after>)", re.DOTALL)
NUMBER_FIRST = re.compile(r"(?P<before>\D*)(?P<number>\d{1,9})(?P<after>\D.*)", re.DOTALL)
"""How a step is named: x_1, x[1], x 1s; or 1_x, t1_x, step 1 x."""
PLAIN = re.compile(r"[\dT\s\-/:.,]+")
"""Names without words: numbers, dates, times of the day."""
ALONE = "value"
"""What the only channel of a wide table is called."""


class Steps(NamedTuple):
    """The columns of a wide table.

    columns   of each channel, in the order of the steps
    channels  their names
    others    columns that are no steps
    """

    columns: list[list[str]]
    channels: list[str]
    others: list[str]


def steps_of(columns: Sequence[str], form: Form) -> Steps:
    """Return what columns are.

    Names such as x_1, x_2, y_1, y_2 or 1_x, 1_y, 2_x, 2_y are steps of the channels x and y, and what is named
    otherwise beside them is none. Where most are not named so, all are the steps of one channel, or of several that
    take turns.

    form    with the channels of a model
    Raises  InputError if there are no columns, or a channel has fewer steps than another
    """
    if not columns:
        raise InputError("no column is left for the steps of the sequences; a row holds a sequence, a column a step")
    turns = form.interleaved
    if len(columns) % turns:
        raise InputError(
            f"--interleaved {turns}: the {len(columns):,} columns of steps cannot be dealt out evenly to {turns} "
            f"channels; name the columns of other things by --id, --label and --group"
        )
    if turns > 1:
        return Steps([list(columns[k::turns]) for k in range(turns)], [f"channel {k + 1}" for k in range(turns)], [])
    places = _places(columns)
    if 2 * len(places) <= len(columns):
        return Steps([list(columns)], [ALONE], [])
    others = [name for name in columns if name not in places]
    channels: dict[str, list[tuple[int, str]]] = {}
    for name, (channel, number) in places.items():
        channels.setdefault(channel, []).append((number, name))
    longest = max(len(own) for own in channels.values())
    if longest == 1:  # such as months of a year
        return Steps([list(columns)], [ALONE], [])
    if len(channels) == 1 or form.channels == (ALONE,):
        return Steps([list(places)], [ALONE], others)
    for channel, own in channels.items():
        if len(own) < longest:
            raise InputError(
                f"channel {channel!r} has {len(own):,} columns where another has {longest:,}; all channels of a wide "
                f"table have the same steps, so add the others, empty"
            )
    return Steps([[name for _, name in sorted(own)] for own in channels.values()], list(channels), others)


def _places(columns: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the channel and the number of each column that is named as a step, in the way that most are."""
    if all(PLAIN.fullmatch(name) for name in columns):
        return {}
    ways = [
        {name: match for name in columns if (match := way.fullmatch(name)) is not None}
        for way in (NUMBER_LAST, NUMBER_FIRST)
    ]
    found = max(ways, key=len)
    befores = {match["before"].strip(MARKS) for match in found.values()}
    named: dict[str, tuple[str, int]] = {}
    for name, match in found.items():
        before, after = match["before"].strip(MARKS), match["after"].strip(MARKS)
        words = [after] if after and len(befores) == 1 else [word for word in (before, after) if word]
        named[name] = ("_".join(words), int(match["number"]))
    return named
