"""How many windows a second does each library train on, same sizes, same number of windows seen?

One panel, M4 Hourly; a window is 168 values read and 48 to forecast; every contestant takes the same number of steps
of as many windows, from fresh processes that alternate. Writes bench/results/throughput-2.txt, named by the threads.

    python -m bench.forecasting.throughput
    python -m bench.forecasting.throughput --threads 1
    python -m bench.forecasting.throughput --rounds 1 --steps 8 --series 5 --trial
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass

from bench.forecasting.race import Contestant, Run, aligned, alternate, closing, keep, parser, ratio, spread, versions
from bench.machine import header


@dataclass(frozen=True, slots=True)
class Sizes:
    """What every contestant must train: sizes of the network, of a window, and how many of them."""

    data: str
    seed: int
    model: str
    steps: int = 300
    batch: int = 64
    hidden: int = 64
    layers: int = 2
    context: int = 168
    horizon: int = 48
    season: int = 24
    series: int | None = None


def contestant(label: str, module: str, model: str, environment: str | None = None) -> Contestant:
    return Contestant(label, f"{module}_throughput", environment, (("model", model),))


DIRECT = (
    contestant("lstmkit lstm", "with_lstmkit", "lstm"),
    contestant("lstmkit lstm, days as steps", "with_lstmkit", "folded"),
    contestant("NeuralForecast LSTM", "with_neuralforecast", "LSTM", "forecasting"),
    contestant("Darts BlockRNNModel LSTM", "with_darts", "block", "forecasting"),
)
STEPWISE = (
    contestant("lstmkit deepar", "with_lstmkit", "deepar"),
    contestant("NeuralForecast DeepAR", "with_neuralforecast", "DeepAR", "forecasting"),
    contestant("Darts RNNModel LSTM", "with_darts", "rnn", "forecasting"),
)
NOTES = (
    "windows/s: windows in the steps after the first 5 over the time from the end of the 5th to that of the last, by",
    "one clock on torch's optimizers. ms: median step. CPU ms: processor time of a step, all threads together. fit:",
    "the whole call, with what each library does around its steps: lstmkit fits its naive start, validates on 49",
    "windows of most series before and after, and calibrates intervals; the others do not validate. whole: process",
    "start to end, imports and reading included. cores: processor seconds over wall seconds of the fit; lstmkit",
    "trains networks below 128 cells on one thread by itself. x lstm, x days, x deepar: windows/s of that model of",
    "lstmkit over the row's, in the same round. Direct models forecast 48 steps at once, five quantiles each. Days as",
    "steps is the default of lstmkit's lstm where a season shows: the same window and number of cells, but a step of",
    "the recurrence reads 24 values. The step-by-step models read 168 + 48 values a window and learn a Student-t,",
    "Darts a normal distribution, for it has no other; NeuralForecast with h_train=48, so that its windows are as",
    "long (default 1). NeuralForecast scales by mean and deviation; Darts gets values scaled beforehand; lstmkit is",
    "told the season of 24, and blends with it or reads lags of it.",
)


def table(runs: dict[str, list[Run]]) -> list[str]:
    names = ("", "windows/s", "ms", "CPU ms", "fit s", "whole s", "cores", "threads", "x lstm", "x days", "x deepar")
    rows: list[tuple[str, ...]] = [names]
    for label, each in runs.items():
        rows.append(
            (
                label,
                spread([run["windows_per_second"] for run in each], 0),
                spread([1e3 * run["median_step"] for run in each]),
                spread([1e3 * run["cpu_per_step"] for run in each]),
                spread([run["seconds_fit"] for run in each]),
                spread([run["seconds_command"] for run in each]),
                spread([run["cores"] for run in each]),
                str(each[0]["threads"]),
                factor(runs.get("lstmkit lstm"), each),
                factor(runs.get("lstmkit lstm, days as steps"), each),
                factor(runs.get("lstmkit deepar"), each),
            )
        )
    return aligned(rows)


def factor(own: list[Run] | None, each: list[Run]) -> str:
    """Return how many times the throughput of a row one of lstmkit's is; throughput rises, so the ratio turns round."""
    return "-" if not own else ratio(own, each, "windows_per_second")


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--steps", type=int, default=300)
    options.add_argument("--hidden", type=int, default=64)
    options.add_argument("--layers", type=int, default=2)
    options.add_argument("--series", type=int, help="the first ones alone; for trials")
    asked = options.parse_args()
    own = {name: getattr(asked, name) for name in ("steps", "hidden", "layers", "series")}
    runs, failures = alternate((*DIRECT, *STEPWISE), asked, own)
    for label, each in runs.items():
        if any(run["steps"] != asked.steps for run in each):
            sys.exit(f"{label}: {each[0]['steps']} steps instead of {asked.steps}; nothing is reported")
    everything = [run for each in runs.values() for run in each]
    sizes = asdict(Sizes(str(asked.data), 0, "", **own))
    told = ", ".join(f"{name} {value}" for name, value in sizes.items() if name not in ("data", "seed", "model"))
    head = header(f"Training throughput on M4 Hourly, {asked.rounds} alternating rounds", versions(everything))
    lines = [*head, f"sizes     {told}, {asked.threads} threads given", "", *table(runs), "", *NOTES]
    keep(f"throughput-{asked.threads}.txt", asked, [*lines, *closing(everything, failures)])


if __name__ == "__main__":
    main()
