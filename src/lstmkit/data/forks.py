"""What a forked process lacks: of its parent's threads only the one that forked comes along, and locks stay locked.

polars waits for threads that are not there, for ever. So does torch, but not on one thread.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch

from lstmkit.errors import InputError

POOL = "polars-"
"""How polars' threads are called; among them is none before its first work."""

_state = {"at fork": False, "lost": False}


def require_threads() -> None:
    """Make sure that polars can work in this process.

    Raises  InputError if it was forked from one in which polars had worked
    """
    if _state["lost"]:
        raise InputError(
            "tables cannot be read in this process: it was forked after its parent had read one, and polars' threads "
            "do not come along; start processes by multiprocessing.get_context('spawn'), or read no table before "
            "forking"
        )


def _before() -> None:
    _state["at fork"] = _state["lost"] or _pool_runs()


def _in_child() -> None:
    _state["lost"] = _state["at fork"]
    torch.set_num_threads(1)


def _pool_runs() -> bool:
    """Whether polars has started its threads, as far as the system shows them."""
    with contextlib.suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended
                name = (thread / "comm").read_text(encoding="utf-8", errors="replace")
                if name.startswith(POOL) and name.strip().removeprefix(POOL).isdigit():
                    return True
    return False


os.register_at_fork(before=_before, after_in_child=_in_child)
