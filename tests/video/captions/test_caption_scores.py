"""Scores of captions against numbers worked out by hand and published ones, and the verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.video.captions.judgement.scoring import cider, cider_gain, rouge_l, score_captions, words_of
from lstmkit.video.captions.judgement.verdict import judge

pytest.importorskip("sacrebleu", reason="the extra translate is not installed")


def test_cider_is_what_another_package_publishes():
    """The example in the README of aac-metrics, which computes as the evaluation of COCO does: 1.3641 and 0.5587."""
    found = ["a man is speaking", "rain falls"]
    truths = [
        ["a man speaks.", "someone speaks.", "a man is speaking while a bird is chirping in the background"],
        ["rain is falling hard on a surface"],
    ]
    score = score_captions(found, truths)
    np.testing.assert_allclose(score.clips, [136.41, 55.87], atol=0.005)
    assert score.cider == pytest.approx(96.14, abs=0.005)


def test_cider_by_hand():
    """Two clips: "dog" and "runs" are in one, "a" in both, so that it tells nothing."""
    truths = [[["a", "dog", "runs"]], [["a", "cat"]]]
    # One word: weights a 0, dog log 2, runs log 2. Found "a dog": (0, log 2). Cosine: log2² / (log2 · log2 · √2).
    # Two words: "a dog" and "dog runs", log 2 each; found "a dog". The same. Three and four: nothing is found.
    cosines = 2 / math.sqrt(2)
    length = math.exp(-(1**2) / (2 * 6**2))
    expected = 1000 * cosines * length / 4
    assert cider([["a", "dog"], ["a", "cat"]], truths)[0] == pytest.approx(expected)
    # What is found twice counts once where the true caption has it once: (2 log 2) is cut to log 2.
    again = cider([["dog", "dog"], ["a", "cat"]], truths)[0]
    assert again == pytest.approx(
        1000 * (math.log(2) ** 2 / (2 * math.log(2) * math.sqrt(2) * math.log(2))) * length / 4
    )


def test_the_same_caption_is_perfect_and_one_clip_tells_nothing():
    texts = [["a", "b", "c", "d", "e"], ["f", "g", "h", "i", "j"]]
    np.testing.assert_allclose(cider(texts, [[text] for text in texts]), [1000, 1000])
    assert cider([["a"]], [[["a"]]]).tolist() == [0]


def test_rouge_by_hand():
    # Longest common: the cat mat, 3 of 4 words found, 3 of 6 true ones.
    found, true = ["the", "cat", "mat", "there"], ["the", "cat", "sat", "on", "the", "mat"]
    precision, recall = 3 / 4, 3 / 6
    assert rouge_l(found, [true]) == pytest.approx((1 + 1.44) * precision * recall / (recall + 1.44 * precision))
    # The best precision and the best recall may be of different true captions.
    precision = 1
    assert rouge_l(found, [true, found + ["more"] * 6]) == pytest.approx(2.44 * precision * recall / (recall + 1.44))
    assert rouge_l([], [true]) == 0 and rouge_l(["dog"], [true]) == 0


def test_words_are_compared_without_case_and_marks():
    assert words_of("A man's dog, 2 cats -- well-known!") == ["a", "man's", "dog", "2", "cats", "well-known"]
    score = score_captions(["A dog RUNS."] * 2, [["a dog runs", "x"], ["a dog runs!"]])
    assert score.exact == 100 and score.rouge == pytest.approx(100)
    assert score_captions(["a b c d"], [["a b c d", "e"]]).bleu == pytest.approx(100)


def test_scores_need_true_captions():
    with pytest.raises(InputError, match="scores: 1 captions for 2 clips; give as many"):
        score_captions(["a"], [["a"], ["b"]])


def test_the_verdict_is_of_the_better_rival_and_of_no_few_clips():
    truths = [[f"clip {k} does thing {k} here"] for k in range(40)]
    right = score_captions([own[0] for own in truths], truths)
    wrong, worse = (score_captions([text] * 40, truths) for text in ("clip 1 does thing 2 here", "nothing"))
    rivals = {"nearest clip": wrong, "most frequent caption": worse}
    found = judge(right, rivals)
    assert found.kind == "better" and "nearest clip" in found.headline
    assert judge(wrong, {"nearest clip": wrong}).kind == "equal"
    assert judge(worse, {"nearest clip": right}).kind == "worse"
    assert judge(right, rivals, ["one"] * 40).kind == "better"
    gain = right.cider - wrong.cider
    assert cider_gain(right, wrong, ["one"] * 40) == pytest.approx((gain, gain))  # a group is drawn as a whole
    low, high = cider_gain(right, wrong)
    assert low < gain < high
    few = [own[:5] for own in truths[:5]]
    some = score_captions([own[0] for own in few], few)
    assert judge(some, {"nearest clip": some}).headline.startswith("Nothing can be concluded")
