"""Ids come out in the type that they have in the user's table, so that forecasts merge with it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.forecasting.models import MODELS

SMALL = MODELS["lstm"].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=1)
IDS = {
    "whole": ([3, 1], pl.Int64),
    "small": ([3, 1], pl.UInt8),
    "numbers": ([1.5, 2.0], pl.Float64),
    "flags": ([True, False], pl.Boolean),
    "days": ([date(2022, 1, 3), date(2022, 1, 4)], pl.Date),
    "moments": ([datetime(2022, 1, 3, 5), datetime(2022, 1, 4)], pl.Datetime("us")),
    "zeros": (["007", "08"], pl.String),
}


def table(kind: str) -> pl.DataFrame:
    ids, dtype = IDS[kind]
    values = np.random.default_rng(0).normal(size=120).cumsum()
    column = pl.Series([i for i in ids for _ in range(60)], dtype=dtype)
    return pl.DataFrame({"id": column, "t": [*range(60)] * 2, "y": values})


@pytest.fixture(params=IDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_forecasts_merge_with_the_table(kind: str, tmp_path: Path) -> None:
    frame = table(kind)
    forecaster = Forecaster(2, settings=SMALL, seasons=()).fit(frame, "y", "t", "id")
    forecaster.save(tmp_path / "model")
    for found in (forecaster.predict(), Forecaster.load(tmp_path / "model").predict(), forecaster.sample(1)):
        assert found.schema["id"] == frame.schema["id"]
        assert found["id"].to_list() == [id for id in IDS[kind][0] for _ in range(2)]
        assert frame.join(found, on="id").height == 240
    pandas = frame.to_pandas()
    assert len(pandas.merge(forecaster.predict(pandas), on="id")) == 240
    arrow = frame.to_arrow()
    own = forecaster.predict(arrow).schema.field("id").type
    assert own == arrow.schema.field("id").type or kind == "zeros"


def test_a_categorical_id_merges_as_text() -> None:
    frame = table("zeros").to_pandas().astype({"id": "category"})
    found = Forecaster(2, settings=SMALL, seasons=()).fit(frame, "y", "t", "id").predict()
    assert len(frame.merge(found, on="id")) == 240
    assert isinstance(found, pd.DataFrame)
