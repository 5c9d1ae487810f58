"""What `lstm forecast` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.trading import Trading
from lstmkit.forecasting.judgement.tutorial import TutorialResult
from lstmkit.results import Verdict


@dataclass(frozen=True)
class JobResult:
    """What a job found; the folder `out` holds it.

    source   of the table
    columns  of forecast.csv
    trading  on the forecasts of the test windows, of prices
    python   that does it again
    summary  what summary.json holds
    """

    source: str
    out: Path
    forecaster: Forecaster
    evaluation: Evaluation
    verdict: Verdict
    columns: dict[str, Any]
    tutorial: TutorialResult | None
    trading: Trading | None
    python: str = field(repr=False)
    summary: dict[str, Any] = field(repr=False)
