"""A command that must fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
