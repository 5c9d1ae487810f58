"""Doors of music: ABC, MIDI and piano rolls, and a composer's folder."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit.music import Composer, Wish, played, read_abc, read_midi, read_music, write_abc, write_midi
from lstmkit.music.events import decode, encode
from lstmkit.music.frames import read_pieces
from lstmkit.music.rolls import VOICES
from lstmkit.music.tune import HIGHEST, LOWEST, Tune

TEXT = """X:1
T:A tune
R:jig
M:6/8
L:1/8
Q:3/8=120
K:Ador
A|:"Am"e2A ABc|1 {cd}(3efg a2>b c3:|2 [A2c2e2]- [Ace] z3|]
[K:G][M:4/4]^F2-F=f _B4|V:2
%%MIDI program 40
C,8|Z|

X:2
M:C|
K:D exp ^g
d4 D4::d'8||
"""


def midi() -> bytes:
    return write_midi(read_abc(TEXT).tunes[0])


def mat() -> bytes:
    """Return a MATLAB file of one cell with a matrix."""
    matrix = np.zeros((4, 88), order="F")
    matrix[:, 40] = 1

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def array(kind: int, shape: tuple[int, int], name: bytes, rest: bytes) -> bytes:
        return element(14, element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", *shape))
                       + element(1, name) + rest)  # fmt: skip

    cell = array(1, (1, 1), b"traindata", array(6, (4, 88), b"", element(9, matrix.tobytes(order="F"))))
    packed = zlib.compress(cell)
    return b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, train_1=np.eye(6, 88, 40, dtype=np.uint8), test_1=np.eye(3, 88, 30))
    return file.getvalue()


MUSIC = {
    "a.abc": lambda: TEXT.encode(),
    "a.mid": midi,
    "a.mat": mat,
    "a.npz": npz,
    "a.json": lambda: json.dumps({"train": [[[60, 64], []], [[67]]], "test": [[[21]]]}).encode(),
}


def open_music(folder: Path) -> Run:
    """Files of music: what is read has notes of MIDI in order, and can be written and played."""
    files = {name: make() for name, make in MUSIC.items()}

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(files[name], how))

        def read() -> None:
            for tune in read_music(path).tunes[:3]:
                check(tune)

        def read_as_voices() -> None:
            for piece in read_pieces(path, notation=VOICES).all[:3]:
                assert piece.frames.ndim == 2 and (piece.tune.notes or not VOICES.sounds(piece.frames))

        return accepted(read) | accepted(read_as_voices)

    return run


def check(tune: Tune) -> None:
    """Hold a tune to what every tune must be."""
    notes = [note for voice in tune.voices for note in voice.notes]
    assert notes and all(LOWEST <= n.pitch <= HIGHEST and n.duration > 0 and n.onset >= 0 for n in notes)
    assert all(v.notes == tuple(sorted(v.notes, key=lambda n: n.onset)) for v in tune.voices)
    assert tune.end >= max(note.end for note in notes)
    assert [bar.onset for bar in tune.bars] == sorted({bar.onset for bar in tune.bars})
    again = decode(*reversed(encode(tune))) if tune.end < 1000 else tune
    assert len(again.notes) >= len(set(notes)) > 0
    if len(tune.voices) < 16:
        assert read_midi(write_midi(tune))[0].notes and played(tune).notes
    if tune.end < 1000:
        assert read_abc(write_abc([tune])).tunes


def use_composer(folder: Path) -> None:
    """Load a damaged composer; what loads composes and scores."""
    composer = Composer.load(folder)
    tune = composer.compose(Wish(bars=2))[0].tune
    assert tune.notes and all(np.isfinite(bits) for _, _, bits in composer.score(tune).notes)
