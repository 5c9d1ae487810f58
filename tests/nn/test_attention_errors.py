"""What attention and pooling say to wrong shapes and settings, and what they print."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.nn.attention import (
    AdditiveAttention,
    AttentivePooling,
    MultiplicativeAttention,
    StructuredPooling,
    last_over_time,
    max_over_time,
    mean_over_time,
    overlap_penalty,
)


def _general(**options: object) -> Callable[..., object]:
    return MultiplicativeAttention(2, 3, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: _general()(torch.ones(5, 2), torch.ones(4, 5, 2)),
            "MultiplicativeAttention: memory must be (T, B, 3), floating point; got shape (4, 5, 2), torch.float32",
        ),
        (
            lambda: _general(batch_first=True)(torch.ones(5, 2), torch.ones(4, 3)),
            "MultiplicativeAttention: memory must be (B, T, 3), floating point; got shape (4, 3), torch.float32",
        ),
        (
            lambda: _general()(torch.ones(1, 2), torch.ones(4, 5, 3)),
            "MultiplicativeAttention: query must be (5, 2) or (P, 5, 2); got shape (1, 2)",
        ),
        (
            lambda: _general(batch_first=True)(torch.ones(4, 5, 2), torch.ones(5, 4, 3)),
            "MultiplicativeAttention: query must be (5, 2) or (5, P, 2); got shape (4, 5, 2)",
        ),
        (
            lambda: MultiplicativeAttention(2, 3, "concat"),
            "MultiplicativeAttention: form must be one of dot, general; got 'concat'",
        ),
        (
            lambda: MultiplicativeAttention(2, 3, "dot"),
            'MultiplicativeAttention: form "dot" needs equal widths; query_size is 2 and memory_size 3: use "general"',
        ),
        (
            lambda: AttentivePooling(3)(torch.ones(0, 5, 3), lengths=[0] * 5),
            "AttentivePooling: input has no steps; give at least one, with length 0 where a sequence is empty",
        ),
        (
            lambda: mean_over_time(torch.ones(4, 5, 3, dtype=torch.int64)),
            "mean_over_time: input must be (T, B, H), floating point; got shape (4, 5, 3), torch.int64",
        ),
        (
            lambda: max_over_time(torch.ones(())),
            "max_over_time: input must be (T, B, H), floating point; got shape (), torch.float32",
        ),
        (
            lambda: overlap_penalty(torch.ones(4, 5)),
            "overlap_penalty: weights must be (B, R, T); got shape (4, 5)",
        ),
    ],
)
def test_wrong_shapes_and_settings_are_named(call, message):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == message


def test_the_printed_module_shows_its_settings():
    assert repr(MultiplicativeAttention(4, 4, "dot")) == (
        "MultiplicativeAttention(4, 4, batch_first=False, form='dot', scaled=False)"
    )


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("AdditiveAttention", lambda x, n: AdditiveAttention(3, 3, 2)(x[0], x, lengths=n)),
        ("MultiplicativeAttention", lambda x, n: MultiplicativeAttention(3, 3)(x[0], x, lengths=n)),
        ("AttentivePooling", lambda x, n: AttentivePooling(3)(x, lengths=n)),
        ("StructuredPooling", lambda x, n: StructuredPooling(3, 2, 2)(x, lengths=n)),
        ("mean_over_time", lambda x, n: mean_over_time(x, lengths=n)),
        ("max_over_time", lambda x, n: max_over_time(x, lengths=n)),
        ("last_over_time", lambda x, n: last_over_time(x, lengths=n)),
    ],
)
def test_wrong_lengths_are_named_with_the_layer(name, call):
    with pytest.raises(InputError) as caught:
        call(torch.ones(4, 2, 3), [4, 5])
    assert str(caught.value) == f"{name}: lengths must lie in 0..4, the steps of the input; sequence 1 has 5"
