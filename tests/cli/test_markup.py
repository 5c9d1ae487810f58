"""Text of the user is shown as it is, wherever it is shown: no markup, no HTML, nothing that a terminal obeys."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_models import train_small

Run = Callable[..., "Ran"]  # noqa: F821
Complain = Callable[..., str]
MARKUP, ESCAPE, HTML = "[/red][b]:smile:", "\x1b]0;x\x07\x9b31m", "<b>&lt;</script><script>alert(1)</script>"
COLUMN, FOLDER = "[/i] price", "out[/red]"
FAST = ("--set", "max_epochs=1", "--set", "hidden_size=8", "--horizon", 2)


class Terminal(io.StringIO):
    """What a terminal is told."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def odd_csv(tmp_path: Path) -> Path:
    """Three series whose ids are markup, escapes and HTML."""
    steps = np.random.default_rng(3).normal(size=(3, 70)).cumsum(1)
    path = tmp_path / "[odd].csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["[/d]", "who", COLUMN])
        for name, values in zip((MARKUP, ESCAPE, HTML), steps.tolist(), strict=True):
            rows.writerows([k, name, f"{value:.3f}"] for k, value in enumerate(values))
    return path


@pytest.fixture
def odd(lstm: Run, odd_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    monkeypatch.chdir(tmp_path)
    return [odd_csv.name, "--id", "who", "--target", COLUMN, "--time", "[/d]"]


def test_a_forecast(lstm: Run, odd: list[object]) -> None:
    ran = lstm("forecast", *odd, *FAST, "--out", FOLDER)
    assert ran.code == 0, ran.err
    assert MARKUP in ran.out and HTML in ran.out
    assert f"column {COLUMN!r}" in ran.err
    assert f"{FOLDER}/report.html shows it all" in ran.out
    assert r"\x1b]0;x\x07\x9b31m" in ran.out
    assert "\x1b" not in ran.out + ran.err
    page = Path(FOLDER, "report.html").read_text()
    assert "<script>alert" not in page and "\x1b" not in page
    assert page.count("alert(1)") >= 3
    with Path(FOLDER, "forecast.csv").open(newline="") as file:
        assert {row["who"] for row in csv.DictReader(file)} == {MARKUP, ESCAPE, HTML}
    assert MARKUP in lstm("predict", FOLDER, odd[0]).out
    ran = lstm("explain", "gates", FOLDER, odd[0], "--id", MARKUP, "--out", "g[i].html")
    assert (ran.code, ran.err) == (0, "")
    assert "g[i].html shows" in ran.out
    paths = lstm("predict", FOLDER, odd[0], "--paths", 1).out
    assert ESCAPE in paths  # data in a pipe


def test_a_backtest_and_a_tuning(lstm: Run, odd: list[object]) -> None:
    ran = lstm("backtest", *odd, *FAST, "--windows", 2, "--out", "[b].csv")
    assert ran.code == 0, ran.err
    ran = lstm("tune", *odd, *FAST[:2], "--horizon", 2, "--trials", 1, "--out", FOLDER)
    assert ran.code == 0, ran.err
    assert FOLDER in ran.out and COLUMN in ran.out


def test_data_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from lstmkit.cli import printing

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    printing.write(f"a\tb\n{ESCAPE}\u202ecba\n")
    assert screen.getvalue() == "a\tb\n\\x1b]0;x\\x07\\x9b31m\\u202ecba\n"


@pytest.mark.parametrize("value", [MARKUP, ESCAPE, "a\u202eb"])
def test_errors(complain: Complain, value: str) -> None:
    shown = value.encode("unicode_escape").decode()
    assert complain("forecast", f"no{value}") == f"no{shown}: no such file"
    assert shown in complain("forecast", "demo:aapl", "--target", value)
    assert shown in complain("forecast", "demo:aapl", "--set", value)
    assert shown in complain(value)


def test_a_very_long_error_is_cut(complain: Complain) -> None:
    assert len(complain("forecast", "demo:aapl", "--target", "x" * 100_000)) < 2000


def test_texts(lstm: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the \x1b]0;x\x07king [/b] of [red]\n" * 200)
    model = train_small(tmp_path, "word", text)
    ran = lstm("language", "suggest", model, "the \x1b]0;x\x07king", "--allow-unknown")
    assert ran.code == 0, ran.err
    assert "[/b]" in ran.out and "[red]" in ran.out
    assert "\x1b" not in ran.out
    assert "[/b]" in lstm("language", "generate", model, "--prompt", "the", "--allow-unknown").out
    assert "[/b].txt" in lstm("language", "score", model, "[/b].txt").err


def test_classes(lstm: Run, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    rows = [("good \x1b[31mfilm", "[red]pos"), ("bad [/x] film", "</script>neg")] * 30
    table.write_text("sentence,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    out = tmp_path / FOLDER
    small = ("--set", "epochs=1", "--set", "hidden_size=8", "--set", "embedding_size=8")
    ran = lstm("language", "classify", "train", table, *small, "--pooling", "attention", "--out", out)
    assert ran.code == 0, ran.err
    ran = lstm("language", "classify", "predict", out, "good \x1b[31mfilm [/x]", "--explain")
    assert ran.code == 0, ran.err
    assert r"good \x1b[31mfilm [/x]" in ran.out
    assert "[red]pos" in ran.out or "</script>neg" in ran.out
