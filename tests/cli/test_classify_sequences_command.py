"""`lstm classify train | predict`: what a user types, and what comes back."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from lstmkit.cli.app import main

SMALL = ["--set", "hidden_size=8", "--set", "head_size=8", "--epochs", "8", "--set", "learning_rate=0.02"]


def write_walks(path, number=30, labels=True, seed=0):
    generator = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["walk", "t", "x", *(["kind"] if labels else [])])
        for k in range(number):
            for t in range(int(generator.integers(6, 10))):
                value = (1 if k % 2 else -1) * t / 4 + 0.1 * generator.normal()
                rows.writerow([f"w{k}", t, f"{value:.4f}", *(["up" if k % 2 else "down"] if labels else [])])


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walks")
    write_walks(folder / "walks.csv")
    with pytest.raises(SystemExit) as ended:
        main(["classify", "train", str(folder / "walks.csv"), "--id", "walk", "--label", "kind", *SMALL, "--out",
              str(folder / "out"), "-q"])  # fmt: skip
    assert ended.value.code == 0
    return folder / "out"


def test_train_prints_a_table_and_a_verdict(capsys, tmp_path) -> None:
    write_walks(tmp_path / "walks.csv")
    code, out, err = run(capsys, "classify", "train", tmp_path / "walks.csv", "--id", "walk", "--label", "kind",
                         *SMALL, "--out", tmp_path / "out", "--folds", 2)  # fmt: skip
    assert code == 0
    assert "nearest neighbour, time warped" in out
    assert "always the largest class" in out
    assert "30 sequences of 6 to 9 steps" in err
    assert "'t'" in err
    assert "30 sequences are few" in err and "the mean of 5 networks" in err
    assert (tmp_path / "out" / "summary.json").exists()


def test_networks_and_filters_are_those_that_are_asked_for(capsys, tmp_path) -> None:
    write_walks(tmp_path / "walks.csv")
    asked = ["--ensemble", 2, "--convolution", 3, "--epochs", 2, "--set", "hidden_size=4", "--json"]
    code, out, err = run(capsys, "classify", "train", tmp_path / "walks.csv", "--id", "walk", "--label", "kind", *asked,
                         "--out", tmp_path / "out")  # fmt: skip
    summary = json.loads(out)
    assert code == 0 and "networks" not in err
    assert (summary["networks"], summary["settings"]["convolution"]) == (2, 3)


def test_predict_gives_a_label_for_every_sequence(capsys, model, tmp_path) -> None:
    write_walks(tmp_path / "new.csv", 6, labels=False, seed=1)
    code, out, _ = run(capsys, "classify", "predict", model, tmp_path / "new.csv", "--json")
    records = json.loads(out)
    assert code == 0
    assert [record["id"] for record in records] == [f"w{k}" for k in range(6)]
    assert [record["label"] for record in records] == ["down", "up"] * 3
    assert all(record["p_up"] + record["p_down"] == pytest.approx(1) for record in records)
    code, out, _ = run(capsys, "classify", "predict", model, tmp_path / "new.csv", tmp_path / "new.csv", "--out",
                       tmp_path / "answers.csv")  # fmt: skip
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "answers.csv").read_text().splitlines()))
    assert len(rows) == 12
    assert rows[0]["file"].endswith("new.csv")


def test_explain_shows_a_bar_for_every_step(capsys, model, tmp_path) -> None:
    write_walks(tmp_path / "new.csv", 2, labels=False)
    code, out, _ = run(capsys, "classify", "predict", model, tmp_path / "new.csv", "--explain")
    assert code == 0
    assert "█" in out
    _, out, _ = run(capsys, "classify", "predict", model, tmp_path / "new.csv", "--explain", "--json")
    assert [sum(record["weights"]) for record in json.loads(out)] == pytest.approx([1, 1])


def test_a_window_gives_segments_of_one_recording(capsys, model, tmp_path) -> None:
    values = [*np.arange(40) / 4, *(10 - np.arange(40) / 4)]
    (tmp_path / "day.csv").write_text("t,x\n" + "".join(f"{t},{v}\n" for t, v in enumerate(values)))
    code, out, _ = run(capsys, "classify", "predict", model, tmp_path / "day.csv", "--window", 8, "--every", 2,
                       "--threshold", 0, "--json")  # fmt: skip
    records = json.loads(out)
    assert code == 0
    assert records[0]["label"] == "up"
    assert records[-1]["label"] == "down"
    assert (records[0]["start"], records[-1]["end"]) == (1, 80)
    assert (records[0]["start_time"], records[-1]["end_time"]) == ("0", "79")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--every", "3"], "--every has no effect without --window"),
        (["--window", "0"], "window must be at least 1"),
        (["--window", "4", "--threshold", "2"], "threshold must be a probability"),
        (["--window", "4", "--explain"], "--explain has no effect with --window"),
        (["--force"], "--force has no effect without --out"),
    ],
)
def test_options_that_do_nothing_are_refused(capsys, model, tmp_path, arguments, words) -> None:
    write_walks(tmp_path / "new.csv", 2, labels=False)
    code, _, err = run(capsys, "classify", "predict", model, tmp_path / "new.csv", *arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label", "kinds", "--id", "walk"], "no column 'kinds'; did you mean 'kind'?"),
        (["--label", "kind", "--id", "walk", "--differences", "one"], "--differences must be whole numbers"),
        (["--label", "kind", "--id", "walk", "--leave-one-group-out"], "needs --group"),
        (["--label", "kind", "--id", "walk", "--set", "colour=red"], "has no setting 'colour'"),
        (["--label", "kind", "--id", "walk", "--pooling", "sum"], "pooling must be one of"),
        (["--label", "kind", "--time", "t"], "needs --id"),
    ],
)
def test_what_cannot_be_trained_is_one_line(capsys, tmp_path, arguments, words) -> None:
    write_walks(tmp_path / "walks.csv")
    code, _, err = run(capsys, "classify", "train", tmp_path / "walks.csv", *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert words in err
    assert not (tmp_path / "out").exists()
