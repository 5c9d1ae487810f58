"""`lstm video caption`: trained and used from the command line; one line for what cannot be used."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "video"))
from bodies import body
from films import moving, write_film

pytest.importorskip("sacrebleu", reason="the extra translate is not installed")

QUICK = [part for own in ("embedding_size=8", "hidden_size=8", "batch_size=8", "warmup=2") for part in ("--set", own)]
QUICK += ["--epochs", "8", "--quiet"]
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips, skeletons, and what is said of them."""
    folder, random = tmp_path_factory.mktemp("captions"), np.random.default_rng(0)
    (folder / "bodies").mkdir()
    rows = [("file", "caption", "person")]
    for number in range(20):
        side = ("left", "right")[number % 2]
        np.save(folder / "bodies" / f"{number}.npy", body(side, random))
        rows += [(f"bodies/{number}.npy", f"the {side} {what} goes up", f"p{number % 5}") for what in ("arm", "hand")]
    with (folder / "bodies.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    told = []
    for number in range(8):
        way = ("left", "right")[number % 2]
        write_film(folder / "clips" / f"{number}.mp4", moving(way, 12 + number))
        told.append({"id": f"{number}.avi", "caption": [f"A square goes {way}.", f"it moves {way}"]})
    (folder / "told.json").write_text(json.dumps(told))
    return folder


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for frames that is nobody's."""
    monkeypatch.setenv("LSTMKIT_CACHE", str(tmp_path_factory.getbasetemp() / "kept frames"))


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    from lstmkit.cli import main

    words = ["--joints", "kinect20", "--group", "person", "--out", str(place / "out")]
    with pytest.raises(SystemExit) as stopped:
        main(["video", "caption", "train", str(place / "bodies.csv"), *words, *QUICK, "--set", "learning_rate=0.03"])
    assert not stopped.value.code
    return place / "out"


@pytest.fixture(scope="module")
def filmed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of videos."""
    from lstmkit.cli import main

    out, cache = tmp_path_factory.mktemp("filmed") / "out", tmp_path_factory.getbasetemp() / "kept frames"
    words = ["--captions", place / "told.json", "--features", "grid", "--out", out, "--cased", "--cache", cache]
    words = [place / "clips", *words, "--test-share", "0.25", *QUICK]
    with pytest.raises(SystemExit) as stopped:
        main(["video", "caption", "train", *map(str, words)])
    assert not stopped.value.code
    return out


def test_training_leaves_a_model_a_page_and_a_summary(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {"model", "report.html", "summary.json", "test.json"}
    found = json.loads((trained / "summary.json").read_text())
    assert list(found["scores"]) == ["LSTM, beam 5", "LSTM, greedy", "nearest clip", "most frequent caption"]
    assert set(found["scores"]["nearest clip"]) == {"cider_d", "bleu", "rouge_l", "exact"}
    assert sum(found["clips"].values()) == 20 and sum(found["captions"].values()) == 40
    assert "Nothing can be concluded" in found["verdict"]["headline"] and found["test_nats_per_word"] > 0
    told = json.loads((trained / "test.json").read_text())
    assert len(told) == found["clips"]["test"] and len(told[0]["true"]) == 2
    page = (trained / "report.html").read_text()
    assert "plot-attention" in page and "true captions" in page


def test_skeletons_are_said(lstm: Run, trained: Path, place: Path) -> None:
    found = lstm("video", "caption", "predict", trained, place / "bodies.csv")
    assert found.code == 0, found.err
    assert [line.split("\t")[0] for line in found.out.splitlines()] == [f"bodies/{k}.npy" for k in range(20)]
    one = place / "bodies" / "3.npy"
    found = lstm("video", "caption", "predict", trained, one, "--best", "3")
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert len(rows) == 3 and float(rows[0][1]) > float(rows[2][1]) and rows[0][0] == str(one)
    found = lstm("video", "caption", "predict", trained, one, one.with_name("4.npy"), "--format", "json")
    records = json.loads(found.out)
    assert [(own["start"], own["end"]) for own in records] == [(1, 20), (1, 20)]
    again = lstm("video", "caption", "predict", trained, one, "--also", trained, "--beam", "1")
    assert again.code == 0 and len(again.out.splitlines()) == 1


def test_videos_are_said_and_written_as_subtitles(lstm: Run, filmed: Path, kept: None, tmp_path: Path) -> None:
    film = write_film(tmp_path / "long.mp4", moving("left", 20) + [255 - own for own in moving("right", 20)])
    path = tmp_path / "long.srt"
    found = lstm("video", "caption", "predict", filmed, film, "--shots", "--format", "srt", "--out", path)
    assert found.code == 0, found.err
    assert path.read_text().count(" --> ") == 2 and "00:00:02,500 --> 00:00:05,000" in path.read_text()
    found = lstm("video", "caption", "predict", filmed, film, "--format", "vtt")
    assert found.out.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n")
    found = lstm("video", "caption", "predict", filmed, film, "--shots")
    assert [line.split("\t")[1:3] for line in found.out.splitlines()] == [["0.00", "2.50"], ["2.50", "5.00"]]
    again = lstm("video", "caption", "predict", filmed, film, "--out", path)
    assert again.code == 2 and "exists already" in again.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict", "MODEL", "clips", "--format", "srt"), "subtitles are of one video, and 8 are given"),
        (
            ("predict", "MODEL", "clips/0.mp4", "clips/1.mp4", "--format", "vtt"),
            "subtitles are of one video, and 2 are",
        ),
        (("predict", "MODEL", "clips/0.mp4", "clips/none.mp4"), "clips/none.mp4: no such file"),
        (("predict", "MODEL", "clips", "--also", "out"), "model 2: has other words or frames than the first"),
        (("train", "clips", "--captions", "few.json"), "6 of 8 clips have no caption, first '2.mp4'"),
        (("train", "clips", "--captions", "told.json", "--set", "longest_clip=10"), "'0.mp4': 12 frames are more than"),
        (
            ("train", "clips", "--captions", "told.json", "--set", "longest_clip=10", "--count", "11"),
            "'0.mp4': 11 frames",
        ),
    ],
)
def test_what_is_refused_is_refused_before_a_frame_is_computed(
    lstm: Run,
    trained: Path,
    filmed: Path,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    (place / "few.json").write_text(json.dumps(json.loads((place / "told.json").read_text())[:2]))
    monkeypatch.chdir(place)
    monkeypatch.setenv("LSTMKIT_CACHE", str(tmp_path / "frames"))
    told = [str(filmed) if own == "MODEL" else own for own in arguments]
    features = ["--features", "grid", "--out", str(tmp_path / "new")] if arguments[0] == "train" else []
    found = lstm("video", "caption", *told, *features)
    assert found.code == 2 and found.out == ""
    assert found.err.startswith("lstm: ") and found.err.count("\n") == 1 and words in found.err
    assert not list(tmp_path.rglob("*.frames")) + list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "clips"), "nothing says what is seen in the clips"),
        (("train", "clips", "--captions", "none.json"), "none.json"),
        (("train", "bodies", "--captions", "told.json", "--test", "bodies"), "clips have no caption"),
        (("train", "bodies.csv", "--test", "bodies.csv"), "20 of 20 clips are in the training part too"),
        (("train", "bodies.csv", "--caption", "text"), "nothing is called 'text'"),
        (("train", "bodies.csv", "--rate", "3"), "--rate has no effect with skeletons"),
        (("train", "bodies.csv", "--mirror"), "--mirror has no effect on captions, which say left and right"),
        (("train", "bodies.csv", "--arrays", "--joints", "kinect20"), "--joints has no effect with --arrays"),
        (("train", "clips", "--captions", "told.json", "--arrays"), "--arrays has no effect with videos"),
        (("train", "bodies.csv", "--valid-share", "0.6", "--test-share", "0.5"), "leave nothing to train on"),
        (("train", "bodies.csv", "--start", "nothing"), "nothing"),
        (("train", "bodies.csv", "--set", "sampling=0.1"), "sampling divides words"),
        (("predict", "out", "clips"), "the model reads skeletons, and these are videos"),
        (("train", "bodies.csv", "--set", "longest_clip=10"), "'bodies/0.npy': 20 frames are more than the 10"),
        (("train", "bodies.csv", "--pattern", "{take}.npy"), "--pattern has no effect without a folder of clips"),
        (("train", "bodies.csv", "--set", "attention=none", "--coverage", "0.2"), "--coverage has no effect with"),
        (("predict", "out", "bodies", "--format", "ass"), "format must be one of"),
        (("predict", "out", "bodies", "--format", "srt"), "--format srt: nothing tells the times of 'bodies'"),
        (("predict", "out", "bodies", "--best", "2", "--format", "vtt"), "--best has no effect with --format vtt"),
        (("predict", "out", "bodies.csv", "--pattern", "{take}.npy"), "--pattern has no effect without a folder"),
        (("predict", "told.json", "clips"), "not a folder; a model is a folder"),
    ],
)
def test_bad_input_ends_in_one_line(
    lstm: Run, trained: Path, place: Path, kept: None, monkeypatch: pytest.MonkeyPatch, arguments: Any, words: str
) -> None:
    monkeypatch.chdir(place)
    before = {path: path.stat().st_mtime for path in place.rglob("*")}
    found = lstm("video", "caption", *arguments, *(["--out", "new"] if arguments[0] == "train" else []))
    assert found.code == 2 and found.out == ""
    assert found.err.startswith("lstm: ") and found.err.count("\n") == 1 and words in found.err
    assert {path: path.stat().st_mtime for path in place.rglob("*")} == before
