"""Which of a saved model's predictors a command asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lstmkit.language.predictor import Predictor

By = Annotated[
    str | None,
    typer.Option(
        help="What predicts: lstm, ngram, or the mixture of both.  [default: mixture, or lstm without n-grams]",
        show_default=False,
    ),
]
ByAll = Annotated[
    str | None,
    typer.Option(
        help="What predicts: lstm, ngram, mixture or all.  [default: all; with --lines the mixture, or lstm]",
        show_default=False,
    ),
]
AllowUnknown = Annotated[
    bool, typer.Option("--allow-unknown", help="Read words that the model does not know as the unknown word.")
]


def load_predictor(model: Path, by: str | None) -> Predictor:
    """Return the predictor of a model folder that an option names, or its best."""
    return next(iter(load_predictors(model, by).values()))


def load_predictors(model: Path, by: str | None) -> dict[str, Predictor]:
    """Return predictors of a model folder by name.

    by  None: the mixture, or the network where there are no n-grams; "all": all there are
    """
    from lstmkit.language.language_model import LanguageModel

    loaded = LanguageModel.load(model)
    if by == "all":
        return loaded.predictors()
    if by is None:
        by = "lstm" if loaded.ngram_ is None else "mixture"
    return {by: loaded.predictor(by)}
