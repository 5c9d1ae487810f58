"""Streams in any state: closed, full, read by nobody, of another encoding, and a working directory that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = "standard output or a file: cannot be written or read (No space left on device); give another place"
PROGRAM = "import sys; from lstmkit.cli import main; main()"


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `lstm` is the command."""
    script = f'lstm() {{ "{sys.executable}" -c "{PROGRAM}" "$@"; }}\n{line}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("lstm --version > /dev/full", 2, f"lstm: {FULL}\n"),
        ("lstm --version >&-", 0, ""),
        ('lstm forecast demo:aapl --out "$NONE"', 2, "lstm: --out: the name is empty; give a place\n"),
        ("lstm tune demo:aapl --storage=", 2, "lstm: --storage: the name is empty; give a place\n"),
        ("lstm --version <&- >&- 2>&-", 0, ""),
        ("lstm foretell 2>&-", 2, ""),
        ("lstm foretell 2>/dev/full", 2, ""),
        ("lstm forecast --help | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", 0, ""),
        (
            "mkdir gone; cd gone; rmdir ../gone; lstm doctor",
            2,
            "lstm: the working directory has been deleted; change to one that exists\n",
        ),
        (
            "PYTHONIOENCODING=ascii lstm forecast $'\\xff\\u00e9\\x1b[31m'",
            2,
            "lstm: \\udcff\\xe9\\x1b[31m: no such file\n",
        ),
    ],
)
def test_a_stream_that_cannot_be_used(tmp_path: Path, line: str, code: int, err: str) -> None:
    ran = shell(line, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", err)


def test_results_that_nobody_reads_end_in_silence(tmp_path: Path) -> None:
    writer = (
        "from lstmkit.cli import app, printing\n"
        "def many(file: str) -> None:\n"
        "    for _ in range(9): printing.stdout().print('x' * 99_999)\n"
        "app.app.command('many')(many)\n"
        "app.main(['many', 'a'])"
    )
    script = f'"{sys.executable}" -c "{writer}" | head -c 1; exit ${{PIPESTATUS[0]}}'
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "x", "")


def test_results_that_do_not_fit_end_in_one_line(tmp_path: Path) -> None:
    writer = (
        "from lstmkit.cli import app, printing\napp.app.command('one')(lambda: printing.write('x'))\napp.main(['one'])"
    )
    ran = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{writer}" > /dev/full'], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (2, f"lstm: {FULL}\n")
