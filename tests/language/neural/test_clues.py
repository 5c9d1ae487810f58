"""Clues beside the tokens: they are read where they belong, steps equal sequences, and what they tell is learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lstmkit.language.neural import LanguageNetwork, LanguageSettings, NetworkPredictor
from lstmkit.language.neural.clues import ClueSizes, told_all
from lstmkit.language.neural.fitting import fit_network, mean_loss
from lstmkit.language.neural.pace import plan_for
from lstmkit.language.neural.streams import Streams
from lstmkit.language.vocabulary import Characters

TINY = LanguageSettings(
    embedding_size=8, hidden_size=12, input_dropout=0.0, hidden_dropout=0.0, output_dropout=0.0, window=16, columns=2,
    epochs=2, learning_rate=0.02, warmup=5,
)  # fmt: skip
V, END, FAR = 12, 1, 40


class Far:
    """Tells how many tokens there were, in 5 steps, and which token stood FAR before the next."""

    sizes = ClueSizes((5,), 1, tuple(k % 3 for k in range(V)))

    def begin(self) -> tuple[int, ...]:
        return ()

    def advance(self, place: tuple[int, ...], token: int) -> tuple[int, ...]:
        return (*place, token)[-FAR:]

    def told(self, place: tuple[int, ...]) -> tuple[int, ...]:
        return len(place) * 4 // FAR, place[0] if len(place) == FAR else 0


@pytest.mark.parametrize("columns", [1, 3])
def test_each_token_is_read_with_what_is_told_after_it(columns):
    text = np.arange(30, dtype=np.int32)
    told = np.stack([100 + np.arange(31), 200 + np.arange(31)], axis=1).astype(np.int16)
    plain, beside = (Streams(text, columns, 7, 99, extra) for extra in (None, told))
    for number in range(len(plain)):
        ids, targets = plain.read(*plain.span(number, 4))
        both, same = beside.read(*beside.span(number, 4))
        assert torch.equal(both[..., 0], ids) and torch.equal(same, targets)
        assert torch.equal(both[..., 1], targets + 100) and torch.equal(both[..., 2], targets + 200)


@pytest.mark.parametrize("softmax", ["tied", "full", "adaptive"])
def test_steps_equal_the_whole_sequence(softmax):
    torch.manual_seed(0)
    network = LanguageNetwork(V, replace(TINY, softmax=softmax), Far.sizes).eval()
    torch.nn.init.normal_(network.clues.gates.weight)
    torch.nn.init.normal_(network.clues.spoken.weight)
    torch.nn.init.normal_(network.clues.by_kind.weight)
    ids = torch.stack([torch.randint(V, (9, 2)), torch.randint(5, (9, 2)), torch.randint(V, (9, 2))], dim=2)
    with torch.no_grad():
        whole, _ = network(ids)
        state, steps = None, []
        for row in ids:
            output, state = network.step(row, state)
            steps.append(output)
        others = ids.clone()
        others[4, 0, 2] = (others[4, 0, 2] + 1) % V
        changed = (network(others)[0] - whole).abs().sum(dim=2) > 1e-7
    torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-5, atol=1e-6)
    assert changed[4:, 0].all() and not changed[:4].any() and not changed[:, 1].any()


def test_what_no_state_could_keep_is_learnt_from_what_is_told():
    random = np.random.default_rng(0)
    unit = random.integers(2, V, size=FAR)
    text = np.concatenate([np.append(np.tile(random.permutation(unit), 4), END) for _ in range(60)]).astype(np.int32)
    losses = {}
    for clues in (None, Far()):
        torch.manual_seed(0)
        network = LanguageNetwork(V, replace(TINY, epochs=4), None if clues is None else clues.sizes)
        plan = plan_for(network.settings, len(text) * 5 // 6)
        *_, last = fit_network(network, text[:8000], text[8000:], END, plan, clues=clues)
        losses[clues is not None] = last.valid_loss
    assert losses[True] < 0.75 * losses[False]


def test_a_network_begins_with_how_often_each_kind_came_where_a_number_had_each_value():
    torch.manual_seed(0)
    network = LanguageNetwork(V, TINY, Far.sizes)
    ids = np.array([3, 3, 3, 4, 4, 5], np.int32)  # of the kinds 0, 0, 0, 1, 1, 2
    told = np.array([[0, 0], [0, 0], [0, 0], [0, 0], [2, 0], [2, 0]], np.int16)
    network.clues.start_from(told, ids)
    shares = np.array([4, 3, 2]) / 9
    here = {0: (np.array([3, 1, 0]) + shares) / 5, 2: (np.array([0, 1, 1]) + shares) / 3, 4: shares}
    for value, own in here.items():
        weights = network.clues.by_kind.weight[value].detach().numpy().copy()
        np.testing.assert_allclose(weights, np.log(own / shares), atol=1e-6)
        with torch.no_grad():  # these are added to what is said of every token of the kind
            places = torch.tensor([[[5, value, 7]], [[5, 1, 7]]])
            spoken = network.log_probs(network(places[:1])[0].flatten(0, 1))[0]
            network.clues.by_kind.weight[value] = 0.0
            silent = network.log_probs(network(places[:1])[0].flatten(0, 1))[0]
        added = (spoken - silent).numpy() - weights[np.arange(V) % 3]
        np.testing.assert_allclose(added, added[0], atol=1e-5)


def test_a_predictor_says_of_a_text_what_it_says_token_by_token():
    torch.manual_seed(0)
    tokens = Characters.learn(["abcdefghij"])
    network = LanguageNetwork(len(tokens.symbols), TINY, Far.sizes).eval()
    clues, ids = Far(), tokens.encode("abcabcjjihg" * 7)
    predictor = NetworkPredictor(tokens, network, clues)
    found, context = [], predictor.begin()
    for token in ids.tolist():
        found.append(predictor.next_log_probs(context)[token])
        context = predictor.advance(context, token)
    whole = predictor.token_log_probs(ids)
    np.testing.assert_allclose(whole, found, atol=1e-5)
    assert mean_loss(network, ids, tokens.end, told_all(clues, ids)) == pytest.approx(-whole.mean(), abs=1e-5)
    adapted = predictor.adapting(1e-9).token_log_probs(ids)
    np.testing.assert_allclose(adapted, whole, atol=1e-4)
