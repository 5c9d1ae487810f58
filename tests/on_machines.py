"""Run tests as on machines with less than this one, as far as it can imitate them; ends with 1 if any run failed.

    python tests/on_machines.py        the tests that compare bits, or choices between kernels: a minute
    python tests/on_machines.py all    every test, on two threads as with AVX2, on one as with SSE4: under an hour

What other libraries read the processor's abilities from is set for each run, so that torch, oneDNN, MKL and the native
kernel all take the machine for the lesser one. One that this processor cannot imitate is left out and named.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lstmkit.recurrence.library import load_library

ROOT = Path(__file__).parents[1]
# How many threads there are depends on no instruction set, so that each has one number of them and both are tried.
MACHINES = {
    "AVX2": (
        "avx2",
        "2",
        {"ATEN_CPU_CAPABILITY": "avx2", "DNNL_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    ),
    "SSE4": (
        "portable",
        "1",
        {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    ),
}
SHORT = ("promises", "processor", "speed", "backends")
"""The tests of the kernel and of the choice that depend on the processor most: tests/recurrence/test_<name>.py."""


def run(tests: list[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False).returncode


def main() -> int:
    everything = sys.argv[1:] == ["all"]
    library, why_not = load_library()
    if library is None:
        print(f"no imitated machines: {why_not}")
        return 0
    here, failed = library.lstmkit_targets().decode().split(), False
    for name, (target, threads, variables) in MACHINES.items():
        if target not in here or "neon" in here:
            print(f"a machine with {name} cannot be imitated here ({', '.join(here)})", flush=True)
            continue
        print(f"as on a machine with {name}, threads {threads}:", flush=True)
        tests = ["tests"] if everything else [f"tests/recurrence/test_{name}.py" for name in SHORT]
        failed |= run(tests, variables | {"LSTMKIT_TARGET": target, "LSTMKIT_TEST_THREADS": threads}) != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
