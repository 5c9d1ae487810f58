"""Dynamic evaluation: a window is scored before it is learnt from, by the steps that torch's optimizer would take."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from small_text import SMALL, sentences
from torch.nn import functional

from lstmkit import InputError
from lstmkit.language.neural import LanguageNetwork
from lstmkit.language.neural.adapting import CLIP, AdaptingScorer


@pytest.mark.parametrize("softmax", ["tied", "full"])
@pytest.mark.parametrize("rate", [0.05, 3.0])
def test_it_takes_the_steps_of_clipped_gradient_descent(rate, softmax, fitted):
    torch.manual_seed(0)
    network = LanguageNetwork(len(fitted.tokens_.symbols), dataclasses.replace(SMALL, softmax=softmax))
    ids = fitted.tokens_.encode(sentences(6, 3))
    found = AdaptingScorer(fitted.tokens_, network, rate, window=7).token_log_probs(ids)

    model = copy.deepcopy(network).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    inputs = torch.from_numpy(np.concatenate([[fitted.tokens_.end], ids[:-1]]).astype(np.int64)).unsqueeze(1)
    targets, state, expected = torch.from_numpy(ids.astype(np.int64)), None, []
    for x, y in zip(inputs.split(7), targets.split(7), strict=True):
        output, after = model(x, state)
        weight = model.embedding.weight if softmax == "tied" else model.softmax.weight
        logits = functional.linear(output[:, 0], weight, model.softmax.bias)
        expected += torch.log_softmax(logits, 1)[torch.arange(len(y)), y].tolist()
        optimizer.zero_grad()
        functional.cross_entropy(logits, y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        state = tuple(tuple(s.detach() for s in layer) for layer in after)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_it_learns_from_what_it_read_and_leaves_the_network_alone(fitted):
    before = copy.deepcopy(fitted.network_.state_dict())
    ids = fitted.tokens_.encode("the cats with a very very old old tail sleep\n" * 60)
    scorer = fitted.predictor("lstm").adapting(0.5)
    plain, adapted = fitted.predictor("lstm").token_log_probs(ids), scorer.token_log_probs(ids)
    np.testing.assert_allclose(adapted[: scorer.window], plain[: scorer.window], atol=1e-5)
    assert adapted[-100:].mean() > plain[-100:].mean() + 0.05
    assert all(torch.equal(t, before[name]) for name, t in fitted.network_.state_dict().items())
    np.testing.assert_array_equal(scorer.token_log_probs(ids), adapted)


def test_a_text_without_tokens_has_no_scores(fitted):
    assert len(fitted.predictor("lstm").adapting(0.5).token_log_probs(np.empty(0, np.int32))) == 0


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate, fitted):
    with pytest.raises(InputError, match=r"the rate to adapt at must be (more than 0|a finite number); got"):
        fitted.predictor("lstm").adapting(rate)
    with pytest.raises(InputError, match="the window to adapt after must be at least 1; got 0"):
        AdaptingScorer(fitted.tokens_, fitted.network_, 0.1, window=0)
