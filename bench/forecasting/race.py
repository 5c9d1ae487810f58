"""How is a contestant run as a process of its own, and what did it cost?"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import ROOT, write
from bench.tutorial.run import QUIET, THREAD_VARIABLES, busy_seconds, own_seconds

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A worker module and the environment it runs in; environment None is the one that runs the race.

    task  what is asked of this contestant beyond what is asked of all, as fields of a JSON object
    """

    label: str
    module: str
    environment: str | None = None
    task: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A contestant that ended without a report, and the end of what it said."""

    label: str
    reason: str


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every race has."""
    found = argparse.ArgumentParser(description=description.splitlines()[0])
    folder = os.environ.get("LSTMKIT_DATA")
    found.add_argument("--data", type=Path, default=Path(folder) if folder else ROOT.parent / "shared" / "data")
    found.add_argument("--environments", type=Path, default=ROOT / ".bench", help="folder of virtual environments")
    found.add_argument("--rounds", type=int, default=rounds)
    found.add_argument("--threads", type=int, default=2, help="given to every contestant")
    found.add_argument("--trial", action="store_true", help="print the result and keep no file")
    return found


def run(contestant: Contestant, asked: argparse.Namespace, task: dict[str, Any]) -> Run | Failure:
    """Run one worker as a fresh process; return its report with the wall time of the whole process added.

    asked  of `parser`
    task   what the worker gets as one JSON argument, beside the contestant's own
    """
    own = contestant.environment
    python = Path(sys.executable) if own is None else asked.environments / own / "bin" / "python"
    if not python.exists():
        sys.exit(f"{contestant.label}: no {python}; create it as bench/README.md says")
    argument = json.dumps(task | dict(contestant.task))
    variables = os.environ | dict.fromkeys(THREAD_VARIABLES, str(asked.threads))
    begun, busy, used = time.perf_counter(), busy_seconds(), own_seconds()
    command = [str(python), "-m", f"bench.forecasting.{contestant.module}", argument]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    foreign = busy_seconds() - busy - (own_seconds() - used)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"report"')]
    if done.returncode != 0 or not lines:
        said = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        failure = Failure(contestant.label, f"exit code {done.returncode}: {said[-300:]}")
        print(f"{failure.label}: {failure.reason}", file=sys.stderr, flush=True)
        return failure
    report: Run = json.loads(lines[-1])["report"]
    load = max(0.0, foreign / seconds / (os.cpu_count() or 1))
    print(f"{contestant.label}: {seconds:.1f} s, others used {load:.0%} of the CPU", file=sys.stderr, flush=True)
    return report | {"seconds_command": seconds, "other_load": load}


def alternate(
    contestants: Sequence[Contestant], asked: argparse.Namespace, task: dict[str, Any]
) -> tuple[dict[str, list[Run]], list[Failure]]:
    """Run all contestants in turn, round by round, each round with the next seed; one that fails is left out.

    Returns  the reports by label, and the failures
    """
    runs: dict[str, list[Run]] = {contestant.label: [] for contestant in contestants}
    failures: list[Failure] = []
    for number in range(asked.rounds):
        for contestant in contestants:
            if contestant.label not in runs:
                continue
            done = run(contestant, asked, task | {"data": str(asked.data), "seed": number})
            if isinstance(done, Failure):
                failures.append(done)
                del runs[contestant.label]
            else:
                runs[contestant.label].append(done)
    return runs, failures


def versions(runs: Iterable[Run]) -> dict[str, str]:
    return {name: number for one in runs for name, number in one["versions"].items()}


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return the median as text, and how far the values reach."""
    text = f"{statistics.median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def ratio(others: Sequence[Run], own: Sequence[Run] | None, key: str) -> str:
    """Return the median over rounds of how many times another's number is that of one's own in the same round."""
    if not own:
        return "-"
    return f"{statistics.median(b[key] / a[key] for a, b in zip(own, others, strict=False)):.2f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return lines


def closing(runs: Iterable[Run], failures: Sequence[Failure]) -> list[str]:
    """Return the last lines of a result: who failed, and how much other processes disturbed."""
    most = max((one["other_load"] for one in runs), default=0.0)
    verdict = "quiet" if most <= QUIET else "DISTURBED, DO NOT QUOTE"
    lines = [f"failed: {failure.label}: {failure.reason}" for failure in failures]
    return [*lines, f"CPU used by other processes during a run: at most {most:.1%} of all cores ({verdict})."]


def keep(name: str, asked: argparse.Namespace, lines: list[str]) -> None:
    """Print a result; unless it is a trial, keep it as bench/results/<name>."""
    if asked.trial:
        print(*lines, sep="\n")
    else:
        write(name, lines)
