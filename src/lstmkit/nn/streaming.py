"""Single steps of a stack on the CPU, for streams: one call of the native library a step.

Everything a step does not need is left out: no operator, no autograd, no packing. What cannot be done so (gradients,
other devices and types, cells that the kernel lacks, random masks) is refused here and takes the layer's usual way.

Nothing is remembered about a tensor. Fused optimizers, `.data`, numpy and other processes change memory without a trace
on the tensor, and `set_`, `resize_` or `swap_tensors` give it other memory; so every step asks every tensor what it is
and where it lies. A plain LSTM with few sequences reads its weights as they are. For others weights are packed, and
every step compares them all with a copy made then.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._dynamo.guards import TensorGuards

from lstmkit.recurrence import Call
from lstmkit.recurrence.cell import State
from lstmkit.recurrence.cells import Lstm
from lstmkit.recurrence.kernels import kernel_cell, kernel_epsilon
from lstmkit.recurrence.library import StackCall, load_library
from lstmkit.recurrence.operators import stack_call

FEW = 3
"""Sequences up to which a step from weights as they are is faster than one from packed weights that are compared."""


class Packed:
    """The weights of a layer, packed for the kernel, and a copy of them that tells whether they are still the same.

    library  the native library
    given    the arguments of `stack_call`, of which the third are the weights
    """

    def __init__(self, library: ctypes.CDLL, given: tuple[Any, ...]) -> None:
        weights: tuple[Tensor, ...] = given[2]
        self.call, self._alive = stack_call(*given)
        self.call.threads = 1
        self._addresses, self._compare = _addresses(weights), library.lstmkit_same
        self._copies = [w.detach().clone() for w in weights]
        self._tables = (_addresses(self._copies), array("q", [w.nbytes for w in self._copies]))
        self._compared = (*(table.buffer_info()[0] for table in self._tables), len(weights))
        dtype = weights[0].dtype
        values = library.lstmkit_packed(ctypes.byref(self.call)) // dtype.itemsize
        self._memory = torch.empty(values + 64, dtype=dtype)
        aligned = self._memory[-self._memory.data_ptr() % 64 // dtype.itemsize :]
        if library.lstmkit_pack(ctypes.byref(self.call), aligned.data_ptr()):
            raise RuntimeError("the native kernel does not have this cell; a backend should not have chosen it")
        self.call.packed = aligned.data_ptr()

    def holds(self, at: array[int]) -> bool:
        """Return whether the weights, at these addresses, are byte for byte those that were packed."""
        return at == self._addresses and self._compare(at.buffer_info()[0], *self._compared) == 1


class Stream:
    """How a layer makes steps: the call of the library, to be filled in at every step, and packed weights if they help.

    example   the layer's call on one step of one sequence
    weights   of the layer, as they are
    settings  what a step depends on besides tensors
    """

    def __init__(self, example: Call, weights: tuple[Tensor, ...], settings: tuple[object, ...]) -> None:
        library, why_not = load_library()
        if library is None:
            raise RuntimeError(why_not)
        how, masks = kernel_cell(example), example.masks.in_order()
        self._given = (example.x, example.state, weights, None, masks, kernel_epsilon(example.cell), how)
        self._call, self._alive = stack_call(*self._given)
        self._plain = example.cell == Lstm() and example.hidden == how.P and all(mask is None for mask in masks)
        self._dtype, self._inputs, self._outputs, self._layers = weights[0].dtype, example.x.shape[2], how.P, how.K
        self._widths = tuple(s.shape[2] for s in example.state)
        self._settings, self._guards = settings, _guards(weights)
        self._count, self._library = len(weights), library
        self._known: TensorGuards | None = None
        self._packed: Packed | None = None

    def __deepcopy__(self, memo: object) -> None:
        """Return None: a copy of the layer has its own weights."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Pickle as None, for the same reason."""
        return type(None), ()

    def fits(self, weights: tuple[Tensor, ...], settings: tuple[object, ...]) -> bool:
        """Return whether the layer has the same settings, and weights of the same kind, as when this was made."""
        return self._settings == settings and len(weights) == self._count and self._guards.check(*weights)

    def step(self, weights: tuple[Tensor, ...], x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """Advance by one step, or return None if the input or the state is of another type, size or layout."""
        known = self._known
        if known is None or len(state) != len(self._widths) or not known.check(x, *state):
            if not self._takes(x, state):
                return None
            self._known = _guards((x, *state))
        B, at = x.shape[0], _addresses(weights)
        if B == 0 or 0 in at or not x.data_ptr():
            return None
        y = x.new_empty((B, self._outputs))
        last = tuple([torch.empty_like(s) for s in state])
        before, after = _addresses(state), _addresses(last)
        few = self._plain and B <= FEW
        # A copy of the call for each step, so that threads may step at the same time.
        call = StackCall.from_buffer_copy(self._call if few else self._packed_as(weights, at).call)
        if few:
            call.weights = at.buffer_info()[0]
        call.B, call.x, call.y = B, x.data_ptr(), y.data_ptr()
        call.state, call.last = before.buffer_info()[0], after.buffer_info()[0]
        run = self._library.lstmkit_step if few else self._library.lstmkit_forward
        if run(ctypes.byref(call)):
            raise MemoryError("the native kernel could not get the memory it needs")
        return y, last

    def _packed_as(self, weights: tuple[Tensor, ...], at: array[int]) -> Packed:
        """Return the weights packed as they are now."""
        packed = self._packed
        if packed is None or not packed.holds(at):
            packed = self._packed = Packed(self._library, (*self._given[:2], weights, *self._given[3:]))
        return packed

    def _takes(self, x: Tensor, state: State) -> bool:
        """Whether the kernel can read the input and the state as they lie in memory."""
        if not all(lies_plainly(t) and t.dtype is self._dtype for t in (x, *state)):
            return False
        wanted = [(self._layers, x.shape[0], width) for width in self._widths]
        return x.dim() == 2 and x.shape[1] == self._inputs and [s.shape for s in state] == wanted


def is_followed() -> bool:
    """Whether something follows tensor operations and would not see a call of the library."""
    return (
        torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.is_autocast_enabled("cpu")
        or torch._C._is_tracing()
    )


def lies_plainly(tensor: Tensor) -> bool:
    """Whether the numbers of a tensor stand in the memory of this process, one after another, as they are."""
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and tensor.is_cpu
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and not tensor._is_zerotensor()
    )


def _guards(tensors: Sequence[Tensor]) -> TensorGuards:
    """Return what tells in half a microsecond whether tensors are of the same class, kind, type, shape and layout."""
    sizes, strides = [list(t.shape) for t in tensors], [list(t.stride()) for t in tensors]
    return TensorGuards(*tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=strides)  # type: ignore[arg-type]


def _addresses(tensors: Sequence[Tensor]) -> array[int]:
    return array("Q", [t.data_ptr() for t in tensors])
