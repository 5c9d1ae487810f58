"""`lstm video classify`: trained and used from the command line; one line for what cannot be used."""

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
from bodies import write_bodies
from films import moving, write_film, write_ways

pytest.importorskip("av", reason="the extra video is not installed")

QUICK = ["--epochs", "2", "--ensemble", "1", "--set", "hidden_size=8", "--set", "final_fit=false", "--quiet"]
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ways(tmp_path_factory.mktemp("clips"), 5)


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for frames that is nobody's."""
    folder = tmp_path_factory.getbasetemp() / "kept frames"
    monkeypatch.setenv("LSTMKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def trained(lstm: Run, clips: Path, kept: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    found = lstm("video", "classify", "train", clips, "--features", "grid", "--out", out, *QUICK)
    assert found.code == 0, found.err
    assert "functionals + logistic regression" in found.out and "test clips" in found.out
    return out


def test_clips_are_learnt_and_told(lstm: Run, trained: Path, tmp_path: Path) -> None:
    path = write_film(tmp_path / "new.avi", moving("right", 14))
    found = lstm("video", "classify", "predict", trained, path, path, "--json")
    assert found.code == 0, found.err
    records = json.loads(found.out)
    assert [one["id"] for one in records] == [str(path), str(path)]
    assert all(one["p_left"] + one["p_right"] == pytest.approx(1) for one in records)
    shown = lstm("video", "classify", "predict", trained, path, "--threshold", "1")
    assert "unsure" in shown.out and " %, " in shown.out
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["frames"]["features"] == "grid" and summary["frames"]["rate"] == 8


def test_a_long_recording_as_stretches_and_as_a_page(lstm: Run, trained: Path, tmp_path: Path) -> None:
    path = write_film(tmp_path / "long <b>.avi", moving("right", 20) + moving("left", 20))
    page, table = tmp_path / "page.html", tmp_path / "told.csv"
    words = ["video", "classify", "predict", trained, path, "--window", "1", "--threshold", "0"]
    found = lstm(*words, "--page", page, "--out", table)
    assert found.code == 0, found.err
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert float(rows[0]["start"]) == 0 and float(rows[-1]["end"]) == pytest.approx(5)
    assert [a["end"] for a in rows[:-1]] == [b["start"] for b in rows[1:]]
    text = page.read_text(encoding="utf-8")
    assert "data:video/webm;base64," in text and "long &lt;b&gt;.avi" in text and "long <b>" not in text
    again = lstm(*words, "--page", page)
    assert again.code == 2 and "exists already; choose another" in again.err


def test_skeletons_are_learnt_and_told(lstm: Run, tmp_path: Path) -> None:
    folder = write_bodies(tmp_path / "bodies")
    pattern = "{label}_{person}_{take}.npy"
    words = ["video", "classify", "train", folder, "--pattern", pattern, "--group", "person", "--joints", "kinect20"]
    found = lstm(*words, "--out", tmp_path / "out", "--leave-one-group-out", "--root", "hip_center", *QUICK)
    assert found.code == 0, found.err
    assert "nearest neighbour" in found.out and "4 groups" in found.out
    told = lstm("video", "classify", "predict", tmp_path / "out", folder, "--json")
    assert len(json.loads(told.out)) == 24
    steps = lstm("video", "classify", "predict", tmp_path / "out", folder, "--window", "10", "--json")
    assert {own["end"] for own in json.loads(steps.out)} >= {20}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--joints", "coco17"], "--joints has no effect with videos; leave it out"),
        (["--features", "grid", "--side", "96"], "--side has no effect with --features grid; leave it out"),
        (["--features", "flow", "--mirror"], "--mirror has no effect with --features flow; leave it out"),
        (["--features", "all"], "features must be one of network, grid, both, motion, flow, pixels; got 'all'"),
        (["--rate", "0"], "rate must be from 0.01 to 240 pictures a second; got 0"),
        (["--group", "film"], "nothing is called 'film'"),
        (["--folds", "2", "--test", "x"], "leave out --valid and --test"),
        (["--leave-one-group-out"], "--leave-one-group-out needs --group"),
        (["--pattern", "{kind}.mp4"], "has no field {label}"),
    ],
)
def test_options_that_cannot_be_used(
    lstm: Run, clips: Path, kept: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    found = lstm("video", "classify", "train", clips, "--out", tmp_path / "out", *words)
    assert found.code == 2 and message in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_options_of_videos_do_nothing_with_skeletons(lstm: Run, tmp_path: Path) -> None:
    folder = write_bodies(tmp_path / "bodies", 2, 1)
    found = lstm("video", "classify", "train", folder, "--rate", "5")
    assert found.code == 2 and "--rate has no effect with skeletons; leave it out" in found.err


def test_a_video_is_told_of_as_it_comes(lstm: Run, trained: Path, tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.avi", moving("right", 30))
    words = ["video", "classify", "predict", trained, path, "--live", "--threshold", "0"]
    found = lstm(*words, "--window", "1", "--json")
    assert found.code == 0, found.err
    assert [json.loads(line)["time"] for line in found.out.splitlines()] == [k / 8 for k in range(3, 30, 4)]
    assert "s of video in" in found.err
    plain = lstm(*words, "--window", "1")
    assert 1 <= len(plain.out.splitlines()) <= 7 and " %" in plain.out
    assert "--live: needs --window" in lstm(*words).err
    assert "--page has no effect with --live" in lstm(*words, "--window", "1", "--page", tmp_path / "a.html").err


def test_pages_play_videos_alone(lstm: Run, trained: Path, tmp_path: Path) -> None:
    found = lstm("video", "classify", "predict", trained, "-", "--page", tmp_path / "a.html")
    assert found.code == 2 and "--page: standard input cannot be read twice" in found.err
    found = lstm("video", "classify", "predict", trained, "a.mp4", "--every", "3")
    assert found.code == 2 and "--every has no effect without --window" in found.err


def test_clips_that_cannot_be_read_are_named(lstm: Run, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 20, 3)))
    for name, message in (("none.mp4", "none.mp4: no such file"), ("a.npy", "these are skeletons")):
        found = lstm("video", "classify", "predict", trained, tmp_path / name)
        assert found.code == 2 and message in found.err and found.err.count("\n") == 1
