"""How much time does the tutorial recipe take in each library, per training step and as a whole command?

Run from the repository root with the environment of lstmkit: python -m bench.tutorial.run. Every measurement is a
fresh process; the contestants alternate, and ratios are taken within a round, so a drift of the machine hits all.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import ROOT, header, write

CSV = Path("stocks/AAPL_1980-12-15_2021-09-23_yahoo.csv")
SANE_TEST_RMSE = (2.5, 7.0)  # of the exact recipe on this file, over seeds; repeating the last value scores 1.24
SANE_NAIVE_RMSE = (1.23, 1.25)
REFERENCE = "torch"
QUIET = 0.05  # share of all cores that other processes may use during a run before it is called disturbed
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A worker script and the environment it runs in; environment None is the one this driver runs in."""

    label: str
    module: str
    environment: str | None
    exact: bool  # the recipe is followed exactly, so the scores are checked and shown
    steps_only: bool = False
    options: tuple[str, ...] = ()


CONTESTANTS = {
    "lstmkit": Contestant("lstmkit", "with_lstmkit", None, True),
    "torch": Contestant("plain PyTorch", "with_torch", None, True),
    "keras": Contestant("Keras compiled", "with_keras", "keras", True),
    "keras-eager": Contestant("Keras eager, 60 steps", "with_keras", "keras", True, True, ("--eager",)),
    "neuralforecast": Contestant("NeuralForecast LSTM", "with_neuralforecast", "forecasting", False),
    "darts": Contestant("Darts BlockRNNModel", "with_darts", "forecasting", False),
}

Run = dict[str, Any]


def arguments() -> argparse.Namespace:
    data = os.environ.get("LSTMKIT_DATA")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(data) if data else ROOT.parent / "shared" / "data")
    parser.add_argument("--environments", type=Path, default=ROOT / ".bench", help="folder of the virtual environments")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants, comma separated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each round takes the next seed")
    args = parser.parse_args()
    args.names = args.only.split(",")
    unknown = set(args.names) - set(CONTESTANTS)
    if unknown:
        parser.error(f"--only: no contestant {', '.join(sorted(unknown))}; there are {', '.join(CONTESTANTS)}")
    if not (args.data / CSV).is_file():
        parser.error(f"{args.data / CSV} does not exist; set LSTMKIT_DATA or --data")
    return args


def main() -> None:
    args = arguments()
    for name in args.names:  # not counted: fills the disk cache and finds a broken environment early
        run_once(CONTESTANTS[name], args, args.seed, ("--mode", "steps", "--steps", "3"))
    runs: dict[str, list[Run]] = {name: [] for name in args.names}
    for number in range(args.rounds):
        for name in args.names:
            contestant = CONTESTANTS[name]
            mode = "steps" if contestant.steps_only else "command"
            run = run_once(contestant, args, args.seed + number, ("--mode", mode))
            check(contestant, run, full=args.epochs >= 10)
            runs[name].append(run)
            progress = f"round {number + 1}/{args.rounds} {contestant.label}: {run['ms_per_step']:.2f} ms per step"
            progress += f", {run['seconds_command']:.1f} s in all, other processes {run['other_load']:.0%} of the CPU"
            print(progress, file=sys.stderr, flush=True)
    versions = {name: number for each in runs.values() for name, number in each[0]["versions"].items()}
    title = (
        f"Tutorial recipe: {args.epochs} epochs of one-step-ahead LSTM(50)x2 on AAPL closes, "
        f"{args.rounds} alternating rounds, {args.threads} threads"
    )
    write("tutorial.txt", [*header(title, versions), "", *table(runs), "", *notes(), quiet(runs)])


