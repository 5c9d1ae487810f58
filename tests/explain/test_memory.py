"""The memory problems have the answers they claim, and the study reports what happened."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.explain import MemoryResult, MemorySettings, Variant, measure_memory, parse_variants
from lstmkit.explain.charts import memory_figure
from lstmkit.explain.memory import Trial
from lstmkit.explain.problems import PROBLEMS, Adding, TemporalOrder
from lstmkit.explain.report import write_memory_page

TINY = MemorySettings(longest=10, minutes=1.0, hidden=8, steps=50)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("T", [10, 11, 40])
def test_adding_asks_for_the_sum_of_the_two_marked_numbers(T):
    x, answer = Adding().draw(500, T, generator())
    assert x.shape == (T, 500, 2)
    numbers, marks = x.unbind(2)
    assert set(marks.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(marks.sum(0), torch.full((500,), 2.0))
    torch.testing.assert_close((numbers * marks).sum(0), answer)
    places = [marks[:, b].nonzero().flatten().tolist() for b in range(500)]
    assert all(min(p) < max(1, T // 10) and max(p) < T // 2 for p in places)
    assert {max(p) for p in places} >= set(range(max(1, T // 10), T // 2))


def test_always_one_has_an_error_of_a_sixth_and_nothing_constant_is_better():
    _, answer = Adding().draw(200_000, 10, generator())
    assert Adding().naive_error(answer) == pytest.approx(1 / 6, abs=2e-3)
    assert Adding().naive_error(answer) == pytest.approx(float(answer.var()), abs=1e-4)
    assert Adding().error(answer[:, None], answer) == 0


@pytest.mark.parametrize("T", [10, 11, 40])
def test_temporal_order_asks_for_the_two_symbols_in_order(T):
    x, answer = TemporalOrder().draw(500, T, generator())
    assert x.shape == (T, 500, 8)
    symbols = x.argmax(2)
    assert torch.equal(x.sum(2), torch.ones(T, 500))
    assert set(symbols[0].tolist()) == {4}
    assert set(symbols[-1].tolist()) == {5}
    for b in range(500):
        places = (symbols[:, b] >= 6).nonzero().flatten().tolist()
        first, second = places
        assert T // 10 <= first < T // 10 + T // 10 and T // 2 <= second < T // 2 + T // 10
        assert answer[b] == 2 * (symbols[first, b] - 6) + (symbols[second, b] - 6)
    assert sorted(answer.unique().tolist()) == [0, 1, 2, 3]


def test_the_naive_class_is_wrong_three_times_in_four():
    problem = TemporalOrder()
    _, answer = problem.draw(100_000, 10, generator())
    assert problem.naive_error(answer) == pytest.approx(0.75, abs=5e-3)
    right = torch.nn.functional.one_hot(answer, 4).float()
    assert problem.error(right, answer) == 0
    assert problem.error(right.roll(1, 1), answer) == 1
    assert problem.naive_error(torch.tensor([2, 2, 2, 0])) == 0.25


def test_lags_double_up_to_the_longest():
    assert MemorySettings(longest=160).lags == (10, 20, 40, 80, 160)
    assert MemorySettings(longest=79).lags == (10, 20, 40)
    assert MemorySettings().quick().lags == (10, 20)
    assert MemorySettings().quick().minutes is None


def test_without_minutes_the_clock_decides_nothing(monkeypatch):
    settings = MemorySettings(longest=10, hidden=4, steps=50).quick()
    ticks = itertools.count(step=10_000)  # a machine on which everything takes hours
    monkeypatch.setattr("lstmkit.explain.memory.time.perf_counter", lambda: float(next(ticks)))
    left = []
    result = measure_memory(
        [Variant("rnn")], dataclasses.replace(settings, longest=10, steps=50), None, lambda _, s: left.append(s)
    )
    assert {trial.outcome for trial in result.trials} <= {"learnt", "not learnt"}
    assert left == [math.inf] * len(result.trials)
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["settings"]["minutes"] is None


@pytest.mark.parametrize("name", ["minutes", "learning_rate", "clip_norm"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, -1])
def test_settings_must_be_positive_and_finite(name, value):
    with pytest.raises(InputError, match=f"^explain memory: {name} must be (more than 0|a finite number); got "):
        MemorySettings(**{name: value})


def trial_of(error):
    return Trial("temporal order", Variant("gru"), 10, "learnt", error, 0.75, 50, 1.0)


@pytest.mark.parametrize(("error", "symbol"), [(0.0, "triangle-down"), (1e-5, "triangle-down"), (0.005, "circle")])
def test_an_error_below_the_scale_is_drawn_as_one_and_the_page_says_so(error, symbol, tmp_path):
    result = MemoryResult(MemorySettings(longest=10), (Variant("gru"),), (trial_of(error),), 1.0)
    drawn = memory_figure(result, TemporalOrder()).data[0]
    assert drawn.marker.symbol == (symbol,)
    assert drawn.y == (max(error, 0.001),)
    assert drawn.customdata[0][2] == error
    write_memory_page(tmp_path / "page.html", result)
    said = (
        f"Triangles: an error below 0.001, down to {error:.1e}, drawn where the scale ends."
        in (tmp_path / "page.html").read_text()
    )
    assert said == (symbol == "triangle-down")


def test_an_easy_lag_is_learnt_and_a_trial_stops_when_it_is():
    settings = MemorySettings(longest=10, minutes=5.0, hidden=16, steps=400, learning_rate=1e-2)
    seen, left = [], []
    result = measure_memory([Variant("gru")], settings, lambda m: seen.append(m), lambda t, s: left.append(s))
    order = result.of("temporal order", Variant("gru"))
    assert [t.outcome for t in order] == ["learnt"]
    assert order[0].error < 0.01 < 0.7 < order[0].naive < 0.8
    assert 0 < order[0].steps < 400
    assert result.reach("temporal order", Variant("gru")) == 10
    assert result.reach_in_words("temporal order", Variant("gru")) == "10 (all tried)"
    assert len(left) == len(result.trials) == 2
    assert left == sorted(left, reverse=True)
    assert {m.problem for m in seen} == {"adding", "temporal order"}


def test_a_cell_that_fails_is_not_asked_again_and_the_others_go_on():
    settings = MemorySettings(longest=20, minutes=5.0, hidden=8, steps=25)
    variants = parse_variants("rnn,lstm")
    result = measure_memory(variants, settings)
    for variant in variants:
        (trial,) = result.of("adding", variant)  # 25 steps are far too few
        assert (trial.lag, trial.outcome, trial.steps) == (10, "not learnt", 25)
        assert trial.error > 0.01 and math.isfinite(trial.error)
        assert trial.naive == pytest.approx(1 / 6, abs=0.02)
        assert result.reach_in_words("adding", variant) == "none"


def test_the_study_ends_when_time_is_up():
    settings = MemorySettings(longest=10, minutes=1e-9, hidden=8, steps=1000)
    result = measure_memory([Variant("lstm")], settings)
    assert result.trials == ()
    assert result.reach_in_words("adding", Variant("lstm")) == "time was up"
    settings = MemorySettings(longest=20, minutes=0.02, hidden=8, steps=1_000_000, learning_rate=1e-9)
    result = measure_memory([Variant("lstm")], settings)
    assert [t.outcome for t in result.trials] == ["time was up"]
    assert result.seconds < 30


def test_the_same_seed_gives_the_same_trials():
    def figures():
        return [(t.problem, t.error, t.naive, t.steps) for t in measure_memory([Variant("rnn")], TINY).trials]

    state = torch.get_rng_state()
    assert figures() == figures()
    assert torch.equal(torch.get_rng_state(), state)


def trial(lag, outcome):
    return Trial("adding", Variant("lstm"), lag, outcome, 0.1, 0.17, 10, 1.0)


@pytest.mark.parametrize(
    ("trials", "reach", "words"),
    [
        ([trial(10, "learnt"), trial(20, "not learnt")], 10, "10"),
        ([trial(10, "learnt"), trial(20, "learnt"), trial(40, "learnt")], 40, "40 (all tried)"),
        ([trial(10, "learnt"), trial(20, "time was up")], 10, "10 (time was up)"),
        ([trial(10, "learnt")], 10, "10 (time was up)"),
        ([trial(10, "not learnt")], 0, "none"),
        ([], 0, "time was up"),
    ],
)
def test_the_reach_says_whether_a_longer_lag_was_tried(trials, reach, words):
    result = MemoryResult(MemorySettings(longest=40), (Variant("lstm"),), tuple(trials), 1.0)
    assert result.reach("adding", Variant("lstm")) == reach
    assert result.reach_in_words("adding", Variant("lstm")) == words


@pytest.mark.parametrize("field", ["minutes", "hidden", "steps", "batch_size", "learning_rate", "clip_norm"])
def test_settings_are_checked(field):
    with pytest.raises(InputError, match=f"^explain memory: {field} must be (more than 0|at least 1); got 0"):
        MemorySettings(**{field: 0})


def test_the_longest_lag_is_at_least_the_shortest():
    with pytest.raises(InputError, match=r"^explain memory: longest must be at least 10 steps; got 9$"):
        MemorySettings(longest=9)


def test_both_problems_are_learnt_at_one_error_in_a_hundred():
    assert [problem.limit for problem in PROBLEMS] == [0.01, 0.01]
