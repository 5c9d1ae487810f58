"""On which machine, with which Python and which state of the code, was a result measured?"""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"


def header(title: str, versions: dict[str, str]) -> list[str]:
    """Return the lines that open every result file."""
    packages = [f"{name} {number}" for name, number in sorted(versions.items())]
    lines = [
        title,
        f"date      {now()}",
        f"machine   {cpu_model()}, {os.cpu_count()} cores",
        f"system    {platform.platform()}, Python {platform.python_version()}",
    ]
    for first in range(0, len(packages), 5):
        lines.append(f"{'' if first else 'versions':<10}" + ", ".join(packages[first : first + 5]))
    return lines


def now() -> str:
    """Return the date, and the commit that is measured."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}"


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def write(name: str, lines: list[str]) -> None:
    """Print the result and keep it as bench/results/<name>."""
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / name).write_text(text)
    print(text, end="")
