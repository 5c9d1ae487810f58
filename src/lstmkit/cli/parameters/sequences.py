"""How labelled sequences lie in a file, and the network that learns them, as options of a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli.parameters.forecaster import Cell
from lstmkit.cli.parameters.results import Minutes
from lstmkit.cli.parameters.settings import Set, given_settings
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.classification.classifier import SequenceSettings
    from lstmkit.classification.reading import Form


@dataclass(frozen=True)
class Sequences:
    """How sequences lie in a file, by options that are called as the fields of `Form`, but for the channels."""

    label: Annotated[str, typer.Option(help="Column of the classes, or of the numbers.")] = "label"
    id: Annotated[
        str | None, typer.Option(help="Column that tells sequences apart, if a row is a step. Without: a row each.")
    ] = None
    time: Annotated[str | None, typer.Option(help="Column by which the steps are put in order.")] = None
    group: Annotated[
        str | None, typer.Option(help="Column of the person, machine or source: none is on both sides of a split.")
    ] = None
    channel: Annotated[
        list[str] | None, typer.Option(help="Column to read; all other columns of numbers if left out; repeat it.")
    ] = None
    missing: Annotated[str, typer.Option(help="Missing values: refuse, or mask.")] = "refuse"
    no_header: Annotated[
        bool, typer.Option("--no-header", help="The files have no line of names: column_1, column_2 and so on.")
    ] = False
    interleaved: Annotated[
        int, typer.Option(help="Channels whose values take turns in the columns of a row: x, y, x, y.")
    ] = 1

    def form(self) -> Form:
        """Return the form."""
        from lstmkit.classification.reading import Form

        channels, header = tuple(self.channel or ()), not self.no_header
        return Form(
            self.label,
            self.id,
            self.time,
            self.group,
            channels,
            self.missing,
            header=header,
            interleaved=self.interleaved,
        )


@dataclass(frozen=True)
class FrameNetwork:
    """Size and training of a network that reads frames: the settings that have options of their own, and --set."""

    cell: Cell = None
    pooling: Annotated[
        str | None, typer.Option(help="From steps to a sequence: max, mean, mean-max, last or attention.")
    ] = None
    normalise: Annotated[
        str | None, typer.Option(help="features, together (channels of one kind), sequence or none.")
    ] = None
    differences: Annotated[str | None, typer.Option(help="Lags of the changes that are read, such as 1,3.")] = None
    relative: Annotated[int | None, typer.Option(help="First steps whose mean is taken from every step.")] = None
    convolution: Annotated[
        int | None, typer.Option(help="Steps that filters before the recurrent layers see; 0 for none.")
    ] = None
    stretch: Annotated[float | None, typer.Option(help="Share by which sequences are stretched in training.")] = None
    noise: Annotated[float | None, typer.Option(help="Spread of what is added in training.")] = None
    ensemble: Annotated[
        int | None, typer.Option(help="Networks whose mean is the answer; more where sequences are few if left out.")
    ] = None
    class_weights: Annotated[
        str | None, typer.Option(help="balanced: every class weighs the same; none: every sequence does.")
    ] = None
    epochs: Annotated[int | None, typer.Option(help="Times through the training sequences, at most.")] = None
    minutes: Minutes = None
    setting: Set = None

    def settings(self, usual: Mapping[str, Any] | None = None) -> SequenceSettings:
        """Return the settings.

        usual  those of a task whose usual ones are others
        """
        from lstmkit.classification.classifier import SequenceSettings

        given = {name: value for name, value in vars(self).items() if name != "setting"}
        if self.differences is not None:
            given["differences"] = _lags(self.differences)
        found = given_settings(SequenceSettings, self.setting, "a classifier of sequences", given)
        return SequenceSettings(**{**(usual or {}), **found})


def _lags(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InputError(f"--differences must be whole numbers with commas, such as 1,3; got {text!r}") from error
