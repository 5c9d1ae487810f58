"""ABC files as tunes."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from lstmkit.errors import InputError
from lstmkit.music.abc.body import Body
from lstmkit.music.abc.fields import metre_of, tempo_of, unit_of, usual_unit
from lstmkit.music.keys import Key, read_key
from lstmkit.music.tune import START, Metre, Tune, Voice, changes, check_end

FIELD = re.compile(r"([A-Za-z]):(.*)")


class Reading(NamedTuple):
    """Tunes of a file.

    remarks  how often what was passed over, or mended, occurred
    """

    tunes: list[Tune]
    remarks: Counter[str]


def read_abc(text: str, place: str = "ABC") -> Reading:
    """Return the tunes of a text of ABC.

    place   how a complaint calls it
    Raises  InputError if it is no ABC, or a field or a tune of it cannot be read
    """
    tunes: list[Tune] = []
    remarks: Counter[str] = Counter()
    for number, lines in _divided(text):
        found = _tune(lines, number, place, remarks)
        if found is None:
            remarks["tunes without a note, left out"] += 1
        else:
            tunes.append(found)
    if not tunes:
        left = f"tunes without a note: {remarks.total():,}" if remarks else "no line K: that begins the notes of a tune"
        raise InputError(f"{place}: not ABC with a note in it ({left}); give a file of ABC, MIDI or piano rolls")
    return Reading(tunes, remarks)


def _divided(text: str) -> list[tuple[int, list[str]]]:
    """Return the tunes of a file: the number of the first line, and the lines, of those that have a key."""
    parts: list[tuple[int, list[str]]] = []
    fresh = True
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if not bare:
            fresh = True
        elif fresh or (bare.startswith("X:") and parts[-1][1]):
            parts.append((number, [line]))
            fresh = False
        else:
            parts[-1][1].append(line)
    return [part for part in parts if any(re.match(r"\s*K:", line) for line in part[1])]


def _tune(lines: list[str], number: int, place: str, remarks: Counter[str]) -> Tune | None:
    """Return one tune, None if it has no note."""
    header = {"T": "", "R": "", "M": "4/4", "L": "", "Q": ""}
    voices: list[str] = []
    body: Body | None = None
    for offset, line in enumerate(lines):
        try:
            bare = _without_comment(line)
            found = FIELD.fullmatch(bare.strip())
            if body is None:
                if found is not None and found[1] == "K":
                    body = _begun(header, voices, found[2])
                elif found is not None and found[1] == "V":
                    voices.append(found[2])
                elif found is not None and not (header.get(found[1]) and found[1] in "TR"):
                    header[found[1]] = found[2].strip()
                    _check(found[1], found[2])
                elif bare.startswith("%%MIDI program"):
                    voices.append(bare)
            elif found is not None and not (found[1] in "abcdefgABCDEFGzxZ" and "|" in bare):
                body.field(found[1], found[2])
            elif bare.strip():
                body.line(bare, remarks)
        except InputError as error:
            raise InputError(f"{place}, line {number + offset}: {error}") from error
    if body is None:
        return None
    parts = [Voice(*one) for one in body.finished(remarks) if one[0]]
    if not parts:
        return None
    end = max(body.length(), *(note.end for voice in parts for note in voice.notes))
    check_end(end, place)
    return Tune(
        tuple(parts),
        changes(body.changes.keys.items(), Key()),
        changes(body.changes.metres.items(), Metre(0, 0)),
        tuple(sorted(body.changes.tempos.items(), key=lambda one: one[0])),
        tuple(body.bars()),
        tuple(body.chords),
        end,
        title=header["T"],
        style=header["R"].lower(),
    )


def _check(letter: str, text: str) -> None:
    """Raise InputError in the line of a field that cannot be read."""
    if letter == "M":
        metre_of(text)
    elif letter == "L":
        unit_of(text)
    elif letter == "Q":
        tempo_of(text, Fraction(1, 8))


def _begun(header: dict[str, str], voices: list[str], key: str) -> Body:
    """Return the state of a tune after its header."""
    metre: Metre = metre_of(header["M"])
    unit = unit_of(header["L"]) if header["L"] else usual_unit(metre)
    body = Body(read_key(key), metre, unit)
    tempo = tempo_of(header["Q"], unit) if header["Q"] else None
    if tempo is not None:
        body.changes.tempos[START] = tempo
    for voice in voices:
        if voice.startswith("%%"):
            body.instrument(voice)
        else:
            body.define(voice)
    return body


def _without_comment(line: str) -> str:
    """Return a line without what stands behind %; a directive of instruments stays."""
    if line.lstrip().startswith("%%MIDI program"):
        return line.strip()
    return re.split(r"(?<!\\)%", line, maxsplit=1)[0].rstrip()
