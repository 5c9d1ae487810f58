"""From a file straight to sequences: in memory, or from disk where it is too large for that."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lstmkit.data.content import free_memory, opened
from lstmkit.data.mapped import read_mapped
from lstmkit.data.parquet import MARK
from lstmkit.data.read import SHARE, parquet_rows, read_with_notes, refuse_delimiter
from lstmkit.data.series import Covariates, SeriesTable, TableSettings
from lstmkit.data.table import read_table
from lstmkit.ranges import a_path


def read_source(
    source: str | Path, settings: TableSettings, delimiter: str | None = None, learnt: Covariates | None = None
) -> SeriesTable:
    """Read a file and turn it into sequences; a Parquet file too large for memory piece by piece.

    source, delimiter  as in `read_file`
    learnt             as in `read_table`
    Returns            the series; a note says if they are mapped from disk
    Raises             InputError for whatever cannot be used
    """
    size = _bytes_in_memory(a_path("the table", source), settings)
    if size <= SHARE * free_memory():
        found = read_with_notes(source, delimiter)
        id = settings.id or (None if settings.wide else found.id)
        filled = dataclasses.replace(settings, id=id, decimal=settings.decimal or found.decimal)
        table = read_table(found.frame, filled, learnt)
        columns = dataclasses.replace(table.columns, decimal=settings.decimal)  # another file may have its own
        return dataclasses.replace(table, columns=columns, notes=(*found.notes, *table.notes))
    refuse_delimiter(str(source), delimiter, "a Parquet file")
    table = read_mapped(Path(source), settings, learnt)
    note = f"the table takes {size / 2**30:.1f} GiB, more than a quarter of the free memory: it is mapped from disk"
    return dataclasses.replace(table, notes=(note, *table.notes))


def _bytes_in_memory(path: Path, settings: TableSettings) -> int:
    """Return how much the columns of a Parquet file will take; 0 for any other file."""
    if not path.is_file():  # a pipe can be read once only
        return 0
    with opened(path) as file:
        if file.read(4) != MARK:
            return 0
    rows = parquet_rows(path)
    columns = 3 + len(settings.future) + len(settings.past) + len(settings.static)  # target, time, id
    return 8 * rows * columns * max(1, len(settings.wide))
