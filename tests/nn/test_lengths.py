"""Lengths are checked once, with messages that name the place, and become a mask."""

from __future__ import annotations

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.nn.lengths import checked_lengths, padding_mask


@pytest.mark.parametrize("as_given", [list, tuple, torch.tensor, lambda n: torch.tensor(n, dtype=torch.uint8)])
def test_lengths_are_checked_into_one_form(as_given):
    checked = checked_lengths(as_given([2, 0, 3]), 3, 300, "here")  # more steps than uint8 counts
    assert checked.dtype == torch.int64 and checked.tolist() == [2, 0, 3]


def test_the_mask_is_true_at_and_after_the_length():
    mask = padding_mask(torch.tensor([2, 0, 3]), 3, torch.device("cpu"))
    assert mask.tolist() == [[False, True, False], [False, True, False], [True, True, False]]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1.0, 2.0], "here: lengths must be integers; got torch.float32"),
        ([True, False], "here: lengths must be integers; got torch.bool"),
        ([1, 2, 3], "here: lengths must be one per sequence, shape (2,); got shape (3,)"),
        ([[1, 2]], "here: lengths must be one per sequence, shape (2,); got shape (1, 2)"),
        (3, "here: lengths must be one per sequence, shape (2,); got shape ()"),
        ([4, 7], "here: lengths must lie in 0..6, the steps of the input; sequence 1 has 7"),
        ([-1, 7], "here: lengths must lie in 0..6, the steps of the input; sequence 0 has -1"),
    ],
)
def test_wrong_lengths_are_named(lengths, message):
    with pytest.raises(InputError) as caught:
        checked_lengths(lengths, 2, 6, "here")
    assert str(caught.value) == message
