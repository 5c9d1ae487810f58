"""Piano rolls: read from every form, and as tunes."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction

import numpy as np
import pytest

from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc, write_abc
from lstmkit.music.midi import read_midi, write_midi
from lstmkit.music.rolls import (
    read_rolls,
    read_voices,
    tune_of_parts,
    tune_of_roll,
    tune_to_roll,
    write_rolls,
    write_voices,
)
from lstmkit.music.rolls.frames import parts_of_tune
from lstmkit.music.tune import Note, Tune, Voice

PIECES = {"train": [[[60, 64], [60, 64], [], [21, 108]]], "test": [[[60.0]], [[62], [62]]]}


def test_every_form_says_the_same(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(PIECES))
    found = read_rolls(tmp_path / "a.json")
    assert {part: [roll.shape for roll in own] for part, own in found.items()} == {
        "train": [(4, 88)],
        "test": [(1, 88), (2, 88)],
    }
    assert [np.flatnonzero(step).tolist() for step in found["train"][0]] == [[39, 43], [39, 43], [], [0, 87]]
    for name in ("b.npz", "c.json"):
        write_rolls(tmp_path / name, found)
        again = read_rolls(tmp_path / name)
        assert {p: [r.tolist() for r in own] for p, own in again.items()} == {
            p: [r.tolist() for r in own] for p, own in found.items()
        }
    (tmp_path / "d.json.gz").write_bytes(gzip.compress(json.dumps(PIECES["train"]).encode()))
    assert read_rolls(tmp_path / "d.json.gz")["all"][0].tolist() == found["train"][0].tolist()


def test_matlab_cells_are_read_as_scipy_writes_them(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    rolls = [(np.random.default_rng(k).random((5 + k, 88)) < 0.1) for k in range(3)]
    for packed in (True, False):
        cells = np.empty((1, 3), object)
        cells[0] = [roll.astype(float) for roll in rolls]
        scipy_io.savemat(tmp_path / "x.mat", {"traindata": cells, "note": "words"}, do_compression=packed)
        found = read_rolls(tmp_path / "x.mat")
        assert list(found) == ["train"] and all((a == b).all() for a, b in zip(found["train"], rolls, strict=True))


def test_a_key_that_goes_on_is_one_note():
    roll = np.zeros((5, 88), np.uint8)
    roll[0:2, 39] = roll[3, 39] = roll[1:5, 43] = 1
    tune = tune_of_roll(roll, Fraction(1, 8))
    assert [tuple(n)[:3] for n in tune.notes] == [
        (Fraction(0), Fraction(1, 4), 60), (Fraction(1, 8), Fraction(1, 2), 64), (Fraction(3, 8), Fraction(1, 8), 60),
    ]  # fmt: skip
    assert (tune_to_roll(tune, Fraction(1, 8)) == roll).all()


def test_voices_rest_and_come_back(tmp_path):
    parts = np.array([[67, 60], [67, -1], [69, 60], [69, 60]], np.int16)
    tune = tune_of_parts(parts)
    assert [[tuple(n)[:3] for n in v.notes] for v in tune.voices] == [
        [(Fraction(0), Fraction(1, 8), 67), (Fraction(1, 8), Fraction(1, 8), 69)],
        [(Fraction(0), Fraction(1, 16), 60), (Fraction(1, 8), Fraction(1, 8), 60)],
    ]
    assert (parts_of_tune(tune) == parts).all()
    write_voices(tmp_path / "v.json", {"test": [parts]})
    assert (read_voices(tmp_path / "v.json")["test"][0] == parts).all()


@pytest.mark.parametrize("each", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_chorales_come_back_through_midi_and_abc(data, each):
    pieces = [p for own in read_voices(data / "jsb_chorales" / "Jsb16thSeparated.json.gz").values() for p in own]
    assert len(pieces) == 382
    for piece in pieces[::each]:
        tune = tune_of_parts(piece)
        assert (parts_of_tune(tune) == piece).all()
        again, _ = read_midi(write_midi(tune))
        assert [v.notes for v in again.voices] == [v.notes for v in tune.voices]
        assert [v.notes for v in read_abc(write_abc([tune])).tunes[0].voices] == [v.notes for v in tune.voices]


def test_both_files_of_the_chorales_hold_the_same(data):
    one = read_rolls(data / "jsb_chorales" / "jsb-chorales-quarter.json.gz")
    other = read_rolls(data / "polyphonic_mat" / "JSB_Chorales.mat")
    assert {part: sum(map(len, own)) for part, own in one.items()} == {"train": 13807, "valid": 4602, "test": 4725}
    for part, own in one.items():
        assert all((a == b).all() for a, b in zip(own, other[part], strict=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "not piano rolls; give JSON with lists of pitches, .npz or .mat"),
        (b'{"train": 5}', "train: no list of pieces"),
        (b'[[["a"]]]', "all 1: no list of steps, each a list of pitches in whole numbers"),
        (b"[[[60], [109]]]", "all 1, step 2: the pitch 109 is outside 21 to 108, the keys of a piano"),
        (b"[[[], []]]", "holds no note; give piano rolls in which a key sounds"),
        (
            b"MATLAB" + b" " * 120 + b"IM" + b"\x0f\x00\x00\x00\xff\x00\x00\x00",
            "damaged or cut short; copy or save it again",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(content, message, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_rolls(tmp_path / "x.json")
    assert message in str(error.value)


def test_arrays_that_are_no_rolls_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 12)))
    with pytest.raises(InputError, match=r"a piano roll is \(steps, 88 or 128\) numbers; got \(3, 12\)"):
        read_rolls(tmp_path / "a.npz")
    low = np.zeros((3, 128))
    low[1, 20] = 1
    np.savez(tmp_path / "a.npz", x=low)
    with pytest.raises(InputError, match="from step 2 on, step 1: the pitch 20 is outside 21 to 108"):
        read_rolls(tmp_path / "a.npz")


def test_voices_of_unequal_numbers_are_refused(tmp_path):
    (tmp_path / "x.json").write_text("[[[60, 62], [60]]]")
    with pytest.raises(InputError, match="steps of unequal numbers of voices; write -1 where a voice rests"):
        read_voices(tmp_path / "x.json")


def test_a_note_that_begins_in_the_last_half_of_the_last_step_sounds_in_it():
    step = Fraction(1, 8)
    tune = Tune((Voice((Note(Fraction(0), step, 60), Note(step * 9 / 5, step / 5, 64))),), end=2 * step)
    assert np.argwhere(tune_to_roll(tune, step)).tolist() == [[0, 39], [1, 43]]
    assert parts_of_tune(tune, step)[:, 0].tolist() == [60, 64]


def test_of_several_notes_of_a_voice_in_one_step_the_last_stays():
    step = Fraction(1, 8)
    notes = Note(Fraction(0), step / 2, 60), Note(step / 2, step / 2, 62), Note(step, step, 64)
    tune = Tune((Voice(notes),), end=2 * step)
    assert parts_of_tune(tune, step)[:, 0].tolist() == [62, 64]


def test_a_tune_beyond_the_piano_has_no_roll():
    with pytest.raises(InputError, match="the note 20 is outside 21 to 108"):
        tune_to_roll(read_abc("X:1\nK:C\n_A,,,,\n").tunes[0])
