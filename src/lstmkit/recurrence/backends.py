"""The list of backends, the choice between them, and the explanation of the choice.

A backend answers `unsupported(call)` with "" or with one sentence that says why it cannot take the call, and
`slower(call)` with one that says why a later one is faster at it. The first of `BACKENDS` that answers "" to both is
used. A user forces one by argument or by the environment variable `LSTMKIT_BACKEND`;
forcing one that cannot take the call raises with its sentence. The reference is only ever chosen when it is the last
one standing or was asked for by name.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstmkit.errors import InputError
from lstmkit.recurrence.call import Call, Output
from lstmkit.recurrence.cell import NO_MASKS, Masks, State, Weights
from lstmkit.recurrence.cells import Gru, Lstm, MLstm, Rnn
from lstmkit.recurrence.gated import has_gates, mostly_padding, run_gated
from lstmkit.recurrence.kernels import kernel_refusal
from lstmkit.recurrence.library import FLOAT_TYPES, instruction_set, load_library
from lstmkit.recurrence.native import GRADIENT, active_transforms, run_native, transform_refusal
from lstmkit.recurrence.processor import lower_precision_refusal
from lstmkit.recurrence.reference import run_layers, run_reference
from lstmkit.recurrence.speed import slower_than_torch

ENVIRONMENT_VARIABLE = "LSTMKIT_BACKEND"
LOWER_TYPES = (torch.bfloat16, torch.float16)


class Backend(Protocol):
    """A way of running a `Call`."""

    name: str
    description: str

    def unsupported(self, call: Call) -> str:
        """Return "" if `run` can take the call, else one sentence why not."""

    def slower(self, call: Call) -> str:
        """Return "", or one sentence why a later backend is faster; a forced backend is not asked."""

    def run(self, call: Call) -> Output:
        """Run the call; only called after `unsupported` answered ""."""


class NativeBackend:
    """lstmkit's own kernel for the CPU: the whole stack in one call, padding skipped."""

    name = "native"
    description = "lstmkit's C++ kernel: every cell but mLSTM, unequal lengths at no cost for the padding; on the CPU"

    def __init__(self) -> None:
        self.absent = load_library()[1]
        """"" or why the library cannot be used; kept here because torch.compile cannot look for it while it traces."""
        self.target = instruction_set()
        # So only where it was asked for: where torch has no AVX2 either, the portable code is the faster of the two.
        self.behind = self.target == "portable" and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")

    def unsupported(self, call: Call) -> str:
        """Return "" for calls that the kernel takes, else why not."""
        return self.refusal(call) or self.absent

    def refusal(self, call: Call) -> str:
        """Return "" for calls that the kernel takes where there is a library, else why not."""
        tensors, dtype = call.tensors, _computed_in(call.x)
        if not all(t.is_cpu for t in tensors):
            return "it runs on the CPU only"
        if dtype not in FLOAT_TYPES or any(t.dtype != dtype and _computed_in(t) != dtype for t in tensors):
            return f"it takes float32 and float64, one of them throughout; the input is {call.x.dtype}"
        return transform_refusal() or kernel_refusal(call.cell)

    def slower(self, call: Call) -> str:
        """Return "" unless torch has kernels for the call that are faster: with autocast, or as measured."""
        autocast = torch.is_autocast_enabled("cpu")
        if torch.compiler.is_compiling():
            return ""  # a compiler takes torch's LSTM apart into one node or more a step
        if call.lengths is not None and (not _gates(call) or mostly_padding(call)):
            return ""
        if autocast and _computed_in(call.x) != torch.float64:
            if TorchBackend().unsupported(call) or _lower_precision_refusal(call):
                return ""
            return "autocast is on, and torch's kernels compute in its type"
        why = self._measured(call)
        return "" if why and TorchBackend().unsupported(call) else why

    def _measured(self, call: Call) -> str:
        """Return "" unless torch's kernels were measured to be faster at calls of this size, else one sentence."""
        if self.behind and call.x.dtype == torch.float32:
            return "its portable instruction set is slower than torch's kernels with AVX2 on equal lengths in float32"
        if type(call.cell) is not Lstm or call.x.dtype not in FLOAT_TYPES:
            return ""
        T, B, I = call.x.shape  # noqa: E741
        kind = "training" if torch.is_grad_enabled() and any(t.requires_grad for t in call.tensors) else "inference"
        widest = I if call.num_layers == 1 else max(I, call.hidden)
        return slower_than_torch(self.target, kind, str(call.x.dtype)[6:], (T, B, widest, call.hidden))

    def run(self, call: Call) -> Output:
        """Run the call in the native library."""
        return run_native(call)


