"""The shapes that a cell and its sizes ask for, and whether the tensors of a call have them.

Kernels read memory by these sizes and not by those of the tensors, so every call is compared before one runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes

WHOLE = frozenset((torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8))
"""Types that lengths may have."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a stack asks for; B and T are free.

    names    of the weights of each direction of each layer, such as "weight_hh of layer 0"
    weights  their shapes
    widths   of the tensors of the state
    count    K * D, layers times directions
    refusal  "" or one sentence why the cell has no such sizes
    masks    widths of the four masks; empty if the cell takes none
    """

    names: tuple[str, ...]
    weights: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]
    count: int
    refusal: str
    masks: tuple[int, ...]


def shapes(
    cell: Cell, inputs: int, hidden: int, output: int, num_layers: int, directions: int, *, bias: bool
) -> Shapes:
    """Return what a stack of `num_layers` layers of `cell` asks for; sizes as in `Call`."""
    sizes = [Sizes(directions * output if k else inputs, hidden, output, bias) for k in range(num_layers)]
    names, found = [], []
    for layer, of_layer in enumerate(sizes):
        for direction in range(directions):
            where = f"layer {layer}" + ", backward direction" * direction
            wanted = cell.weight_shapes(of_layer)
            names += [f"{name} of {where}" for name in wanted]
            found += list(wanted.values())
    one = torch.ones(1)
    takes_masks = not cell.unsupported(sizes[0], Masks(one, one, one, one))
    return Shapes(
        tuple(names),
        tuple(found),
        cell.state_widths(sizes[0]),
        num_layers * directions,
        cell.unsupported(sizes[0], NO_MASKS),
        (output, hidden, hidden, output) if takes_masks else (),
    )


known_shapes = lru_cache(maxsize=256)(shapes)
"""`shapes`, remembered: asking costs less than a small call. A compiler that traces cannot look into it."""


def check_shapes(
    wanted: Shapes,
    x: Tensor,
    state: Sequence[Tensor],
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    masks: Sequence[Tensor | None],
) -> None:
    """Compare the tensors of a call with what its cell and sizes ask for.

    Raises  InputError that names the first tensor that differs
    """
    if wanted.refusal:
        raise InputError(f"recurrence: {wanted.refusal}")
    if tuple([w.shape for w in weights]) != wanted.weights:
        _refuse_weights(wanted, weights)
    T, B = x.shape[:2]
    count = wanted.count
    if [s.shape for s in state] != [(count, B, width) for width in wanted.widths]:
        raise InputError(
            f"recurrence: the state must be {[(count, B, width) for width in wanted.widths]}, a shape a tensor; "
            f"got {[tuple(s.shape) for s in state]}"
        )
    if lengths is not None and (lengths.shape != (B,) or lengths.dtype not in WHOLE):
        raise InputError(
            f"recurrence: lengths must be whole numbers, one per sequence, shape ({B},); got {tuple(lengths.shape)}, "
            f"{lengths.dtype}"
        )
    for mask, width in zip(masks, wanted.masks or (0,) * 4, strict=True):
        if mask is not None and not (wanted.masks and _is_mask(mask.shape, count, T, B, width)):
            raise InputError(
                f"recurrence: a mask must have shape ({count}, {T} or 1, {B} or 1, {width}), "
                f"on a cell that takes masks; got {tuple(mask.shape)}"
            )


def _is_mask(shape: Sequence[int], count: int, T: int, B: int, width: int) -> bool:
    return len(shape) == 4 and shape[0] == count and shape[1] in (1, T) and shape[2] in (1, B) and shape[3] == width


def _refuse_weights(wanted: Shapes, weights: Sequence[Tensor]) -> None:
    fix = "sizes and cell belong to the layer's weights: build a new layer instead of changing them"
    if len(weights) != len(wanted.weights):
        raise InputError(
            f"recurrence: the cell and its sizes have {len(wanted.weights)} weights; got {len(weights)}; {fix}"
        )
    for name, shape, weight in zip(wanted.names, wanted.weights, weights, strict=True):
        if weight.shape != shape:
            raise InputError(f"recurrence: {name} must have shape {shape}; got {tuple(weight.shape)}; {fix}")
