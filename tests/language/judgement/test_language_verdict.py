"""The verdict on a language model says what its scores say."""

from __future__ import annotations

import math

import pytest

from lstmkit.language.judgement import Comparison, Score
from lstmkit.language.judgement.scoring import Difference
from lstmkit.language.judgement.verdict import judge


def _comparison(lstm: float, ngram: float, mixture: float, spread: float = 0.01) -> Comparison:
    """Models of the given perplexities on 1,000 tokens, each difference give or take a spread."""
    perplexities = {"lstm": lstm, "ngram": ngram, "mixture": mixture}
    scores = {name: Score(1000, 0, 5000, -1000 * math.log(p)) for name, p in perplexities.items()}
    differences = []
    for a, b in (("lstm", "ngram"), ("lstm", "mixture"), ("ngram", "mixture")):
        better, worse = sorted((a, b), key=lambda name: perplexities[name])
        mean = math.log(perplexities[worse] / perplexities[better])
        differences.append(Difference(better, worse, mean, mean - spread, mean + spread))
    return Comparison(scores, tuple(differences))


def test_better():
    verdict = judge(_comparison(80.0, 100.0, 75.0), 5)
    assert verdict.kind == "better"
    assert verdict.headline == "Better than the 5-gram model: perplexity 80 against 100, 20 % lower."
    assert verdict.detail == (
        "95 % interval of the difference 19.2 to 20.8 %, on 1,000 tokens that neither model saw. "
        "Together they are better than either: 75."
    )


def test_worse_and_the_interval_has_the_same_measure():
    verdict = judge(_comparison(300.0, 100.0, 99.9), 5)
    assert verdict.kind == "worse"
    assert verdict.headline == "Worse than the 5-gram model: perplexity 300 against 100, 200 % higher."
    assert "95 % interval of the difference 197.0 to 203.0 %" in verdict.detail
    assert verdict.detail.endswith("Together they reach 99.9, no clear gain. Use the n-grams.")


def test_worse_alone_but_better_together_is_no_reason_to_leave_it_out():
    verdict = judge(_comparison(110.0, 100.0, 90.0), 5)
    assert verdict.kind == "worse" and verdict.detail.endswith("Together they are better than either: 90.")


def test_a_difference_that_may_be_none_is_none():
    verdict = judge(_comparison(100.0, 100.5, 100.2), 3)
    assert verdict.kind == "equal" and verdict.headline.startswith("No better than the 3-gram model")
    assert "the uncertainty includes zero" in verdict.detail


def test_without_ngrams_there_is_nothing_to_judge_by():
    alone = Comparison({"lstm": Score(10, 0, 50, -20.0)}, ())
    assert judge(alone, 5) is None


@pytest.mark.parametrize("lstm", [95.0, 99.0])
def test_small_changes_have_a_digit_more(lstm):
    assert f"{100 - lstm:.1f} % lower" in judge(_comparison(lstm, 100.0, 90.0, 0.001), 5).headline


def test_text_that_was_learnt_from_is_not_called_unseen():
    for lstm in (80.0, 100.0):
        said = judge(_comparison(lstm, 100.2, 99.0), 5, unseen=False).detail
        assert "of the test part, of which some are in the training part" in said
        assert "saw" not in said
