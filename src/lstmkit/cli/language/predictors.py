"""Which predictors of a saved model, or of an ARPA file, a command asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.language.ngrams import NGramPredictor
    from lstmkit.language.predicting import Predictor

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="Model folder, a folder of results with one in it, or an ARPA file (also .gz)."
    ),
]
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
    """Return the predictor of a model that an option names, or its best."""
    from lstmkit.language.language_model import PREDICTORS

    _check_by(by, PREDICTORS)
    return next(iter(load_predictors(model, by).values()))


def load_predictors(model: Path, by: str | None) -> dict[str, Predictor]:
    """Return predictors of a model folder, or of an ARPA file, by name.

    by      None: the mixture, or the network where there are no n-grams; "all": all there are
    Raises  InputError if the model cannot be loaded, or has no such predictor
    """
    from lstmkit.language.language_model import PREDICTORS, LanguageModel
    from lstmkit.language.ngrams.arpa_predictor import arpa_predictor, is_arpa

    _check_by(by, (*PREDICTORS, "all"))
    if is_arpa(model):
        if by not in (None, "all", "ngram"):
            raise InputError(f"{model}: an ARPA file holds n-grams alone, so there is no {by}; leave --by out")
        return {"ngram": arpa_predictor(model)}
    loaded = LanguageModel.load(model)
    if by == "all":
        return loaded.predictors()
    if by is None:
        by = "lstm" if loaded.ngram_ is None else "mixture"
    return {by: loaded.predictor(by)}


def load_ngram(model: Path) -> NGramPredictor:
    """Return the n-gram predictor of a model folder or an ARPA file."""
    return cast("NGramPredictor", load_predictor(model, "ngram"))


def _check_by(by: str | None, choices: Sequence[str]) -> None:
    if by is not None and by not in choices:
        raise InputError(f"by must be one of {', '.join(choices)}; got {by!r}")
