"""What is drawn from: temperature, top-k and top-p against numbers by hand and against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.language.writing import SamplingSettings
from lstmkit.language.writing.sampling import draw, filtered, most_likely

FOUR = np.log([0.5, 0.3, 0.15, 0.05])


def probabilities(settings: SamplingSettings, banned: tuple[int, ...] = (), log_probs: np.ndarray = FOUR) -> np.ndarray:
    return np.exp(filtered(log_probs, settings, banned))


def test_without_settings_the_distribution_stays_as_it_is():
    np.testing.assert_allclose(probabilities(SamplingSettings()), [0.5, 0.3, 0.15, 0.05], rtol=1e-14)


def test_temperature_by_hand():
    """At temperature 1/2 probabilities are squared: 25, 9, 2.25 and 0.25 of 36.5."""
    np.testing.assert_allclose(
        probabilities(SamplingSettings(temperature=0.5)), np.array([25, 9, 2.25, 0.25]) / 36.5, rtol=1e-13
    )


def test_temperature_zero_takes_the_most_likely_and_of_equals_the_first():
    assert probabilities(SamplingSettings(temperature=0.0)).tolist() == [1, 0, 0, 0]
    even = np.log([0.2, 0.4, 0.4])
    assert probabilities(SamplingSettings(temperature=0.0), log_probs=even).tolist() == [0, 1, 0]


@pytest.mark.parametrize("temperature", [1e-310, 1e-3, 1e300])
def test_extreme_temperatures_give_no_nonsense(temperature):
    found = probabilities(SamplingSettings(temperature=temperature))
    np.testing.assert_allclose(found, [1, 0, 0, 0] if temperature < 1 else [0.25] * 4, atol=1e-12)


def test_top_k_by_hand():
    np.testing.assert_allclose(probabilities(SamplingSettings(top_k=2)), [0.625, 0.375, 0, 0], rtol=1e-13)
    np.testing.assert_allclose(probabilities(SamplingSettings(top_k=9)), [0.5, 0.3, 0.15, 0.05], rtol=1e-13)


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (0.01, [1, 0, 0, 0]),
        (0.5, [1, 0, 0, 0]),
        (0.51, [0.625, 0.375, 0, 0]),
        (0.8, [0.625, 0.375, 0, 0]),
        (0.81, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (0.95, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (1.0, [0.5, 0.3, 0.15, 0.05]),
    ],
)
def test_top_p_by_hand(top_p, expected):
    np.testing.assert_allclose(probabilities(SamplingSettings(top_p=top_p)), expected, rtol=1e-12)


def test_a_banned_token_has_no_part_in_top_k_and_top_p():
    """Without the first token 0.6, 0.3 and 0.1 are left: of these top-k keeps two, and top-p 0.6 only one."""
    np.testing.assert_allclose(probabilities(SamplingSettings(top_k=2), (0,)), [0, 2 / 3, 1 / 3, 0], rtol=1e-13)
    np.testing.assert_allclose(probabilities(SamplingSettings(top_p=0.6), (0,)), [0, 1, 0, 0], rtol=1e-13)


def test_top_p_works_on_what_the_temperature_and_top_k_leave():
    """Squared: 25, 9, 2.25 of 36.25 after top-k 3; the first two hold 34 / 36.25 = 0.938."""
    settings = SamplingSettings(temperature=0.5, top_k=3, top_p=0.93)
    np.testing.assert_allclose(probabilities(settings), [25 / 34, 9 / 34, 0, 0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_top_p_is_the_smallest_set_that_reaches_p(seed):
    generator = np.random.default_rng(seed)
    given = generator.dirichlet(np.full(7, 0.5))
    top_p = generator.uniform(0.05, 0.99)
    sets = [s for n in range(1, 8) for s in itertools.combinations(range(7), n) if given[list(s)].sum() >= top_p]
    fewest = min(map(len, sets))
    best = max((s for s in sets if len(s) == fewest), key=lambda s: given[list(s)].sum())
    expected = np.zeros(7)
    expected[list(best)] = given[list(best)] / given[list(best)].sum()
    np.testing.assert_allclose(
        probabilities(SamplingSettings(top_p=top_p), log_probs=np.log(given)), expected, rtol=1e-10
    )


@pytest.mark.parametrize("count", [1, 2, 5, 9, 40])
def test_most_likely_agrees_with_sorting_and_takes_the_lower_id_of_equals(count):
    values = np.random.default_rng(1).integers(0, 6, 40).astype(np.float64)
    expected = sorted(range(40), key=lambda i: (-values[i], i))[:count]
    assert most_likely(values, count).tolist() == expected


def test_draws_have_the_frequencies_of_the_distribution():
    """The sum of squares over expected counts; 16.27 is exceeded once in a thousand with 3 degrees of freedom."""
    generator, draws = np.random.default_rng(0), 20_000
    counts = np.bincount([draw(FOUR, generator) for _ in range(draws)], minlength=4)
    expected = draws * np.exp(FOUR)
    assert ((counts - expected) ** 2 / expected).sum() < 16.27


def test_a_token_without_probability_is_never_drawn():
    log_probs = filtered(FOUR, SamplingSettings(), (0, 2))
    generator = np.random.default_rng(0)
    assert {draw(log_probs, generator) for _ in range(2000)} == {1, 3}


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2**-53, 1.0])
def test_the_ends_of_the_interval_draw_a_token_that_is_possible(uniform):
    class Fixed(np.random.Generator):
        def random(self) -> float:
            return uniform

    log_probs = filtered(FOUR, SamplingSettings(), (0, 3))
    assert draw(log_probs, Fixed(np.random.PCG64())) == (1 if uniform == 0 else 2)


def test_nothing_left_to_draw_is_a_defect():
    with pytest.raises(ValueError, match="no token is left"):
        filtered(FOUR, SamplingSettings(), (0, 1, 2, 3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": -0.1}, "temperature must not be negative; got -0.1"),
        ({"temperature": float("nan")}, "temperature must not be negative; got nan"),
        ({"temperature": float("inf")}, "temperature must be a finite number; got inf"),
        ({"top_k": 0}, "top_k must be at least 1; got 0"),
        ({"top_p": 0.0}, "top_p must be more than 0 and at most 1; got 0.0"),
        ({"top_p": 1.5}, "top_p must be more than 0 and at most 1; got 1.5"),
        ({"top_p": float("nan")}, "top_p must be more than 0 and at most 1; got nan"),
    ],
)
def test_settings_out_of_range_are_refused(given, message):
    with pytest.raises(InputError) as refused:
        SamplingSettings(**given)
    assert str(refused.value) == message
