"""`set_params`, and scikit-learn's grid search on a forecaster and on a classifier."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from lstmkit import Forecaster, InputError
from lstmkit.forecasting.models import MODELS
from lstmkit.language.classify import ClassifierSettings, TextClassifier

SMALL = MODELS["lstm"].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=1)


def test_arguments_and_fields_of_settings_can_be_set() -> None:
    forecaster = Forecaster(2, settings=SMALL)
    assert forecaster.set_params(horizon=3, settings__hidden_size=6) is forecaster
    assert (forecaster.horizon, forecaster.settings.hidden_size, forecaster.settings.max_epochs) == (3, 6, 1)
    assert Forecaster(2).set_params(settings__hidden_size=6).settings.hidden_size == 6
    classifier = TextClassifier().set_params(settings__hidden_size=6, seed=2)
    assert (classifier.settings.hidden_size, classifier.seed) == (6, 2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"horizn": 3}, "Forecaster has no argument 'horizn' (arguments: horizon, context, "),
        ({"horizon": 0, "seed": 5}, "horizon must be at least 1; got 0"),
        ({"settings__width": 3}, "settings has no field 'width' (fields: cell, hidden_size, "),
        ({"seed__x": 3}, "seed has no field 'x' (fields: none)"),
    ],
)
def test_what_cannot_be_set_changes_nothing(params: dict, message: str) -> None:
    forecaster = Forecaster(2, settings=SMALL)
    with pytest.raises(InputError) as caught:
        forecaster.set_params(**params)
    assert str(caught.value).startswith(message)
    assert forecaster.get_params() == Forecaster(2, settings=SMALL).get_params()


def test_what_was_learnt_stays_until_the_next_fit(prices: pl.DataFrame) -> None:
    forecaster = Forecaster(2, settings=SMALL, seasons=()).fit(prices, "Close")
    before = forecaster.predict()
    forecaster.set_params(context=7)
    assert forecaster.predict().equals(before)
    assert forecaster.fit(prices, "Close").network_.task.context == 7


def test_a_grid_search_over_a_forecaster(prices: pl.DataFrame) -> None:
    search = pytest.importorskip("sklearn.model_selection")

    def score(forecaster: Forecaster, rows: pd.DataFrame, y: None = None) -> float:
        return -abs(forecaster.predict()["mean"].to_numpy() - rows["Close"].to_numpy()[:2]).mean()

    grid = {"context": [4, 8], "settings__hidden_size": [3]}
    folds = search.TimeSeriesSplit(2)
    found = search.GridSearchCV(Forecaster(2, settings=SMALL, seasons=()), grid, scoring=score, cv=folds)
    found.fit(prices.to_pandas(), target="Close")
    best = found.best_estimator_
    assert best.context == found.best_params_["context"] == best.network_.task.context
    assert best.settings.hidden_size == 3
    assert len(set(found.cv_results_["mean_test_score"])) == 2


def test_a_grid_search_over_a_classifier() -> None:
    search = pytest.importorskip("sklearn.model_selection")
    table = pd.DataFrame({"sentence": ["a good film", "a bad film"] * 20, "label": ["yes", "no"] * 20})

    def score(classifier: TextClassifier, rows: pd.DataFrame, y: None = None) -> float:
        return classifier.score(rows)["accuracy"]

    small = TextClassifier(ClassifierSettings(hidden_size=4, embedding_size=4, epochs=1))
    found = search.GridSearchCV(small, {"settings__hidden_size": [3, 5]}, scoring=score, cv=2)
    found.fit(table)
    assert found.best_estimator_.settings.hidden_size == found.best_params_["settings__hidden_size"]
    assert found.predict(table)["label"].isin(["yes", "no"]).all()
