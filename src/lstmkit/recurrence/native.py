"""Running a call in the native kernel: gradients of every order, torch.func, torch.compile and torch.export.

`lstmkit::run` carries its own derivative, so that a compiler sees one node. Everything else that wants gradients enters
through `_Recurrence`, because torch.func must meet an autograd.Function before it meets the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lstmkit.recurrence.call import Call, Output
from lstmkit.recurrence.cell import Masks
from lstmkit.recurrence.kernels import KernelCell, cell_of, kernel_cell, kernel_epsilon
from lstmkit.recurrence.operators import OptionalTensors, Tensors, direct
from lstmkit.recurrence.reference import run_reference

_LEADING = 6
"""Arguments of the autograd functions before x: the settings, the lengths, and four masks."""
GRADIENT = torch._C._functorch.TransformType.Grad


@dataclass(frozen=True, slots=True)
class _Settings:
    """What of a call is not a tensor."""

    states: int
    epsilon: float
    how: tuple[int, ...]


def _operands(settings: _Settings, tensors: Sequence[Any]) -> tuple[Any, ...]:
    """Return the operators' first seven arguments from lengths, masks, x, states and weights, one after another."""
    lengths, masks, x, rest = tensors[0], tensors[1:5], tensors[5], tensors[6:]
    n = settings.states
    return x, list(rest[:n]), list(rest[n:]), lengths, list(masks), settings.epsilon, settings.how


class _Recurrence(torch.autograd.Function):
    """The recurrence with its gradients.

    Arguments are the settings, the lengths, four masks, x, the states and the weights; it returns y, the final states
    and what the backward reads. Under torch.func.vmap samples join the batch, unless each has weights of its own.
    """

    @staticmethod
    def forward(settings: _Settings, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        y, last, reserve = torch.ops.lstmkit.forward.default(*_operands(settings, tensors))
        return y, *last, reserve

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.settings, *tensors = inputs
        ctx.save_for_backward(output[0], output[-1], *tensors)
        ctx.mark_non_differentiable(output[-1])
        ctx.set_materialize_grads(False)  # it would make zeros for what the forward keeps

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, *dlast: Tensor | None) -> tuple[Tensor | None, ...]:
        y, reserve, *tensors = ctx.saved_tensors
        settings: _Settings = ctx.settings
        ends = zip(dlast, tensors[_LEADING : _LEADING + settings.states], strict=False)
        given_ends = [torch.zeros_like(s) if d is None else d for d, s in ends]
        gradients = (y, reserve, torch.zeros_like(y) if dy is None else dy, *given_ends)
        if torch.is_grad_enabled():  # the gradients may be differentiated
            found = _Gradients.apply(settings, *tensors, *gradients)  # type: ignore[no-untyped-call]
            return (*(None,) * _LEADING, *found)
        needs_dx = ctx.needs_input_grad[_LEADING]
        given = _operands(settings, tensors)
        backward = direct(torch.ops.lstmkit.backward.default, (*tensors, *gradients))
        dx, dstate, dweights = backward(*given, *gradients[:3], gradients[3:], needs_dx)
        return (*(None,) * _LEADING, dx if needs_dx else None, *dstate, *dweights)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        settings, *tensors = arguments
        dims, N = in_dims[1:], info.batch_size
        if any(d is not None for d in dims[_LEADING + settings.states :]):
            return _looped(N, in_dims, arguments, _Recurrence.apply)
        joined = _joined(settings, N, dims, tensors)
        y, *last, reserve = _Recurrence.apply(settings, *joined)  # type: ignore[no-untyped-call]
        y, *last = (_apart(t, N) for t in (y, *last))
        return (y, *last, _reserve_apart(settings, y, reserve)), (*(1,) * (1 + len(last)), 0)


