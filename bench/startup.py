"""How long until `lstm --help` answers, does it avoid importing torch, and what does lstmkit add to `import torch`?

Run from the repository root with the environment of lstmkit: python -m bench.startup.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from bench.machine import header, write

IMPORT_TORCH = "import torch"
IMPORT_BOTH = "import torch, lstmkit; from lstmkit import Forecaster"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--help-runs", type=int, default=10)
    parser.add_argument("--import-pairs", type=int, default=7)
    args = parser.parse_args()
    script = Path(sys.executable).with_name("lstm")
    if not script.exists():
        sys.exit(f"no {script}; install lstmkit into this environment first")
    modules = modules_imported_by_help(script)
    torch_modules = sorted(name for name in modules if name.split(".")[0] == "torch")
    if torch_modules:
        sys.exit(f"lstm --help imported torch: {', '.join(torch_modules[:5])}")

    seconds([str(script), "--help"])  # not counted: fills the disk cache
    help_times = [seconds([str(script), "--help"]) for _ in range(args.help_runs)]
    seconds([sys.executable, "-c", IMPORT_BOTH])
    torch_times, both_times = [], []
    for _ in range(args.import_pairs):
        torch_times.append(seconds([sys.executable, "-c", IMPORT_TORCH]))
        both_times.append(seconds([sys.executable, "-c", IMPORT_BOTH]))
    differences = [both - torch for both, torch in zip(both_times, torch_times, strict=True)]
    rows = [
        ("lstm --help", help_times),
        (f'python -c "{IMPORT_TORCH}"', torch_times),
        (f'python -c "{IMPORT_BOTH}"', both_times),
        ("the second import minus the first, pair by pair", differences),
    ]
    versions = {name: version(name) for name in ("lstmkit", "torch", "numpy", "polars", "typer", "rich")}
    lines = header("Start-up times, seconds of wall time of whole processes", versions)
    width = max(len(label) for label, _ in rows)
    lines += ["", f"{'':<{width}}  median     min     max  runs"]
    for label, times in rows:
        median, low, high = statistics.median(times), min(times), max(times)
        lines.append(f"{label:<{width}}  {median:>6.3f}  {low:>6.3f}  {high:>6.3f}  {len(times):>4}")
    lines += ["", f"lstm --help imports {len(modules)} modules, none of them of torch (python -X importtime)."]
    write("startup.txt", lines)


def modules_imported_by_help(script: Path) -> set[str]:
    """Return the names of the modules that `lstm --help` imports."""
    command = [sys.executable, "-X", "importtime", str(script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"lstm --help: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", done.stderr, re.MULTILINE))


def seconds(command: list[str]) -> float:
    """Return the wall time of a fresh process, which must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return elapsed


if __name__ == "__main__":
    main()
