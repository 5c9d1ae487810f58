"""Which cells a study compares: a cell of the family by name, with the forget bias it begins with."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.recurrence.cells import cell_named


@dataclass(frozen=True, slots=True)
class Variant:
    """A cell and the forget bias it begins with.

    cell         name, as in `lstmkit.nn.LSTM`
    forget_bias  None as the layer initialises it
    """

    cell: str
    forget_bias: float | None = None

    @property
    def name(self) -> str:
        """How it is written: the cell, then the forget bias if there is one, such as "lstm+1"."""
        return self.cell if self.forget_bias is None else f"{self.cell}{self.forget_bias:+g}"

    @property
    def title(self) -> str:
        """How people write it."""
        title = TITLES.get(self.cell, self.cell)
        return title if self.forget_bias is None else f"{title}, forget bias {self.forget_bias:g}"

    def layer(self, inputs: int, hidden: int, dtype: torch.dtype = torch.float32) -> LSTM:
        """Return a fresh layer of one direction, initialised as the layer does it."""
        return LSTM(inputs, hidden, dtype=dtype, cell=self.cell, forget_bias=self.forget_bias)


TITLES = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "alstm": "A-LSTM",
    "alstm-mean": "A-LSTM, mean",
    "peephole": "LSTM, peephole",
    "slstm": "sLSTM",
    "mlstm": "mLSTM",
    "mogrifier": "Mogrifier LSTM",
}


def parse_variants(text: str) -> tuple[Variant, ...]:
    """Read names separated by commas, such as "rnn,gru,lstm,lstm+1".

    Raises  InputError if a name is unknown, is there twice, or has a forget bias that its cell cannot take
    """
    variants = tuple(_parse(part.strip()) for part in text.split(",") if part.strip())
    if not variants:
        raise InputError("cells: no cell is named; write them with commas, such as rnn,gru,lstm+1")
    twice = [v.name for k, v in enumerate(variants) if v in variants[:k]]
    if twice:
        raise InputError(f"cells: {twice[0]!r} is there twice; name each once")
    return variants


def _parse(text: str) -> Variant:
    cell, plus, number = text.partition("+")
    if not plus:
        cell_named(cell)
        return Variant(cell)
    try:
        bias = float(number)
    except ValueError as error:
        raise InputError(f"cells: the forget bias of {text!r} is not a number; write it like lstm+1") from error
    variant = Variant(cell, bias)
    variant.layer(1, 1)
    return variant