class _EagerRecurrence(torch.autograd.Function):
    """The same outside torch.func, at half the cost a call; what the forward keeps is no output."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        ctx.settings = settings
        forward = direct(torch.ops.lstmkit.forward.default, tensors)
        y, last, reserve = forward(*_operands(settings, tensors))
        ctx.save_for_backward(y, reserve, *tensors)
        ctx.set_materialize_grads(False)
        return y, *last

    backward = _Recurrence.backward


class _Gradients(torch.autograd.Function):
    """The gradients as a function of their own, whose derivative is taken through the reference.

    Arguments are those of `_Recurrence`, then y, what the forward kept, and the gradients of y and of the final states.
    """

    @staticmethod
    def forward(settings: _Settings, *arguments: Tensor | None) -> tuple[Tensor, ...]:
        tensors, (y, reserve, dy, *dlast) = _split(settings, arguments)
        dx, dstate, dweights = torch.ops.lstmkit.backward.default(
            *_operands(settings, tensors), y, reserve, dy, dlast, True
        )
        return dx, *dstate, *dweights

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.settings, *arguments = inputs
        ctx.save_for_backward(*arguments)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        settings: _Settings = ctx.settings
        (lengths, *masks), inputs, (dy, *dlast) = _parted(settings, ctx.saved_tensors)
        forward = _as_function(settings, lengths, Masks(*masks))

        def first(inputs: tuple[Tensor, ...], outward: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            found: tuple[Tensor, ...] = torch.func.vjp(forward, *inputs)[1](outward)
            return found

        second, outward = torch.func.vjp(first, tuple(inputs), (dy, *dlast))[1](gradients)
        return (*(None,) * _LEADING, *second, None, None, *outward)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        return _looped(info.batch_size, in_dims, arguments, _Gradients.apply)


def _split(settings: _Settings, arguments: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the arguments of `_Recurrence`, and what follows them: y, reserve, dy and dlast."""
    more = 3 + settings.states
    return arguments[:-more], arguments[-more:]


