"""How long does a fitted model take to forecast from 1,000 cutoffs?

Column OT of ETTh1, 96 values read, 24 forecast, a cutoff at each of the last 1,000 hours that leave 24. Models are
trained for a few steps on what precedes the first cutoff; only the rolling forecasts are timed, without any training.
Writes bench/results/rolling-2.txt, named by the threads.

    python -m bench.forecasting.rolling
    python -m bench.forecasting.rolling --threads 1
    python -m bench.forecasting.rolling --rounds 1 --cutoffs 20 --repeats 1 --trial
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from bench.forecasting.race import Contestant, Run, aligned, alternate, closing, keep, parser, ratio, spread, versions
from bench.machine import header


@dataclass(frozen=True, slots=True)
class Rolling:
    """What every contestant must do; `way` is its own."""

    data: str
    seed: int
    way: str
    cutoffs: int = 1000
    repeats: int = 3
    context: int = 96
    horizon: int = 24
    hidden: int = 64
    layers: int = 1
    batch: int = 64
    steps: int = 20

    @property
    def test_rows(self) -> int:
        """Rows from the first one forecast to the last."""
        return self.cutoffs + self.horizon - 1


def contestant(label: str, module: str, way: str, environment: str | None = None) -> Contestant:
    return Contestant(label, f"{module}_rolling", environment, (("way", way),))


FORECASTS, SCORES = "lstmkit predict_windows", "lstmkit evaluate"
CONTESTANTS = (
    contestant(FORECASTS, "with_lstmkit", "predict_windows"),
    contestant(SCORES, "with_lstmkit", "evaluate"),
    contestant("lstmkit evaluate, days as steps", "with_lstmkit", "folded"),
    contestant("NeuralForecast LSTM cross_validation", "with_neuralforecast", "LSTM", "forecasting"),
    contestant("Darts BlockRNNModel, optimised", "with_darts", "block", "forecasting"),
    contestant("Darts RNNModel, optimised", "with_darts", "rnn", "forecasting"),
    contestant("Darts BlockRNNModel, not optimised", "with_darts", "block loop", "forecasting"),
    contestant("Darts RNNModel, not optimised", "with_darts", "rnn loop", "forecasting"),
)
NOTES = (
    "s: median of the repeats in a process, the first left out where there are several; first: the first one. x",
    "forecasts, x evaluate: seconds over those of lstmkit's predict_windows and evaluate, in the same round.",
    "predict_windows gives quantiles alone, in arrays; evaluate also forecasts the naive ways and computes every",
    "score, interval and test; the others give point forecasts in tables of their own. MAE, in the column's units, of",
    "networks that saw a few batches, shows only that the same hours were forecast. NeuralForecast:",
    "cross_validation(n_windows, step_size=1, use_fitted=True), which does not train. Darts:",
    "historical_forecasts(retrain=False, stride=1, last_points_only=False, forecast_horizon=24), with",
    "enable_optimization on (its default) and off; BlockRNNModel has output_chunk_length=24, RNNModel forecasts one",
    "step after the other. Those that are not optimised run once in a process.",
)


def table(runs: dict[str, list[Run]]) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "s", "first", "x forecasts", "x evaluate", "MAE", "cores", "threads")]
    for label, each in runs.items():
        rows.append(
            (
                label,
                spread([run["seconds"] for run in each], 3),
                spread([run["first"] for run in each], 3),
                ratio(each, runs.get(FORECASTS), "seconds"),
                ratio(each, runs.get(SCORES), "seconds"),
                spread([run["mae"] for run in each], 2),
                spread([run["cores"] for run in each]),
                str(each[0]["threads"]),
            )
        )
    return aligned(rows)


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--cutoffs", type=int, default=1000)
    options.add_argument("--repeats", type=int, default=3)
    asked = options.parse_args()
    runs, failures = alternate(CONTESTANTS, asked, {"cutoffs": asked.cutoffs, "repeats": asked.repeats})
    everything = [run for each in runs.values() for run in each]
    wrong = {label for label, each in runs.items() if any(run["forecasts"] != asked.cutoffs for run in each)}
    naive = {round(run["naive_mae"], 6) for run in everything}
    if wrong or len(naive) != 1:
        sys.exit(f"not the same cutoffs: {', '.join(wrong) or naive}; nothing is reported")
    head = header(f"Rolling forecasts from {asked.cutoffs} cutoffs, ETTh1 OT, horizon 24", versions(everything))
    lines = [*head, "", *table(runs), f"repeating the last value: MAE {naive.pop():.2f}", "", *NOTES]
    keep(f"rolling-{asked.threads}.txt", asked, [*lines, *closing(everything, failures)])


if __name__ == "__main__":
    main()
