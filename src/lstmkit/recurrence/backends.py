"""The list of backends, the choice between them, and the explanation of the choice.

A backend answers `unsupported(call)` with "" or with one sentence that says why it cannot take the call, and
`slower(call)` with one that says why a later one is faster at it. The first of `BACKENDS` that answers "" to both is
used. A user forces one by argument or by the environment variable `LSTMKIT_BACKEND`;
forcing one that cannot take the call raises with its sentence. The reference is only ever chosen when it is the last
one standing or was asked for by name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmkit.errors import InputError
from lstmkit.recurrence.call import LstmCall, LstmOutput
from lstmkit.recurrence.library import FLOAT_TYPES, load_library
from lstmkit.recurrence.reference import lstm_reference

ENVIRONMENT_VARIABLE = "LSTMKIT_BACKEND"


class Backend(Protocol):
    """A way of running an `LstmCall`."""

    name: str
    description: str

    def unsupported(self, call: LstmCall) -> str:
        """Return "" if `run` can take the call, else one sentence why not."""

    def slower(self, call: LstmCall) -> str:
        """Return "", or one sentence why a later backend is faster; a forced backend is not asked."""

    def run(self, call: LstmCall) -> LstmOutput:
        """Run the call; only called after `unsupported` answered ""."""


class NativeBackend:
    """lstmkit's own kernel for the CPU: the whole stack in one call, padding skipped."""

    name = "native"
    description = "lstmkit's C++ kernel: unequal lengths at no cost for the padding; float32 and float64 on the CPU"

    def unsupported(self, call: LstmCall) -> str:
        """Return "" for calls that the kernel takes, else why not."""
        tensors = (call.x, call.h0, call.c0, *call.weights)
        if any(t.device.type != "cpu" for t in tensors):
            return "it runs on the CPU only"
        if call.x.dtype not in FLOAT_TYPES or any(t.dtype != call.x.dtype for t in tensors):
            return f"it takes float32 and float64, one of them throughout; the input is {call.x.dtype}"
        if call.projected:
            return "it has no recurrent projection yet"
        if torch.is_autocast_enabled("cpu"):
            return "autocast is on, and it has no lower precision"
        if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
            return "it is not yet available inside torch.compile and torch.func"
        return load_library()[1]

    def slower(self, call: LstmCall) -> str:
        """Return "" for unequal lengths and float64, where torch has only a loop."""
        if call.lengths is None and call.x.dtype == torch.float32:
            return (
                "equal lengths in float32 are left to torch until this kernel has been measured faster on every shape"
            )
        return ""

    def run(self, call: LstmCall) -> LstmOutput:
        """Run the call in the native library."""
        from lstmkit.recurrence.native import run_native

        return run_native(call)


class TorchBackend:
    """torch's own LSTM: oneDNN on equal lengths in float32, cuDNN on the GPU, a slow loop for the rest."""

    name = "torch"
    description = "torch's own kernels (oneDNN or cuDNN on equal lengths; packed sequences otherwise)"

    def unsupported(self, call: LstmCall) -> str:
        """Return "" unless the lengths are such that torch's packed sequences refuse them."""
        if call.lengths is not None and int(call.lengths.min()) < 1:
            return "a sequence has length 0, which torch's packed sequences refuse"
        return ""

    def slower(self, call: LstmCall) -> str:
        """Return "": nothing after it is faster."""
        return ""

    def run(self, call: LstmCall) -> LstmOutput:
        """Run the call through `torch._VF.lstm`, packing the batch if it has lengths."""
        rest = (list(call.weights), call.bias, call.num_layers, call.dropout, call.training, call.bidirectional)
        if call.lengths is None:
            return LstmOutput(*torch._VF.lstm(call.x, (call.h0, call.c0), *rest, False))
        packed = pack_padded_sequence(call.x, call.lengths, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None and back is not None
        hx = (call.h0.index_select(1, order), call.c0.index_select(1, order))
        data, h, c = torch._VF.lstm(packed.data, packed.batch_sizes, hx, *rest)
        y, _ = pad_packed_sequence(packed._replace(data=data), total_length=call.x.shape[0])
        return LstmOutput(y, h.index_select(1, back), c.index_select(1, back))


class ReferenceBackend:
    """The definition itself, step by step in Python."""

    name = "reference"
    description = "plain PyTorch, one Python step per time step; any device, any floating type, any order of gradient"

    def unsupported(self, call: LstmCall) -> str:
        """Return "": the reference takes every call."""
        return ""

    def slower(self, call: LstmCall) -> str:
        """Return "": nothing after it is faster."""
        return ""

    def run(self, call: LstmCall) -> LstmOutput:
        """Run the call through the reference loop."""
        return lstm_reference(call)


BACKENDS: tuple[Backend, ...] = (NativeBackend(), TorchBackend(), ReferenceBackend())
"""Fastest first; the last one takes every call."""


@dataclass(frozen=True)
class Explanation:
    """Which backend takes a call, and why the faster ones do not.

    chosen    name of the backend that runs
    forced    "" or where the name was forced: "argument" or the environment variable
    reasons   for each backend in order, its name and "" or the sentence why it cannot take the call
    """

    chosen: str
    forced: str
    reasons: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Say it in a few lines."""
        lines = [f"backend: {self.chosen}" + (f" (forced by {self.forced})" if self.forced else "")]
        lines += [f"  {name}: {why or 'can take this call'}" for name, why in self.reasons]
        return "\n".join(lines)


def check_backend_name(name: str | None) -> None:
    """Raise InputError unless `name` is None or the name of a backend."""
    names = [b.name for b in BACKENDS]
    if name is not None and name not in names:
        raise InputError(f"backend must be one of {', '.join(names)}; got {name!r}")


def choose(call: LstmCall, backend: str | None = None) -> Backend:
    """Return the backend that will run `call`.

    backend  a name that must be used, or None for the environment variable, else the first that can
    Raises   InputError if the forced backend does not exist or cannot take the call; its reason is given
    """
    forced = backend if backend is not None else os.environ.get(ENVIRONMENT_VARIABLE) or None
    check_backend_name(forced)
    for candidate in BACKENDS:
        if forced is not None and candidate.name != forced:
            continue
        why_not = candidate.unsupported(call)
        if not why_not and (forced is not None or not candidate.slower(call)):
            return candidate
        if forced is not None:
            raise InputError(f"backend {forced!r} cannot take this call: {why_not}")
    raise AssertionError("the last backend takes every call")


def explain_call(call: LstmCall, backend: str | None = None) -> Explanation:
    """Say which backend `choose` picks for `call`, and what every backend answers."""
    forced = "argument" if backend is not None else ENVIRONMENT_VARIABLE if os.environ.get(ENVIRONMENT_VARIABLE) else ""
    reasons = tuple((b.name, b.unsupported(call) or b.slower(call)) for b in BACKENDS)
    return Explanation(choose(call, backend).name, forced, reasons)


def run(call: LstmCall, backend: str | None = None) -> LstmOutput:
    """Run `call` on the backend that `choose` picks."""
    return choose(call, backend).run(call)


def zero_state(x: Tensor, num_states: int, out_size: int, hidden_size: int) -> tuple[Tensor, Tensor]:
    """Return the all-zero (h0, c0) for a time-major input x (T, B, I)."""
    h0 = x.new_zeros(num_states, x.shape[1], out_size)
    c0 = h0 if out_size == hidden_size else x.new_zeros(num_states, x.shape[1], hidden_size)
    return h0, c0
