"""Starting is quick: neither the package nor the command line imports torch before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lstmkit

SLOW = ("torch", "polars", "plotly", "numpy", "pandas", "matplotlib")


def _modules_after(statements: str) -> set[str]:
    """Run statements in a new Python; return which slow modules it had imported when it ended."""
    report = (
        "import atexit, json, sys; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))"
    )
    program = [sys.executable, "-c", f"{report}\n{statements}"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr)) & set(SLOW)


@pytest.mark.parametrize("module", ["lstmkit", "lstmkit.errors", "lstmkit.cli", "lstmkit.cli.app"])
def test_importing_does_not_wait_for_torch(module):
    assert _modules_after(f"import {module}") == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["forecast", "--help"],
        ["predict", "--help"],
        ["tune", "--help"],
        ["backtest", "--help"],
        ["classify", "train", "--help"],
        ["language", "--help"],
        ["speech", "train", "--help"],
        ["speech", "transcribe", "--help"],
        ["speech", "emotion", "train", "--help"],
        ["music", "train", "--help"],
        ["video", "classify", "train", "--help"],
        ["language", "train", "--help"],
        ["language", "classify", "train", "--help"],
    ],
    ids=" ".join,
)
def test_help_does_not_wait_for_torch(arguments):
    assert _modules_after(f"from lstmkit.cli import main\nmain({arguments!r})") == set()


def test_the_check_sees_torch_when_it_is_there():
    assert "torch" in _modules_after("from lstmkit import Forecaster")


@pytest.mark.parametrize("name", lstmkit.__all__)
def test_public_names_are_there(name):
    assert getattr(lstmkit, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Forecastr'"):
        lstmkit.Forecastr  # noqa: B018


def test_public_names_do_not_change_unnoticed():
    assert lstmkit.__all__ == ["Forecaster", "InputError", "SequenceClassifier", "__version__", "backtest"]
