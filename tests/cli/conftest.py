"""A command that must fail, and small language models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_models import UNITS, sentences, train_small

Run = Callable[..., "Ran"]  # noqa: F821


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def complain(lstm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command that must fail, in tmp_path; return its one line."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        before = snapshot(tmp_path)
        ran = lstm(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("lstm: ")
        assert ran.err.endswith("\n") and ran.err.count("\n") == 1
        assert snapshot(tmp_path) == before
        return ran.err.removeprefix("lstm: ").removesuffix("\n")

    return run


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 300 lines."""
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text(sentences(300, 0))
    return path


@pytest.fixture(scope="session")
def models(story: Path) -> dict[str, Path]:
    """Folders of results of a model a unit, with 3-grams, and one of words without n-grams as "alone"."""
    found = {unit: train_small(story.parent, unit, story) for unit in UNITS}
    return found | {"alone": train_small(story.parent, "word", story, order=None)}
