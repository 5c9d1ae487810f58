"""Beam search, against all sequences that there are, and by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from toy_predictor import Bigram

from lstmkit import InputError
from lstmkit.language.translate.search import (
    PredictorSearched,
    SearchSettings,
    beam_search,
    draw_sequences,
)
from lstmkit.language.translate.search.beam import coverage_penalty, length_divisor
from lstmkit.language.vocabulary import Words
from lstmkit.language.writing import SamplingSettings

TOKENS = Words(("<unk>", "<eos>", "a", "b", "c"))
END = TOKENS.end


def every_sequence(model: Bigram, most: int) -> dict[tuple[int, ...], float]:
    """Return every sequence that ends after so many tokens at most, and the logarithm of its probability."""
    others = [token for token in range(len(TOKENS.symbols)) if token != END]
    return {
        own: float(model.token_log_probs(np.array([*own, END])).sum())
        for length in range(most + 1)
        for own in itertools.product(others, repeat=length)
    }


def settings(width: int, **given: object) -> SearchSettings:
    return SearchSettings(width, **{"times": 1.0, "more": 4, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_sequences(seed, length):
    model = Bigram.random(TOKENS, seed)
    how = settings(700, length=length, best=5)
    found = beam_search(PredictorSearched(model), [0], how)[0]
    scored = {own: value / length_divisor(len(own) + 1, length) for own, value in every_sequence(model, 4).items()}
    wanted = sorted(scored, key=lambda own: -scored[own])[:5]
    assert [tuple(one.tokens.tolist()) for one in found] == wanted
    for one, own in zip(found, wanted, strict=True):
        assert one.score == pytest.approx(scored[own], rel=1e-5) and one.ended
        assert one.log_prob == pytest.approx(every_sequence(model, 4)[own], rel=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_scores_are_those_of_the_model_and_sequences_do_not_depend_on_each_other(width):
    models = [Bigram.random(TOKENS, seed) for seed in range(4)]
    alone = [beam_search(PredictorSearched(model), [0], settings(width))[0][0] for model in models]
    for model, one in zip(models, alone, strict=True):
        assert one.log_prob == pytest.approx(
            float(model.token_log_probs(np.append(one.tokens, END)[: len(one.tokens) + one.ended]).sum()), rel=1e-5
        )
    twice = beam_search(PredictorSearched(models[0], 3), [0, 0, 0], settings(width))
    assert all(own[0].tokens.tolist() == alone[0].tokens.tolist() for own in twice)


def test_a_beam_of_one_takes_the_likeliest_token_always():
    model = Bigram.random(TOKENS, 3)
    tokens, context = [], model.begin()
    while len(tokens) < 4:
        token = int(model.next_log_probs(context).argmax())
        if token == END:
            break
        tokens.append(token)
        context = model.advance(context, token)
    assert beam_search(PredictorSearched(model), [0], settings(1))[0][0].tokens.tolist() == tokens


def test_what_never_ends_is_cut_at_its_longest_length():
    table = np.full((6, 5), 0.25)
    table[:, END] = 0.0
    model = Bigram(TOKENS, table)
    found = beam_search(PredictorSearched(model, 2), [0, 3], settings(3, best=2))
    assert [[len(one.tokens) for one in own] for own in found] == [[4, 4], [7, 7]]
    assert not any(one.ended for own in found for one in own)
    assert found[0][0].log_prob == pytest.approx(4 * math.log(0.25))


def test_a_prefix_is_written_first_even_where_it_is_unlikely():
    model = Bigram.random(TOKENS, 1)
    for prefix in ([2], [4, 4, 3]):
        one = beam_search(PredictorSearched(model), [3], settings(4), [prefix], banned=[4])[0][0]
        assert one.tokens.tolist()[: len(prefix)] == prefix and 4 not in one.tokens.tolist()[len(prefix) :]
        ids = np.append(one.tokens, END) if one.ended else one.tokens
        assert one.log_prob == pytest.approx(float(model.token_log_probs(ids).sum()), rel=1e-5)


def test_length_and_coverage_by_hand():
    assert length_divisor(7, 0.0) == 1 and length_divisor(7, 1.0) == 2 and length_divisor(1, 0.6) == 1
    attended = torch.tensor([0.5, 2.0, 0.25, 9.0])
    assert coverage_penalty(attended, 3) == pytest.approx(math.log(0.5) + math.log(0.25))
    assert coverage_penalty(torch.zeros(2), 2) == pytest.approx(2 * math.log(1e-6))


def test_sequences_are_drawn_as_often_as_they_are_likely():
    model = Bigram.random(TOKENS, 2, sharpness=1.0)
    count = 4000
    generators = np.random.default_rng(0).spawn(count)
    how = SamplingSettings(ban_unknown=False)
    drawn = draw_sequences(PredictorSearched(model, count), [0] * count, [6] * count, how, generators)
    wanted = every_sequence(model, 2)
    for own in sorted(wanted, key=lambda s: -wanted[s])[:5]:
        share, chance = sum(tuple(one.tokens.tolist()) == own for one in drawn) / count, math.exp(wanted[own])
        assert abs(share - chance) < 5 * math.sqrt(chance * (1 - chance) / count)
    ended = next(one for one in drawn if one.ended and len(one.tokens))
    ids = np.append(ended.tokens, END)
    assert ended.log_prob == pytest.approx(float(model.token_log_probs(ids).sum()), rel=1e-5)


def test_what_is_drawn_of_a_sequence_does_not_depend_on_the_others():
    model = Bigram.random(TOKENS, 2)
    generators = np.random.default_rng(5).spawn(3)
    together = draw_sequences(PredictorSearched(model, 3), [0] * 3, [9] * 3, SamplingSettings(), generators)
    last = np.random.default_rng(5).spawn(3)[2:]
    alone = draw_sequences(PredictorSearched(model, 1), [0], [9], SamplingSettings(), last, [[3]])
    plain = draw_sequences(
        PredictorSearched(model, 1), [0], [9], SamplingSettings(), np.random.default_rng(5).spawn(3)[2:]
    )
    assert plain[0].tokens.tolist() == together[2].tokens.tolist() and alone[0].tokens[0] == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "width must be from 1 to 1000; got 0"),
        ({"length": -1.0}, "length must not be negative; got -1.0"),
    ],
)
def test_settings_of_a_search_are_checked(change, words):
    with pytest.raises(InputError, match=words):
        SearchSettings(**change)
