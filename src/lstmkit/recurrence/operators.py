"""The native kernel as PyTorch operators: `lstmkit::run`, `lstmkit::forward` and `lstmkit::backward`.

`run` is the whole recurrence and the only one that autograd knows; `forward` also returns the memory that `backward`
reads, which `native.py` puts together. All are functional, each with a shape-only version beside it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.recurrence.kernels import KernelCell, cell_of, expanded, folded
from lstmkit.recurrence.library import FLOAT_TYPES, StackCall, load_library, pointers
from lstmkit.recurrence.shapes import Shapes, check_shapes, shapes

_SHARED = (
    "(Tensor x, Tensor[] state, Tensor[] weights, Tensor? lengths, Tensor?[] masks, float epsilon, int[] how{more})"
)
_MORE = ", Tensor y, Tensor reserve, Tensor dy, Tensor[] dlast, bool needs_dx"
_SCHEMAS = {
    "run": _SHARED.format(more="") + " -> (Tensor, Tensor[])",
    "forward": _SHARED.format(more="") + " -> (Tensor, Tensor[], Tensor)",
    "backward": _SHARED.format(more=_MORE) + " -> (Tensor, Tensor[], Tensor[])",
}
_PART = 1 << 24
"""Bytes of a layer's output above which inference runs a stack in parts of time: the layers between keep no more."""
Tensors = Sequence[Tensor]
OptionalTensors = Sequence[Tensor | None]


class Alive(NamedTuple):
    """Memory that must stay while the C structure that points to it is used."""

    x: Tensor
    state: list[Tensor]
    weights: list[Tensor]
    lengths: Tensor | None
    rest: tuple[Any, ...]


@lru_cache(maxsize=256)
def _described(how: tuple[int, ...]) -> StackCall:
    """Return a C structure with the cell and its sizes in it, to be copied; setting each field costs at every call."""
    call = StackCall()
    for name, value in KernelCell(*how)._asdict().items():
        if name not in ("heads", "vectors"):
            setattr(call, name, value)
    return call


@lru_cache(maxsize=256)
def _shapes(how: tuple[int, ...], inputs: int) -> Shapes:
    given = KernelCell(*how)
    if given.D not in (1, 2) or min(given.H, given.P, given.K) < 1:
        raise InputError(f"recurrence: there is no stack of the sizes H, P, K, D = {given[1:5]}")
    return shapes(cell_of(given, 1.0), inputs, given.H, given.P, given.K, given.D, bias=bool(given.bias))


def _check_operands(
    x: Tensor,
    state: Tensors,
    weights: Tensors,
    lengths: Tensor | None,
    masks: OptionalTensors,
    how: Sequence[int],
) -> None:
    """Raise InputError unless the kernel would find in memory what it looks for."""
    if x.dim() != 3:
        raise InputError(f"recurrence: x must be (T, B, I); got shape {tuple(x.shape)}")
    check_shapes(_shapes(tuple(how), x.shape[2]), x, state, weights, lengths, masks)
    types = {x.dtype, *map(_TYPE, state), *map(_TYPE, weights), *(m.dtype for m in masks if m is not None)}
    if len(types) > 1 or x.dtype not in FLOAT_TYPES:
        raise InputError(f"recurrence: all tensors must be float32 or all float64; got {sorted(map(str, types))}")


_TYPE = attrgetter("dtype")


def readable(tensor: Tensor) -> Tensor:
    """Return the values of a tensor as they lie in memory: contiguous, not negated or zero by a mark alone.

    Raises  InputError if it is sparse, or of another library's layout
    """
    if tensor.layout is not torch.strided:
        raise InputError(f"recurrence: tensors must lie densely in memory; got {tensor.layout}: give x.to_dense()")
    if tensor.is_neg() or tensor._is_zerotensor():
        tensor = tensor.clone().resolve_neg()
    return tensor.contiguous()


def _refuse_absent(tensors: Tensors) -> None:
    for tensor in tensors:
        if tensor.numel() and not tensor.data_ptr():
            raise InputError(
                f"recurrence: a tensor of shape {tuple(tensor.shape)} has no memory; its storage was freed"
            )


