"""The orders in which ONNX and lstmkit keep gates, biases and peepholes.

ONNX keeps an LSTM's gates in the order i, o, f, c (c is our g) and its peepholes in the order i, o, f. lstmkit keeps
torch's order i, f, g, o and peepholes i, f, o; a coupled cell has no forget gate of its own, so i, g, o and i, o.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.nn import LSTM, Gru, Lstm, Rnn

Array = NDArray[Any]
Blocks = tuple[int | None, ...]
"""Which blocks of H rows are taken, in which order; None is a block of zeros that nobody reads."""

_GATES_FROM_ONNX: dict[bool, Blocks] = {False: (0, 2, 3, 1), True: (0, 3, 1)}
_PEEPHOLES_FROM_ONNX: dict[bool, Blocks] = {False: (0, 2, 1), True: (0, 1)}
_GATES_TO_ONNX: dict[bool, Blocks] = {False: (0, 3, 1, 2), True: (0, 2, None, 1)}
_PEEPHOLES_TO_ONNX: dict[bool, Blocks] = {False: (0, 2, 1), True: (0, 1, None)}


@dataclass(frozen=True, slots=True)
class NodeWeights:
    """The weights of one ONNX node; G is 4 for LSTM, 3 for GRU, 1 for RNN.

    w  (D, GH, I)
    r  (D, GH, H)
    b  (D, 2GH): the biases of W, then those of R; or None
    p  (D, 3H) peepholes, or None
    """

    w: Array
    r: Array
    b: Array | None
    p: Array | None

    def __post_init__(self) -> None:
        if self.w.ndim != 3 or self.r.ndim != 3:
            raise InputError(f"ONNX: W and R must have three axes; got {self.w.shape} and {self.r.shape}")
        D, H, G = self.directions, self.hidden, self.r.shape[1] // max(self.hidden, 1)
        expected: dict[str, tuple[Array, tuple[int, ...]]] = {"R": (self.r, (D, G * H, H))}
        expected["W"] = (self.w, (D, G * H, self.inputs))
        expected |= {} if self.b is None else {"B": (self.b, (D, 2 * G * H))}
        expected |= {} if self.p is None else {"P": (self.p, (D, 3 * H))}
        for name, (array, shape) in expected.items():
            if array.shape != shape:
                raise InputError(f"ONNX: {name} must have shape {shape}, from R's {H} units; got {array.shape}")

    @property
    def directions(self) -> int:
        """D, 1 or 2."""
        return int(self.r.shape[0])

    @property
    def hidden(self) -> int:
        """H, the units of one direction."""
        return int(self.r.shape[2])

    @property
    def inputs(self) -> int:
        """I, the width of the input."""
        return int(self.w.shape[2])


def fill_layer(lstm: LSTM, layer: int, weights: NodeWeights) -> None:
    """Copy the weights of an ONNX node into layer number `layer` of `lstm`, whose sizes and cell fit them."""
    coupled = isinstance(lstm.cell, Lstm) and lstm.cell.coupled is not None
    for direction in range(weights.directions):
        for name, value in _to_torch(weights, direction, coupled).items():
            with torch.no_grad():
                lstm.get_parameter(f"{name}_l{layer}{'_reverse' * direction}").copy_(value)


def _to_torch(weights: NodeWeights, direction: int, coupled: bool) -> dict[str, Tensor]:
    gates, peepholes, H = _GATES_FROM_ONNX[coupled], _PEEPHOLES_FROM_ONNX[coupled], weights.hidden
    values = {"weight_ih": _pick(weights.w[direction], gates, H), "weight_hh": _pick(weights.r[direction], gates, H)}
    if weights.b is not None:
        of_w, of_r = np.split(weights.b[direction], 2)
        values |= {"bias_ih": _pick(of_w, gates, H), "bias_hh": _pick(of_r, gates, H)}
    if weights.p is not None:
        values["weight_peephole"] = _pick(weights.p[direction], peepholes, H).reshape(-1, H)
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()}


def operator_of(lstm: LSTM) -> str | None:
    """Return the ONNX operator that computes the layer in evaluation: LSTM, GRU, RNN, or None.

    It is None in float64, where ONNX has these operators but ONNX Runtime does not.
    """
    if any(lstm.regularization.zoneout) or lstm.proj_size or lstm.current_weights()[0].dtype != torch.float32:
        return None
    if isinstance(lstm.cell, Lstm):
        return "LSTM" if lstm.cell.layer_norm is None else None
    return "GRU" if isinstance(lstm.cell, Gru) else "RNN" if isinstance(lstm.cell, Rnn) else None


def node_weights(lstm: LSTM, layer: int) -> NodeWeights:
    """Return layer number `layer` of `lstm`, whose cell is one that ONNX has, in ONNX's order.

    A cell that keeps the forget gate becomes one that keeps the input gate, which is what ONNX Runtime does with
    `input_forget`: 1 - σ(a) = σ(-a), so the kept gate's rows change their sign, and the result is the same function.
    """
    one = [_to_onnx(lstm, f"_l{layer}{'_reverse' * d}") for d in range(lstm.directions)]
    w, r, b, p = (None if parts[0] is None else np.stack(parts) for parts in zip(*one, strict=True))
    assert w is not None and r is not None
    return NodeWeights(w, r, b, p)


def _of_direction(lstm: LSTM, suffix: str) -> dict[str, Array]:
    return {
        name.removesuffix(suffix): weight.detach().cpu().numpy()
        for name, weight in lstm.named_weights().items()
        if name.endswith(suffix)
    }


def _to_onnx(lstm: LSTM, suffix: str) -> tuple[Array, Array, Array | None, Array | None]:
    """Return W, R, B and P of one direction."""
    weights, cell, H = _of_direction(lstm, suffix), lstm.cell, lstm.hidden_size
    gates: Blocks = {Gru: (1, 0, 2), Rnn: (0,)}.get(type(cell), ())
    peepholes: Blocks = ()
    if isinstance(cell, Lstm):
        gates, peepholes = _GATES_TO_ONNX[cell.coupled is not None], _PEEPHOLES_TO_ONNX[cell.coupled is not None]
        weights = {name: value.reshape(-1) if name == "weight_peephole" else value for name, value in weights.items()}
        if cell.coupled == "forget":
            weights = {name: np.concatenate((-value[:H], value[H:])) for name, value in weights.items()}
    b = p = None
    if "bias_ih" in weights:
        b = np.concatenate([_pick(weights[name], gates, H) for name in ("bias_ih", "bias_hh")])
    if "weight_peephole" in weights:
        p = _pick(weights["weight_peephole"], peepholes, H)
    return _pick(weights["weight_ih"], gates, H), _pick(weights["weight_hh"], gates, H), b, p


def _pick(array: Array, blocks: Blocks, H: int) -> Array:
    """Return blocks of H rows in the order of `blocks`; zeros for None, where the other side reads nothing."""
    return np.concatenate([np.zeros_like(array[:H]) if k is None else array[k * H : (k + 1) * H] for k in blocks])
