"""No complaint advises an option that the command does not have, and what is advised works."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import typer

import lstmkit
from lstmkit.cli.advice import OPTION, attributed, every_command
from lstmkit.cli.app import app

Run = Callable[..., "Ran"]  # noqa: F821
SOURCE = Path(lstmkit.__file__).parent
COMMANDS = list(every_command(typer.main.get_command(app)))
OPTIONS = frozenset().union(*(options for _, options in COMMANDS)) | {"--help", "--version"}


@functools.cache
def sentences() -> list[tuple[str, str]]:
    """Return every text of the source that names an option and is no docstring, with where it stands."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | parts:
                text = node.value
            if OPTION.search(text):
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", text))
    return found


def test_every_option_that_is_named_anywhere_exists() -> None:
    found = sentences()
    assert len(found) > 100
    unknown = [(where, name) for where, text in found for name in OPTION.findall(text) if name not in OPTIONS]
    assert not unknown


@pytest.mark.parametrize("path", [words for words, _ in COMMANDS], ids=" ".join)
def test_every_complaint_names_options_of_the_command_or_whose_they_are(path: tuple[str, ...]) -> None:
    own = dict(COMMANDS)[path]
    for where, text in sentences():
        told = attributed(text, path, COMMANDS)
        for name in OPTION.findall(text):
            if name not in own and name not in ("--help", "--version"):
                assert f"{name} is an option of lstm " in told, f"{where}, by lstm {' '.join(path)}"
        assert told == text or not set(OPTION.findall(text)) <= own


def test_the_nearest_command_is_named() -> None:
    message = "pass --id x, or --task number; got '--unit'"
    assert attributed(message, ("language", "classify", "predict"), COMMANDS).startswith(
        f"{message} (--id is an option of lstm video classify train, not of this command; --task is an option of lstm "
        f"language classify train, not"
    )
    assert attributed("pass --id x", ("forecast",), COMMANDS) == "pass --id x"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, prices: pl.DataFrame) -> Path:
    """A model folder, fitted on prices."""
    from lstmkit import Forecaster
    from lstmkit.forecasting.models import MODELS

    folder = tmp_path_factory.mktemp("advice") / "model"
    small = MODELS["lstm"].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=1)
    Forecaster(2, settings=small, seasons=()).fit(prices, "Close").save(folder)
    return folder


def test_what_predict_is_advised_works(
    complain: Callable[..., str], lstm: Run, model: Path, prices: pl.DataFrame
) -> None:
    pl.concat([prices, prices.tail(1)]).sort("Date").write_csv("twice.csv")
    advice = complain("predict", model, "twice.csv")
    assert advice.endswith("drop them or pass --duplicates last")
    assert lstm("predict", model, "twice.csv", "--duplicates", "last").code == 0
    labelled = [prices.with_columns(shop=pl.lit(shop)) for shop in ("north", "south")]
    pl.concat(labelled).write_csv("shops.csv")
    assert complain("predict", model, "shops.csv").endswith(
        "if column 'shop' tells series apart, pass --id shop (--id is an option of lstm forecast, not of this command)"
    )
