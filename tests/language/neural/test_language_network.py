"""The network of a language model: steps equal sequences, dropout is where it should be, every cell runs."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional

from lstmkit import InputError
from lstmkit.language import LanguageSettings
from lstmkit.language.neural import LanguageNetwork
from lstmkit.language.neural.network import precision_note
from lstmkit.nn import CELLS

V = 40
TINY = LanguageSettings(embedding_size=8, hidden_size=12, input_dropout=0.0, hidden_dropout=0.0, output_dropout=0.0)


def _network(**changes):
    torch.manual_seed(0)
    return LanguageNetwork(V, dataclasses.replace(TINY, **changes))


@pytest.mark.parametrize("softmax", ["tied", "full", "adaptive"])
@pytest.mark.parametrize("cell", ["lstm", "mogrifier", "alstm", "gru"])
def test_step_by_step_equals_the_whole_sequence(cell, softmax):
    network = _network(cell=cell, softmax=softmax).eval()
    ids = torch.randint(V, (7, 3))
    with torch.no_grad():
        whole, last = network(ids)
        state, steps = None, []
        for row in ids:
            output, state = network.step(row, state)
            steps.append(output)
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-5, atol=1e-6)
    for ours, others in zip(state, last, strict=True):
        for s, other in zip(ours, others, strict=True):
            torch.testing.assert_close(s, other.reshape(s.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_trains(cell):
    network = _network(cell=cell, embedding_dropout=0.1, input_dropout=0.1, weight_drop=0.2).train()
    ids = torch.randint(V, (6, 4))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss, likelihood, _ = network.loss(ids[:-1], ids[1:], None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(likelihood))
    assert losses[-1] < 0.8 * losses[0]


def test_two_windows_with_the_state_carried_equal_one():
    network = _network().eval()
    ids = torch.randint(V, (11, 3))
    with torch.no_grad():
        whole, _ = network.target_log_probs(ids[:-1], ids[1:], None)
        first, state = network.target_log_probs(ids[:4], ids[1:5], None)
        second, _ = network.target_log_probs(ids[4:-1], ids[5:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=1e-5, atol=1e-6)


def test_the_loss_is_the_likelihood_and_both_activation_terms():
    network = _network(activation=2.0, slowness=3.0)
    ids, targets = torch.randint(V, (5, 3)), torch.randint(V, (5, 3))
    loss, likelihood, state = network.loss(ids, targets, None)
    output, _ = network(ids)
    logits = functional.linear(output, network.embedding.weight, network.softmax.bias)
    cross = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(likelihood, cross.detach())
    expected = cross + 2.0 * output.square().mean() + 3.0 * (output[1:] - output[:-1]).square().mean()
    torch.testing.assert_close(loss, expected)
    assert not any(s.requires_grad for layer in state for s in layer)


def test_tied_weights_are_one_parameter_and_learn_from_both_ends():
    network = _network(softmax="tied")
    assert sum(p.shape == (V, 8) for p in network.parameters()) == 1
    ids = torch.zeros(1, 1, dtype=torch.int64)
    network.loss(ids, ids + 5, None)[0].backward()
    gradient = network.embedding.weight.grad
    assert (gradient.abs().sum(1) > 0).all(), "every word is a rival of the next one"


def test_whole_words_are_dropped_from_the_embedding():
    network = _network(embedding_dropout=0.5).train()
    torch.manual_seed(1)
    ids = torch.arange(V).repeat(2, 1)
    vectors = network._embedded(ids)
    scaled = vectors / network.embedding(ids)
    kept = scaled[0, :, 0] > 0
    assert 8 < int(kept.sum()) < 32
    torch.testing.assert_close(scaled[:, kept], torch.full_like(scaled[:, kept], 2.0))
    assert (scaled[:, ~kept] == 0).all(), "the same words in the whole window"


@pytest.mark.parametrize("name", ["input_dropout", "hidden_dropout", "output_dropout", "weight_drop"])
def test_a_dropout_acts_in_training_alone(name):
    network = _network(**{name: 0.5})
    ids, targets = torch.randint(V, (5, 3)), torch.randint(V, (5, 3))

    def loss():
        return network.loss(ids, targets, None)[1]

    assert loss() != loss()
    network.eval()
    torch.testing.assert_close(loss(), loss(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1; got 0"),
        ({"weight_drop": 1.0}, "weight_drop must be at least 0 and below 1; got 1.0"),
        ({"activation": -1.0}, "activation must not be negative; got -1.0"),
        ({"learning_rate": 0.0}, "learning_rate must be more than 0; got 0.0"),
        ({"softmax": "tide"}, "softmax must be one of tied, full, adaptive; got 'tide'"),
        ({"precision": "half"}, "precision must be one of float32, bfloat16; got 'half'"),
        ({"average": 1.0}, "average must be between 0 and 1; got 1.0"),
        ({"cutoffs": (9, 3)}, r"cutoffs must be whole numbers that rise; got \(9, 3\)"),
    ],
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(InputError, match=f"LanguageSettings: {message}"):
        dataclasses.replace(TINY, **changes)


@pytest.mark.parametrize("cell", ["lstm", "mogrifier"])
def test_bfloat16_trains_the_same_network_and_is_exact_in_use(cell):
    exact, low = _network(cell=cell), _network(cell=cell, precision="bfloat16")
    low.load_state_dict(exact.state_dict())
    ids, targets = torch.randint(V, (9, 4)), torch.randint(V, (9, 4))
    losses = [network.loss(ids, targets, None) for network in (exact, low)]
    assert losses[1][0].dtype == torch.float32
    assert (losses[1][0] == losses[0][0]) == bool(
        precision_note(low.settings.precision)
    )  # float32 where there is no bfloat16
    torch.testing.assert_close(losses[1][0], losses[0][0], rtol=0.01, atol=0)
    assert all(s.dtype == torch.float32 for layer in losses[1][2] for s in layer)
    for loss, _, _ in losses:
        loss.backward()
    for own, other in zip(low.parameters(), exact.parameters(), strict=True):
        assert own.grad.dtype == torch.float32
        assert (own.grad - other.grad).norm() < 0.05 * other.grad.norm()
    found = [network.eval().target_log_probs(ids, targets, None)[0] for network in (exact, low)]
    assert torch.equal(*found)
