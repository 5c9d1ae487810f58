"""The code in README.md and docs/*.md runs, and the README's naive scores are the ones that the command prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n\Z")
NAIVE_TITLES = ("last value", "seasonal naive", "drift", "moving average")


class Block(NamedTuple):
    """One fenced block that must run."""

    language: str
    line: int
    text: str


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        if fence[1] in languages and not NOT_RUN.search(text[: fence.start()]):
            yield Block(fence[1], text.count("\n", 0, fence.start()) + 2, fence[2])


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "console", "sh") for line in block.text.splitlines()]
    return [line.removeprefix("$ lstm ") for line in lines if line.startswith("$ lstm ")]


def pages_with(found: Callable[[Path], object]) -> list[object]:
    return [pytest.param(page, id=page.name) for page in PAGES if found(page)]


def write_named_files(prices: pl.DataFrame, folder: Path) -> None:
    """Write the files that the pages name."""
    prices.write_csv(folder / "prices.csv")
    days = np.arange("2024-01-01", "2024-07-19", dtype="datetime64[D]")
    noise = np.random.default_rng(3).normal(0, 2, (2, len(days)))
    weekly = 10 * np.sin(2 * np.pi * np.arange(len(days)) / 7)
    shops = [
        pl.DataFrame({"day": days, "shop": shop, "sold": 50 * (k + 1) + weekly + noise[k]})
        for k, shop in enumerate(("north", "south"))
    ]
    pl.concat(shops).write_csv(folder / "sales.csv")
    german = pl.DataFrame({"Tag": [str(d) for d in pl.Series(days).dt.strftime("%d.%m.%Y")], "Umsatz": weekly + 50})
    german[[k for k in range(german.height) if k not in (40, 41)]].write_csv(folder / "umsatz.csv", separator=";")
    write_texts(folder)


def write_texts(folder: Path) -> None:
    """Write the prose and the table of reviews that the pages on language name."""
    draw = np.random.default_rng(5)
    who, how = ["king", "queen", "old man", "captain", "child"], ["walked", "rode", "sailed", "went"]
    where, when = ["to the sea", "home", "into the dark wood"], ["at dawn", "in the rain", "with a lamp"]
    tales = [
        f"The {draw.choice(who)} {draw.choice(how)} {draw.choice(where)}, {draw.choice(when)}.\n" for _ in range(400)
    ]
    (folder / "novel.txt").write_text("".join(tales), encoding="utf-8")
    good, bad = ["wonderful", "moving", "clever", "warm"], ["dull", "clumsy", "cold", "hollow"]
    rows = []
    for verdict in draw.choice(["good", "bad"], 200):
        praise, blame = draw.choice(good), draw.choice(bad)
        is_, not_ = (praise, blame) if verdict == "good" else (blame, praise)
        rows.append((f"the {draw.choice(['film', 'play'])} is {is_}, the song is not {not_}", str(verdict)))
    pl.DataFrame(rows, schema=["review", "verdict"], orient="row").write_csv(folder / "reviews.csv")


@pytest.mark.parametrize("page", pages_with(lambda page: list(blocks(page, "python"))))
def test_python_blocks_run(
    page: Path,
    prices: pl.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_named_files(prices, tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks(page, "python"):
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        capsys.readouterr()
        exec(code, namespace)
        printed = capsys.readouterr().out.splitlines()
        shown = [
            line.split("  # ", 1)[1] for line in block.text.splitlines() if line.startswith("print(") and "  # " in line
        ]
        for expected in shown:
            assert any(expected in line for line in printed), f"{page.name}: {expected!r} is not in what it prints"


@pytest.mark.parametrize("page", pages_with(commands))
def test_commands_run_and_readme_scores_of_naive_forecasts_are_true(
    page: Path, prices: pl.DataFrame, lstm: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_named_files(prices, tmp_path)
    printed: list[str] = []
    for command in commands(page):
        ran = lstm(*shlex.split(command))
        assert ran.code == 0, f"{page.name}: lstm {command}\n{ran.err}"
        printed += [line.strip() for line in (ran.out + ran.err).splitlines()]
    shown = [line.strip() for block in blocks(page, "console") for line in block.text.splitlines()]
    naive = [line for line in shown if line.startswith(NAIVE_TITLES)]
    assert page.name != "README.md" or len(naive) == len(NAIVE_TITLES)
    for line in naive:
        assert line in printed, f"{page.name} shows {line!r}, which no command printed"
