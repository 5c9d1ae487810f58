"""Faults of polars on a user's data: its own errors, and the panics that it prints and raises as no `Exception`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from lstmkit.errors import InputError

FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


ON_VALUES = (
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.OutOfBoundsError,
    pl.exceptions.PanicException,
)
"""What a value can cause; the others of polars, such as a column that is not there, would be defects of lstmkit."""


@contextmanager
def faults_on_values() -> Iterator[None]:
    """Turn what polars says or panics of a value of a table into an InputError, with the first line of its reason."""
    with _stderr_aside() as aside:
        try:
            yield
        except ON_VALUES as error:
            aside.clear()
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"the table cannot be read: {reason}; correct the value, or leave the column out"
            ) from error


@contextmanager
def polars_faults(complaint: str) -> Iterator[None]:
    """Turn a fault of polars on a file into an InputError.

    What polars writes to stderr when it panics, a trace of its own, goes with the fault; anything else is written once
    the work is done.

    complaint  the line to say instead
    """
    with _stderr_aside() as aside:
        try:
            yield
        except FAULTS as error:
            aside.clear()
            raise InputError(complaint) from error


@contextmanager
def _stderr_aside() -> Iterator[list[int]]:
    """Keep what is written to file descriptor 2, and write it at the end unless the list yielded has been cleared."""
    sys.stderr.flush()
    try:
        own = os.dup(2)
    except OSError:  # stderr is closed
        yield []
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        wanted = [2]
        try:
            yield wanted
        finally:
            os.dup2(own, 2)
            os.close(own)
            kept.seek(0)
            if wanted:
                os.write(2, kept.read())
