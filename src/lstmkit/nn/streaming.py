"""Single steps of a stack on the CPU, for streams: weights packed once, one call of the native library a step.

Everything a step does not need is left out: no operator, no autograd, no packing. What cannot be done so (gradients,
other devices and types, cells that the kernel lacks, random masks) is refused here and takes the layer's usual way.

Nothing is remembered about a tensor. Fused optimizers, `.data`, numpy and other processes change memory without a trace
on the tensor, and `set_`, `resize_` or `swap_tensors` give it other memory; so every step asks every tensor what it is
and where it lies, and compares all weights with a copy made when they were packed.
"""

from __future__ import annotations

import ctypes
import threading
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch._C._dynamo.guards import TensorGuards

from lstmkit.recurrence.backends import choose
from lstmkit.recurrence.cell import State
from lstmkit.recurrence.kernels import kernel_cell, kernel_epsilon
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.operators import stack_call

if TYPE_CHECKING:
    from lstmkit.nn.lstm import LSTM


class Stream:
    """The packed weights of a layer and a call of the library that is filled in anew at every step.

    layer    the layer; its weights are packed as they are now
    weights  `layer.current_weights()`
    """

    def __init__(self, layer: LSTM, weights: tuple[Tensor, ...]) -> None:
        library, why_not = load_library()
        if library is None:
            raise RuntimeError(why_not)
        example = layer._regularized(layer._assemble(weights[0].new_zeros(1, 1, layer.input_size), None, None, weights))
        how = kernel_cell(example)
        given = (example.x, example.state, weights, None, example.masks.in_order(), kernel_epsilon(layer.cell), how)
        call, self._alive = stack_call(*given)
        call.threads = 1
        self._call, self._reference = call, ctypes.byref(call)
        self._dtype, self._inputs, self._outputs, self._layers = weights[0].dtype, layer.input_size, how.P, how.K
        self._widths = tuple(s.shape[2] for s in example.state)
        self._forward, self._same = library.lstmkit_forward, library.lstmkit_same
        self._busy = threading.Lock()
        self._known: TensorGuards | None = None
        self._settings, self._guards = _settings(layer), _guards(weights)
        self._addresses = _addresses(weights)
        self._copies = [w.detach().clone() for w in weights]
        self._tables = (_addresses(self._copies), array("q", [w.nbytes for w in self._copies]))
        self._compared = (*(table.buffer_info()[0] for table in self._tables), len(weights))
        size = self._dtype.itemsize
        values = library.lstmkit_packed(self._reference) // size
        self._packed = torch.empty(values + 64, dtype=self._dtype)
        aligned = self._packed[-self._packed.data_ptr() % 64 // size :]
        if library.lstmkit_pack(self._reference, aligned.data_ptr()):
            raise RuntimeError("the native kernel does not have this cell; a backend should not have chosen it")
        call.packed = aligned.data_ptr()

    def __deepcopy__(self, memo: object) -> None:
        """Return None: a copy of the layer packs its own weights."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Pickle as None, for the same reason."""
        return type(None), ()

    def holds(self, layer: LSTM, weights: tuple[Tensor, ...]) -> bool:
        """Return whether the layer and its weights are, byte for byte, what they were when they were packed."""
        if self._settings != _settings(layer) or len(weights) != len(self._copies) or not self._guards.check(*weights):
            return False
        at = _addresses(weights)
        return at == self._addresses and self._same(at.buffer_info()[0], *self._compared) == 1

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """Advance by one step, or return None: other types or sizes, or a second thread that steps meanwhile."""
        known = self._known
        if known is None or len(state) != len(self._widths) or not known.check(x, *state):
            if not self._takes(x, state):
                return None
            self._known = _guards((x, *state))
        if not self._busy.acquire(blocking=False):
            return None
        try:
            return self._step(x, state)
        finally:
            self._busy.release()

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        B, call = x.shape[0], self._call
        if B == 0 or not x.data_ptr():
            return None
        y = x.new_empty((B, self._outputs))
        last = tuple([torch.empty_like(s) for s in state])
        before, after = _addresses(state), _addresses(last)
        call.B, call.x, call.y = B, x.data_ptr(), y.data_ptr()
        call.state, call.last = before.buffer_info()[0], after.buffer_info()[0]
        if self._forward(self._reference):
            raise MemoryError("the native kernel could not get the memory it needs")
        return y, last

    def _takes(self, x: Tensor, state: State) -> bool:
        """Whether the kernel can read the input and the state as they lie in memory."""
        if not all(_lies_plainly(t) and t.dtype is self._dtype for t in (x, *state)):
            return False
        wanted = [(self._layers, x.shape[0], width) for width in self._widths]
        return x.dim() == 2 and x.shape[1] == self._inputs and [s.shape for s in state] == wanted


def fast_step(layer: LSTM, x: Tensor, state: State) -> tuple[Tensor, State] | None:
    """Advance `layer` by one step without detours, or return None if this call needs them.

    x        (B, I)
    state    each (K, B, its width)
    Returns  y (B, P) and the state after the step, or None
    """
    if torch.is_grad_enabled() or _is_watched():
        return None
    weights, stream = layer.current_weights(), layer.stream
    if stream is None or not stream.holds(layer, weights):
        if not _streamable(layer, weights, x, state):
            return None
        stream = layer.stream = Stream(layer, weights)
    return stream.step(x, state)


def _is_watched() -> bool:
    """Whether something follows tensor operations and would not see a call of the library."""
    return (
        torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.is_autocast_enabled("cpu")
        or torch._C._is_tracing()
    )


def _streamable(layer: LSTM, weights: tuple[Tensor, ...], x: Tensor, state: State) -> bool:
    """Whether the native kernel would run this layer on its weights as they lie, with nothing drawn at random."""
    if layer.bidirectional or x.dim() != 2 or not all(_lies_plainly(t) for t in (x, *weights)):
        return False
    if layer.training and (layer.draws or (layer.dropout > 0 and layer.num_layers > 1)):
        return False
    call = layer._regularized(layer._assemble(x.unsqueeze(0), state, None, weights))
    layer.check_call(call)
    return choose(call, layer.backend).name == "native"


def _lies_plainly(tensor: Tensor) -> bool:
    """Whether the numbers of a tensor stand in the memory of this process, one after another, as they are."""
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and not tensor._is_zerotensor()
    )


def _settings(layer: LSTM) -> tuple[object, ...]:
    """Return what a step depends on besides tensors."""
    return (
        layer.training,
        layer.dropout,
        layer.num_layers,
        layer.bidirectional,
        layer.input_size,
        layer.hidden_size,
        layer.proj_size,
        layer.bias,
        layer.cell,
        layer.regularization,
        layer.backend,
    )


def _guards(tensors: Sequence[Tensor]) -> TensorGuards:
    """Return what tells in half a microsecond whether tensors are of the same class, kind, type, shape and layout."""
    sizes, strides = [list(t.shape) for t in tensors], [list(t.stride()) for t in tensors]
    return TensorGuards(*tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=strides)  # type: ignore[arg-type]


def _addresses(tensors: Sequence[Tensor]) -> array[int]:
    return array("Q", [t.data_ptr() for t in tensors])
