"""Attention and pooling over time: the numbers of a loop over sequences and steps, and nothing from the padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

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

T, B, H, P, Q = 6, 5, 4, 3, 2
LENGTHS = [4, 0, 6, 1, 3]
CLOSE = {"rtol": 1e-12, "atol": 1e-13}
"""For float64, where only the order of a few sums differs."""

ATTENTIONS: dict[str, Callable[..., torch.nn.Module]] = {
    "additive": lambda **options: AdditiveAttention(Q, H, 7, **options),
    "additive-no-bias": lambda **options: AdditiveAttention(Q, H, 7, bias=False, **options),
    "dot": lambda **options: MultiplicativeAttention(H, H, "dot", **options),
    "scaled-dot": lambda **options: MultiplicativeAttention(H, H, "dot", scaled=True, **options),
    "general": lambda **options: MultiplicativeAttention(Q, H, **options),
    "scaled-general": lambda **options: MultiplicativeAttention(Q, H, "general", scaled=True, **options),
}
POOLINGS: dict[str, Callable[..., torch.nn.Module]] = {
    "attentive": lambda **options: AttentivePooling(H, **options),
    "structured": lambda **options: StructuredPooling(H, 5, 2, **options),
}
ALL = {**ATTENTIONS, **POOLINGS}
FUNCTIONS = {"mean": mean_over_time, "max": max_over_time, "last": last_over_time}
every_attention = pytest.mark.parametrize("name", ATTENTIONS)
every_pooling = pytest.mark.parametrize("name", POOLINGS)
every_module = pytest.mark.parametrize("name", ALL)
every_function = pytest.mark.parametrize("pool", FUNCTIONS.values(), ids=FUNCTIONS)
with_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
PADDING = torch.arange(T)[:, None] >= torch.tensor(LENGTHS)  # T, B


def _module(name: str, **options: object) -> torch.nn.Module:
    torch.manual_seed(3)
    module = ALL[name](**{"dtype": torch.float64, **options})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-1, 1)
    return module


def _inputs(name: str, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Return what the module takes: queries (P, B, Q) and memory (T, B, H), or the memory alone."""
    torch.manual_seed(4)
    width = H if name.endswith("dot") else Q
    shapes = [(P, B, width), (T, B, H)] if name in ATTENTIONS else [(T, B, H)]
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def _score(name: str, module: torch.nn.Module, query: Tensor | None, step: Tensor) -> list[Tensor]:
    """Return the scores of one step (H,), one for each row: the equation of the paper, for one step at a time."""
    weights = dict(module.named_parameters())
    if name == "attentive":
        return [torch.dot(weights["score.weight"][0], step)]
    if name == "structured":
        hidden = torch.tanh(weights["hidden.weight"].mv(step))
        return [torch.dot(row, hidden) for row in weights["score.weight"]]
    assert query is not None
    if name.startswith("additive"):
        total = weights["query_projection.weight"].mv(query) + weights["memory_projection.weight"].mv(step)
        if "memory_projection.bias" in weights:
            total = total + weights["memory_projection.bias"]
        return [torch.dot(weights["score.weight"][0], torch.tanh(total))]
    if name.endswith("general"):
        query = weights["query_projection.weight"].mv(query)
    score = sum((query[i] * step[i] for i in range(H)), torch.zeros((), dtype=step.dtype))
    return [score / math.sqrt(H) if name.startswith("scaled") else score]


