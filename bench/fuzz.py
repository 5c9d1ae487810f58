"""Damaged input at every door of the program: `python -m bench.fuzz --inputs 1000000`, or `make fuzz`.

Every door is tried in a process of its own, so that a crash ends one worker and not the run. What was wrong is kept by
the place where it came from, with an input that shows it, and can be shown again with --again.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import faulthandler
import itertools
import json
import multiprocessing
import os
import pickle
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import hypothesis
import numpy
import polars
import torch

import lstmkit
from bench.machine import header, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from limits import CPU_SECONDS, MEMORY

VERSIONS = {m.__name__: m.__version__ for m in (lstmkit, torch, numpy, polars, hypothesis)}
SILENT = 120
"""Seconds of the processor after which a worker that says nothing counts as hanging."""
STUCK = 1800
"""Seconds of the clock after which it does, too: it waits for something. Others may have the processor for minutes."""


def site(error: BaseException) -> str:
    """Return where an exception came from: its type, and the last line of our own that it passed."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if "/lstmkit/" in f.filename]
    where = f"{own[-1].filename.split('/lstmkit/', 1)[1]}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} @ {where}"


def work(name: str, number: int, folder: str, said: Any, stop: float, most: int) -> None:
    """Try one door until the time is over, and tell the parent what was wrong."""
    from doors import DOORS
    from hypothesis import HealthCheck, given, settings

    faulthandler.enable(open(os.path.join(folder, "crash.txt"), "w"))  # noqa: SIM115
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    torch.set_num_threads(1)
    door = DOORS[name]
    run = door.open(Path(folder))
    last = Path(folder) / "input.pickle"
    counts = collections.Counter()

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(door.inputs)
    def one(value: Any) -> None:
        last.write_bytes(pickle.dumps(value))
        start = time.process_time()
        try:
            counts["accepted"] += run(value)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            said.send(("fault", site(error), str(error)[:300], pickle.dumps(value)))
        counts["inputs"] += 1
        counts["slowest"] = max(counts["slowest"], int(1000 * (time.process_time() - start)))

    draw = random.Random(number)
    buzz = one.hypothesis.fuzz_one_input
    said.send(("begin",))
    told = time.time()
    while time.time() < stop and counts["inputs"] < most:
        buzz(draw.randbytes(draw.choice((40, 80, 160, 400))))
        if time.time() - told > 2:
            told = time.time()
            said.send(("count", dict(counts)))
    said.send(("end", dict(counts)))


class Tally:
    """What a door took, refused, and failed at."""

    def __init__(self) -> None:
        self.inputs = self.accepted = self.slowest = 0
        self.faults: dict[str, tuple[int, str, bytes]] = {}

    def add(self, counts: dict[str, int]) -> None:
        """Add what a worker counted."""
        self.inputs += counts.get("inputs", 0)
        self.accepted += counts.get("accepted", 0)
        self.slowest = max(self.slowest, counts.get("slowest", 0))

    def fault(self, where: str, message: str, value: bytes) -> None:
        """Add a fault."""
        seen = self.faults.get(where)
        self.faults[where] = (1 if seen is None else seen[0] + 1, message, value if seen is None else seen[2])