def stack_call(
    x: Tensor,
    state: Tensors,
    weights: Tensors,
    lengths: Tensor | None,
    masks: OptionalTensors,
    epsilon: float,
    how: Sequence[int],
) -> tuple[StackCall, Alive]:
    """Return the C structure, and what must stay alive while it is used.

    Raises  InputError if a tensor has not the shape or the type that the cell and its sizes ask for
    """
    _check_operands(x, state, weights, lengths, masks, how)
    given = KernelCell(*how)
    inputs, states = readable(x), [readable(s) for s in state]
    matrices = [readable(w) for w in expanded(given, weights)]
    ends = None if lengths is None else lengths.to(device="cpu", dtype=torch.int64).contiguous()
    (state_at, state_table), (weights_at, weight_table) = pointers(states), pointers(matrices)
    drawn = [None if m is None else readable(m) for m in masks]
    if not inputs.data_ptr() or 0 in state_table or 0 in weight_table:
        _refuse_absent((inputs, *states, *matrices))
    call = StackCall.from_buffer_copy(_described(given))
    call.T, call.B, call.I = x.shape
    call.epsilon = epsilon
    call.type, call.states, call.threads = FLOAT_TYPES[x.dtype], len(states), torch.get_num_threads()
    call.each = len(matrices) // (given.K * given.D)
    call.x, call.state, call.weights = inputs.data_ptr(), state_at, weights_at
    if ends is not None:
        call.lengths = ends.data_ptr()
    for k, mask in enumerate(drawn):
        if mask is not None:
            call.masks[k] = (mask.data_ptr(), mask.shape[1], mask.shape[2])
    return call, Alive(inputs, states, matrices, ends, (state_table, weight_table, drawn))


def _library() -> ctypes.CDLL:
    library, why_not = load_library()
    if library is None:
        raise RuntimeError(why_not)
    return library


def _check(code: int) -> None:
    if code == 1:
        raise MemoryError("the native kernel could not get the memory it needs")
    if code == 3:
        raise InputError("recurrence: lengths must lie between 0 and T, the steps of x")
    if code:
        raise RuntimeError("the native kernel does not have this cell; a backend should not have chosen it")


