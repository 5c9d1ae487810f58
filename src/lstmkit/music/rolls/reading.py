"""Files of piano rolls: JSON, .npz and .mat, each with parts such as train, valid and test or without."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.reading.arrays import numpy_arrays
from lstmkit.data.content import free_memory, place_of, read_bytes
from lstmkit.data.matlab import matlab_arrays
from lstmkit.errors import InputError
from lstmkit.music.rolls.frames import KEYS, LOWEST_KEY, SILENCE, Roll, roll_of

PART = re.compile(r"(train|valid|val|dev|test)", re.IGNORECASE)
NAMES = {"val": "valid", "dev": "valid"}
ALL = "all"
"""The part of pieces of which nothing says a part."""
SHARE = 0.25
MOST_UNPACKED = 1 << 30
"""Bytes that a MATLAB file may unpack to."""
PITCHES = 128
"""Columns of a roll of all that MIDI has."""


def read_rolls(path: Path) -> dict[str, list[Roll]]:
    """Return the pieces of a file by part.

    Raises  InputError if it is no file of piano rolls, or a pitch in it is no key of a piano
    """
    name, place = path.name.lower().removesuffix(".gz"), place_of(path)
    if name.endswith(".npz"):
        found = _of_arrays(numpy_arrays(path), place)
    else:
        content = read_bytes(path, int(SHARE * free_memory()))
        if content[126:128] in (b"IM", b"MI") and content[:6] == b"MATLAB":
            cells = matlab_arrays(content, place, MOST_UNPACKED)
            found = {
                part_of(name): [_checked(matrix, f"{place}, {name} {k}") for k, matrix in enumerate(own, 1)]
                for name, own in cells.items()
                if isinstance(own, list) and own
            }
        else:
            found = {part: [_roll(p, where) for where, p in own] for part, own in _json(content, place).items()}
    if not any(roll.any() for own in found.values() for roll in own):
        raise InputError(f"{place}: holds no note; give piano rolls in which a key sounds")
    return found


def read_voices(path: Path) -> dict[str, list[NDArray[np.int16]]]:
    """Return the pieces of a JSON file in which each step has the pitch of every voice, or SILENCE.

    Returns  (T, V) each
    Raises   InputError if it is no such file, or a pitch in it is no key of a piano
    """
    place, content = place_of(path), read_bytes(path, int(SHARE * free_memory()))
    if content.lstrip()[:1] not in (b"{", b"["):
        raise InputError(f"{place}: not voices; give JSON with the pitch of each voice in each step, ABC or MIDI")
    found: dict[str, list[NDArray[np.int16]]] = {}
    for part, pieces in _json(content, place).items():
        for where, piece in pieces:
            if len({len(step) for step in piece}) > 1:
                raise InputError(f"{where}: steps of unequal numbers of voices; write {SILENCE} where a voice rests")
            _roll(piece, where)  # which complains of pitches that no piano has
            if piece and piece[0]:
                found.setdefault(part, []).append(np.array(piece, np.int16))
    if not any((piece != SILENCE).any() for own in found.values() for piece in own):
        raise InputError(f"{place}: holds no note; give voices of which one sings")
    return found


def part_of(name: str) -> str:
    """Return which part a name tells: train, valid, test, or all."""
    said = PART.search(name)
    return NAMES.get(said[1].lower(), said[1].lower()) if said else ALL


def _roll(piece: Sequence[Sequence[int]], where: str) -> Roll:
    return roll_of(([p for p in step if p != SILENCE] for step in piece), where)


def _of_arrays(arrays: dict[str, NDArray[Any]], place: str) -> dict[str, list[Roll]]:
    """Return the rolls of a .npz file: one array a piece."""
    found: dict[str, list[Roll]] = {}
    for name in sorted(arrays, key=lambda one: (len(one), one)):
        found.setdefault(part_of(name), []).append(_checked(arrays[name], f"{place}, {name}"))
    return found


def _checked(matrix: NDArray[Any], where: str) -> Roll:
    """Return a matrix as a roll."""
    if matrix.ndim != 2 or matrix.shape[1] not in (KEYS, PITCHES) or matrix.dtype.kind not in "biuf":
        raise InputError(f"{where}: a piano roll is (steps, {KEYS} or {PITCHES}) numbers; got {matrix.shape}")
    sounds = matrix > 0
    if matrix.shape[1] == PITCHES:
        outside = sounds.copy()
        outside[:, LOWEST_KEY : LOWEST_KEY + KEYS] = False
        if outside.any():
            step, pitch = (int(one[0]) for one in np.nonzero(outside))
            roll_of([[pitch]], f"{where}, from step {step + 1} on")  # which complains
        sounds = sounds[:, LOWEST_KEY : LOWEST_KEY + KEYS]
    return sounds.astype(np.uint8)


def _json(content: bytes, place: str) -> dict[str, list[tuple[str, list[list[int]]]]]:
    """Return the pieces of each part, each with how a complaint calls it."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not piano rolls; give JSON with lists of pitches, .npz or .mat") from error
    parts = given if isinstance(given, dict) else {ALL: given}
    found: dict[str, list[tuple[str, list[list[int]]]]] = {}
    for name, pieces in parts.items():
        if not isinstance(pieces, list):
            raise InputError(f"{place}, {name}: no list of pieces; a piece is a list of steps, each a list of pitches")
        for number, piece in enumerate(pieces, 1):
            where = f"{place}, {name} {number}"
            if not isinstance(piece, list) or not all(isinstance(step, list) and _pitches(step) for step in piece):
                raise InputError(f"{where}: no list of steps, each a list of pitches in whole numbers")
            found.setdefault(part_of(name), []).append((where, [[int(p) for p in step] for step in piece]))
    return found


def _pitches(step: list[Any]) -> bool:
    return all(
        isinstance(p, int | float) and not isinstance(p, bool) and -1 <= p < 1 << 15 and p % 1 == 0 for p in step
    )