def _parted(settings: _Settings, arguments: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Return lengths and masks; x, states and weights; dy and dlast."""
    tensors, more = _split(settings, arguments)
    return tensors[: _LEADING - 1], tensors[_LEADING - 1 :], more[2:]


def _as_function(settings: _Settings, lengths: Tensor | None, masks: Masks) -> Callable[..., tuple[Tensor, ...]]:
    """Return the reference as a function of x, the states and the weights."""
    cell = cell_of(KernelCell(*settings.how), settings.epsilon)
    _, hidden, output, layers, directions, bias = settings.how[:6]

    def forward(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state, weights = rest[: settings.states], rest[settings.states :]
        call = Call(cell, x, state, weights, hidden, output, layers, directions == 2, bool(bias), lengths, masks)
        out = run_reference(call)
        return out.y, *out.state

    return forward


def _looped(
    count: int, in_dims: tuple[int | None, ...], arguments: Sequence[Any], apply: Callable[..., tuple[Tensor, ...]]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Apply a function of tensors to each of `count` samples by itself."""
    samples = [
        apply(*(a if d is None else a.select(d, k) for a, d in zip(arguments, in_dims, strict=True)))
        for k in range(count)
    ]
    return tuple(torch.stack(parts) for parts in zip(*samples, strict=True)), (0,) * len(samples[0])


def _joined(
    settings: _Settings, N: int, dims: Sequence[int | None], tensors: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Return the arguments of `_Recurrence` with the axis of N samples, at `dims` or nowhere, joined to the batch."""
    x, d = tensors[_LEADING - 1], dims[_LEADING - 1]
    assert x is not None
    B = x.shape[1] if d is None else x.select(d, 0).shape[1]

    def join(tensor: Tensor | None, d: int | None, axis: int) -> Tensor | None:
        if tensor is None:
            return None
        apart = tensor.unsqueeze(axis) if d is None else tensor.movedim(d, axis)
        return apart.expand(*apart.shape[:axis], N, B, *apart.shape[axis + 2 :]).flatten(axis, axis + 1)

    axes = (0, 2, 2, 2, 2, *(1,) * (1 + settings.states))  # of the batch in lengths, masks, x and states
    return [*map(join, tensors[: len(axes)], dims, axes), *tensors[len(axes) :]]


def _apart(tensor: Tensor, N: int) -> Tensor:
    """Return y or a state (..., N * B, width) as (..., N, B, width)."""
    return tensor.view(tensor.shape[0], N, -1, tensor.shape[2])


def _reserve_apart(settings: _Settings, y: Tensor, reserve: Tensor) -> Tensor:
    """Return what each of N samples would have kept by itself (N, ...), from what they kept together.

    y        (T, N, B, D * P)
    reserve  rows (T, N * B) for each layer and direction, then the outputs of all layers but the last
    """
    how, T, N = KernelCell(*settings.how), y.shape[0], y.shape[1]
    outputs = (how.K - 1) * y.numel()
    parts = (reserve[: reserve.numel() - outputs], how.K * how.D), (reserve[reserve.numel() - outputs :], how.K - 1)
    return torch.cat([p.view(n, T, N, -1).movedim(2, 0).reshape(N, -1) for p, n in parts if n], dim=1)


def _run_with_gradients(
    x: Tensor,
    state: Tensors,
    weights: Tensors,
    lengths: Tensor | None,
    masks: OptionalTensors,
    epsilon: float,
    how: Sequence[int],
) -> tuple[Tensor, list[Tensor]]:
    """Do what `lstmkit::run` does where autograd looks on."""
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, *state, *weights)):
        settings = _Settings(len(state), epsilon, tuple(how))
        y, *last = _EagerRecurrence.apply(settings, lengths, *masks, x, *state, *weights)  # type: ignore[no-untyped-call]
        return y, last
    with torch._C._AutoDispatchBelowAutograd():
        found: tuple[Tensor, list[Tensor]] = torch.ops.lstmkit.run.default(
            x, state, weights, lengths, masks, epsilon, how
        )
        return found


torch.library.impl("lstmkit::run", "Autograd", _run_with_gradients)


def _run_mapped(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
    """Map `lstmkit::run` over samples: they join the batch, unless each has weights of its own; then it loops."""
    x, state, weights, lengths, masks, epsilon, how = arguments
    dx, dstate, dweights, dlengths, dmasks = in_dims[:5]
    N, settings = info.batch_size, _Settings(len(state), epsilon, tuple(how))
    flat, dims = (lengths, *masks, x, *state, *weights), (dlengths, *dmasks, dx, *dstate, *dweights)
    if any(d is not None for d in dweights):

        def one(*tensors: Any) -> tuple[Tensor, ...]:
            y, last = _run(settings, tensors)
            return y, *last

        outputs, _ = _looped(N, dims, flat, one)
        return (outputs[0], list(outputs[1:])), (0, [0] * len(state))
    y, last = _run(settings, _joined(settings, N, dims, flat))
    return (_apart(y, N), [_apart(s, N) for s in last]), (1, [1] * len(state))


torch.library.register_vmap("lstmkit::run", _run_mapped)


def active_transforms() -> list[Any]:
    """Return the kinds of torch.func's transforms that are at work here, the outermost first."""
    if not torch._C._are_functorch_transforms_active():
        return []
    return [level.key() for level in torch._C._functorch.get_interpreter_stack() or ()]


def transform_refusal() -> str:
    """Return "" unless something follows the operators here that does not know the kernel, else one sentence."""
    if torch.compiler.is_compiling():
        if torch.onnx.is_in_onnx_export():
            return "torch.onnx.export knows torch's own operators only"
    elif torch._C._is_tracing():
        return "torch.jit.trace records torch's own operators only"
    if torch.autograd.forward_ad._current_level >= 0:
        return "it has no forward-mode derivative (jvp); that goes through the reference"
    if torch._C._are_functorch_transforms_active() and torch.compiler.is_compiling():
        return "torch.func inside torch.compile goes through the reference"
    return ""


def _run(settings: _Settings, tensors: Sequence[Any]) -> tuple[Tensor, Sequence[Tensor]]:
    """Enter the recurrence where the transforms and modes at work here want it; see `_operands` for the tensors."""
    transforms = active_transforms()
    differentiated = GRADIENT in transforms
    if torch.compiler.is_compiling() or (transforms and not differentiated):
        y, last = torch.ops.lstmkit.run.default(*_operands(settings, tensors))
    elif differentiated:
        y, *last, _ = _Recurrence.apply(settings, *tensors)  # type: ignore[no-untyped-call]
    elif torch.is_grad_enabled() and any(t.requires_grad for t in tensors[_LEADING - 1 :]):
        y, *last = _EagerRecurrence.apply(settings, *tensors)  # type: ignore[no-untyped-call]
    else:
        with torch._C._AutoDispatchBelowAutograd():  # nothing to differentiate: spares a detour through Python
            y, last = direct(torch.ops.lstmkit.run.default, tensors)(*_operands(settings, tensors))
    return y, last


def run_native(call: Call) -> Output:
    """Run a call that the kernel supports."""
    settings = _Settings(len(call.state), kernel_epsilon(call.cell), tuple(kernel_cell(call)))
    y, last = _run(settings, (call.lengths, *call.masks.in_order(), *call.tensors))
    return Output(y, tuple(last))
