"""Options in groups: a user sees them one by one, in place, and a command gets each group as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from lstmkit.cli.parameters import grouped


@dataclass(frozen=True)
class Ends:
    """Two options."""

    low: Annotated[float, typer.Option(help="Lower end.")] = 0.5
    level: Annotated[list[int], typer.Option(help="May be repeated.")] = field(default_factory=lambda: [80, 95])


@dataclass(frozen=True)
class Named:
    """An argument and an option."""

    file: Annotated[str, typer.Argument(metavar="FILE")]
    loud: Annotated[bool, typer.Option("--loud")] = False


calls: list[tuple[object, ...]] = []


def show(named: Named, *, first: int = 1, ends: Ends, last: Annotated[int, typer.Option()] = 9) -> None:
    """Show what was given."""
    calls.append((named, first, ends, last))


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(grouped(show))
    calls.clear()
    return app


def test_a_command_gets_its_groups(app: typer.Typer) -> None:
    ends = ["--low", "1", "--level", "7", "--level", "8"]
    for given in (["a.csv"], ["b.csv", "--loud", *ends, "--last", "3"]):
        assert CliRunner().invoke(app, given).exit_code == 0
    assert calls[0] == (Named("a.csv"), 1, Ends(0.5, [80, 95]), 9)
    assert calls[1] == (Named("b.csv", True), 1, Ends(1.0, [7, 8]), 3)


def test_the_help_has_every_option_in_the_place_of_its_group(app: typer.Typer) -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    assert "Show what was given." in said
    found = [word for word in said.split() if word.startswith("--")]
    assert found == ["--loud", "--first", "--low", "--level", "--last", "--help"]
    assert "[default: 80, 95]" in said


def test_what_a_group_lacks_is_complained_about(app: typer.Typer) -> None:
    ran = CliRunner().invoke(app, ["a.csv", "--high", "1"])
    assert ran.exit_code == 2 and calls == []
