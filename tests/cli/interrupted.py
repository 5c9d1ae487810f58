"""Commands that are interrupted at a moment which their own files tell, and not a clock, on however busy a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

PROGRAM = """
import signal, sys
from lstmkit.cli import main

replaced = []

def watch(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("checkpoint.safetensors"):
        replaced.append(event)
        if len(replaced) == {epoch}:
            signal.raise_signal(signal.SIGINT)

sys.addaudithook(watch)
main({arguments!r})
"""
HANGS = 600.0
"""Seconds after which a command counts as hanging; nothing is claimed of its speed."""


def interrupted(arguments: Sequence[object], epoch: int = 3) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own that gets Ctrl-C's signal while it replaces the checkpoint of an epoch."""
    program = PROGRAM.format(epoch=epoch, arguments=[str(a) for a in arguments])
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=HANGS, check=False
    )
