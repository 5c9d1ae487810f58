"""What the pages must hold: every option, every message, links that lead somewhere, a current reference."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from lstmkit.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "lstmkit"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
OWN_ERRORS = {"InputError", "NotFittedError", "ModelFolderError"}
COMMANDS = typer.main.get_command(app).commands
LANGUAGE = COMMANDS["language"].commands
NESTED = {
    "language.md": LANGUAGE,
    "classification.md": LANGUAGE["classify"].commands,
    "classify.md": COMMANDS["classify"].commands,
    "speech.md": COMMANDS["speech"].commands,
    "music.md": COMMANDS["music"].commands,
    "emotion.md": COMMANDS["speech"].commands["emotion"].commands,
    "translation.md": LANGUAGE["translate"].commands,
    "video.md": COMMANDS["video"].commands["classify"].commands,
    "captions.md": COMMANDS["video"].commands["caption"].commands,
}
"""The pages that explain the options of nested commands."""
ABOVE = {"language.md": "language", "classification.md": "language classify", "classify.md": "classify"}
ABOVE |= {"speech.md": "speech", "music.md": "music", "emotion.md": "speech emotion", "video.md": "video classify"}
ABOVE |= {"translation.md": "language translate", "captions.md": "video caption"}
"""The words of those commands that come before their names."""
WITH_ERRORS = {"forecasting.md": 60, "language.md": 60, "classification.md": 20, "classify.md": 40, "speech.md": 10}
WITH_ERRORS |= {"music.md": 20, "emotion.md": 15, "video.md": 40, "translation.md": 10, "captions.md": 15}
"""The pages with tables of messages, and how many each has at least."""
SHORTEST_FRAGMENT = 8


def make_cli_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli_reference", DOCS / "make_cli_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def source_trees() -> list[tuple[Path, ast.Module]]:
    """Return the files of the source, parsed."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


def messages() -> list[tuple[str, str]]:
    """Return the longest constant part of every message raised on purpose, with where it is raised."""
    found = []
    for path, tree in source_trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args):
                continue
            message = node.exc.args[0]
            raised = node.exc.func.attr if isinstance(node.exc.func, ast.Attribute) else ast.unparse(node.exc.func)
            if raised not in OWN_ERRORS | {"wrong"}:  # `wrong` makes the error of a line of a file
                continue
            pieces = message.values if isinstance(message, ast.JoinedStr) else [message]
            texts = [p.value for p in pieces if isinstance(p, ast.Constant) and isinstance(p.value, str)]
            longest = max((t.strip(" :;,.('\"") for t in texts), key=len, default="")
            if len(longest) >= SHORTEST_FRAGMENT:
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", longest))
    return found


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_subcommand_and_option_is_in_the_documentation(name: str) -> None:
    page = (DOCS / "forecasting.md").read_text(encoding="utf-8")
    assert f"`lstm {name}`" in page
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")}
    tables = [line for line in page.splitlines() if line.startswith("| `--") or "also `-" in line]
    missing = sorted(
        o for o in options if not any(f"`{o}`" in line and (name in line or "all" in line) for line in tables)
    )
    assert not missing, f"docs/forecasting.md does not explain {missing} of lstm {name}"


def options_of(command: typer.core.TyperCommand) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")}


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, own in NESTED.items() for name in own])
def test_every_option_of_a_nested_command_is_in_the_documentation(page: str, name: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    words = f"lstm {ABOVE[page]}"
    assert f"{words} {name}" in text
    explained = set()
    for line in text.splitlines():
        found = re.match(r"\| `(-[\w-]+)` \| ([\w, ]+) \|", line)
        if found and (found[2] == "all" or name in found[2].split(", ")):
            explained |= {found[1], *re.findall(r"also `(-\w)`", line)}
    missing = sorted(options_of(NESTED[page][name]) - explained)
    assert not missing, f"docs/{page} does not explain {missing} of {words} {name}"


@pytest.mark.parametrize("page", ["forecasting.md", *NESTED])
def test_no_option_is_documented_that_does_not_exist(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    known = set().union(*map(options_of, NESTED.get(page, COMMANDS).values())) | {"--version", "--help"}
    documented = set(re.findall(r"^\| `(--[\w-]+)`", text, re.MULTILINE))
    assert documented
    assert documented <= known


def test_every_message_raised_on_purpose_is_explained() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    found = messages()
    assert len(found) > 60
    absent = [f"{where}: {text!r}" for where, text in found if text not in pages]
    assert not absent, "messages that no page explains:\n" + "\n".join(absent)


@functools.cache
def texts_of_the_source() -> str:
    """Return every text that stands in the source, a line each."""
    nodes = (node for _, tree in source_trees() for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


@pytest.mark.parametrize("page", WITH_ERRORS)
def test_every_message_in_the_documentation_exists(page: str) -> None:
    texts = texts_of_the_source()
    errors = (DOCS / page).read_text(encoding="utf-8").split("\n## Errors\n")[1]
    documented = [line[3:].split("`")[0] for line in errors.splitlines() if line.startswith("| `")]
    longest = [max((part.strip(" :;,.('\"") for part in text.split("…")), key=len) for text in documented]
    assert len(longest) > WITH_ERRORS[page]
    assert not [text for text in longest if text not in texts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = page.parent / file if file else page
        assert goal.exists(), f"{page.name}: {target} does not exist"
        assert not anchor or anchor in anchors(goal), f"{page.name}: {target} has no such heading"


def test_the_command_line_reference_is_current() -> None:
    module = make_cli_reference()
    assert module.PAGE.read_text(encoding="utf-8") == module.reference(), "run python docs/make_cli_reference.py"


def test_the_command_line_reference_shows_every_subcommand() -> None:
    module = make_cli_reference()
    assert set(module.SUBCOMMANDS) == set(COMMANDS) >= {"forecast", "predict", "backtest", "doctor"}
    shown = {words for words in module.every_command(COMMANDS) if len(words) == 1}
    assert shown == {(name,) for name in COMMANDS}
    headings = set(re.findall(r"^## lstm (.+)$", module.PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    for page, commands in NESTED.items():
        assert {f"{ABOVE[page]} {name}" for name in commands} <= headings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholder_is_left(page: Path) -> None:
    left = re.findall(r"\b(?:TODO|TBD|FIXME|TIME_DEMO|TIME_CHECK|SPEED_TABLE)\b", page.read_text(encoding="utf-8"))
    assert not left, f"{page.name}: {left}"
