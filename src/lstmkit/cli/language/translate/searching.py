"""How a sentence is searched for: the options that translating and scoring share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters

if TYPE_CHECKING:
    from lstmkit.language.translate import SearchSettings, TranslatorSettings


Also = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="MODEL",
        help="Further model of the same vocabularies; the probabilities of all are averaged. Repeat it.",
    ),
]


@dataclass(frozen=True)
class Searching:
    """Beam, and what a hypothesis is judged by."""

    beam: Annotated[int, typer.Option(help="Hypotheses that are followed; 1 takes the likeliest token always.")] = 5
    length: Annotated[
        float, typer.Option(help="Exponent of the length that divides scores; 0 prefers short translations.")
    ] = 1.0
    coverage: Annotated[
        float, typer.Option(help="Weight of a penalty for words that nothing was written of, such as 0.2.")
    ] = 0.0

    def settings(self, best: int = 1) -> SearchSettings:
        """Return the settings, for so many translations of a sentence."""
        from lstmkit.language.translate import SearchSettings

        return SearchSettings(self.beam, best, self.length, self.coverage)

    def refuse_without_attention(self, network: TranslatorSettings) -> None:
        """Raise InputError for what attention decides, of a network that has none."""
        without = self.coverage != 0 and network.attention == "none"
        parameters.refuse_without_effect("with a model without attention", {"coverage": without})

    def refuse_with_sample(self, best: int) -> None:
        """Raise InputError for what is given and has no meaning where one sequence is drawn."""
        usual = Searching()
        given = {"best": best != 1} | {name: own != getattr(usual, name) for name, own in vars(self).items()}
        parameters.refuse_without_effect("with --sample", given)
