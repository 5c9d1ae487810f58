"""Every member of the family by name."""

from __future__ import annotations

from lstmkit.errors import InputError
from lstmkit.recurrence.cell import Cell
from lstmkit.recurrence.cells.alstm import ALstm
from lstmkit.recurrence.cells.gru import Gru
from lstmkit.recurrence.cells.lstm import Lstm
from lstmkit.recurrence.cells.mlstm import MLstm
from lstmkit.recurrence.cells.mogrifier import Mogrifier
from lstmkit.recurrence.cells.rnn import Rnn
from lstmkit.recurrence.cells.slstm import SLstm

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        Lstm(),
        Lstm(peephole=True),
        Lstm(coupled="input"),
        Lstm(coupled="forget"),
        Lstm(layer_norm="ba"),
        Lstm(layer_norm="gates"),
        ALstm(),
        ALstm(mean=True),
        Mogrifier(),
        SLstm(),
        MLstm(),
        Gru(),
        Rnn(),
    )
}
"""Names that `cell=` takes, with their default settings."""


def cell_named(cell: str | Cell) -> Cell:
    """Return the cell of a name, or the settings themselves.

    Raises  InputError if there is no such cell
    """
    if isinstance(cell, Cell):
        return cell
    if not isinstance(cell, str) or cell not in CELLS:
        raise InputError(
            f"cell must be one of {', '.join(CELLS)}, or settings such as Lstm(peephole=True); got {cell!r}"
        )
    return CELLS[cell]
