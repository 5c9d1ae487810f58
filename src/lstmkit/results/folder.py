"""A folder of results: nothing in it is lost unasked, and a job that was interrupted can go on in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lstmkit.errors import InputError

CHECKPOINT = "checkpoint.safetensors"


def check_folder(out: Path, results: Sequence[str], force: bool, resume: bool) -> None:
    """Make sure that nothing in `out` would be lost; nothing is touched.

    results  names of what a job writes there
    force    they may be replaced
    resume   an interrupted job goes on
    Raises   InputError if it is a file, or holds a result or an interrupted run
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, not a folder; choose another --out")
    interrupted = (out / CHECKPOINT).exists()
    held = [name for name in results if (out / name).exists()]
    if held and not force and not (resume and interrupted):
        raise InputError(f"{out}: already holds a result ({held[0]}); choose another --out, or --force to replace it")
    if interrupted and not resume and not force:
        raise InputError(f"{out}: holds an interrupted run; --resume continues it, --force starts again")


def prepare_folder(out: Path, resume: bool) -> bool:
    """Create `out` where it is missing, and drop the interrupted run that is not to be continued.

    Returns  whether the folder is new
    Raises   InputError if it cannot be written to
    """
    try:
        is_new = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".lstmkit-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{out}: cannot be written to ({error.strerror}); choose another --out") from error
    if not resume:
        (out / CHECKPOINT).unlink(missing_ok=True)
    return is_new


def drop_if_empty(out: Path, is_new: bool) -> None:
    """Remove a folder that a failed job created and left nothing in."""
    if is_new and not any(out.iterdir()):
        out.rmdir()
