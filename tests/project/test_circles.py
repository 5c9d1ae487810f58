"""No file of the package imports, at its top or anywhere inside, a file that imports it again."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "lstmkit"
Graph = Mapping[str, set[str]]


def name_of(file: Path, root: Path) -> str:
    """Return the module that a file below `root` is, such as "lstmkit.nn.lstm"."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, modules: Iterable[str]) -> set[str]:
    """Return which of `modules` a source imports: within functions too, and for type checkers alone too.

    A type is knowledge as well: who needs another's types cannot be read without it.
    """
    known, found = set(modules), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in known else str(node.module) for full in named.values()}
    return found & known


def circles_of(graph: Graph) -> list[list[str]]:
    """Return the sets of modules that reach each other: strongly connected components of more than one, sorted.

    Source   Tarjan 1972
    """
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == order[module]:
            at = stack.index(module)
            if len(stack) - at > 1 or module in graph[module]:
                circles.append(sorted(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return sorted(circles)


@functools.cache
def graph_of(package: Path) -> dict[str, set[str]]:
    """Return what each module of a package imports of the others.

    The package's own door is left out: it imports nothing before it is asked for a name, and all may ask its version.
    """
    files = {name_of(file, package.parent): file for file in package.rglob("*.py")}
    del files[package.name]
    return {module: imports_of(file.read_text(encoding="utf-8"), files) for module, file in files.items()}


def folded(graph: Graph, folder: str) -> dict[str, set[str]]:
    """Return what the files and folders in a folder import of each other, a folder with all that is in it as one."""

    def within(module: str) -> str | None:
        inside = module.removeprefix(f"{folder}.")
        return None if inside == module else inside.split(".")[0]

    found: dict[str, set[str]] = {name: set() for module in graph if (name := within(module))}
    for module, imported in graph.items():
        if (name := within(module)) is not None:
            found[name] |= {other for one in imported if (other := within(one)) and other != name}
    return found


def test_no_file_imports_in_a_circle():
    graph = graph_of(PACKAGE)
    assert len(graph) > 250 and sum(map(len, graph.values())) > 1000
    assert circles_of(graph) == []


FOLDERS = sorted({name_of(file, PACKAGE.parent) for file in PACKAGE.rglob("__init__.py")})


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_imports_in_a_circle(folder):
    inside = folded(graph_of(PACKAGE), folder)
    assert inside and circles_of(inside) == []


def test_a_folder_counts_as_one():
    graph = {"a.x.one": {"a.y"}, "a.x.two": set(), "a.y": {"a.x.two"}, "b": {"a.x.one"}}
    assert circles_of(graph) == []
    assert folded(graph, "a") == {"x": {"y"}, "y": {"x"}}
    assert folded(graph, "a.x") == {"one": set(), "two": set()}


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"a"}}, [["a"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        (
            {"a": {"b"}, "b": {"c"}, "c": {"d", "a"}, "d": {"e"}, "e": {"d"}, "f": {"a", "e"}},
            [["a", "b", "c"], ["d", "e"]],
        ),
        ({"a": {"b", "c"}, "b": {"a"}, "c": {"a"}}, [["a", "b", "c"]]),
    ],
)
def test_circles_are_found(graph, circles):
    assert circles_of(graph) == circles


def test_imports_within_functions_and_for_types_count(tmp_path):
    package = tmp_path / "house"
    (package / "room").mkdir(parents=True)
    sources = {
        "__init__.py": "def __getattr__(name):\n    from house.one import One\n    return One\n",
        "one.py": "import house\ndef late():\n    from house.room import Two\n    return Two\n",
        "room/__init__.py": "from house.room.two import Two as Two\n",
        "room/two.py": "if TYPE_CHECKING:\n    from house import one\n    import torch.nn\nclass Two: ...\n",
        "free.py": "import house.one, house.room.two\n",
    }
    for path, source in sources.items():
        (package / path).write_text(source)
    graph = graph_of(package)
    assert graph["house.one"] == {"house.room"} and graph["house.free"] == {"house.one", "house.room.two"}
    assert circles_of(graph) == [["house.one", "house.room", "house.room.two"]]
