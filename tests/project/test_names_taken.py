"""What benchmarks and the pages' tools take of the package is there: they are run by hand, and seldom."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "docs").glob("*.py")])


def taken(source: str) -> set[tuple[str, str]]:
    """Return module and name of everything that a source takes of lstmkit."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "lstmkit":
            found |= {(str(node.module), alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "lstmkit"}
    return found


def is_there(module: str, name: str) -> bool:
    """Return whether a module has a name, or a module of that name in it."""
    found, missing = importlib.import_module(module), object()
    if not name or getattr(found, name, missing) is not missing:
        return True
    return found.__spec__.submodule_search_locations is not None and bool(importlib.util.find_spec(f"{module}.{name}"))


def test_what_files_take_is_there():
    assert FILES
    wanted = {own: file for file in FILES for own in taken(file.read_text(encoding="utf-8"))}
    assert {own: file for own, file in wanted.items() if not is_there(*own)} == {}


def test_what_is_not_there_is_seen():
    source = "from lstmkit.results import versions_of_nothing, page\nimport lstmkit.nn\n"
    source += "def f():\n    from lstmkit import nn\n"
    assert taken(source) == {
        ("lstmkit.results", "versions_of_nothing"),
        ("lstmkit.results", "page"),
        ("lstmkit.nn", ""),
        ("lstmkit", "nn"),
    }
    assert [own for own in sorted(taken(source)) if not is_there(*own)] == [("lstmkit.results", "versions_of_nothing")]
