"""Single steps of a stack on the CPU, for streams: weights packed once, one call of the native library a step.

Everything a step does not need is left out: no operator, no autograd, no packing. What cannot be done so (gradients,
other devices and types, cells that the kernel lacks, random masks) is refused here and takes the layer's usual way.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lstmkit.recurrence.backends import choose
from lstmkit.recurrence.cell import State
from lstmkit.recurrence.kernels import kernel_cell, kernel_epsilon
from lstmkit.recurrence.library import load_library
from lstmkit.recurrence.operators import stack_call

if TYPE_CHECKING:
    from lstmkit.nn.lstm import LSTM


class Stream:
    """The packed weights of a layer and a call of the library that is filled in anew at every step.

    layer  the layer; its weights are packed as they are now
    """

    def __init__(self, layer: LSTM) -> None:
        library, why_not = load_library()
        if library is None:
            raise RuntimeError(why_not)
        weights = layer.current_weights()
        example = layer._regularized(layer._assemble(weights[0].new_zeros(1, 1, layer.input_size), None, None))
        how = kernel_cell(example)
        self.widths = tuple(s.shape[2] for s in example.state)
        self.layers, self.inputs, self.outputs, self.dtype = how.K, layer.input_size, how.P, weights[0].dtype
        self._training, self._versions = layer.training, _versions(weights)
        given = (example.x, example.state, weights, None, example.masks.in_order(), kernel_epsilon(layer.cell), how)
        call, alive = stack_call(*given)
        call.threads = 1
        self._call, self._alive = call, alive
        states = ctypes.c_void_p * len(self.widths)
        self._before, self._after = states(), states()
        self._returned: State = ()
        self._busy = threading.Lock()
        self._reference = ctypes.byref(call)
        values = library.lstmkit_packed(self._reference) // self.dtype.itemsize
        packed = torch.empty(values + 64, dtype=self.dtype)
        aligned = packed[-packed.data_ptr() % 64 // self.dtype.itemsize :]
        if library.lstmkit_pack(self._reference, aligned.data_ptr()):
            raise RuntimeError("the native kernel does not have this cell; a backend should not have chosen it")
        call.packed = aligned.data_ptr()
        self._forward = library.lstmkit_forward
        self._packed = packed

    def __deepcopy__(self, memo: object) -> None:
        """Return None: a copy of the layer packs its own weights."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Pickle as None, for the same reason."""
        return type(None), ()

    def fits(self, layer: LSTM) -> bool:
        """Return whether the layer's weights are still those that were packed. Changes through `.data` are not seen."""
        return self._training == layer.training and self._versions == _versions(layer.current_weights())

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """Advance by one step, or return None: other types or sizes, or a second thread that steps meanwhile."""
        if x.dtype is not self.dtype or x.dim() != 2 or x.shape[1] != self.inputs or not x.is_contiguous():
            return None
        if not x.is_cpu or not self._busy.acquire(blocking=False):
            return None
        try:
            return self._step(x, state)
        finally:
            self._busy.release()

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        B, call = x.shape[0], self._call
        if state is self._returned and call.B == B:  # what the last step returned: where it lies is known
            self._before, self._after = self._after, self._before
        elif self._takes(state, B):
            for k, s in enumerate(state):
                self._before[k] = s.data_ptr()
        else:
            return None
        y = x.new_empty((B, self.outputs))
        last = tuple([torch.empty_like(s) for s in state])
        for k, s in enumerate(last):
            self._after[k] = s.data_ptr()
        call.B, call.x, call.y = B, x.data_ptr(), y.data_ptr()
        call.state, call.last = ctypes.addressof(self._before), ctypes.addressof(self._after)
        if self._forward(self._reference):
            raise MemoryError("the native kernel could not get the memory it needs")
        self._returned = last
        return y, last

    def _takes(self, state: State, B: int) -> bool:
        """Whether the state is one the kernel can read as it lies in memory."""
        if len(state) != len(self.widths):
            return False
        for s, width in zip(state, self.widths, strict=True):
            if s.dtype is not self.dtype or s.shape != (self.layers, B, width) or not s.is_contiguous() or not s.is_cpu:
                return False
        return True


def fast_step(layer: LSTM, x: Tensor, state: State) -> tuple[Tensor, State] | None:
    """Advance `layer` by one step without detours, or return None if this call needs them.

    x        (B, I)
    state    each (K, B, its width)
    Returns  y (B, P) and the state after the step, or None
    """
    if torch.is_grad_enabled() or type(x) is not Tensor or _is_watched():
        return None
    stream = layer.stream
    if stream is None or not stream.fits(layer):
        if not _streamable(layer, x, state):
            return None
        stream = layer.stream = Stream(layer)
    return stream.step(x, state)


def _is_watched() -> bool:
    """Whether something follows tensor operations and would not see a call of the library."""
    return (
        torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.is_autocast_enabled("cpu")
    )


def _streamable(layer: LSTM, x: Tensor, state: State) -> bool:
    """Whether the native kernel would run this layer, with nothing drawn at random."""
    if (
        layer.bidirectional
        or x.dim() != 2
        or any(w.is_inference() or w.device.type != "cpu" for w in layer.current_weights())
    ):
        return False
    if layer.training and (layer.draws or (layer.dropout > 0 and layer.num_layers > 1)):
        return False
    call = layer._regularized(layer._assemble(x.unsqueeze(0), state, None))
    return choose(call, layer.backend).name == "native"


def _versions(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    return [(w.data_ptr(), w._version) for w in weights]