def try_door(name: str, seconds: float, most: int, number: int, tally: Tally) -> None:
    """Try a door for some time; a worker that crashes or hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    stop = time.time() + seconds
    while time.time() < stop and tally.inputs < most:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            ours, theirs = context.Pipe(duplex=False)
            left = most - tally.inputs
            worker = context.Process(target=work, args=(name, number, folder, theirs, stop, left), daemon=True)
            worker.start()
            theirs.close()
            counts: dict[str, int] = {}
            ended = False
            while said_something(ours, worker):
                try:
                    kind, *rest = ours.recv()
                except EOFError:
                    break
                if kind == "fault":
                    tally.fault(*rest)
                elif kind in ("count", "end"):
                    counts = rest[0]
                    ended = kind == "end"
                    if ended:
                        break
            worker.join(5)
            tally.add(counts)
            if not ended:
                what = f"crash, exit code {worker.exitcode}" if worker.exitcode is not None else "hang"
                worker.kill()
                value = Path(folder, "input.pickle")
                crash = Path(folder, "crash.txt")
                text = crash.read_text(errors="replace") if crash.exists() else ""
                own = next((line.strip() for line in text.splitlines() if "/lstmkit/" in line), "?")
                tally.fault(f"{what} {own[-80:]}", text[-300:], value.read_bytes() if value.exists() else b"")
            number += 1


def said_something(ours: Any, worker: Any) -> bool:
    """Wait for a message of a worker; False if it hangs."""
    began, start = processor_seconds(worker.pid), time.time()
    while not ours.poll(10):
        if not worker.is_alive() or time.time() - start > STUCK or processor_seconds(worker.pid) - began > SILENT:
            return bool(ours.poll())
    return True


def processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name: str, tally: Tally, minutes: float) -> list[str]:
    """Return a row for a door, and one for each of its faults."""
    numbers = f"{tally.inputs:>9,}{tally.accepted:>10,}{tally.slowest:>12,}{minutes:>9.1f}"
    faults = [f"    {count} x {where}: {message!r}" for where, (count, message, _) in sorted(tally.faults.items())]
    return [f"{name:<12}{numbers}  {len(faults)}", *faults]


def keep(folder: Path, name: str, tally: Tally) -> None:
    """Write an input for each fault of a door."""
    folder.mkdir(parents=True, exist_ok=True)
    for where, (_, _, value) in tally.faults.items():
        place = "".join(c if c.isalnum() else "-" for c in where)[-80:]
        (folder / f"{name}--{place}").write_bytes(value)


def main() -> None:
    """Try the doors, some at a time; print a row each, and end with 1 if anything was wrong."""
    from doors import DOORS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("doors", nargs="*", help="names of doors; all if left out")
    parser.add_argument("--inputs", type=int, default=20_000, help="in all")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="in all, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="doors at a time")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that show a fault")
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results/fuzz.txt")
    parser.add_argument("--again", type=Path, help="show one kept input again")
    asked = parser.parse_args()
    if asked.again is not None:
        show_again(asked.again)
        return
    chosen = {name: DOORS[name] for name in asked.doors or DOORS}
    whole = sum(door.share for door in chosen.values())
    tallies = {name: Tally() for name in chosen}

    def attend(name: str) -> list[str]:
        start, most = time.time(), max(1, round(asked.inputs * chosen[name].share / whole))
        try_door(name, 60 * asked.minutes * asked.jobs / len(chosen), most, asked.seed, tallies[name])
        if asked.keep is not None:
            keep(asked.keep, name, tallies[name])
        rows = report(name, tallies[name], (time.time() - start) / 60)
        print("\n".join(rows), file=sys.stderr, flush=True)
        return rows

    slow_first = sorted(chosen, key=lambda name: chosen[name].share)
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        rows = dict(zip(slow_first, pool.map(attend, slow_first), strict=True))
    faults = sum(len(tally.faults) for tally in tallies.values())
    lines = [
        *header("Damaged input at every door: taken, or refused in one line", dict(VERSIONS)),
        f"limits    {CPU_SECONDS} s of the processor and {MEMORY >> 30} GiB of memory for an input; seed {asked.seed}",
        "",
        f"{'door':<12}{'inputs':>9}{'accepted':>10}{'slowest ms':>12}{'minutes':>9}  faults",
        *itertools.chain.from_iterable(rows[name] for name in chosen),
        f"{'all':<12}{sum(t.inputs for t in tallies.values()):>9,}{'':31}  {faults}",
    ]
    print("\n".join(lines)) if not asked.write else write("fuzz.txt", lines)
    sys.exit(faults > 0)


def show_again(path: Path) -> None:
    """Try an input that was kept, with its traceback."""
    from doors import DOORS

    value = pickle.loads(path.read_bytes())
    print(json.dumps(value, default=repr)[:2000])
    with tempfile.TemporaryDirectory() as folder:
        print("accepted:", DOORS[path.name.split("--")[0]].open(Path(folder))(value))


if __name__ == "__main__":
    main()