def _outputs(x: Tensor, state: Tensors, how: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    """Allocate y and the final states."""
    given = KernelCell(*how)
    y = x.new_empty((x.shape[0], x.shape[1], given.D * given.P))
    return y, [torch.empty_like(s, memory_format=torch.contiguous_format) for s in state]


def _gradients(
    x: Tensor, state: Tensors, weights: Tensors, needs_dx: bool
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Allocate the gradients of x (empty if not needed), of the initial state and of the weights."""
    dstate, dweights = (
        [torch.empty_like(t, memory_format=torch.contiguous_format) for t in ts] for ts in (state, weights)
    )
    return x.new_empty(x.shape if needs_dx else (0,)), dstate, dweights


def _run(*arguments: Any) -> tuple[Tensor, list[Tensor]]:
    call, alive = stack_call(*arguments)
    row = call.B * call.P * alive.x.element_size()
    parted = call.K > 1 and call.D == 1 and call.T * row > _PART and all(mask.steps <= 1 for mask in call.masks)
    return _filled_in_parts(call, alive, arguments[-1]) if parted else _filled(call, alive, arguments[-1])


def _filled_in_parts(call: StackCall, alive: Alive, how: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    """Run a stack of one direction in parts of time, each from the state after the one before."""
    (y, last), T = _outputs(alive.x, alive.state, how), call.T
    if alive.lengths is not None and bool(((alive.lengths < 0) | (alive.lengths > T)).any()):
        _check(3)
    steps = max(_PART // (y[0].nbytes or 1), 1)
    for first in range(0, T, steps):
        call.T = min(steps, T - first)
        if alive.lengths is not None:
            ends = (alive.lengths - first).clamp(0, call.T)
            call.lengths = ends.data_ptr()
        last = [torch.empty_like(s) for s in last]
        table = pointers(last)
        call.x, call.y, call.last = alive.x[first].data_ptr(), y[first].data_ptr(), table[0]
        _check(_library().lstmkit_forward(ctypes.byref(call)))
        call.state, _before = table[0], (table, last)
    return y, last


def _forward(*arguments: Any) -> tuple[Tensor, list[Tensor], Tensor]:
    call, alive = stack_call(*arguments)
    reserve = alive.x.new_empty((_library().lstmkit_reserve(ctypes.byref(call)) // alive.x.element_size(),))
    call.reserve = reserve.data_ptr()
    return *_filled(call, alive, arguments[-1]), reserve


def _filled(call: StackCall, alive: Alive, how: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    y, last = _outputs(alive.x, alive.state, how)
    call.y = y.data_ptr()
    call.last, _table = pointers(last)
    _check(_library().lstmkit_forward(ctypes.byref(call)))
    return y, last


def _backward(*arguments: Any) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    shared, (y, reserve, dy, dlast, needs_dx) = arguments[:7], arguments[7:]
    call, alive = stack_call(*shared)
    _check_gradients(call, alive, (y, reserve, dy, *dlast))
    given = [readable(t) for t in (y, reserve, dy)]
    ends = [readable(t) for t in dlast]
    call.y, call.reserve, call.dy = (t.data_ptr() for t in given)
    dx, dstate, dweights = _gradients(alive.x, alive.state, alive.weights, needs_dx)
    tables = [pointers(ts) for ts in (ends, dstate, dweights)]
    call.dlast, call.dstate, call.dweights = (address for address, _ in tables)
    if needs_dx:
        call.dx = dx.data_ptr()
    _check(_library().lstmkit_backward(ctypes.byref(call)))
    return dx, dstate, folded(KernelCell(*shared[-1]), dweights)


def _check_gradients(call: StackCall, alive: Alive, given: Tensors) -> None:
    """Raise InputError unless y, reserve, dy and dlast are those of this call."""
    row = (call.T, call.B, call.D * call.P)
    kept = _library().lstmkit_reserve(ctypes.byref(call)) // alive.x.element_size()
    wanted = [row, (kept,), row, *(s.shape for s in alive.state)]
    if [t.shape for t in given] != wanted or any(t.dtype != alive.x.dtype for t in given):
        raise InputError(
            f"recurrence: y, reserve, dy and dlast must be {[tuple(w) for w in wanted]} of {alive.x.dtype}; "
            f"got {[(tuple(t.shape), t.dtype) for t in given]}"
        )


def _fake_run(*arguments: Any) -> tuple[Tensor, list[Tensor]]:
    return _outputs(arguments[0], arguments[1], arguments[-1])


def _fake_forward(*arguments: Any) -> tuple[Tensor, list[Tensor], Tensor]:
    x, state, _weights, _lengths, masks, _epsilon, how = arguments
    one = StackCall.from_buffer_copy(_described(tuple(how)))
    one.T, one.B, one.I = 1, 1, int(x.shape[2])  # T and B may be symbols; the size is linear in their product
    one.type, one.states = FLOAT_TYPES[x.dtype], len(state)
    for k, mask in enumerate(masks):  # only whether there is one
        one.masks[k].values = 0 if mask is None else 1
    row = _library().lstmkit_reserve(ctypes.byref(one)) // x.element_size()
    return (*_fake_run(*arguments), x.new_empty((row * x.shape[0] * x.shape[1],)))


def _fake_backward(*arguments: Any) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    x, state, weights = arguments[:3]
    return _gradients(x, state, weights, needs_dx=arguments[-1])


for _name, _function, _fake in (
    ("run", _run, _fake_run),
    ("forward", _forward, _fake_forward),
    ("backward", _backward, _fake_backward),
):
    torch.library.define(f"lstmkit::{_name}", _SCHEMAS[_name])
    torch.library.impl(f"lstmkit::{_name}", "CPU", _function)
    torch.library.register_fake(f"lstmkit::{_name}", _fake)


def direct(operator: Any, tensors: Sequence[Any]) -> Callable[..., Any]:
    """Return what runs an operator: its function on the CPU where nothing but autograd could want to see the operator.

    operator  such as torch.ops.lstmkit.run.default
    tensors   what it will get; anything but plain tensors may have its own idea of operators
    Returns   a function with the operator's arguments; the dispatcher it spares costs more than a small call
    """
    watched = (
        torch._C._len_torch_dispatch_stack() > 0
        or torch._C._are_functorch_transforms_active()
        or torch.autograd.profiler._is_profiler_enabled
    )
    if watched or not _PLAIN.issuperset(map(type, tensors)):
        return operator  # type: ignore[no-any-return]
    return _FUNCTIONS[operator]


_PLAIN = frozenset((torch.Tensor, torch.nn.Parameter, type(None)))
_FUNCTIONS = {
    torch.ops.lstmkit.run.default: _run,
    torch.ops.lstmkit.forward.default: _forward,
    torch.ops.lstmkit.backward.default: _backward,
}
