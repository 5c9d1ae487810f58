"""The advanced LSTM against a loop that keeps every state, and its reductions to the LSTM."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lstmkit.recurrence.cell import Sizes
from lstmkit.recurrence.cells.alstm import ALstm
from lstmkit.recurrence.cells.lstm import Lstm
from lstmkit.recurrence.reference import run_direction

SETTINGS = (ALstm(), ALstm((3, 1), 4), ALstm((2, 3), share_score=False), ALstm((5, 3, 1), mean=True), ALstm((2,), 2))


def make(cell: ALstm, T: int, B: int, I: int = 3, H: int = 4) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Tensor]]:  # noqa: E741
    """Return a random input, the state at the start with random h and c, and random weights."""
    torch.manual_seed(5)
    sizes = Sizes(I, H, H, True)
    weights = {n: torch.randn(s, dtype=torch.float64) for n, s in cell.weight_shapes(sizes).items()}
    state = [torch.zeros(B, width, dtype=torch.float64) for width in cell.state_widths(sizes)]
    state[:2] = [torch.randn(B, H, dtype=torch.float64) for _ in range(2)]
    return torch.randn(T, B, I, dtype=torch.float64), tuple(state), weights


def loop(cell: ALstm, x: np.ndarray, h: np.ndarray, c: np.ndarray, weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the outputs of one sequence, with every state kept in a list and looked up by its number."""

    def sigmoid(v: float) -> float:
        return 1 / (1 + np.exp(-v))

    def mix(states: list[np.ndarray], score: np.ndarray | None) -> np.ndarray:
        chosen = [states[len(states) - lag] for lag in cell.lags]
        e = [1.0 if score is None else np.exp(sum(score[u] * v[u] for u in range(len(v)))) for v in chosen]
        return sum(e_k / sum(e) * v for e_k, v in zip(e, chosen, strict=True))

    score = weights.get("weight_score")
    score_c, score_h = (score, score) if score is None or score.ndim == 1 else score
    H, bias = len(h), weights["bias_ih"] + weights["bias_hh"]
    all_h: list[np.ndarray] = []
    all_c: list[np.ndarray] = []
    for t in range(len(x)):
        a = [bias[u] + weights["weight_ih"][u] @ x[t] + weights["weight_hh"][u] @ h for u in range(4 * H)]
        i, f, o = ([sigmoid(a[k * H + u]) for u in range(H)] for k in (0, 1, 3))
        all_c.append(np.array([f[u] * c[u] + i[u] * np.tanh(a[2 * H + u]) for u in range(H)]))
        mixes = (t + 1) % (cell.period or max(cell.lags)) == 0
        c = mix(all_c, score_c) if mixes else all_c[-1]
        all_h.append(np.array(o) * np.tanh(c))
        h = mix(all_h, score_h) if mixes else all_h[-1]
    return all_h


@pytest.mark.parametrize("cell", SETTINGS, ids=str)
def test_the_outputs_are_those_of_a_loop_that_keeps_every_state(cell):
    x, state, weights = make(cell, T=13, B=2)
    y, _ = run_direction(cell, x, state, weights)
    arrays = {name: w.numpy() for name, w in weights.items()}
    for row in range(2):
        expected = loop(cell, x[:, row].numpy(), state[0][row].numpy(), state[1][row].numpy(), arrays)
        np.testing.assert_allclose(y[:, row].numpy(), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("cell", SETTINGS, ids=str)
def test_rows_in_different_phases_do_not_disturb_each_other(cell):
    x, state, weights = make(cell, T=13, B=2)
    whole, _ = run_direction(cell, x, state, weights)
    _, early = run_direction(cell, x[:2], state, weights)
    _, late = run_direction(cell, x[:3], state, weights)
    mixed = tuple(torch.stack((a[0], b[1])) for a, b in zip(early, late, strict=True))
    rest, _ = run_direction(cell, torch.stack((x[2:12, 0], x[3:, 1]), dim=1), mixed, weights)
    torch.testing.assert_close(rest[:, 0], whole[2:12, 0], rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(rest[:, 1], whole[3:, 1], rtol=1e-12, atol=1e-13)


def test_the_past_is_empty_after_a_mix_and_then_grows_newest_first():
    cell = ALstm((3, 1))
    x, state, weights = make(cell, T=5, B=2)
    y, (h, c, past_h, past_c, phase) = run_direction(cell, x, state, weights)
    assert phase.tolist() == [[2.0], [2.0]]
    torch.testing.assert_close(past_h, torch.cat((y[4], y[3]), dim=-1), rtol=0, atol=0)
    assert torch.equal(past_h[:, :4], h) and torch.equal(past_c[:, :4], c)
    _, (_, _, *past, phase) = run_direction(cell, x[:3], state, weights)
    assert not torch.cat((*past, phase), dim=-1).any()


@pytest.mark.parametrize("period", [None, 3])
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_lag_one_alone_is_the_lstm_bit_for_bit(period, mean, dtype):
    cell = ALstm((1,), period, mean)
    x, state, weights = make(cell, T=7, B=3)
    x, state, weights = x.to(dtype), tuple(s.to(dtype) for s in state), {n: w.to(dtype) for n, w in weights.items()}
    y, (h, c, *_) = run_direction(cell, x, state, weights)
    expected, last = run_direction(Lstm(), x, state[:2], weights)
    assert all(torch.equal(have, want) for have, want in zip((y, h, c), (expected, *last), strict=True))


def test_equal_scores_are_the_mean():
    x, state, weights = make(ALstm(), T=11, B=2)
    weights["weight_score"] = torch.zeros_like(weights["weight_score"])
    expected, _ = run_direction(ALstm(mean=True), x, state, weights)
    torch.testing.assert_close(run_direction(ALstm(), x, state, weights)[0], expected, rtol=1e-13, atol=1e-14)


def test_the_score_is_one_vector_or_two():
    sizes = Sizes(3, 4, 4, False)
    assert ALstm().weight_shapes(sizes) == {"weight_ih": (16, 3), "weight_hh": (16, 4), "weight_score": (4,)}
    assert ALstm(share_score=False).weight_shapes(sizes)["weight_score"] == (2, 4)
    assert "weight_score" not in ALstm(mean=True).weight_shapes(sizes)
    x, state, weights = make(ALstm(), T=11, B=2)
    twice = weights | {"weight_score": weights["weight_score"].repeat(2, 1)}
    expected, _ = run_direction(ALstm(), x, state, weights)
    assert torch.equal(run_direction(ALstm(share_score=False), x, state, twice)[0], expected)


def test_names():
    assert [ALstm().name, ALstm(mean=True).name] == ["alstm", "alstm-mean"]
