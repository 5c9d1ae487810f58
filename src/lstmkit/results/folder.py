"""A folder of results: nothing in it is lost unasked, one job at a time writes to it, an interrupted one can go on."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lstmkit.errors import InputError, NothingToDo
from lstmkit.results.summary import SUMMARY
from lstmkit.training import is_first

CHECKPOINT = "checkpoint.safetensors"


def check_folder(out: Path, results: Sequence[str], force: bool, resume: bool) -> None:
    """Make sure that nothing in `out` would be lost; nothing is touched.

    results  names of what a job writes there
    force    they may be replaced
    resume   an interrupted job goes on
    Raises   InputError if it is a file, holds a result or an interrupted run, or another job is at work there;
             NothingToDo if the job to go on with is complete
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, not a folder; choose another --out")
    if out.exists() and is_first():
        with _locked(out):
            pass
    _check_results(out, results, force, resume)


def _check_results(out: Path, results: Sequence[str], force: bool, resume: bool) -> None:
    interrupted = (out / CHECKPOINT).exists()
    held = [name for name in results if (out / name).exists()]
    if force or (resume and interrupted):
        return
    if interrupted:
        raise InputError(f"{out}: holds an interrupted run; --resume continues it, --force starts again")
    if resume and held and len(held) == len(results):
        complete = f"{out}: the run is complete already; nothing was done (--force starts again)"
        raise NothingToDo(complete, out / SUMMARY)
    if held:
        raise InputError(f"{out}: already holds a result ({held[0]}); choose another --out, or --force to replace it")


@contextmanager
def job_folder(out: Path, results: Sequence[str], force: bool = False, resume: bool = False) -> Iterator[None]:
    """Hold `out` for a job: it is made where it is missing, locked, and gone again if the job leaves nothing in it.

    The interrupted run that is not to be continued is dropped. The lock ends with the process, however it ends. Of
    several processes of one job, the first holds it.

    results, force, resume  as in `check_folder`, which is asked again under the lock
    Raises   InputError if it cannot be written to, or another job is at work there; what is wrong with a file, and that
             the training can go on, if a file of the job cannot be written
    """
    if not is_first():
        yield
        return
    try:
        is_new = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".lstmkit-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{out}: cannot be written to ({error.strerror}); choose another --out") from error
    try:
        with _locked(out):
            _check_results(out, results, force, resume)
            if not resume:
                (out / CHECKPOINT).unlink(missing_ok=True)
            yield
    except InputError as error:
        if not isinstance(error.__cause__, OSError) or not (out / CHECKPOINT).exists():
            raise  # else something could not be written, for which there may be room the next time
        raise InputError(f"{error}; the training so far is kept: --resume goes on where it stopped") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # something is in it, or it is gone
                out.rmdir()


@contextmanager
def file_of_one_job(path: Path, option: str) -> Iterator[None]:
    """Hold a file for a job, made where it is missing: two jobs may have folders of their own and share it.

    option  that names the file
    Raises  InputError if it cannot be written to, or another job holds it
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(f"{path}: cannot be written to ({error.strerror}); choose another {option}") from error
    with _held(descriptor, path, option):
        yield


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    try:
        descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{out}: cannot be read ({error.strerror}); choose another --out") from error
    with _held(descriptor, out, "--out"):
        yield


@contextmanager
def _held(descriptor: int, place: Path, option: str) -> Iterator[None]:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{place}: another run is at work there; wait for it, or choose another {option}"
            ) from error
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)
