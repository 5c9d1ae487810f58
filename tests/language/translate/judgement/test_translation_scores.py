"""Scores against sacrebleu's own corpus scores, and the dictionary against model 1 by hand."""

from __future__ import annotations

import random

import pytest
from parallel import WORDS, lines

from lstmkit import InputError
from lstmkit.language.translate.judgement import Dictionary, judge, score_texts
from lstmkit.language.translate.judgement.dictionary import ROUNDS
from lstmkit.language.translate.judgement.scoring import bleu_gain, bleu_of
from lstmkit.language.translate.judgement.verdict import score_rows

TRUTHS = [own.target[0] for own in (lines(1, seed, 9) for seed in range(40))]


def damaged(texts: list[str], share: float) -> list[str]:
    draw = random.Random(1)
    return [" ".join("x" if draw.random() < share else word for word in text.split()) for text in texts]


def test_scores_are_those_of_sacrebleu_and_sums_of_parts_give_them_too():
    sacrebleu = pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    found = [text.title() for text in damaged(TRUTHS, 0.2)]
    score = score_texts(found, TRUTHS)
    assert score.bleu == pytest.approx(sacrebleu.corpus_bleu(found, [TRUTHS]).score)
    assert score.lowercased == pytest.approx(sacrebleu.corpus_bleu(found, [TRUTHS], lowercase=True).score)
    assert score.chrf == pytest.approx(sacrebleu.corpus_chrf(found, [TRUTHS]).score)
    assert bleu_of(score.parts.sum(0)) == pytest.approx(score.bleu) and score.lowercased > score.bleu + 10
    assert "case:lc" in score.signatures["BLEU, lowercased"] and "tok:13a" in score.signatures["BLEU"]
    assert score_rows({"LSTM": score})[0][0] == "LSTM"


def test_a_perfect_translation_and_one_without_spaces():
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    assert score_texts(TRUTHS, TRUTHS).bleu == pytest.approx(100)
    chinese = ["一只狗在草地上跑", "两个人在桌子旁边坐着"]
    assert "tok:char" in score_texts(chinese, chinese).signatures["BLEU"]


def test_a_gain_is_believed_where_it_is_one():
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    good, bad = (score_texts(damaged(TRUTHS, share), TRUTHS) for share in (0.1, 0.5))
    low, high = bleu_gain(good, bad)
    assert 0 < low < good.bleu - bad.bleu < high
    assert judge(good, bad).kind == "better" and judge(bad, good).kind == "worse"
    cased = [text.title() for text in TRUTHS]
    lower = score_texts(TRUTHS, cased, in_lower=True)
    assert lower.bleu < 1 and lower.judged == pytest.approx(100) and bleu_of(lower.parts.sum(0)) == pytest.approx(100)
    assert "BLEU in lower case 100.00 against" in judge(lower, score_texts(TRUTHS[::-1], cased, True)).headline
    assert bleu_gain(good, good) == (0, 0) and judge(good, good).kind == "equal"
    assert f"BLEU {good.bleu:.2f} against {bad.bleu:.2f}" in judge(good, bad).headline


def test_unequal_numbers_of_translations_are_refused():
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    with pytest.raises(InputError, match="scores: 1 translations for 2 true ones"):
        score_texts(["a"], ["a", "b"])


def test_the_dictionary_learns_the_words_of_a_language():
    found = Dictionary.learn(*(lambda own: (own.source, own.target))(lines(300)))
    assert {word: found.entries[word] for word in WORDS} == WORDS
    assert found.translate(["the zebra sees", ""]) == ["der zebra sieht", ""]


def model_1(source: list[str], target: list[str]) -> dict[tuple[str, str], float]:
    """Return the probabilities of IBM model 1 by its equations, one word after the other."""
    pairs = [([*s.split(), ""], t.split()) for s, t in zip(source, target, strict=True)]
    likely = {(s, t): 1.0 for own, other in pairs for s in own for t in other}
    for _ in range(ROUNDS):
        counts, totals = dict.fromkeys(likely, 0.0), dict.fromkeys({s for s, _ in likely}, 0.0)
        for own, other in pairs:
            for t in other:
                whole = sum(likely[s, t] for s in own)
                for s in own:
                    counts[s, t] += likely[s, t] / whole
                    totals[s] += likely[s, t] / whole
        likely = {(s, t): value / totals[s] for (s, t), value in counts.items()}
    return likely


def test_the_dictionary_is_model_1():
    source = ["the house", "the big house", "a book", "the book", "big the the"]
    target = ["das haus", "das grosse haus", "ein buch", "das buch", "das das grosse nun"]
    wanted = model_1(source, target)
    found = Dictionary.learn(source, target)
    assert len(found.entries) == 5
    for word, other in found.entries.items():
        best = max(value for (s, _), value in wanted.items() if s == word)
        assert wanted[word, other] == pytest.approx(best)


def test_upper_case_is_kept_unless_lower_case_is_asked_for():
    texts = (["The Lake"] * 3, ["Der See"] * 3)
    assert Dictionary.learn(*texts).entries["Lake"] in ("Der", "See")
    assert Dictionary.learn(*texts, lowercase=True).translate(["THE THE"])[0].islower()
