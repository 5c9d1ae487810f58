"""docs/architecture.md names what is there: its floors are those that the imports keep, its files exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "lstmkit"
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def floors_of_the_page() -> dict[str, int]:
    rows = re.findall(r"^\| (\d) \| (.+) \|$", TEXT, re.MULTILINE)
    return {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)/`", rooms)}


def floors_of_the_test() -> dict[str, int]:
    """Return the floors of tests/project/test_structure.py, read as text: they are what imports are held against."""
    source = (ROOT / "tests" / "project" / "test_structure.py").read_text(encoding="utf-8")
    found = re.findall(r'"(\w+)": (\d)', "".join(re.findall(r"^FLOORS .*$", source, re.MULTILINE)))
    return {room: int(floor) for room, floor in found if room != "checkup"}


def test_the_floors_are_those_that_imports_are_held_against():
    assert len(floors_of_the_test()) > 8
    assert floors_of_the_page() == floors_of_the_test()


def test_every_file_that_the_page_names_is_there():
    named = set(re.findall(r"`([\w/.-]+\.(?:py|h|cpp|html|js))`", TEXT))
    files = [str(file) for folder in ("src", "csrc", "tests", "bench") for file in (ROOT / folder).rglob("*.*")]
    assert len(named) > 150
    assert [name for name in sorted(named) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_every_folder_that_the_page_names_is_there():
    named = {name for name in re.findall(r"`([\w/]+)/`", TEXT) if not name.startswith("build")}
    folders = [str(f) for f in (*PACKAGE.rglob("*"), *ROOT.glob("*"), *(ROOT / "tests").glob("*")) if f.is_dir()]
    assert len(named) > 20
    assert [name for name in sorted(named) if not any(folder.endswith(f"/{name}") for folder in folders)] == []
