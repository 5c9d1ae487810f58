"""`lstm music train`, `compose` and `score` on good and on bad input."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lstmkit.cli import main
from lstmkit.music.abc import read_abc
from lstmkit.music.midi import read_midi
from lstmkit.music.rolls import read_rolls, read_voices, tune_to_roll, write_rolls, write_voices
from lstmkit.music.tune import uneven_bars

SMALL = (
    "--set",
    "hidden_size=16",
    "--set",
    "embedding_size=12",
    "--set",
    "columns=4",
    "--set",
    "warmup=10",
    "--epochs",
    4,
)


def tunes(count: int, seed: int = 0) -> str:
    draw, text = random.Random(seed), ""
    for number in range(count):
        jig = number % 2
        bars = ["".join(draw.choice("DFAdf") + ("" if jig else "2") for _ in range(6 if jig else 3)) for _ in range(8)]
        head = "R:jig\nM:6/8" if jig else "R:waltz\nM:3/4"
        text += f"X:{number}\nT:Tune {number}\n{head}\nL:1/8\nK:D\n{'|'.join(bars)}||\n\n"
    return text


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    (folder / "songs.abc").write_text(tunes(40))
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in ("music", "train", folder / "songs.abc", *SMALL, "--out", folder / "songs", "--quiet")])
    assert not stopped.value.code
    return folder / "songs"


def test_training_leaves_a_model_tunes_and_a_summary(trained):
    found = json.loads((trained / "summary.json").read_text())
    assert found["tunes_by_part"] == {"train": 33, "valid": 3, "test": 4} and found["styles"] == {
        "jig": 20,
        "waltz": 20,
    }
    lstm, ngram = (found["scores"][by]["bits_per_character"] for by in ("lstm", "ngram"))
    assert (found["verdict"]["kind"] == "better") == (found["low"] > 0) and min(lstm, ngram) > 0
    assert found["backend"] and found["settings"]["hidden_size"] == 16
    assert {"model", "summary.json", "tunes.abc", "report.html"} == {p.name for p in trained.iterdir()}
    assert len(read_abc((trained / "tunes.abc").read_text()).tunes) == 8


def test_what_is_printed_is_a_table_and_a_verdict(lstm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.abc").write_text(tunes(16))
    Path("b.abc").write_text(tunes(4, seed=0))
    ran = lstm("music", "train", "a.abc", "--test", "b.abc", *SMALL[:-1], 1)
    assert ran.code == 0 and "4 tunes never seen" in ran.out and "than the 6-gram model" in ran.out
    assert "4 of 4 test tunes share a run of notes with tunes to learn from" in ran.err
    assert "styles: waltz 8, jig 8" in ran.err and "of which 4 are related to tunes that were learnt from" in " ".join(
        ran.out.split()
    )
    again = lstm("music", "train", "a.abc", *SMALL)
    assert again.code == 2 and "already holds a result" in again.err


def test_tunes_are_written_as_abc_and_midi(lstm, trained, tmp_path):
    wish = (
        "--style",
        "jig",
        "--key",
        "G",
        "--meter",
        "6/8",
        "--bars",
        4,
        "--seed",
        3,
        "--tempo",
        150,
        "--instrument",
        73,
    )
    ran = lstm("music", "compose", trained, *wish, "--count", 2, "--out", tmp_path / "new")
    assert ran.code == 0 and ran.out.count(".abc") == 2
    tune = read_abc((tmp_path / "new" / "1.abc").read_text()).tunes[0]
    other, _ = read_midi((tmp_path / "new" / "1.mid").read_bytes())
    assert [n.pitch for n in tune.notes] == [n.pitch for n in other.notes] and other.voices[0].program == 73
    assert (tune.style, str(tune.key), tune.tempos[0][1]) == ("jig", "G", 150) and uneven_bars(tune) == []
    score = ElementTree.parse(tmp_path / "new" / "1.musicxml").getroot()
    assert score.findtext(".//work-title") == tune.title and len(score.findall(".//pitch")) == len(tune.notes)
    refused = lstm("music", "compose", trained, *wish, "--out", tmp_path / "new")
    assert refused.code == 2 and "exists already; choose another --out, or --force to replace it" in refused.err
    assert lstm("music", "compose", trained, *wish, "--out", tmp_path / "new", "--force").code == 0
    printed = lstm("music", "compose", trained, *wish, "--count", 2)
    assert read_abc(printed.out).tunes[0] == tune
    (found, _) = json.loads(lstm("music", "compose", trained, *wish, "--count", 2, "--json").out)
    assert read_abc(found["abc"]).tunes[0] == tune and found["key"] == "G" and found["ended"]


def test_a_primer_from_a_file_is_the_beginning(lstm, trained, tmp_path):
    (tmp_path / "p.abc").write_text("X:1\nM:6/8\nL:1/8\nK:D\nDFA dAF|\n")
    ran = lstm("music", "compose", trained, "--primer", tmp_path / "p.abc", "--style", "jig", "--bars", 4)
    assert [n.pitch for n in read_abc(ran.out).tunes[0].notes][:6] == [62, 66, 69, 74, 69, 66]


def test_what_is_noticed_in_a_file_is_said_wherever_one_is_read(lstm, trained, rolled, tmp_path):
    (tmp_path / "u.abc").write_text("X:1\nM:6/8\nL:1/8\nK:D\nDFA dAF|DFA|DFA dA|\n")
    hanging = b"MTrk\0\0\0\x0c\0\x90\x3c\x50\x60\x80\x3d\x40\0\xff\x2f\0"
    (tmp_path / "h.mid").write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\x60" + hanging)
    said = {"u.abc": "Bars not as long as their metre says, left as they are: 2",
            "h.mid": "Notes that never end, closed with their track: 1"}  # fmt: skip
    for name, remark in said.items():
        assert remark in lstm("music", "score", trained, tmp_path / name).err
        assert remark in lstm("music", "compose", rolled / "chords", "--primer", tmp_path / name, "--steps", 40).err
    assert said["u.abc"] in lstm("music", "compose", trained, "--primer", tmp_path / "u.abc", "--free").err


def test_drums_and_files_that_last_days_end_in_one_line(complain, trained, tmp_path):
    drums = b"\0\x99\x24\x50\x60\x89\x24\x40\0\xff\x2f\0"
    late = b"\0\x90\x3c\x50\x60\x80\x3c\x40\xff\xff\xff\x7f\x90\x3c\x50\x60\x80\x3c\x40\0\xff\x2f\0"
    for name, track in (("d.mid", drums), ("l.mid", late)):
        content = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(track).to_bytes(4, "big") + track
        (tmp_path / name).write_bytes(content)
    assert "d: has drums, of which the model learnt none" in complain("music", "score", trained, tmp_path / "d.mid")
    told = complain("music", "compose", trained, "--primer", tmp_path / "l.mid")
    assert "l.mid: lasts 699,051 whole notes, more than 100,000; correct when its last note sounds" in told


def test_scores_of_a_file_and_of_its_notes(lstm, trained, tmp_path):
    (tmp_path / "p.abc").write_text(tunes(3, seed=5))
    ran = lstm("music", "score", trained, tmp_path / "p.abc", "--notes")
    assert ran.code == 0 and "all 3 tunes" in ran.out and ran.out.count("#") > 20
    found = json.loads(lstm("music", "score", trained, tmp_path / "p.abc", "--notes", "--json").out)
    assert [one["title"] for one in found] == ["Tune 0", "Tune 1", "Tune 2"]
    bits = [one["bits"] for one in found[1]["notes"]]
    assert found[1]["bits_per_note"] == pytest.approx(sum(bits) / 48)
    assert found[1]["bits_per_bar"] == pytest.approx(found[1]["bits_per_event"]["lstm"] * found[1]["events"] / 8)
    assert len(found[1]["notes"]) == 48 and found[1]["notes"][1]["onset"] == "1/8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--style", "polka"), "style 'polka' is none that the model learnt; there is jig, waltz"),
        (("--bars", 0), "bars must be at least 1; got 0"),
        (("--tempo", 0), "a tempo of 0 is out of range"),
        (("--meter", "5/4"), "metre '5/4' is none that the model learnt; there is 3/4, 6/8"),
        (("--free", "--bars", 4), "--bars has no effect with --free; leave it out"),
        (("--temperature", 0, "--top-k", 3), "--top-k has no effect with --temperature 0; leave it out"),
        (("--force",), "--force has no effect without --out; leave it out"),
        (("--chords",), "--chords has no effect without --out; leave it out"),
        (("--by", "me"), "by must be one of lstm, ngram, mixture; got 'me'"),
        (("--primer", "none.abc"), "none.abc: no such file"),
    ],
)
def test_wishes_that_cannot_be_met_end_in_one_line(complain, trained, arguments, message):
    assert message in complain("music", "compose", trained, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none",), "none: no such file"),
        ((".",), "holds no file of music"),
        (
            (".", "--test-share", 0),
            "--test-share 0 leaves no tune to score on; give a larger share, or a file by --test",
        ),
        ((".", "--style", "mine"), "style must be one of auto, header, file, folder, none; got 'mine'"),
        ((".", "--test", "x", "--test-share", 0.2), "--test-share has no effect with --test; leave it out"),
        ((".", "--valid-share", 1), "--valid-share must be between 0 and 1; got 1"),
    ],
)
def test_training_that_cannot_begin_ends_in_one_line(complain, arguments, message):
    assert message in complain("music", "train", *arguments)


def test_a_model_that_is_not_there_is_refused(complain):
    assert "no such model folder" in complain("music", "score", "nothing", "x.abc")


ROLLS = ("--set", "key_size=5", "--set", "frame_size=4", "--set", "head_size=6", "--epochs", 2)


@pytest.fixture(scope="module")
def rolled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rolls")
    write_rolls(
        folder / "chords.npz", {part: rolls(count) for part, count in (("train", 8), ("valid", 2), ("test", 3))}
    )
    command = ("music", "train", folder / "chords.npz", *ROLLS, "--step", "1/4", "--out", folder / "chords", "--quiet")
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in command])
    assert not stopped.value.code
    return folder


def rolls(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(count)
    found = [np.zeros((16, 88), np.uint8) for _ in range(count)]
    for roll in found:
        for step, low in enumerate(draw.integers(38, 44, size=16)):
            roll[step, [low, low + 4, low + 7]] = 1
    return found


def test_piano_rolls_are_learnt_as_frames_and_scored_in_nats_a_frame(lstm, rolled):
    found = json.loads((rolled / "chords" / "summary.json").read_text())
    assert found["pieces_by_part"] == {"train": 8, "valid": 2, "test": 3} and set(found["scores"]) == {
        "lstm",
        "chain",
        "last",
    }
    own = json.loads(lstm("music", "score", rolled / "chords", rolled / "chords.npz", "--notes", "--json").out)
    assert own["parts"]["test"]["scores"] == found["scores"] and own["frames"] == 13 * 15
    assert own["parts"]["test"]["each"][0]["notes"][0]["onset"] == "0"
    said = lstm("music", "score", rolled / "chords", rolled / "chords.npz")
    assert said.code == 0 and "all 13 pieces" in said.out and "last frame repeated" in said.out
    again = lstm("music", "train", rolled / "chords.npz", *ROLLS, "--out", rolled / "again")
    assert "3 pieces never seen, 45 frames" in " ".join(again.out.split()) and "chain of each key" in again.out


def test_piano_rolls_are_composed_as_abc_midi_and_npz(lstm, rolled, tmp_path):
    wish = ("--steps", 6, "--tempo", 90, "--instrument", 19, "--seed", 1)
    ran = lstm("music", "compose", rolled / "chords", *wish, "--out", tmp_path / "new")
    assert ran.code == 0 and {file.name for file in (tmp_path / "new").iterdir()} == {
        "1.abc",
        "1.mid",
        "1.musicxml",
        "1.npz",
    }
    (roll,) = read_rolls(tmp_path / "new" / "1.npz")["all"]
    tune, _ = read_midi((tmp_path / "new" / "1.mid").read_bytes())
    assert (tune_to_roll(tune, Fraction(1, 4)) == roll[: int(tune.end * 4)]).all()
    assert float(tune.tempos[0][1]) == pytest.approx(90, abs=1e-3) and tune.voices[0].program == 19
    first = json.loads(lstm("music", "compose", rolled / "chords", *wish, "--json").out)[0]
    assert first["steps"] == 6 and first["nats_per_frame"] > 0
    primed = lstm("music", "compose", rolled / "chords", "--primer", tmp_path / "new" / "1.npz", "--steps", 8)
    assert primed.code == 0 and primed.out.startswith("X:1")
    below = lstm("music", "compose", rolled / "chords", "--harmonise", tmp_path / "new" / "1.mid")
    assert below.code == 0 and below.out.startswith("X:1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--key", "D"), "--key has no effect where frames are learnt; leave it out"),
        (("--bars", 4), "--bars has no effect where frames are learnt; leave it out"),
        (("--steps", 0), "steps must be from 1 to 1,000,000; got 0"),
        (("--tempo", 0), "a tempo of 0 is out of range"),
        (("--temperature", -1), "temperature must not be negative; got -1"),
    ],
)
def test_pieces_that_cannot_be_composed_end_in_one_line(complain, rolled, arguments, message):
    assert message in complain("music", "compose", rolled / "chords", *arguments)


def test_options_of_tunes_and_of_rolls_are_kept_apart(complain, rolled, trained):
    chords = rolled / "chords.npz"
    assert "--style has no effect where frames are learnt" in complain("music", "train", chords, "--style", "file")
    assert "--step must be a part of a whole note, such as 1/16; got '0'" in complain(
        "music", "train", chords, "--step", 0
    )
    assert "--as must be one of auto, events, frames, voices; got 'rolls'" in complain(
        "music", "train", chords, "--as", "rolls"
    )
    assert "--steps has no effect where tunes are learnt; give --bars" in complain(
        "music", "compose", trained, "--steps", 4
    )
    assert "--style has no effect where frames are learnt" in complain(
        "music", "score", rolled / "chords", chords, "--style", "file"
    )


def test_voices_are_learnt_composed_harmonised_and_scored(lstm, tmp_path):
    draw = np.random.default_rng(0)
    chords = np.array([[67, 64, 48], [65, 62, 50], [64, 60, -1]], np.int16)
    pieces = {part: [chords[draw.integers(3, size=16)] for _ in range(5)] for part in ("train", "valid", "test")}
    write_voices(tmp_path / "songs.json", pieces)
    small = [word for name in ("key_size", "frame_size", "head_size") for word in ("--set", f"{name}=4")]
    ran = lstm(
        "music", "train", tmp_path / "songs.json", "--as", "voices", *small, "--epochs", 1, "--out", tmp_path / "m"
    )
    assert "5 pieces never seen, 75 frames" in " ".join(ran.out.split()) and "chain of each voice" in ran.out
    found = json.loads((tmp_path / "m" / "summary.json").read_text())
    own = json.loads(lstm("music", "score", tmp_path / "m", tmp_path / "songs.json", "--json").out)
    assert own["parts"]["test"]["scores"] == found["scores"]
    made = lstm("music", "compose", tmp_path / "m", "--steps", 6, "--seed", 1, "--out", tmp_path / "new")
    assert made.code == 0 and {file.name for file in (tmp_path / "new").iterdir()} == {
        "1.abc", "1.mid", "1.musicxml", "1.json",
    }  # fmt: skip
    (voices,) = read_voices(tmp_path / "new" / "1.json")["all"]
    assert voices.shape == (6, 3)
    asked = ("--harmonise", tmp_path / "new" / "1.json", "--seed", 3, "--out", tmp_path / "again")
    assert lstm("music", "compose", tmp_path / "m", *asked).code == 0
    (harmonised,) = read_voices(tmp_path / "again" / "1.json")["all"]
    assert (harmonised[:, 0] == voices[:, 0]).all() and harmonised.shape == (6, 3)


def test_tunes_can_be_learnt_as_frames_and_rolls_as_events(lstm, trained, rolled, tmp_path):
    songs = trained.parent / "songs.abc"
    ran = lstm("music", "train", songs, "--as", "frames", "--step", "1/8", *ROLLS, "--out", tmp_path / "frames")
    assert ran.code == 0 and "nats a frame" in ran.out
    ran = lstm("music", "train", rolled / "chords.npz", "--as", "events", *SMALL, "--out", tmp_path / "events")
    assert ran.code == 0 and "bits a character" in ran.out
