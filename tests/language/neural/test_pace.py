"""How a text is gone through in the time there is, worked out from a pace; the pace, by a clock of our own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_text import SMALL, sentences

from lstmkit.language import LanguageModel, LanguageSettings, read_corpus
from lstmkit.language.neural import LanguageNetwork, pace
from lstmkit.language.neural.pace import VALIDATED, Pace, columns_for, measured, plan_for

SLOW = Pace(fixed=0.03, per_token=0.0008, reading=0.0002)
"""About a model of 33,000 words on one thread."""


def timed(minutes: float | None, **more: object) -> LanguageSettings:
    return dataclasses.replace(LanguageSettings(), minutes=minutes, **more)


@pytest.mark.parametrize(
    ("minutes", "columns", "window", "steps"),
    [
        *((0.1, 4, 32, 45), (1, 4, 32, 453), (2, 4, 64, 511), (5, 8, 64, 682)),
        *((10, 16, 64, 706), (20, 32, 64, 719), (100, 32, 64, 3596), (None, 32, 64, 9770)),
    ],
)
def test_a_short_time_has_fewer_rows_and_so_more_steps(minutes, columns, window, steps):
    plan = plan_for(timed(minutes), 2_000_000, SLOW)
    assert (plan.columns, plan.window) == (columns, window)
    assert plan.warmup == (None if minutes is None else min(100, steps // 10)), "else the rate never gets up"
    assert plan.steps == steps
    assert plan.steps >= pace.STEPS or (columns, window) == (pace.LEAST_COLUMNS, pace.LEAST_WINDOW)


def test_rows_that_were_asked_for_or_begun_with_stay():
    assert plan_for(timed(1, columns=20), 2_000_000, SLOW).columns == 20
    assert plan_for(timed(1), 2_000_000, SLOW, begun=(16, 40, 7))[:2] == (16, 40)
    assert plan_for(timed(1), 2_000_000).columns == columns_for(LanguageSettings(), 2_000_000) == 32
    assert plan_for(timed(5), 50_000, SLOW)[:2] == plan_for(timed(None), 50_000)[:2] == (4, 64)
    assert plan_for(timed(0.1, window=20), 50_000, SLOW).window == 20


def test_rounds_and_what_they_validate_follow_the_time():
    hour, minute = plan_for(timed(60), 10**7, SLOW), plan_for(timed(1), 10**7, SLOW)
    assert hour.round_seconds == pytest.approx(288) and hour.validated == VALIDATED
    assert minute.round_seconds == pytest.approx(4.8)
    assert minute.validated == pytest.approx(0.6 / SLOW.reading, abs=1)
    assert plan_for(timed(0.01), 10**7, SLOW).round_seconds == pace.SHORTEST_ROUND
    without = plan_for(timed(None), 10**7, SLOW)
    assert (without.round_seconds, without.validated) == (None, VALIDATED)


def test_the_seconds_are_those_of_all_steps_and_validations():
    plan = plan_for(timed(None, epochs=3, rounds=2), 1_000_000, SLOW)
    steps = 3 * -(-(1_000_000 // 32) // 64)
    assert plan.steps == steps
    assert plan.seconds == pytest.approx(steps * (0.03 + 0.0008 * 2048) + 6 * VALIDATED * 0.0002)
    assert plan_for(timed(None), 1_000_000).seconds is None
    ended = plan_for(timed(10**6, epochs=1), 1_000_000, SLOW)
    assert ended.seconds < 60 * 10**6 and ended.steps == -(-(1_000_000 // 32) // 64), "all passes take less"


@pytest.fixture
def costly(clock, monkeypatch):
    """A network and a text; each loss takes 0.5 s and 0.01 s a token, reading 0.002 s a token."""
    monkeypatch.setattr(pace, "time", clock)
    whole, read = LanguageNetwork.loss, LanguageNetwork.target_log_probs
    sizes = []

    def loss(self, ids, targets, state):
        sizes.append(ids.numel())
        clock.now += 0.5 + 0.01 * ids.numel()
        return whole(self, ids, targets, state)

    def reading(self, ids, targets, state):
        clock.now += 0.002 * ids.numel()
        return read(self, ids, targets, state)

    monkeypatch.setattr(LanguageNetwork, "loss", loss)
    monkeypatch.setattr(LanguageNetwork, "target_log_probs", reading)

    def make(minutes: float | None, tokens: int = 2000):
        network = LanguageNetwork(30, dataclasses.replace(SMALL, window=64, minutes=minutes))
        return network, np.random.default_rng(0).integers(0, 30, tokens).astype(np.int32), sizes

    return make


def test_the_pace_is_found_from_a_few_steps_of_two_sizes(costly):
    network, text, sizes = costly(None)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    found = measured(network, text, 0)
    assert found == pytest.approx(Pace(0.5, 0.01, 0.002))
    assert sizes == [64] * 4 + [512] * 4
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert network.training, "as it was"


@pytest.mark.parametrize(("minutes", "tokens"), [(0.1, 2000), (None, 100), (None, 5)])
def test_larger_steps_are_not_timed_where_they_would_cost_too_much_or_the_text_is_too_short(costly, minutes, tokens):
    network, text, sizes = costly(minutes, tokens)
    found = measured(network, text, 0)
    size = min(64, tokens)
    assert sizes == [size] * 4
    assert found == pytest.approx(Pace(0.0, (0.5 + 0.01 * size) / size, 0.002))


def test_a_training_that_is_resumed_keeps_its_rows(tmp_path, monkeypatch):
    text, path = tmp_path / "text.txt", tmp_path / "checkpoint.safetensors"
    text.write_text(sentences(400, 0))
    paces = iter([Pace(0.0, 0.05, 0.001), Pace(0.0, 1e-9, 0.001)])
    monkeypatch.setattr("lstmkit.language.language_model.measured", lambda *_: next(paces))
    how = dataclasses.replace(SMALL, columns=None, epochs=2, rounds=2, minutes=5.0)
    plans = []

    def stop(record):
        if record.epoch == 1:
            raise KeyboardInterrupt

    corpus = read_corpus(text, test_share=0.0)
    monkeypatch.setattr(pace, "PER_COLUMN", 100)
    with pytest.raises(KeyboardInterrupt):
        LanguageModel(settings=how, order=None).fit_corpus(corpus, None, stop, None, plans.append, path)
    LanguageModel(settings=how, order=None).fit_corpus(corpus, None, None, None, plans.append, path, True)
    assert [plan.columns for plan in plans] == [plans[0].columns] * 2
    assert plans[1].warmup == plans[0].warmup < 100
    assert plans[0].columns < plan_for(how, len(corpus.train), Pace(0.0, 1e-9, 0.001)).columns