class TorchBackend:
    """torch's own LSTM, GRU and RNN: oneDNN on equal lengths in float32, cuDNN on the GPU, a slow loop for the rest."""

    name = "torch"
    description = (
        "torch's own kernels (oneDNN or cuDNN on equal lengths and under autocast; packed sequences otherwise)"
    )

    def unsupported(self, call: Call) -> str:
        """Return "" for the cells that torch has, unless its packed sequences refuse the lengths."""
        cell = call.cell  # isinstance takes a microsecond, because cells have an abstract class
        if not (type(cell) is Gru or type(cell) is Rnn or (type(cell) is Lstm and cell.plain)):
            return f"torch does not have the cell {call.cell.name}"
        if call.masks != NO_MASKS:
            return "torch's kernels have no zoneout and no dropout inside the recurrence"
        if torch.compiler.is_compiling():
            if torch._C._are_functorch_transforms_active():
                return "it has no batching rule for torch.func"
            if call.lengths is not None:
                return "its packed sequences need lengths that are known while a compiler traces the call"
        elif torch.autograd.forward_ad._current_level >= 0 or any(kind != GRADIENT for kind in active_transforms()):
            return "it has no batching rule for torch.func, and no forward-mode derivative"
        if call.lengths is not None and call.x.is_meta:
            return "its packed sequences need an order of the sequences, which the meta device cannot give"
        if call.lengths is not None and int(call.lengths.min()) < 1:
            return "a sequence has length 0, which torch's packed sequences refuse"
        return self._autocast_refusal(call)

    def slower(self, call: Call) -> str:
        """Return "": nothing after it is faster."""
        return ""

    def run(self, call: Call) -> Output:
        """Run the call through `torch._VF`, packing the batch if it has lengths."""
        if torch.compiler.is_compiling() and torch.onnx.is_in_onnx_export():
            int(call.x.shape[0])  # the exporter writes the steps of its example down; the model must ask for as many
        rest = (list(call.weights), call.bias, call.num_layers, 0.0, False, call.bidirectional)
        if call.lengths is None:
            y, *state = self._function(call)(call.x, self._state(call.state), *rest, False)
            return Output(y, tuple(state))
        if _gates(call):
            return run_gated(call)
        packed = pack_padded_sequence(call.x, call.lengths, enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None and back is not None
        hx = self._state(tuple(s.index_select(1, order) for s in call.state))
        data, *state = self._function(call)(packed.data, packed.batch_sizes, hx, *rest)
        y, _ = pad_packed_sequence(packed._replace(data=data), total_length=call.x.shape[0])
        return Output(y, tuple(s.index_select(1, back) for s in state))

    @staticmethod
    def _autocast_refusal(call: Call) -> str:
        """Return "" unless autocast would send the call to an LSTM of oneDNN that this processor does not have."""
        if not torch.is_autocast_enabled("cpu") or type(call.cell) is not Lstm or call.lengths is not None:
            return ""  # lengths go another way, and autocast takes the other cells apart
        if call.output != call.hidden or not call.x.is_cpu or call.x.dtype == torch.float64:
            return ""
        return _lower_precision_refusal(call)

    @staticmethod
    def _function(call: Call) -> Callable[..., tuple[Tensor, ...]]:
        name = {Lstm: "lstm", Gru: "gru", Rnn: "rnn_tanh"}[type(call.cell)]
        function: Callable[..., tuple[Tensor, ...]] = getattr(torch._VF, name)
        return function

    @staticmethod
    def _state(state: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        return state if len(state) > 1 else state[0]


class ChunkwiseBackend:
    """The parallel form of the mLSTM, in PyTorch: whole chunks of time at once."""

    name = "chunkwise"
    description = "the mLSTM's parallel form in plain PyTorch, chunks of time at once; any device, any floating type"

    def unsupported(self, call: Call) -> str:
        """Return "" for the mLSTM, which alone has no recurrent matrix."""
        return "" if isinstance(call.cell, MLstm) else f"{call.cell.name} has no parallel form"

    def slower(self, call: Call) -> str:
        """Return "": nothing after it is faster."""
        return ""

    def run(self, call: Call) -> Output:
        """Run every layer and direction by chunks."""
        assert isinstance(call.cell, MLstm)
        chunkwise = call.cell.chunkwise

        def run_chunks(
            x: Tensor, state: State, weights: Weights, *, masks: Masks, lengths: Tensor | None, backward: bool
        ) -> tuple[Tensor, State]:
            return chunkwise(x, state, weights, lengths, backward)

        return run_layers(call, run_chunks)


class ReferenceBackend:
    """The definition itself, step by step in Python."""

    name = "reference"
    description = "plain PyTorch, one Python step per time step; any device, any floating type, any order of gradient"

    def unsupported(self, call: Call) -> str:
        """Return "": the reference takes every call."""
        return ""

    def slower(self, call: Call) -> str:
        """Return "": nothing after it is faster."""
        return ""

    def run(self, call: Call) -> Output:
        """Run the call through the reference loop."""
        return run_reference(call)


NATIVE = NativeBackend()
BACKENDS: tuple[Backend, ...] = (NATIVE, TorchBackend(), ChunkwiseBackend(), ReferenceBackend())
"""Fastest first; the last one takes every call."""


@dataclass(frozen=True)
class Explanation:
    """Which backend takes a call, and why the faster ones do not.

    chosen    name of the backend that runs
    forced    "" or where the name was forced: "argument" or the environment variable
    reasons   for each backend in order, its name and "" or the sentence why it cannot take the call
    note      "" or one sentence about what autocast or torch.func make of the call
    """

    chosen: str
    forced: str
    reasons: tuple[tuple[str, str], ...]
    note: str = ""

    def __str__(self) -> str:
        """Say it in a few lines."""
        lines = [f"backend: {self.chosen}" + (f" (forced by {self.forced})" if self.forced else "")]
        lines += [f"  {name}: {why or 'can take this call'}" for name, why in self.reasons]
        if self.note:
            lines.append(f"  note: {self.note}")
        if self.chosen == "reference":
            lines.append("  cost: one Python step per time step, about ten times as slow as a kernel or more")
        return "\n".join(lines)


def check_backend_name(name: str | None) -> None:
    """Raise InputError unless `name` is None or the name of a backend."""
    names = [b.name for b in BACKENDS]
    if name is not None and name not in names:
        raise InputError(f"backend must be one of {', '.join(names)}; got {name!r}")


def choose(call: Call, backend: str | None = None) -> Backend:
    """Return the backend that will run `call`.

    backend  a name that must be used, or None for the environment variable, else the first that can
    Raises   InputError if the forced backend does not exist or cannot take the call; its reason is given
    """
    forced = backend if backend is not None else os.environ.get(ENVIRONMENT_VARIABLE) or None
    if forced is not None:
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


def explain_call(call: Call, backend: str | None = None) -> Explanation:
    """Say which backend `choose` picks for `call`, and what every backend answers."""
    forced = "argument" if backend is not None else ENVIRONMENT_VARIABLE if os.environ.get(ENVIRONMENT_VARIABLE) else ""
    reasons = tuple((b.name, b.unsupported(call) or b.slower(call)) for b in BACKENDS)
    chosen = choose(call, backend).name
    return Explanation(chosen, forced, reasons, _note(call, chosen))


def _note(call: Call, chosen: str) -> str:
    if in_autocast(call.x):
        target = torch.get_autocast_dtype(call.x.device.type)
        lowered = chosen == "torch" and (call.lengths is None or _gates(call))
        return f"autocast is on: computed in {target if lowered else _computed_in(call.x)}, returned in {target}"
    return ""


def run(call: Call, backend: str | None = None) -> Output:
    """Run `call` on the backend that `choose` picks.

    Under autocast outputs and states have autocast's type, as those of torch.nn.LSTM have. Only torch's own kernels
    compute in it; the others compute in float32.
    """
    chosen = choose(call, backend)
    if NATIVE.absent and backend is None and not torch.compiler.is_compiling():
        _mention_absence(call)
    if chosen is not NATIVE:  # whose operators compare for themselves, because they can be called by themselves
        call.check()
    if in_autocast(call.x):
        return _run_under_autocast(call, chosen)
    return chosen.run(call)


def in_autocast(tensor: Tensor) -> bool:
    """Return whether autocast is on for the device of a tensor; meta has none, and torch raises when asked."""
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def _computed_in(tensor: Tensor) -> torch.dtype:
    """Return the type a tensor has in the computation: autocast's lower types are lifted to float32."""
    lowered = tensor.dtype in LOWER_TYPES and in_autocast(tensor)
    return torch.float32 if lowered else tensor.dtype


def _lower_precision_refusal(call: Call) -> str:
    """Return "" if this processor has kernels in autocast's type for the call, else one sentence."""
    gradients = torch.is_grad_enabled() and any(t.requires_grad for t in call.tensors)
    return str(lower_precision_refusal(torch.get_autocast_dtype("cpu"), gradients))


def _gates(call: Call) -> bool:
    """Whether torch's kernels take a call with lengths in autocast's type, rather than as packed sequences."""
    lowered = call.x.is_cpu and torch.is_autocast_enabled("cpu") and call.x.dtype != torch.float64
    if not lowered or active_transforms() or _lower_precision_refusal(call):
        return False
    return has_gates(call)  # last, for it reads the values of a state


def _run_under_autocast(call: Call, chosen: Backend) -> Output:
    """Run a call outside autocast, unless torch's kernels take it, and return what autocast would."""
    kind, wide = call.x.device.type, call.x.dtype == torch.float64  # which autocast leaves alone
    target = torch.get_autocast_dtype(kind)
    if chosen.name == TorchBackend.name:
        out = chosen.run(call)
    else:
        x, state, weights = (
            tuple(t.to(_computed_in(t)) for t in tensors) for tensors in ((call.x,), call.state, call.weights)
        )
        masks = (None if m is None else m.to(_computed_in(m)) for m in call.masks.in_order())
        with torch.autocast(kind, enabled=False):
            out = chosen.run(replace(call, x=x[0], state=state, weights=weights, masks=Masks(*masks)))
    return out if wide else Output(out.y.to(target), tuple(s.to(target) for s in out.state))


def _mention_absence(call: Call) -> None:
    """Warn once a process that the library would have run `call`."""
    forced = os.environ.get(ENVIRONMENT_VARIABLE)
    if not forced and not NATIVE.refusal(call) and not NATIVE.slower(call):
        _warn_once(f"lstmkit: {NATIVE.absent}; until then torch and the reference run in its place, more slowly")


@cache
def _warn_once(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=2)
