"""`lstm explain`: what the three commands print and write, and how bad input ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lstmkit.cli import main
from lstmkit.cli.explain import explain

Run = Callable[..., "Ran"]  # noqa: F821
COMMANDS = [command.callback.__name__ for command in explain.registered_commands if command.callback]


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(lstm: Run, prices_csv: Path, in_folder: Path) -> Path:
    assert lstm("forecast", prices_csv, "--horizon", 3, "--context", 10, "--out", in_folder / "out", "-q").code == 0
    return in_folder / "out"


def plots(page: Path) -> list[str]:
    """Return the names of the figures on a page that needs no network."""
    text = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", text)
    return re.findall(r'<div id="plot-([\w-]+)"', text)


def test_there_are_three_commands() -> None:
    assert COMMANDS == ["gradients", "memory", "gates"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(lstm: Run, command: str) -> None:
    ran = lstm("explain", command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"  lstm explain {command}" in ran.out.split("examples:")[1]
    assert command in lstm("explain", "--help").out


def test_gradients_prints_a_row_and_a_sentence_for_each_cell(lstm: Run, in_folder: Path) -> None:
    arguments = ("explain", "gradients", "--cells", "rnn,lstm+1", "--hidden", 8, "--steps", 30, "--seeds", 2)
    ran = lstm(*arguments)
    assert ran.code == 0
    assert ran.err.splitlines() == ["measuring RNN", "measuring LSTM, forget bias 1"]
    assert "RNN: half is lost after" in ran.out and "LSTM, forget bias 1: half is lost after" in ran.out
    assert plots(in_folder / "gradients.html") == ["gradients"]
    found = lstm(*arguments, "--force", "--json")
    assert found.err == ""
    curves = json.loads(found.out)["curves"]
    assert [curve["cell"] for curve in curves] == ["rnn", "lstm+1"]
    assert all(len(curve["median"]) == 30 and curve["median"][0] == 1 for curve in curves)
    for curve in curves:
        assert f"half is lost after {curve['half_at']} step" in ran.out


def test_memory_prints_a_table_for_each_problem_with_the_naive_answer(lstm: Run, in_folder: Path) -> None:
    arguments = ("explain", "memory", "--cells", "gru", "--hidden", 8, "--steps", 50, "--longest", 10)
    ran = lstm(*arguments)
    assert ran.code == 0
    assert "naive: always 1" in ran.out and "naive: always the most frequent class" in ran.out
    assert "min left" in ran.err and "The study ends within 5 minutes" in ran.err
    assert plots(in_folder / "memory.html") == ["adding", "temporal-order"]
    found = json.loads(lstm(*arguments, "--force", "--json").out)
    assert set(found["learns_up_to_lag"]) == {"adding", "temporal order"}
    assert [trial["cell"] for trial in found["trials"]] == ["gru", "gru"]
    for trial in found["trials"]:
        assert f"{trial['error']:.3f}" in ran.out and f"{trial['naive']:.3f}" in ran.out


def test_quick_does_not_look_at_the_clock(lstm: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.explain.memory.CHECK_SEQUENCES", 10)
    arguments = ("explain", "memory", "--quick", "--cells", "rnn", "--hidden", 2)
    found = json.loads(lstm(*arguments, "--json").out)
    settings = found["settings"]
    assert (settings["minutes"], settings["longest"], settings["hidden"]) == (None, 20, 2)
    assert "time was up" not in {trial["outcome"] for trial in found["trials"]}
    ran = lstm(*arguments, "--force")
    assert ran.err.startswith("The study ends when every cell has had its steps; Ctrl-C stops it.\n")
    assert "min left" not in ran.err


def test_gates_draws_every_layer_over_the_window(lstm: Run, model: Path, prices_csv: Path, in_folder: Path) -> None:
    ran = lstm("explain", "gates", model, prices_csv, "--at", "2024-07-01")
    assert (ran.code, ran.err) == (0, "")
    assert "column 'Close', 2024-06-18 to 2024-07-01 (10 steps)" in ran.out
    assert "The model has no attention, so there are no attention weights to draw." in ran.out
    assert plots(in_folder / "gates.html") == ["series", "layer-0"]
    found = json.loads(lstm("explain", "gates", model / "model", prices_csv, "--at", 130, "--json", "--force").out)
    assert len(found["values"]) == len(found["layers"][0]["forget_gate"]) == 10
    mean = sum(found["layers"][0]["forget_gate"]) / 10
    assert f"{mean:.3f}" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gradients", "--cells", "elman"), "cell must be one of"),
        (("gradients", "--steps", "1"), "explain gradients: steps must be at least 2; got 1"),
        (("memory", "--longest", "5"), "explain memory: longest must be at least 10 steps; got 5"),
        (("memory", "--minutes", "0"), "explain memory: minutes must be more than 0; got 0.0"),
        (("memory", "--minutes", "nan"), "explain memory: minutes must be more than 0; got nan"),
        (("memory", "--minutes", "inf"), "explain memory: minutes must be a finite number; got inf"),
        (("memory", "--seed", "-3"), "explain memory: seed must be from 0 to"),
        (("gradients", "--cells", "lstm+nan"), "LSTM: forget_bias must be a number of the layer's type; got nan"),
        (("gradients", "--cells", "lstm+inf"), "LSTM: forget_bias must be a finite number; got inf"),
        (("gates", "nowhere", "demo:aapl"), "nowhere: no such model folder"),
    ],
)
def test_bad_input_is_one_line(lstm: Run, in_folder: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = lstm("explain", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"lstm: {message}") and ran.err.count("\n") == 1
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_is_not_replaced_unasked(lstm: Run, in_folder: Path, command: str) -> None:
    page = in_folder / f"{command}.html"
    page.write_text("mine")
    arguments = ("model", "demo:aapl") if command == "gates" else ()
    ran = lstm("explain", command, *arguments)
    assert ran.code == 2
    assert ran.err == f"lstm: {page.name}: exists already; choose another --out, or --force to replace it\n"
    assert page.read_text() == "mine"


def test_the_pages_render_in_a_browser(lstm: Run, model: Path, prices_csv: Path, in_folder: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    small = ("--hidden", 4, "--cells", "lstm")
    assert lstm("explain", "gradients", *small, "--steps", 20, "--seeds", 2, "-q").code == 0
    assert lstm("explain", "memory", *small, "--steps", 25, "--longest", 10, "-q").code == 0
    assert lstm("explain", "gates", model, prices_csv).code == 0
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={in_folder / 'browser'}")
    for command, heat_maps in (("gradients", 0), ("memory", 0), ("gates", 4)):
        page = in_folder / f"{command}.html"
        program = [chromium, *flags, "--virtual-time-budget=8000", "--dump-dom", page.as_uri()]
        drawn = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True).stdout
        assert len(re.findall('class="[^"]*svg-container', drawn)) == len(plots(page))
        assert drawn.count('class="hm"') == heat_maps
        assert "scatterlayer" in drawn


@pytest.mark.parametrize("arguments", [[], ["explain"]], ids=["lstm", "lstm explain"])
def test_without_a_subcommand_the_help_is_shown_as_it_is_laid_out(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Usage: lstm")
    assert "Commands:" in lines
