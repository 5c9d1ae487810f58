"""Several heads scored together, times, confidences, and weights chosen on a validation part."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_decoding_search import LM, SPELLINGS, by_alignments, emissions_of, language_of, occurrences

from lstmkit import InputError
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.vocabulary import Characters
from lstmkit.speech import align, score_texts, word_ngrams
from lstmkit.speech.decoding import Decoder, DecodingSettings, Head, Hotwords, fit_decoding
from lstmkit.speech.decoding.candidates import changes
from lstmkit.speech.decoding.decoder import cuts
from lstmkit.speech.decoding.fitting import fit_curve, reliability

WORDS = list(SPELLINGS)
PHONES = Head(("x", "y", "z"), lambda word: SPELLINGS.get(word, []))
WHOLE = Head(tuple(WORDS), lambda word: [(WORDS.index(word) + 1,)] if word in WORDS else [])


def test_joint_scores_are_the_sum_of_exact_ones_and_the_best_is_the_best_of_all():
    shares = {"phone": 0.7, "word": 0.3}
    settings = DecodingSettings(50, 0.6, -0.3, {name: 2 * share for name, share in shares.items()}, least=-50)
    right = 0
    for seed in range(6):
        emissions = {"phone": emissions_of(seed, 5, 3), "word": emissions_of(seed + 100, 5, len(WORDS), 1.0)}
        phones, whole = by_alignments(emissions["phone"]), by_alignments(emissions["word"])
        every = {}
        for count in range(4):
            for words in itertools.product(WORDS, repeat=count):
                spelled = [sum(parts, ()) for parts in itertools.product(*(SPELLINGS[word] for word in words))]
                sounds = (
                    sum(phones.get(row, 0.0) for row in spelled),
                    whole.get(tuple(WORDS.index(word) + 1 for word in words), 0.0),
                )
                if min(sounds) > 0:
                    own = 0.7 * np.log(sounds[0]) + 0.3 * np.log(sounds[1])
                    every[words] = own + language_of(words, LM, 0.6, -0.3)
        decoder = Decoder({"phone": PHONES, "word": WHOLE}, 0.03, WORDS, LM, settings=settings)
        pool = decoder.pool(emissions)
        for one in pool:
            if one.words in every:
                assert decoder.judges.score(one) == pytest.approx(every[one.words], abs=1e-4)
        right += pool[0].words == max(every, key=lambda words: every[words])
        sure = decoder.posterior(pool)
        held = [one for one in pool if one.words]
        scores = np.exp([decoder.judges.score(one) for one in pool])
        assert sure.alternatives[0].probability == pytest.approx(scores[0] / scores.sum())
        assert held and all(0 <= p <= 1 for p in sure.probabilities)
    assert right >= 5


def test_what_two_texts_differ_in_are_the_places_that_turn_one_into_the_other():
    generator = np.random.default_rng(0)
    for _ in range(200):
        own, other = (tuple(generator.choice(list("abc"), generator.integers(0, 6)).tolist()) for _ in range(2))
        found = own
        for begin, end, said in reversed(changes(own, other)):
            found = found[:begin] + said + found[end:]
        assert found == other
        assert len(changes(own, other)) <= sum(edit.kind != "same" for edit in align(own, other))


LETTERS = "abcdefgh"
NAMES = ["bad", "cab", "dad", "each", "fade", "gab", "head", "beach", "face", "deaf", "a", "be"]
ADDRESS = Head((*LETTERS, " "), lambda word: [tuple(LETTERS.index(c) + 1 for c in word)], 9, opens=True)
LISTED = Head(tuple(NAMES), lambda word: [(NAMES.index(word) + 1,)] if word in NAMES else [])
HEADS = {"character": ADDRESS, "word": LISTED}


def heard(words: list[str], seed: int, noise: float) -> dict[str, np.ndarray]:
    """Return emissions of a network that hears words badly: spikes among noise."""
    generator = np.random.default_rng(seed)
    rows: list[list[int]] = []
    for place, word in enumerate(words):
        letters = [*([9] if place else []), *(LETTERS.index(c) + 1 for c in word)]
        for k, letter in enumerate(letters):
            rows += [[0, 0]] * int(generator.integers(1, 3))
            rows += [[letter, NAMES.index(word) + 1 if k == len(letters) - 1 else 0]]
    rows += [[0, 0]] * 2
    found = {}
    for column, (name, units) in enumerate((("character", 9), ("word", len(NAMES)))):
        logits = generator.normal(0, noise, (len(rows), 1 + units))
        logits[np.arange(len(rows)), [row[column] for row in rows]] += 6
        found[name] = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return found


def recordings(seed: int, count: int, noise: float) -> tuple[list[dict[str, np.ndarray]], list[str]]:
    generator = np.random.default_rng(seed)
    texts = [generator.choice(NAMES, generator.integers(1, 5)).tolist() for _ in range(count)]
    return [heard(words, seed * 1000 + k, noise) for k, words in enumerate(texts)], [" ".join(w) for w in texts]


def wer(decoder: Decoder, emissions: list[dict[str, np.ndarray]], texts: list[str]) -> float:
    return score_texts(texts, [decoder.decode(own).text for own in emissions]).wer


def test_heads_together_know_more_than_each_and_fitted_weights_more_than_none():
    validation, test = recordings(1, 24, 2.8), recordings(2, 20, 2.8)
    alone = [wer(Decoder({name: head}, 0.03, NAMES), *test) for name, head in HEADS.items()]
    together = Decoder(HEADS, 0.03, NAMES, word_ngrams(recordings(3, 200, 0)[1], order=2))
    fitted = fit_decoding(together, *validation)
    both = wer(together.with_settings(fitted.settings), *test)
    assert both < 0.75 * min(alone)
    assert sum(fitted.settings.heads.values()) == pytest.approx(1)
    assert fitted.wer == pytest.approx(wer(together.with_settings(fitted.settings), *validation), abs=1e-9)
    assert fitted.wer <= wer(together, *validation) + 1e-9
    # Confidence: among words that it is sure of, as many are right as it says.
    decoder = together.with_settings(fitted.settings)
    sure, right = [], []
    for emissions, text in zip(*recordings(4, 30, 2.8), strict=True):
        words = decoder.decode(emissions).words
        sure += [word.confidence for word in words]
        edits = align(text.split(), [word.text for word in words])
        right += [edit.kind == "same" for edit in edits if edit.found]
    for mean, share, count in reliability(np.array(sure), np.array(right), 3):
        assert abs(mean - share) < 3 * np.sqrt(0.25 / count)
    assert max(sure) - min(sure) > 0.1


def test_an_open_vocabulary_finds_words_that_one_head_does_not_know():
    emissions = heard(["bad", "head"], 0, 0.5)
    letters = "cafe"
    rows = emissions["character"]
    said = [LETTERS.index(c) + 1 for c in letters]
    quiet = np.full((2 * len(said), rows.shape[1]), -8.0, np.float32)
    quiet[::2, 0] = quiet[np.arange(1, 2 * len(said), 2), said] = 0.0
    spaced = np.full((1, rows.shape[1]), -8.0, np.float32)
    spaced[0, 9] = 0.0
    long = np.concatenate([rows, spaced, quiet])
    blank = np.full((len(long) - len(rows), len(NAMES) + 1), -8.0, np.float32)
    blank[:, 0] = 0.0
    both = {"character": long, "word": np.concatenate([emissions["word"], blank])}
    decoder = Decoder(HEADS, 0.03)
    assert decoder.decode(both).text == "bad head cafe"
    assert set(decoder.judges.searched) == {"character", "word"}


def test_a_head_of_words_keeps_letters_from_being_lost():
    emissions = heard(["bad", "head"], 0, 0.3)
    rows = emissions["character"]
    last = int(np.flatnonzero(rows.argmax(axis=1) == 4)[-1])  # the D of HEAD is hardly heard
    rows[last, [0, 4]] = np.log([0.8, 0.1])
    alone = Decoder({"character": ADDRESS}, 0.03).decode({"character": rows}).text
    assert (alone, Decoder(HEADS, 0.03).decode(emissions).text) == ("bad hea", "bad head")


def test_words_have_the_times_of_their_letters_and_segments_those_of_the_recording():
    emissions = heard(["bad", "a", "beach"], 0, 0.0)
    spans = []
    best = emissions["character"].argmax(axis=1)
    starts = [0, *(np.flatnonzero(best == 9) + 1).tolist(), len(best)]
    for begin, end in itertools.pairwise(starts):
        there = np.flatnonzero((best[begin:end] != 0) & (best[begin:end] != 9)) + begin
        spans.append((int(there[0]), int(there[-1]) + 1))
    segment = Decoder(HEADS, 0.04, NAMES).decode(emissions, start=2.0)
    found = [(word.start, word.end) for word in segment.words]
    np.testing.assert_allclose(found, 2.0 + 0.04 * np.array(spans))
    assert (segment.start, segment.end) == pytest.approx((2.0, 2.0 + 0.04 * len(best)))
    assert segment.alternatives[0].text == segment.text == "bad a beach"
    assert all(word.confidence > 0.9 for word in segment.words)


def test_what_is_long_is_searched_in_parts_that_know_what_was_said_before():
    generator = np.random.default_rng(2)
    words = generator.choice(NAMES, 80).tolist()
    emissions = heard(words, 0, 1.0)
    frames = len(emissions["word"])
    parts = cuts(emissions)
    assert len(parts) > 2 and parts[0][0] == 0 and parts[-1][1] == frames
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts)) and max(b - a for a, b in parts) <= 250
    best = emissions["character"].argmax(axis=1)
    assert all(best[begin] == 0 for begin, _ in parts[1:])
    lm = word_ngrams([" ".join(words)], order=3)  # knows the text, if it is told what came before
    segment = Decoder(HEADS, 0.04, NAMES, lm, settings=DecodingSettings(language=1.0)).decode(emissions, 1.0)
    assert score_texts([" ".join(words)], [segment.text]).wer < 0.05
    assert (segment.start, segment.end) == pytest.approx((1.0, 1.0 + 0.04 * frames))
    starts = [word.start for word in segment.words]
    assert starts == sorted(starts)
    assert segment.alternatives[0].text == segment.text
    likely = [other.probability for other in segment.alternatives]
    assert likely == sorted(likely, reverse=True)
    silence = np.full((700, 10), -9.0, np.float32)
    silence[:, 3] = 0.0
    assert cuts({"character": silence}) == [(0, 250), (250, 500), (500, 700)]


def test_hotwords_decide_between_what_sounds_alike():
    emissions = heard(["gab", "bad"], 3, 0.3)
    emissions["character"][:, 7] = emissions["character"][:, 3]  # G sounds like C
    emissions["word"][:, NAMES.index("gab") + 1] = emissions["word"][:, NAMES.index("cab") + 1]
    plain = Decoder(HEADS, 0.03, NAMES, settings=DecodingSettings(bonus=0.1))
    for phrase in ("gab bad", "cab bad"):
        decoder = Decoder(HEADS, 0.03, NAMES, hotwords=Hotwords({phrase: 3.0}), settings=plain.settings)
        found = decoder.decode(emissions)
        assert occurrences(tuple(found.text.split()), tuple(phrase.split()))


def test_probabilities_that_are_too_sure_are_made_true():
    generator = np.random.default_rng(0)
    odds = generator.normal(0, 2, 4000)
    right = generator.random(4000) < 1 / (1 + np.exp(-(0.5 * odds - 0.4)))
    slope, offset = fit_curve(1 / (1 + np.exp(-odds)), right)
    assert slope == pytest.approx(0.5, abs=0.06) and offset == pytest.approx(-0.4, abs=0.1)
    slope, offset = fit_curve(1 / (1 + np.exp(odds)), right)  # the wrong way round: no slope at all
    assert slope == 0.0 and 1 / (1 + np.exp(-offset)) == pytest.approx(right.mean(), abs=0.01)
    slope, offset = fit_curve(np.ones(5), np.ones(5, bool))
    assert np.isfinite([slope, offset]).all() and slope >= 0


def test_what_cannot_be_decoded_is_refused():
    with pytest.raises(InputError, match="decoding: phone spell no words by themselves"):
        Decoder({"phone": PHONES}, 0.03)
    with pytest.raises(InputError, match="the head word must have emissions of shape"):
        Decoder(HEADS, 0.03, NAMES).decode({"character": np.zeros((4, 10), np.float32)})
    with pytest.raises(InputError, match="DecodingSettings: the weight of word must not be negative; got -1"):
        DecodingSettings(heads={"word": -1.0})
    with pytest.raises(InputError, match="DecodingSettings: no head has a weight; name one of character, word"):
        Decoder(HEADS, 0.03, NAMES, settings=DecodingSettings(heads={"phone": 1.0}))
    with pytest.raises(InputError, match="DecodingSettings: beam must be at least 1; got 0"):
        DecodingSettings(beam=0)
    with pytest.raises(InputError, match="weights need a text for each of 1 recordings, with words; got 1 texts of 0"):
        fit_decoding(Decoder(HEADS, 0.03, NAMES), [heard(["a"], 0, 1)], [""])
    letters = Characters(("<unk>", "\n", "a"))
    model = NGramPredictor(letters, NGramModel.fit(np.array([2, 1], np.int32), 3, 1, 1))
    with pytest.raises(InputError, match="language model: it foresees characters, and the search needs words"):
        Decoder(HEADS, 0.03, NAMES, model)
