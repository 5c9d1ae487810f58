"""The native kernel as PyTorch operators: `lstmkit::lstm` (training), `lstmkit::lstm_infer`, `lstmkit::lstm_backward`.

The operators are functional, each with a shape-only version beside it. Autograd is a plain `torch.autograd.Function`
around them; a gradient of the gradient is taken through the reference.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.recurrence.call import LstmCall, LstmOutput
from lstmkit.recurrence.library import FLOAT_TYPES, StackCall, load_library, pointers
from lstmkit.recurrence.reference import lstm_reference

_SHARED = (
    "(Tensor x, Tensor h0, Tensor c0, Tensor[] weights, Tensor? lengths, "
    "int num_layers, int directions, bool bias{more})"
)
_MORE = ", Tensor y, Tensor reserve, Tensor dy, Tensor dh, Tensor dc, bool needs_dx"
_SCHEMAS = {
    "lstm": _SHARED.format(more="") + " -> (Tensor, Tensor, Tensor, Tensor)",
    "lstm_infer": _SHARED.format(more="") + " -> (Tensor, Tensor, Tensor)",
    "lstm_backward": _SHARED.format(more=_MORE) + " -> (Tensor, Tensor, Tensor, Tensor[])",
}


def _stack_call(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    layers: int,
    D: int,
    bias: bool,
) -> tuple[StackCall, list[Any]]:
    """Return the C structure, and what must stay alive while it is used."""
    T, B, I = x.shape  # noqa: E741
    inputs = [t.contiguous() for t in (x, h0, c0)]
    matrices = [w.contiguous() for w in weights]
    ends = None if lengths is None else lengths.to(device="cpu", dtype=torch.int64).contiguous()
    table = pointers(matrices)
    call = StackCall(T, B, I, c0.shape[2], layers, D, FLOAT_TYPES[x.dtype], int(bias), torch.get_num_threads())
    call.x, call.h0, call.c0 = (t.data_ptr() for t in inputs)
    call.weights = ctypes.addressof(table)
    call.lengths = None if ends is None else ends.data_ptr()
    return call, [*inputs, *matrices, ends, table]


def _library() -> ctypes.CDLL:
    library, why_not = load_library()
    if library is None:
        raise RuntimeError(why_not)
    return library


def _check(code: int) -> None:
    if code:
        raise MemoryError("the native LSTM kernel could not get the memory it needs")


def _outputs(x: Tensor, h0: Tensor, c0: Tensor, D: int) -> tuple[Tensor, Tensor, Tensor]:
    """Allocate y and the final states."""
    y = x.new_empty(x.shape[0], x.shape[1], D * c0.shape[2])
    hn, cn = (torch.empty_like(state, memory_format=torch.contiguous_format) for state in (h0, c0))
    return y, hn, cn


def _gradients(
    x: Tensor, h0: Tensor, c0: Tensor, weights: Sequence[Tensor], needs_dx: bool
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Allocate the gradients of x (empty if not needed), of the initial states and of the weights."""
    dh0, dc0, *dweights = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (h0, c0, *weights))
    return x.new_empty(x.shape if needs_dx else (0,)), dh0, dc0, dweights


