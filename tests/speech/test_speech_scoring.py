"""Errors of words and characters against torchmetrics and by hand, and how sure a difference is."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from torchmetrics.functional.text import char_error_rate, word_error_rate

from lstmkit import InputError
from lstmkit.speech import align, aligned, compare, judge, score_texts
from lstmkit.speech.scoring import DELETED, INSERTED, SAME, SUBSTITUTED, Edit, distance, words_of


def texts(seed: int, count: int = 30) -> tuple[list[str], list[str]]:
    """Return sentences of few different words, and others that are like them."""
    generator = random.Random(seed)
    words = ["ba", "be", "bi", "so", "sa", "tu"]
    truths = [" ".join(generator.choices(words, k=generator.randint(1, 9))) for _ in range(count)]
    found = [" ".join(w for w in t.split() if generator.random() > 0.2) for t in truths]
    return truths, [" ".join([*f.split(), *generator.choices(words, k=generator.randint(0, 2))]) for f in found]


@pytest.mark.parametrize("seed", range(5))
def test_error_rates_are_those_of_torchmetrics(seed):
    truths, found = texts(seed)
    score = score_texts(truths, found)
    assert score.wer == pytest.approx(float(word_error_rate(found, truths)), abs=1e-6)
    assert score.cer == pytest.approx(float(char_error_rate(found, truths)), abs=1e-6)
    assert score.sentences == np.mean([t == f for t, f in zip(truths, found, strict=True)])


def fewest(truth: str, found: str) -> int:
    """Return the number of changes by trying all of them."""
    if not truth or not found:
        return len(truth) + len(found)
    if truth[0] == found[0]:
        return fewest(truth[1:], found[1:])
    return 1 + min(fewest(truth[1:], found), fewest(truth, found[1:]), fewest(truth[1:], found[1:]))


def test_an_alignment_has_the_fewest_changes_and_gives_both_back():
    for truth, found in itertools.product(("", "a", "ab", "abc", "aabb", "bca"), repeat=2):
        edits = align(truth, found)
        assert sum(edit.kind != SAME for edit in edits) == fewest(truth, found) == distance(truth, found)
        assert "".join(e.truth for e in edits) == truth and "".join(e.found for e in edits) == found
        assert all((e.truth == e.found) == (e.kind == SAME) for e in edits)


def test_what_happened_to_every_word():
    score = score_texts(["one two three four"], ["one too three four five"])
    (one,) = score.utterances
    assert one.edits[1] == Edit(SUBSTITUTED, "two", "too") and one.edits[-1] == Edit(INSERTED, "", "five")
    assert score.counts == {SAME: 3, SUBSTITUTED: 1, DELETED: 0, INSERTED: 1}
    assert score.wer == 0.5
    assert score.cer == pytest.approx(6 / 18)
    assert aligned(one.edits) == ("one TWO three four ****", "one TOO three four five")
    assert score_texts(["one two"], [""]).counts[DELETED] == 2


def test_nothing_said_is_no_word_and_something_heard_is_an_error():
    score = score_texts(["", "one"], ["noise", "one"])
    assert (score.words, score.errors, score.wer) == (1, 1, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's WELL-known, isn’t it?", ["it's", "well-known", "isn't", "it"]),  # noqa: RUF001
        ("«Straße» — 3.5 km!", ["strasse", "3.5", "km"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("今日は。", ["今", "日", "は"]),
        ("  \t\n", []),
    ],
)
def test_texts_become_words_in_one_way(text, words):
    assert words_of(text) == words


def test_speakers_and_confusions():
    score = score_texts(["a b", "a c", "c"], ["a d", "a d", "c"], speakers=["x", "y", "z"])
    assert {name: own.wer for name, own in score.by_speaker().items()} == {"x": 0.5, "y": 0.5, "z": 0.0}
    assert score.confusions() == [(Edit(SUBSTITUTED, "b", "d"), 1), (Edit(SUBSTITUTED, "c", "d"), 1)]
    again = score_texts(["b", "b", "c"], ["d", "d", "e"])
    assert again.confusions(1) == [(Edit(SUBSTITUTED, "b", "d"), 2)]


def scores(wrong: int, rival: int, count: int = 100) -> tuple[object, object]:
    """Return two scores of one word an utterance; the first is wrong in the first of them, the rival in the last."""
    truths, speakers = ["word"] * count, [str(k % 10) for k in range(count)]
    own = ["no"] * wrong + ["word"] * (count - wrong)
    other = ["word"] * (count - rival) + ["no"] * rival
    return score_texts(truths, own, None, speakers), score_texts(truths, other, None, speakers)


def test_a_difference_has_the_interval_that_its_spread_gives():
    first, second = scores(10, 30)
    found = compare(first, second)
    gains = np.repeat([-1, 0, 1], [10, 60, 30])
    half = 1.96 * gains.std() / 10
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2 - half, abs=0.02) and found.high == pytest.approx(0.2 + half, abs=0.02)
    assert judge(first, second, "the rival").kind == "better"
    assert judge(second, first, "the rival").kind == "worse"
    assert judge(*scores(10, 12), "the rival").headline == (
        "No better than the rival: word error rate 10.00 % against 12.00 %."
    )


def test_drawing_speakers_is_wider_where_their_errors_are_alike():
    truths, speakers = ["w"] * 100, [str(k // 10) for k in range(100)]
    own = score_texts(truths, ["w"] * 100, None, speakers)
    other = score_texts(truths, ["x"] * 30 + ["w"] * 70, None, speakers)
    alone, together = compare(own, other), compare(own, other, speakers=True)
    assert alone.value == together.value and together.units == 10
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_of_an_error_rate_holds_it():
    score = scores(10, 30)[0]
    low, high = score.interval
    assert low == pytest.approx(0.1 - 1.96 * 0.03, abs=0.02) and high == pytest.approx(0.1 + 1.96 * 0.03, abs=0.02)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: score_texts([], []), "scores: 0 transcripts, 0 texts"),
        (lambda: score_texts(["a"], ["a", "b"]), "1 transcripts, 2 texts, 1 names, 1 speakers; give one of each"),
        (lambda: score_texts(["...", ""], ["a", "b"]), "no transcript has a word; give what was said"),
        (lambda: compare(score_texts(["a"], ["a"]), score_texts(["a b"], ["a"])), "on the same utterances"),
        (
            lambda: compare(score_texts(["a"], ["a"]), score_texts(["a"], ["a"]), speakers=True),
            "not every speaker is known",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(act, message):
    with pytest.raises(InputError, match=message):
        act()