def _loop(
    name: str, module: torch.nn.Module, query: Tensor | None, memory: Tensor, lengths: Sequence[int] | None
) -> tuple[Tensor, Tensor]:
    """Return contexts (B, R, H) and weights (B, R, T) of one query (B, Q), sequence by sequence and step by step."""
    contexts, rows = [], []
    for b in range(memory.shape[1]):
        length = T if lengths is None else lengths[b]
        count = 2 if name == "structured" else 1
        if length == 0:
            contexts.append(memory.new_zeros(count, H))
            rows.append(memory.new_zeros(count, T))
            continue
        own_query = None if query is None else query[b]
        scores = [_score(name, module, own_query, memory[t, b]) for t in range(length)]
        of_rows = [[step[r].exp() for step in scores] for r in range(count)]
        alphas = [[e / sum(row) for e in row] for row in of_rows]
        contexts.append(torch.stack([sum(a * memory[t, b] for t, a in enumerate(row)) for row in alphas]))
        rows.append(torch.stack([torch.stack(row + [memory.new_zeros(())] * (T - length)) for row in alphas]))
    return torch.stack(contexts), torch.stack(rows)


def _gradients(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients of a fixed random function of the outputs."""
    draw = torch.Generator().manual_seed(5)
    loss = sum((v * torch.randn(v.shape, generator=draw, dtype=torch.float64).to(v.dtype)).sum() for v in outputs)
    return list(torch.autograd.grad(loss, list(inputs), allow_unused=True))


def _assert_same(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, expected, **CLOSE)


@every_attention
@with_lengths
@pytest.mark.parametrize("batch_first", [False, True], ids=["time-first", "batch-first"])
def test_attention_of_several_queries_is_the_loop_over_steps(name, lengths, batch_first):
    module = _module(name, batch_first=batch_first)
    query, memory = _inputs(name)
    if batch_first:
        context, weights = module(query.transpose(0, 1), memory.transpose(0, 1), lengths=lengths)
        context = context.transpose(0, 1)
    else:
        context, weights = module(query, memory, lengths=lengths)
    each = [_loop(name, module, query[p], memory, lengths) for p in range(P)]
    expected = torch.cat([c for c, _ in each], dim=1).transpose(0, 1), torch.cat([w for _, w in each], dim=1)
    _assert_same((context, weights), expected)
    over = [query, memory, *module.parameters()]
    _assert_same(_gradients((context, weights), over), _gradients(expected, over))


@every_attention
@with_lengths
def test_one_query_has_no_axis_of_queries(name, lengths):
    module = _module(name)
    query, memory = _inputs(name)
    context, weights = module(query[0], memory, lengths=lengths)
    expected = _loop(name, module, query[0], memory, lengths)
    _assert_same((context, weights), (expected[0][:, 0], expected[1][:, 0]))


@every_attention
def test_a_prepared_memory_answers_query_after_query(name):
    module = _module(name)
    query, memory = _inputs(name)
    prepared = module.prepare(memory, lengths=LENGTHS)
    context, weights = module(query, memory, lengths=LENGTHS)
    each = [module.attend(query[p], prepared) for p in range(P)]
    _assert_same((torch.stack([c for c, _ in each]), torch.stack([w for _, w in each], dim=1)), (context, weights))


@every_pooling
@with_lengths
@pytest.mark.parametrize("batch_first", [False, True], ids=["time-first", "batch-first"])
def test_pooling_is_the_loop_over_steps(name, lengths, batch_first):
    module = _module(name, batch_first=batch_first)
    (memory,) = _inputs(name)
    pooled, weights = module(memory.transpose(0, 1) if batch_first else memory, lengths=lengths)
    expected = _loop(name, module, None, memory, lengths)
    if name == "attentive":
        expected = expected[0].squeeze(1), expected[1].squeeze(1)
    _assert_same((pooled, weights), expected)
    over = [memory, *module.parameters()]
    _assert_same(_gradients((pooled, weights), over), _gradients(expected, over))


@with_lengths
@pytest.mark.parametrize("batch_first", [False, True], ids=["time-first", "batch-first"])
def test_mean_and_max_are_those_of_the_true_steps(lengths, batch_first):
    (memory,) = _inputs("attentive")
    x = memory.transpose(0, 1) if batch_first else memory
    parts = [memory[: T if lengths is None else lengths[b], b] for b in range(B)]
    zero = memory.new_zeros(H)
    means = torch.stack([sum(part) / len(part) if len(part) else zero for part in parts])
    maxima = torch.stack([torch.stack([max(column) for column in part.T]) if len(part) else zero for part in parts])
    for pool, expected in ((mean_over_time, means), (max_over_time, maxima)):
        pooled = pool(x, lengths=lengths, batch_first=batch_first)
        torch.testing.assert_close(pooled, expected, **CLOSE)
        _assert_same(_gradients([pooled], [memory]), _gradients([expected], [memory]))


@with_lengths
@pytest.mark.parametrize("batch_first", [False, True], ids=["time-first", "batch-first"])
def test_the_last_step_is_where_each_direction_ends(lengths, batch_first):
    (memory,) = _inputs("attentive")
    x = memory.transpose(0, 1) if batch_first else memory
    ends = [T if lengths is None else lengths[b] for b in range(B)]
    zero = memory.new_zeros(H)
    last = torch.stack([memory[end - 1, b] if end else zero for b, end in enumerate(ends)])
    half = torch.stack([torch.cat([row[: H // 2], memory[0, b, H // 2 :]]) if ends[b] else zero
                        for b, row in enumerate(last)])  # fmt: skip
    for bidirectional, expected in ((False, last), (True, half)):
        pooled = last_over_time(x, lengths=lengths, batch_first=batch_first, bidirectional=bidirectional)
        torch.testing.assert_close(pooled, expected, **CLOSE)
        _assert_same(_gradients([pooled], [memory]), _gradients([expected], [memory]))


@with_lengths
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_scaled_dot_is_torchs(lengths, dtype):
    module = MultiplicativeAttention(H, H, "dot", scaled=True)
    query, memory = _inputs("dot", dtype)
    lengths = None if lengths is None else [4, 1, 6, 2, 3]  # torch's is not defined for length 0
    context, weights = module(query, memory, lengths=lengths)
    attended = None if lengths is None else (torch.arange(T) < torch.tensor(lengths)[:, None]).unsqueeze(1)
    values = memory.transpose(0, 1)
    expected = scaled_dot_product_attention(query.transpose(0, 1), values, values, attn_mask=attended)
    close = CLOSE if dtype == torch.float64 else {"rtol": 1e-6, "atol": 1e-6}
    torch.testing.assert_close(context.transpose(0, 1), expected, **close)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, P, dtype=dtype), **close)
    ours, theirs = _gradients([context.transpose(0, 1)], [query, memory]), _gradients([expected], [query, memory])
    for mine, gradient in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, gradient, **close)


def test_the_penalty_is_the_sum_over_pairs_of_rows():
    torch.manual_seed(6)
    A = torch.rand(B, 3, T, dtype=torch.float64, requires_grad=True)
    expected = torch.stack(
        [sum((torch.dot(one[r], one[s]) - float(r == s)) ** 2 for r in range(3) for s in range(3)) for one in A]
    )
    torch.testing.assert_close(overlap_penalty(A), expected, **CLOSE)
    _assert_same(_gradients([overlap_penalty(A)], [A]), _gradients([expected], [A]))
    alone = torch.eye(T)[[4, 0, 2]].unsqueeze(0)
    assert overlap_penalty(alone).tolist() == [0.0]
    assert overlap_penalty(torch.zeros(1, 3, T)).tolist() == [3.0]


def test_the_penalty_is_not_rounded_by_autocast():
    A = torch.softmax(torch.linspace(-1, 1, 2 * T).view(1, 2, T), dim=-1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = overlap_penalty(A)
    assert torch.equal(rounded, overlap_penalty(A))
    assert overlap_penalty(A.bfloat16()).dtype == torch.float32


def _everything(name: str, fill: float) -> tuple[list[Tensor], list[Tensor]]:
    """Return outputs and gradients of a call whose padding holds `fill`; the last gradient but one is the memory's."""
    module = _module(name)
    *query, memory = _inputs(name)
    memory = memory.detach().masked_fill(PADDING.unsqueeze(2), fill).requires_grad_()
    outputs = list(module(*query, memory, lengths=LENGTHS))
    over = [*query, *module.parameters(), memory]
    return [v.detach() for v in outputs], _gradients(outputs, over)


@every_module
@pytest.mark.parametrize("fill", [math.nan, math.inf, -math.inf, 1e300])
def test_what_stands_in_the_padding_changes_no_bit(name, fill):
    (outputs, gradients), (clean, clean_gradients) = _everything(name, fill), _everything(name, 0.5)
    assert all(torch.equal(a, b) for a, b in zip(outputs, clean, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(gradients, clean_gradients, strict=True))
    assert all(v.isfinite().all() for v in gradients)
    assert gradients[-1][PADDING].count_nonzero() == 0
    assert gradients[-1][~PADDING].count_nonzero() > 0


@every_function
@pytest.mark.parametrize("fill", [math.nan, math.inf, -math.inf, 1e300])
def test_mean_and_max_read_no_padding(pool, fill):
    (memory,) = _inputs("attentive")
    filled = memory.detach().masked_fill(PADDING.unsqueeze(2), fill).requires_grad_()
    pooled, clean = pool(filled, lengths=LENGTHS), pool(memory, lengths=LENGTHS)
    assert torch.equal(pooled, clean)
    (ours,), (expected,) = _gradients([pooled], [filled]), _gradients([clean], [memory])
    assert torch.equal(ours, expected)
    assert ours[PADDING].count_nonzero() == 0


@every_module
def test_padding_has_weight_zero_and_an_empty_sequence_gives_zeros(name):
    context, weights = _module(name)(*_inputs(name), lengths=LENGTHS)
    rows = weights.unsqueeze(1) if weights.dim() == 2 else weights
    true_steps = ~PADDING.T.unsqueeze(1).expand_as(rows)
    assert torch.equal(rows != 0, true_steps)
    full = torch.tensor(LENGTHS) > 0
    torch.testing.assert_close(rows.sum(-1), full.double().unsqueeze(1).expand(rows.shape[:2]), **CLOSE)
    empty = context[:, ~full] if name in ATTENTIONS else context[~full]
    assert empty.numel() > 0 and empty.count_nonzero() == 0


@every_module
def test_a_penalty_on_the_entropy_of_weights_has_finite_gradients(name):
    """Its gradient at weight zero is infinite; that must not come back from the padding."""
    module, inputs = _module(name), _inputs(name)
    _, weights = module(*inputs, lengths=LENGTHS)
    entropy = torch.special.entr(weights).sum()
    gradients = torch.autograd.grad(entropy, [*inputs, *module.parameters()])
    assert all(g.isfinite().all() and g.count_nonzero() > 0 for g in gradients)


@every_module
def test_no_step_of_the_backward_pass_gives_nan(name):
    module, inputs = _module(name), _inputs(name)
    with torch.autograd.set_detect_anomaly(True):
        gradients = _gradients(module(*inputs, lengths=LENGTHS), [*inputs, *module.parameters()])
    assert all(g.isfinite().all() for g in gradients)


@every_module
@with_lengths
def test_first_and_second_derivatives_are_those_of_differences(name, lengths):
    module, inputs = _module(name), _inputs(name)
    names = [n for n, _ in module.named_parameters()]
    over = (*inputs, *module.parameters())

    def call(*values: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, values[len(inputs) :], strict=True))
        return torch.func.functional_call(module, parameters, values[: len(inputs)], {"lengths": lengths})

    assert torch.autograd.gradcheck(call, over)
    assert torch.autograd.gradgradcheck(call, over, fast_mode=True)


@every_function
@with_lengths
def test_mean_and_max_have_the_derivatives_of_differences(pool, lengths):
    inputs = _inputs("attentive")
    assert torch.autograd.gradcheck(lambda x: pool(x, lengths=lengths), inputs)
    assert torch.autograd.gradgradcheck(lambda x: pool(x, lengths=lengths), inputs)


def test_a_mean_fits_where_its_sum_does_not():
    x = torch.full((40, 1, 2), 3000.0, dtype=torch.float16)
    assert torch.equal(mean_over_time(x, lengths=[39]), x[0])


@every_module
def test_autocast_gives_the_numbers_of_float32_to_the_precision_of_bfloat16(name):
    module, inputs = _module(name, dtype=torch.float32), _inputs(name, torch.float32)
    expected = module(*inputs, lengths=LENGTHS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = module(*inputs, lengths=LENGTHS)
    gradients = _gradients(outputs, [*inputs, *module.parameters()])
    for ours, theirs in zip(outputs, expected, strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.float(), theirs, rtol=0.03, atol=0.03)
    for ours, theirs in zip(gradients, _gradients(expected, [*inputs, *module.parameters()]), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=0.1, atol=0.1)


@every_module
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_types_give_the_numbers_of_float32(name, dtype):
    module, inputs = _module(name, dtype=dtype), _inputs(name, dtype)
    outputs = module(*inputs, lengths=LENGTHS)
    expected = module.float()(*(v.float() for v in inputs), lengths=LENGTHS)
    for ours, theirs in zip(outputs, expected, strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.float(), theirs, rtol=0.03, atol=0.03)


class _Pooled(torch.nn.Module):
    """The functions as a module, so that they can be compiled and exported."""

    def forward(self, input: Tensor, *, lengths: Tensor) -> tuple[Tensor, ...]:
        return tuple(pool(input, lengths=lengths) for pool in FUNCTIONS.values())


def _whole(name: str) -> torch.nn.Module:
    return _Pooled() if name == "functions" else _module(name)


@pytest.mark.parametrize("name", [*ALL, "functions"])
def test_compiled_whole_and_once_for_all_lengths(name):
    torch._dynamo.reset()
    module, inputs = _whole(name), _inputs(name)
    compiled = torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager")
    with torch._dynamo.config.patch(error_on_recompile=True):
        for lengths in (LENGTHS, [6, 6, 6, 6, 6], [0, 0, 0, 0, 1]):
            over = [*inputs, *module.parameters()]
            ours = compiled(*inputs, lengths=torch.tensor(lengths))
            theirs = module(*inputs, lengths=torch.tensor(lengths))
            _assert_same(ours, theirs)
            _assert_same(_gradients(ours, over), _gradients(theirs, over))
        *queries, memory = inputs
        longer = torch.cat([memory, memory]).detach().requires_grad_()
        lengths = torch.tensor([0, 2 * T, T, 1, 9])
        _assert_same(compiled(*queries, longer, lengths=lengths), module(*queries, longer, lengths=lengths))
        with pytest.raises(RuntimeError, match=r"lengths must lie in 0\.\.T, the steps of the input"):
            compiled(*inputs, lengths=torch.tensor([6, 6, 7, 6, 6]))


@pytest.mark.parametrize("name", [*ALL, "functions"])
def test_exported_with_free_batch_and_steps(name):
    module, inputs = _whole(name), [v.detach() for v in _inputs(name)]
    batch, steps = torch.export.Dim("batch", min=2), torch.export.Dim("steps", min=2)
    shapes = tuple({0: steps if i == len(inputs) - 1 else None, 1: batch} for i in range(len(inputs)))
    program = torch.export.export(
        module,
        tuple(inputs),
        {"lengths": torch.tensor(LENGTHS)},
        dynamic_shapes={
            **dict(zip(["query", "memory"] if len(inputs) == 2 else ["input"], shapes, strict=True)),
            "lengths": {0: batch},
        },
    ).module()
    longer = torch.randn(T + 3, 2, H, dtype=torch.float64)
    others = [inputs[0][:, :2], longer] if len(inputs) == 2 else [longer]
    lengths = torch.tensor([0, T + 2])
    _assert_same(program(*others, lengths=lengths), module(*others, lengths=lengths))
    with pytest.raises(RuntimeError, match="lengths must lie in"):
        program(*others, lengths=torch.tensor([0, T + 4]))