def run_once(contestant: Contestant, args: argparse.Namespace, seed: int, mode: tuple[str, ...]) -> Run:
    """Run one worker as a fresh process; return its report with the wall time of the whole process added."""
    environment = contestant.environment
    python = Path(sys.executable) if environment is None else args.environments / environment / "bin" / "python"
    if not python.exists():
        sys.exit(f"{contestant.label}: no {python}; create it as bench/README.md says, or leave it out with --only")
    command = [str(python), "-m", f"bench.tutorial.{contestant.module}", "--csv", str(args.data / CSV)]
    command += ["--epochs", str(args.epochs), "--seed", str(seed), "--threads", str(args.threads)]
    variables = os.environ | dict.fromkeys(THREAD_VARIABLES, str(args.threads))
    start, busy, own = time.perf_counter(), busy_seconds(), own_seconds()
    done = subprocess.run(
        [*command, *mode, *contestant.options], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    foreign = busy_seconds() - busy - (own_seconds() - own)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"{contestant.label}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    other_load = max(0.0, foreign / seconds / (os.cpu_count() or 1))
    return json.loads(lines[-1]) | {"seconds_command": seconds, "other_load": other_load}


def busy_seconds() -> float:
    """CPU seconds used since the machine started, by all its processes and by other guests of its host (steal)."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """CPU seconds of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def check(contestant: Contestant, run: Run, full: bool) -> None:
    """Stop unless the run did the recipe's work: the same windows, and a test error of a trained model."""
    if contestant.steps_only:
        return
    if not SANE_NAIVE_RMSE[0] <= run["naive_rmse"] <= SANE_NAIVE_RMSE[1]:
        sys.exit(f"{contestant.label}: naive RMSE {run['naive_rmse']:.3f} is not that of the recipe's test windows")
    if contestant.exact and full and not SANE_TEST_RMSE[0] <= run["test_rmse"] <= SANE_TEST_RMSE[1]:
        sys.exit(f"{contestant.label}: test RMSE {run['test_rmse']:.3f} is outside {SANE_TEST_RMSE}; no time reported")


def table(runs: dict[str, list[Run]]) -> list[str]:
    rows = [
        ("", "ms per step", "fit, s", "whole command, s", "over PyTorch", "RMSE", ""),
        ("contestant", "median [min, max]", "median [min, max]", "median [min, max]", "step  command", "train", "test"),
    ]
    for name, each in runs.items():
        contestant = CONTESTANTS[name]
        fit = command = train = test = "-"
        if not contestant.steps_only:
            fit = spread([run["seconds_fit"] for run in each], 1)
            command = spread([run["seconds_command"] for run in each], 1)
        if contestant.exact and not contestant.steps_only:
            train, test = (f"{statistics.median(run[k] for run in each):.2f}" for k in ("train_rmse", "test_rmse"))
        elif not contestant.exact:
            test = f"({statistics.median(run['test_rmse'] for run in each):.2f})"
        reference = runs.get(REFERENCE)
        step_ratio = ratio(each, reference, "ms_per_step")
        command_ratio = "-" if contestant.steps_only else ratio(each, reference, "seconds_command")
        ms = spread([run["ms_per_step"] for run in each])
        rows.append((contestant.label, ms, fit, command, f"{step_ratio:>5} {command_ratio:>8}", train, test))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    naive = [run["naive_rmse"] for each in runs.values() for run in each if run["naive_rmse"] is not None]
    return [*lines, *(f"{'last value repeated':<{len(lines[1]) - 5}} {naive[0]:.2f}" for _ in naive[:1])]


def spread(values: Sequence[float], digits: int = 2) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def ratio(each: list[Run], reference: list[Run] | None, key: str) -> str:
    """Return the median over rounds of the ratio to the reference's run in the same round."""
    if reference is None:
        return "-"
    return f"{statistics.median(a[key] / b[key] for a, b in zip(each, reference, strict=True)):.2f}"


def quiet(runs: dict[str, list[Run]]) -> str:
    """Say how much other processes disturbed; two threads on two busy cores can lose a factor of a hundred."""
    most = max(run["other_load"] for each in runs.values() for run in each)
    verdict = "quiet" if most <= QUIET else "DISTURBED, DO NOT QUOTE"
    return f"CPU used by other processes during a run: at most {most:.1%} of all cores ({verdict})."


def notes() -> list[str]:
    return [
        "ms per step: median over the epochs after the first of (seconds of the epoch / steps in it), the clock read",
        "once per epoch (Lightning: once per step); Keras eager: median over single steps after 10 warm-up steps.",
        "whole command: process start to end with imports, reading, fit, forecasts of the test part and their error",
        "(of the training part too where a train RMSE is shown). RMSE: median over rounds, each round its own seed.",
        "Plain PyTorch starts from Keras' initial weights, which are part of the recipe. (In brackets): not the exact",
        "recipe: nn.LSTM's initial weights, and NeuralForecast draws windows at random; scored on the same test rows.",
    ]


if __name__ == "__main__":
    main()
