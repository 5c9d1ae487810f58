"""What docs/architecture.md promises bit for bit, and what only to rounding: no more is demanded anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from lstmkit import Forecaster
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library

pytestmark = pytest.mark.skipif(load_library()[0] is None, reason=load_library()[1] or "there is a library")

LENGTHS = [30, 1, 17, 30, 0, 9, 22, 30, 5, 12, 13]
CELLS = ["lstm", "peephole", "layer-norm", "alstm", "mogrifier", "slstm", "gru", "rnn"]
TYPES = {torch.float32: 2e-5, torch.float64: 1e-12}
"""Rounding of a sum of some hundred products through 30 steps and two layers, of values near 1."""


@pytest.fixture(autouse=True)
def _own_number_of_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def layer_and_input(cell: str, dtype: torch.dtype, backend: str = "native") -> tuple[LSTM, Tensor]:
    torch.manual_seed(0)
    layer = LSTM(9, 37, 2, bidirectional=True, cell=cell, dtype=dtype, backend=backend)
    return layer, torch.randn(30, len(LENGTHS), 9, dtype=dtype)


def everything(layer: LSTM, x: Tensor, lengths: list[int] | None) -> list[Tensor]:
    """Return outputs, final states and all gradients."""
    given = x.clone().requires_grad_()
    y, state = layer(given, lengths=lengths)
    found = (y, *(state if isinstance(state, tuple) else (state,)))
    return [*found, *torch.autograd.grad(y.square().sum(), [given, *layer.parameters()])]


# the kernel, bit for bit


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "lengths"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_call_has_the_same_bits_again_and_for_every_number_of_threads(cell, lengths, dtype):
    layer, x = layer_and_input(cell, dtype)
    torch.set_num_threads(1)
    first = everything(layer, x, lengths)
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        for ours, known in zip(everything(layer, x, lengths), first, strict=True):
            assert torch.equal(ours, known)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_inference_has_the_bits_of_training(cell, dtype):
    layer, x = layer_and_input(cell, dtype)
    known, _ = layer(x, lengths=LENGTHS)
    with torch.no_grad():
        assert torch.equal(layer(x, lengths=LENGTHS)[0], known)


# the kernel, to rounding


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_other_batches_and_paddings_give_the_same_to_rounding(cell, dtype):
    layer, x = layer_and_input(cell, dtype)
    known, _ = layer(x, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        if length:
            alone, _ = layer(x[:length, b : b + 1])
            torch.testing.assert_close(alone[:, 0], known[:length, b], rtol=TYPES[dtype], atol=TYPES[dtype])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_backends_give_the_same_to_rounding(cell, dtype):
    layer, x = layer_and_input(cell, dtype)
    others = [layer_and_input(cell, dtype, name)[0] for name in ("torch", "reference")]
    known, _ = layer(x)
    for other in others:
        torch.testing.assert_close(other(x)[0], known, rtol=TYPES[dtype], atol=TYPES[dtype])


SAVED = """
import sys, torch
from lstmkit.nn import LSTM
torch.manual_seed(0)
layer, given = LSTM(9, 37, 2), torch.load(sys.argv[1])
layer.load_state_dict(given["weights"])
torch.save(layer(given["x"], lengths=given["lengths"])[0].detach(), sys.argv[2])
"""


def test_instruction_sets_give_the_same_to_rounding(tmp_path: Path) -> None:
    library, _ = load_library()
    assert library is not None
    torch.manual_seed(0)
    layer, x = LSTM(9, 37, 2), torch.randn(30, len(LENGTHS), 9)
    known = layer(x, lengths=LENGTHS)[0].detach()
    given = tmp_path / "given.pt"
    torch.save({"weights": layer.state_dict(), "x": x, "lengths": LENGTHS}, given)
    for number, target in enumerate(library.lstmkit_targets().decode().split()):
        for run in range(2 if number == 0 else 1):
            command = [sys.executable, "-c", SAVED, str(given), str(tmp_path / f"{run}.pt")]
            subprocess.run(command, env=os.environ | {"LSTMKIT_TARGET": target}, check=True)
        found = torch.load(tmp_path / "0.pt")
        assert number or torch.equal(torch.load(tmp_path / "1.pt"), found)  # another process on the same machine
        torch.testing.assert_close(found, known, rtol=TYPES[torch.float32], atol=TYPES[torch.float32])


# trainings and forecasts, bit for bit


def test_a_fit_has_the_same_bits_again_and_a_small_one_for_every_number_of_threads(
    prices: pl.DataFrame, tmp_path: Path
) -> None:
    def fitted() -> Forecaster:
        settings = LstmSettings(hidden_size=8, max_epochs=2)
        return Forecaster(3, context=10, settings=settings, seed=1).fit(prices, target="Close")

    torch.set_num_threads(1)
    first = fitted()
    known = first.predict()
    weights = first.network_.state_dict()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        again = fitted()
        assert all(torch.equal(w, weights[name]) for name, w in again.network_.state_dict().items())
    torch.set_num_threads(1)
    assert again.predict().equals(known)
    first.save(tmp_path / "model")
    assert Forecaster.load(tmp_path / "model").predict(prices).equals(first.predict(prices))
    np.testing.assert_array_equal(first.predict(prices)["mean"], known["mean"])


# That a resumed training ends with the bits of an uninterrupted one is held by tests/training/test_kill.py,
# tests/training/test_checkpoint.py and tests/cli/test_interrupt.py.
