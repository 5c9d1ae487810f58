"""The softmax over the vocabulary: its own gradient against autograd's, and the adaptive one against probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from lstmkit import InputError
from lstmkit.language.neural import softmax
from lstmkit.language.neural.softmax import AdaptiveSoftmax, FullSoftmax

E, V, N = 6, 50, 23


def _case(dtype=torch.float64, tied=True, precision="float32"):
    torch.manual_seed(0)
    layer = FullSoftmax(E, V, tied, precision).to(dtype)
    torch.nn.init.normal_(layer.bias)
    hidden = torch.randn(N, E, dtype=dtype, requires_grad=True)
    embedding = torch.randn(V, E, dtype=dtype, requires_grad=True)
    return layer, hidden, embedding, torch.randint(V, (N,))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 23, 1000], ids="{} rows".format)
def test_loss_and_gradients_equal_those_of_cross_entropy(tied, rows, monkeypatch):
    monkeypatch.setattr(softmax, "BLOCK", rows * V)
    layer, hidden, embedding, targets = _case(tied=tied)
    weight = embedding if tied else layer.weight
    inputs = (hidden, weight, layer.bias)
    expected = functional.cross_entropy(functional.linear(hidden, weight, layer.bias), targets)
    found = layer.loss(hidden, targets, embedding)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    wanted = torch.autograd.grad(3.5 * expected, inputs)
    for own, other in zip(torch.autograd.grad(3.5 * found, inputs), wanted, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-10, atol=1e-14)
    again = torch.autograd.grad(layer.loss(hidden, targets, embedding), inputs)
    for own, other in zip(again, wanted, strict=True):
        torch.testing.assert_close(own, other / 3.5, rtol=1e-10, atol=1e-14)


def test_without_gradients_there_is_the_same_loss():
    layer, hidden, embedding, targets = _case()
    with torch.no_grad():
        found = layer.loss(hidden, targets, embedding)
    assert torch.equal(found, layer.loss(hidden, targets, embedding).detach())


def test_a_second_walk_through_the_graph_is_refused():
    layer, hidden, embedding, targets = _case()
    loss = layer.loss(hidden, targets, embedding)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="gradient of this loss was taken already"):
        loss.backward()


def test_bfloat16_is_near_and_keeps_the_types():
    layer, hidden, embedding, targets = _case(torch.float32, precision="bfloat16")
    exact = FullSoftmax(E, V, True, "float32")
    exact.load_state_dict(layer.state_dict())
    loss, expected = layer.loss(hidden, targets, embedding), exact.loss(hidden, targets, embedding)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected.item(), rel=0.01)
    inputs = (hidden, embedding)
    for own, other in zip(torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs), strict=True):
        assert own.dtype == torch.float32
        assert (own - other).norm() < 0.02 * other.norm()
    assert loss.item() != expected.item(), "it was computed in float32"


def test_a_token_that_is_all_but_impossible_does_not_end_the_training():
    layer = FullSoftmax(1, 2, True, "float32")
    embedding = torch.tensor([[0.0], [500.0]], requires_grad=True)
    loss = layer.loss(torch.ones(1, 1), torch.tensor([0]), embedding)
    loss.backward()
    assert loss.item() == pytest.approx(87.3, abs=0.1)
    assert embedding.grad.tolist() == [[-1.0], [1.0]]


def test_log_probs_of_targets_are_those_of_all(monkeypatch):
    monkeypatch.setattr(softmax, "BLOCK", 5 * V)
    layer, hidden, embedding, targets = _case()
    everything = layer.log_probs(hidden, embedding)
    torch.testing.assert_close(everything.exp().sum(1), torch.ones(N, dtype=torch.float64))
    torch.testing.assert_close(layer.target_log_probs(hidden, targets, embedding), everything[torch.arange(N), targets])


@pytest.mark.parametrize("cutoffs", [None, (20,)])
def test_the_adaptive_softmax_is_a_distribution(cutoffs):
    torch.manual_seed(0)
    layer = AdaptiveSoftmax(E, V, cutoffs)
    assert layer.clusters.cutoffs == [*(cutoffs or (12,)), V]
    hidden, targets, unused = torch.randn(N, E), torch.randint(V, (N,)), torch.empty(0)
    everything = layer.log_probs(hidden, unused)
    np.testing.assert_allclose(everything.exp().sum(1).detach(), 1.0, rtol=1e-5)
    chosen = everything[torch.arange(N), targets]
    torch.testing.assert_close(layer.target_log_probs(hidden, targets, unused), chosen)
    torch.testing.assert_close(layer.loss(hidden, targets, unused), -chosen.mean())


def test_clusters_without_width_are_refused():
    with pytest.raises(InputError, match=r"cutoffs \(5, 20\): vectors of 6 are too narrow for 2 clusters"):
        AdaptiveSoftmax(E, V, (5, 20))
    with pytest.raises(InputError, match=r"cutoffs \(50,\) do not lie below the vocabulary of 50"):
        AdaptiveSoftmax(E, V, (50,))


@pytest.mark.parametrize("layer", [FullSoftmax(E, V, True, "float32"), AdaptiveSoftmax(E, V, (20,))])
def test_it_begins_as_the_frequencies_of_the_text(layer):
    counts = torch.arange(V)
    layer.start_from(counts)
    found = layer.log_probs(torch.zeros(1, E), torch.zeros(V, E))[0].exp()
    expected = (counts + 1.0) / (counts + 1.0).sum()
    torch.testing.assert_close(found[:20], expected[:20])
    torch.testing.assert_close(found[20:].sum(), expected[20:].sum())
    if isinstance(layer, FullSoftmax):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("rows", [7, 1000])
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_loss_and_gradients_with_smoothing_equal_those_of_cross_entropy(rows, smoothing, monkeypatch):
    monkeypatch.setattr(softmax, "BLOCK", rows * V)
    layer, hidden, embedding, targets = _case()
    inputs = (hidden, embedding, layer.bias)
    logits = functional.linear(hidden, embedding, layer.bias)
    expected = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    found = layer.loss(hidden, targets, embedding, smoothing)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    wanted = torch.autograd.grad(expected, inputs)
    for own, other in zip(torch.autograd.grad(found, inputs), wanted, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-10, atol=1e-14)
