"""The habits of the source that can be read off its syntax: one-way imports, small files, honest names."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lstmkit"
FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
FLOORS = {"recurrence": 0, "nn": 1, "training": 1, "data": 1, "sequences": 2, "results": 2}
FLOORS |= {"classification": 3, "forecasting": 4, "language": 4, "speech": 5, "music": 5, "video": 5}
FLOORS |= {"explain": 5, "onnx": 5, "checkup": 5, "cli": 6}
FREE = {"errors", "ranges", "visible", "lstmkit", "__version__"}
"""What every room may import: single files that import nothing themselves, and the package's own name and version."""

MOST_FILES = 16
"""Side by side in a folder, its door not counted."""

TORCHS = frozenset(
    "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size device dtype".split()  # noqa: SIM905
)


def every_file(check: Callable[[Path], None]) -> Callable[[], None]:
    """Return a test that holds every file to a rule: a test for each would take longer to begin than to look."""

    def test() -> None:
        assert FILES
        for file in FILES:
            check(file)

    test.__doc__ = check.__doc__
    return test


@functools.cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@functools.cache
def _nodes(file: Path) -> list[ast.AST]:
    return [*ast.walk(_tree(file))]


def _called(node: ast.Call) -> str:
    """Return what is called, as `name` or `module.name`."""
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _room(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imported_rooms(tree: ast.Module) -> set[str]:
    """Return the rooms of lstmkit that a module imports, at its top or anywhere inside."""
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
    parts = [module.split(".") for module in modules]
    return {p[1] if len(p) > 1 else "lstmkit" for p in parts if p[0] == "lstmkit"}


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    """Return a function's arguments; a drop-in for torch.nn.LSTM is not charged for torch's ten."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    own = [argument for argument in given if argument.arg not in TORCHS]
    return own if len(given) - len(own) == len(TORCHS) else given


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_every_room_has_a_floor():
    assert set(ROOMS) | {"checkup"} == set(FLOORS)


@every_file
def test_imports_go_one_way(file):
    room = _room(file)
    if room in ("__init__", "errors", "ranges", "visible"):
        return
    allowed = FREE | {room} | {other for other, floor in FLOORS.items() if floor < FLOORS[room]}
    assert _imported_rooms(_tree(file)) <= allowed


def test_the_import_rule_sees_imports_inside_functions():
    tree = ast.parse("import lstmkit\ndef f():\n    from lstmkit.cli.app import main\n    from lstmkit import nn\n")
    assert _imported_rooms(tree) == {"lstmkit", "cli", "nn"}


@pytest.mark.parametrize("name", ["errors", "visible"])
def test_files_that_all_may_import_import_nothing_of_the_package(name):
    assert _imported_rooms(_tree(SOURCE / f"{name}.py")) <= {"errors"}


@every_file
def test_files_stay_under_400_lines(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < 400


def test_a_folder_lists_few_files():
    """So that its listing reads like a table of contents; `data` and the models are still to be divided."""
    counts = {str(f.relative_to(SOURCE)): len(list(f.glob("*.py"))) - 1 for f in SOURCE.rglob("*") if f.is_dir()}
    crowded = {folder for folder, count in counts.items() if count > MOST_FILES}
    assert len(counts) > 20 and crowded <= {"data", "forecasting/models"}


@every_file
def test_functions_stay_under_60_lines(file):
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in _functions(_tree(file))}
    assert {name: length for name, length in lengths.items() if length >= 60} == {}


@every_file
def test_constructors_stay_under_12_arguments(file):
    counts = {
        f"{f.name} in line {f.lineno}": len(_arguments(f)) - 1 for f in _functions(_tree(file)) if f.name == "__init__"
    }
    assert {name: count for name, count in counts.items() if count >= 12} == {}


@every_file
def test_no_arguments_are_passed_through_blindly(file):
    found = [f.name for f in _functions(_tree(file)) if f.args.kwarg is not None]
    called_by_name = {"parameters.py": ["set_params"], "grouped.py": ["flat"]}  # by scikit-learn, and by typer
    assert found == called_by_name.get(file.name, [])


@every_file
def test_no_failure_is_swallowed_and_nothing_is_probed(file):
    found = []
    for node in _nodes(file):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            reraised = any(isinstance(inner, ast.Raise) for inner in node.body)
            if caught in ("", "Exception") or (caught == "BaseException" and not reraised):
                found.append(f"line {node.lineno}: except {caught}")
        if isinstance(node, ast.Call) and _called(node) == "hasattr":
            found.append(f"line {node.lineno}: hasattr")
    assert found == []


@every_file
def test_file_names_say_what_is_inside(file):
    assert not set(file.stem.split("_")) & {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}


@every_file
def test_every_module_and_every_public_name_has_a_docstring(file):
    tree = _tree(file)
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            inner = node.body if isinstance(node, ast.ClassDef) else []
            public = [n for n in inner if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
            missing += [n.name for n in (node, *public) if not ast.get_docstring(n)]
    assert missing == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_door_of_a_room_holds_only_exports(room):
    tree = _tree(SOURCE / room / "__init__.py")
    assert ast.get_docstring(tree)
    exports = tree.body[1:]
    assert exports, "a room without exports"
    for node in exports:
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        assert [alias.asname for alias in node.names] == [alias.name for alias in node.names], ast.unparse(node)
        below = [other for other, floor in FLOORS.items() if floor < FLOORS[room]]
        assert node.module is not None and node.module.split(".")[1] in (room, *below), ast.unparse(node)
    modules = [node.module for node in exports]
    assert modules == sorted(modules)


def _bases(node: ast.ClassDef) -> list[str]:
    """Return the names of what a class extends, without what it is told of types."""
    return [ast.unparse(base).split("[")[0] for base in node.bases]


@functools.cache
def _own_classes() -> dict[str, set[str]]:
    """Return our own classes by name, with what each extends; two of one name count as one."""
    found: dict[str, set[str]] = {}
    for file in FILES:
        for node in _nodes(file):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(_bases(node))
    return found


def _steps(name: str) -> int:
    """Return how many of our own classes lie one above the other over a class."""
    own = _own_classes()
    return max((1 + _steps(base) for base in own[name] if base in own), default=0)


@every_file
def test_classes_are_not_stacked(file):
    """A class extends one of ours at most; between a family's root and its members one abstract class may stand."""
    own = _own_classes()
    assert own["SegRnnModel"] == {"ChangedStart"} and _steps("SegRnnModel") == 2
    for node in _nodes(file):
        if isinstance(node, ast.ClassDef):
            assert sum(base in own for base in _bases(node)) <= 1, node.name
            assert _steps(node.name) <= 2, node.name
            assert not set(_bases(node)) & {"ModelFolderError", "NotFittedError"}, f"{node.name} is a third floor"


@every_file
def test_nothing_is_ever_unpickled(file):
    banned = {"pickle.load", "pickle.loads", "torch.load", "joblib.load", "eval", "exec"}
    calls = {_called(node) for node in _nodes(file) if isinstance(node, ast.Call)}
    assert banned.isdisjoint(calls)