def _lstm(x: Tensor, h0: Tensor, c0: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    call, alive = _stack_call(x, h0, c0, *rest)
    reserve = x.new_empty(_library().lstmkit_lstm_reserve(ctypes.byref(call)) // x.element_size())
    call.reserve = reserve.data_ptr()
    return *_forward(call, alive), reserve


def _lstm_infer(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _forward(*_stack_call(*arguments))


def _forward(call: StackCall, alive: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Run a forward; `alive` begins with x, h0 and c0."""
    x, h0, c0, *_ = alive
    y, hn, cn = _outputs(x, h0, c0, call.D)
    call.y, call.hn, call.cn = y.data_ptr(), hn.data_ptr(), cn.data_ptr()
    _check(_library().lstmkit_lstm_forward(ctypes.byref(call)))
    return y, hn, cn


def _lstm_backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    shared, (*saved, needs_dx) = arguments[:8], arguments[8:]
    call, _alive = _stack_call(*shared)
    given = [t.contiguous() for t in saved]
    call.y, call.reserve, call.dy, call.dhn, call.dcn = (t.data_ptr() for t in given)
    x, h0, c0, weights = shared[:4]
    dx, dh0, dc0, dweights = _gradients(x, h0, c0, weights, needs_dx)
    table = pointers(dweights)
    call.dx = dx.data_ptr() if needs_dx else None
    call.dh0, call.dc0, call.dweights = dh0.data_ptr(), dc0.data_ptr(), ctypes.addressof(table)
    _check(_library().lstmkit_lstm_backward(ctypes.byref(call)))
    return dx, dh0, dc0, dweights


def _fake_infer(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    x, h0, c0, _weights, _lengths, _layers, D, _bias = arguments
    return _outputs(x, h0, c0, D)


def _fake_lstm(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, _h0, c0, _weights, _lengths, layers, D, _bias = arguments
    T, B, H = x.shape[0], x.shape[1], c0.shape[2]
    lanes = reserve_lanes(x.dtype)
    padded = (H + lanes - 1) // lanes * lanes
    size = layers * D * T * B * 5 * padded + (layers - 1) * T * B * D * H
    return (*_fake_infer(*arguments), x.new_empty(size))


def _fake_backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    x, h0, c0, weights = arguments[:4]
    return _gradients(x, h0, c0, weights, needs_dx=arguments[-1])


def reserve_lanes(dtype: torch.dtype) -> int:
    """Return how many values a vector of the instruction set in use holds."""
    width = {"avx512": 64, "avx2": 32, "portable": 16}[_library().lstmkit_target().decode()]
    return width // dtype.itemsize


for _name, _run, _fake in (
    ("lstm", _lstm, _fake_lstm),
    ("lstm_infer", _lstm_infer, _fake_infer),
    ("lstm_backward", _lstm_backward, _fake_backward),
):
    torch.library.define(f"lstmkit::{_name}", _SCHEMAS[_name])
    torch.library.impl(f"lstmkit::{_name}", "CPU", _run)
    torch.library.register_fake(f"lstmkit::{_name}", _fake)


class _Lstm(torch.autograd.Function):
    """Forward and backward through the kernel."""

    @staticmethod
    def forward(ctx: Any, call: LstmCall, x: Tensor, h0: Tensor, c0: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        how = (call.lengths, call.num_layers, call.directions, call.bias)
        y, h, c, reserve = torch.ops.lstmkit.lstm(x, h0, c0, weights, *how)
        ctx.save_for_backward(x, h0, c0, y, reserve, *weights)
        ctx.call = call
        return y, h, c

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dh: Tensor, dc: Tensor) -> tuple[Any, ...]:
        x, h0, c0, y, reserve, *weights = ctx.saved_tensors
        call: LstmCall = ctx.call
        if torch.is_grad_enabled():
            return (None, *_reference_gradients(call, (x, h0, c0, *weights), (dy, dh, dc)))
        how = (call.lengths, call.num_layers, call.directions, call.bias)
        dx, dh0, dc0, dweights = torch.ops.lstmkit.lstm_backward(
            x, h0, c0, weights, *how, y, reserve, dy, dh, dc, ctx.needs_input_grad[1]
        )
        return (None, dx if ctx.needs_input_grad[1] else None, dh0, dc0, *dweights)


def _reference_gradients(
    call: LstmCall, inputs: tuple[Tensor, ...], gradients: tuple[Tensor, ...]
) -> tuple[Tensor | None, ...]:
    """Return gradients that can be differentiated again: the reference's own."""
    x, h0, c0, *weights = inputs
    out = lstm_reference(dataclasses.replace(call, x=x, h0=h0, c0=c0, weights=tuple(weights)))
    wanted = [t for t in inputs if t.requires_grad]
    found = iter(torch.autograd.grad((out.y, out.h, out.c), wanted, gradients, create_graph=True, allow_unused=True))
    return tuple(next(found) if t.requires_grad else None for t in inputs)


def run_native(call: LstmCall) -> LstmOutput:
    """Run a call that the kernel supports; dropout between layers stands outside the kernel."""
    if call.dropout > 0 and call.training and call.num_layers > 1:
        return _run_with_dropout(call)
    tensors = (call.x, call.h0, call.c0, *call.weights)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return LstmOutput(*_Lstm.apply(call, *tensors))  # type: ignore[no-untyped-call]
    how = (call.lengths, call.num_layers, call.directions, call.bias)
    return LstmOutput(*torch.ops.lstmkit.lstm_infer(call.x, call.h0, call.c0, call.weights, *how))


def _run_with_dropout(call: LstmCall) -> LstmOutput:
    """Run layer by layer, with torch's dropout on the output of every layer but the last."""
    D, n = call.directions, call.weights_per_direction * call.directions
    x, states = call.x, []
    for k in range(call.num_layers):
        at = slice(k * D, (k + 1) * D)
        layer = dataclasses.replace(
            call,
            x=x,
            h0=call.h0[at],
            c0=call.c0[at],
            weights=call.weights[k * n : (k + 1) * n],
            num_layers=1,
            dropout=0.0,
        )
        out = run_native(layer)
        states.append((out.h, out.c))
        x = functional.dropout(out.y, call.dropout) if k < call.num_layers - 1 else out.y
    return LstmOutput(x, torch.cat([h for h, _ in states]), torch.cat([c for _, c in states]))
