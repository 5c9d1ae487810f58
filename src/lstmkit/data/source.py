"""From a file straight to sequences: in memory, or from disk where it is too large for that."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import polars as pl

from lstmkit.data.mapped import read_mapped
from lstmkit.data.read import read_file
from lstmkit.data.series import Covariates, SeriesTable, TableSettings
from lstmkit.data.table import read_table

SHARE = 0.25
"""Share of the free memory that the columns of a table may take; reading needs about three times as much."""


def read_source(
    source: str | Path, settings: TableSettings, delimiter: str | None = None, learnt: Covariates | None = None
) -> SeriesTable:
    """Read a file and turn it into sequences; a Parquet file too large for memory piece by piece.

    source, delimiter  as in `read_file`
    learnt             as in `read_table`
    Returns            the series; a note says if they are mapped from disk
    Raises             InputError for whatever cannot be used
    """
    size = _bytes_in_memory(Path(source), settings)
    if size <= SHARE * free_memory():
        return read_table(read_file(source, delimiter), settings, learnt)
    table = read_mapped(Path(source), settings, learnt)
    note = f"the table takes {size / 2**30:.1f} GiB, more than a quarter of the free memory: it is mapped from disk"
    return dataclasses.replace(table, notes=(note, *table.notes))


def free_memory() -> int:
    """Return the bytes of memory that programs can still take without swapping; all there is where none can tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _bytes_in_memory(path: Path, settings: TableSettings) -> int:
    """Return how much the columns of a Parquet file will take; 0 for any other file, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                return 0
        rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError):
        return 0
    columns = 3 + len(settings.future) + len(settings.past) + len(settings.static)  # target, time, id
    return 8 * rows * columns * max(1, len(settings.wide))
