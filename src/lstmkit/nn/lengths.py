"""Lengths of the sequences of a padded batch: checked once, as a mask of the padding, and as torch packs them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from lstmkit.errors import InputError

Lengths = Tensor | Sequence[int]


def checked_lengths(lengths: Lengths, B: int, T: int, what: str) -> Tensor:
    """Return lengths as a tensor once they are known to fit a padded batch.

    lengths  (B,) integers from 0 to T, a tensor on any device or a sequence
    B, T     sequences and steps of the batch
    what     the name of the layer or function, with which messages begin
    Returns  (B,) int64 on the CPU
    Raises   InputError for other types, shapes or values; inside torch.compile and torch.export, where values are not
             known while the check is traced, RuntimeError when wrong values arrive
    """
    given = torch.as_tensor(lengths).cpu()
    if given.dtype.is_floating_point or given.dtype.is_complex or given.dtype == torch.bool:
        raise InputError(f"{what}: lengths must be integers; got {given.dtype}")
    if given.shape != (B,):
        raise InputError(f"{what}: lengths must be one per sequence, shape ({B},); got shape {tuple(given.shape)}")
    given = given.to(torch.int64)  # before comparing: a narrow type would wrap T
    outside = (given < 0) | (given > T)
    if torch.compiler.is_compiling():
        # The message leaves T out, because a number in it would compile the call for that T alone.
        torch._assert_async(~outside.any(), f"{what}: lengths must lie in 0..T, the steps of the input")
    elif outside.any():
        bad = int(outside.nonzero()[0])
        raise InputError(
            f"{what}: lengths must lie in 0..{T}, the steps of the input; sequence {bad} has {int(given[bad])}"
        )
    return given


def padding_mask(lengths: Tensor, T: int, device: torch.device) -> Tensor:
    """Return where a padded batch holds padding.

    lengths  (B,) integers from 0 to T, as `checked_lengths` returns them
    T        steps of the batch
    device   where the mask is wanted
    Returns  (T, B) bool, True at and after a sequence's length
    """
    return torch.arange(T, device=device).unsqueeze(1) >= lengths.to(device)


def packed_like(packed: PackedSequence, y: Tensor, lengths: Tensor) -> PackedSequence:
    """Return what a layer made (T, B, F) of a packed sequence, packed as that was; lengths (B,) are its own."""
    if packed.sorted_indices is None:
        again = pack_padded_sequence(y, lengths, enforce_sorted=True)
    else:
        again = pack_padded_sequence(y.index_select(1, packed.sorted_indices), lengths[packed.sorted_indices.cpu()])
    return PackedSequence(again.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
