"""What an input may cost, and what counts as a fault: a traceback, a hang, or too much memory."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lstmkit.errors import InputError

CPU_SECONDS = 10
MEMORY = 2 << 30


class TooSlow(BaseException):
    """An input took more than CPU_SECONDS of the processor."""


@contextlib.contextmanager
def bounded(seconds: float = CPU_SECONDS, memory: int = MEMORY) -> Iterator[None]:
    """Raise TooSlow after so many seconds of this process, however busy the machine; MemoryError beyond the memory."""

    def stop(*_: Any) -> None:
        raise TooSlow

    old_limit = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_in_use() + memory, old_limit[1]))
    old_handler = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old_handler)
        resource.setrlimit(resource.RLIMIT_DATA, old_limit)


def _data_in_use() -> int:
    """Return the bytes that count against RLIMIT_DATA; none where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0


def accepted(run: Callable[[], object]) -> bool:
    """Run what an input leads to; return whether it was accepted. A refusal is an InputError of one line.

    Raises  whatever else comes of it: that is the fault
    """
    with warnings.catch_warnings(), bounded():
        warnings.simplefilter("ignore")
        try:
            run()
        except InputError as error:
            message = str(error)
        else:
            return True
    assert "\n" not in message, f"a message of several lines: {message!r}"
    assert len(message) < 2000, f"a message of {len(message)} characters: {message[:200]!r}"
    return False


class Said(io.TextIOWrapper):
    """Standard output or error that keeps what was written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        """What was written so far."""
        self.flush()
        return self.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


def run_command(main: Callable[[list[str]], None], arguments: list[str], folder: Path) -> bool:
    """Run the command line in `folder`; return whether it ended with exit code 0.

    Raises  AssertionError if it ended neither so nor in one line on standard error and exit code 2
    """
    before = Path.cwd()
    out, err = Said(), Said()
    keep = sys.stdout, sys.stderr, sys.stdin
    os.chdir(folder)
    sys.stdout, sys.stderr, sys.stdin = out, err, io.TextIOWrapper(io.BytesIO(b""))
    code: Any = None
    try:
        with warnings.catch_warnings(), bounded():
            warnings.simplefilter("ignore")
            main(arguments)
    except SystemExit as stopped:
        code = stopped.code or 0
    finally:
        sys.stdout, sys.stderr, sys.stdin = keep
        os.chdir(before)
    said = err.text
    assert code in (0, 2), f"exit code {code}: {said[-500:]}"
    if code == 2 and not said.startswith("Usage:"):
        assert said.startswith("lstm: ") and said.count("\n") == 1, f"not one line: {said[-1000:]!r}"
    assert "\x1b" not in said, f"an escape reaches the terminal: {said!r}"
    return code == 0
