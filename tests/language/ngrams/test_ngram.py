"""The n-gram model: worked by hand, against a slow second implementation, and on WikiText-2."""

from __future__ import annotations

import dataclasses
import gzip
import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from lstmkit.errors import InputError
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.ngrams import model as ngram
from lstmkit.language.ngrams.kneser_ney import discounts, estimate
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.training.schema import checked
from lstmkit.training.tensors import TensorShape, require_shapes

BEGIN = "begin"

# Two lines, "a b" and "a a b", as ids: a = 0, b = 1, end = 2.
A, B, END = 0, 1, 2
TOY = np.array([A, B, END, A, A, B, END], np.int32)


def exact(order: int) -> NGramModel:
    """The model of the toy text, in float64."""
    return NGramModel(estimate(TOY, 3, order, END), END)


def probabilities(model: NGramModel, *tokens: int) -> list[float]:
    """What may follow these tokens at the beginning of a line."""
    context = model.begin()
    for token in tokens:
        context = model.advance(context, token)
    return np.exp(model.next_log_probs(context).astype(np.float64)).tolist()


def as_floats(*fractions: Fraction) -> list[float]:
    return pytest.approx([float(fraction) for fraction in fractions], abs=1e-7)


# Single tokens, as below bigrams: a follows <s> and a, so it counts 2; b follows a, end follows b: 1 each; 4 in all.
# n1 = 2, n2 = 1, n3 = 0: no estimate of the discounts, hence 1/2, 1 and 3/2. gamma = (1 + 1/2 + 1/2) / 4 = 1/2.
#   p(a) = (2 - 1)/4 + 1/2 * 1/3 = 5/12        p(b) = p(end) = (1 - 1/2)/4 + 1/6 = 7/24
TOY_UNIGRAMS = Fraction(5, 12), Fraction(7, 24), Fraction(7, 24)


def test_bigrams_worked_by_hand():
    # Counts: <s>a 2, ab 2, b-end 2, aa 1; n3 = 0, so again 1/2 and 1.
    model = exact(2)
    # after a, 3 in all: gamma = (1 + 1/2)/3 = 1/2
    #   p(a|a) = (1 - 1/2)/3 + 1/2 * 5/12 = 3/8    p(b|a) = (2 - 1)/3 + 1/2 * 7/24 = 23/48    p(end|a) = 7/48
    assert probabilities(model, A) == as_floats(Fraction(3, 8), Fraction(23, 48), Fraction(7, 48))
    # after <s>: p(a|<s>) = (2 - 1)/2 + 1/2 * 5/12 = 17/24, the others 1/2 * 7/24
    assert probabilities(model) == as_floats(Fraction(17, 24), Fraction(7, 48), Fraction(7, 48))
    # after b: p(end|b) = (2 - 1)/2 + 1/2 * 7/24 = 31/48
    assert probabilities(model, A, B) == as_floats(Fraction(5, 24), Fraction(7, 48), Fraction(31, 48))


def test_trigrams_worked_by_hand():
    # Bigrams count once a left neighbour: ab 2 (<s>, a), b-end 1 (a), aa 1 (<s>); <s>a has none and keeps its 2.
    # So after a and after <s> nothing changes, but p(end|b) = (1 - 1/2)/1 + 1/2 * 7/24 = 31/48.
    model = exact(3)
    # <s>ab 1, <s>aa 1, gamma 1/2:  p(b|<s>a) = (1 - 1/2)/2 + 1/2 * 23/48 = 47/96
    #                               p(a|<s>a) = 1/4 + 1/2 * 3/8 = 7/16,    p(end|<s>a) = 1/2 * 7/48
    assert probabilities(model, A) == as_floats(Fraction(7, 16), Fraction(47, 96), Fraction(7, 96))
    # ab-end 2, gamma = 1/2:        p(end|ab) = (2 - 1)/2 + 1/2 * 31/48 = 79/96
    assert probabilities(model, A, B)[END] == pytest.approx(79 / 96, abs=1e-7)
    # aab 1, gamma = 1/2:           p(b|aa) = (1 - 1/2)/1 + 1/2 * 23/48 = 71/96
    assert probabilities(model, A, A)[B] == pytest.approx(71 / 96, abs=1e-7)
    # aaa was not seen:             p(a|aa) = 1/2 * 3/8
    assert probabilities(model, A, A)[A] == pytest.approx(3 / 16, abs=1e-7)


def test_tokens_of_a_text_worked_by_hand():
    # <s> a b end with bigrams: 17/24, 23/48, 31/48; then a line "b": 1/2 * 7/24, and again 31/48
    found = np.exp(exact(2).token_log_probs(np.array([A, B, END, B, END], np.int32)))
    assert found.tolist() == as_floats(
        Fraction(17, 24), Fraction(23, 48), Fraction(31, 48), Fraction(7, 48), Fraction(31, 48)
    )


def test_discounts_worked_by_hand():
    # Four tokens once, two twice, one three times, one four times, one never: n = 4, 2, 1, 1, Y = 4/8.
    #   D1 = 1 - 2/2 * 2/4 = 1/2,   D2 = 2 - 3/2 * 1/2 = 5/4,   D3 = 3 - 4/2 * 1/1 = 1
    times = [1, 1, 1, 1, 2, 2, 3, 4, 0]
    assert discounts(np.array(times)).tolist() == [0, 0.5, 1.25, 1.0]
    # 15 tokens, gamma = (4 * 1/2 + 2 * 5/4 + 2 * 1)/15 = 13/30, of which each of 9 tokens gets 13/270.
    model = NGramModel(estimate(np.repeat(np.arange(9, dtype=np.int32), times), 9, 1, None))
    once, twice = Fraction(1, 30) + Fraction(13, 270), Fraction(1, 20) + Fraction(13, 270)
    thrice, four, never = Fraction(2, 15) + Fraction(13, 270), Fraction(3, 15) + Fraction(13, 270), Fraction(13, 270)
    assert probabilities(model) == as_floats(once, once, once, once, twice, twice, thrice, four, never)


def test_discounts_fall_back():
    fallback = [0, 0.5, 1.0, 1.5]
    assert discounts(np.array([1, 1, 2, 3, 5])).tolist() == fallback  # none counts 4
    assert discounts(np.array([1] + [2] * 2 + [3] * 9 + [4])).tolist() == fallback  # D2 = 2 - 3/5 * 9/2 is below zero
    assert discounts(np.zeros(0, np.int64)).tolist() == fallback


class Slow:
    """Kneser-Ney with dictionaries of tuples, straight from the definition, interpolated from the shortest up."""

    def __init__(self, ids: list[int], V: int, N: int, boundary: int | None) -> None:
        self.V, self.N, self.boundary = V, N, boundary
        raw = [Counter() for _ in range(N + 1)]
        left = [defaultdict(set) for _ in range(N + 1)]
        for line in self.lines(ids):
            for end in range(len(line)):
                for n in range(1, min(N, end + 1) + 1):
                    gram = tuple(line[end - n + 1 : end + 1])
                    if gram == (BEGIN,):
                        continue
                    raw[n][gram] += 1
                    if end - n >= 0:
                        left[n][gram].add(line[end - n])
        self.counts = [
            {gram: len(left[n][gram]) if n < N and left[n][gram] else times for gram, times in raw[n].items()}
            for n in range(N + 1)
        ]
        self.followers = [defaultdict(dict) for _ in range(N + 1)]
        for n in range(1, N + 1):
            for gram, times in self.counts[n].items():
                self.followers[n][gram[:-1]][gram[-1]] = times
        self.off = [self.discounts(counts) for counts in self.counts]

    def lines(self, ids: list[int]) -> list[list[object]]:
        if self.boundary is None:
            return [list(ids)]
        lines: list[list[object]] = [[BEGIN]]
        for token in ids:
            lines[-1].append(token)
            if token == self.boundary:
                lines.append([BEGIN])
        return lines

    @staticmethod
    def discounts(counts: dict[tuple, int]) -> list[float]:
        n = [sum(times == i for times in counts.values()) for i in range(5)]
        if 0 in n[1:]:
            return [0, 0.5, 1, 1.5]
        Y = n[1] / (n[1] + 2 * n[2])
        found = [i - (i + 1) * Y * n[i + 1] / n[i] for i in (1, 2, 3)]
        return [0, *found] if min(found) > 0 else [0, 0.5, 1, 1.5]

    def probability(self, context: tuple, token: int) -> float:
        lower = self.probability(context[1:], token) if context else 1 / self.V
        n = len(context) + 1
        followers = self.followers[n].get(context)
        if not followers:
            return lower
        total = sum(followers.values())
        times = followers.get(token, 0)
        gamma = sum(self.off[n][min(3, c)] for c in followers.values()) / total
        return (times - self.off[n][min(3, times)]) / total + gamma * lower

    def of_text(self, ids: list[int]) -> list[float]:
        return [
            self.probability(tuple(line[max(0, end - self.N + 1) : end]), token)
            for line in self.lines(ids)
            for end, token in enumerate(line)
            if token != BEGIN
        ]


V = 40


def random_text(seed: int, length: int) -> np.ndarray:
    """Common tokens that follow each other in some order, and rare ones between them; token V - 1 never occurs."""
    random = np.random.default_rng(seed)
    common, rare = np.cumsum(random.zipf(1.6, length)) % 8, random.zipf(1.4, length)
    return (np.where(random.random(length) < 0.4, rare, common) % (V - 1)).astype(np.int32)


CASES = [(seed, N, boundary) for seed, N in enumerate((1, 2, 3, 4, 5)) for boundary in (None, 0)]


@pytest.mark.parametrize(("seed", "N", "boundary"), CASES)
def test_agrees_with_the_definition(seed, N, boundary):
    learnt, other = random_text(seed, 500), random_text(seed + 100, 200)
    other[50:60] = V - 1  # never seen, nor its contexts
    slow = Slow(learnt.tolist(), V, N, boundary)
    model = NGramModel(estimate(learnt, V, N, boundary), boundary)
    for text in (learnt, other):
        expected = np.log(slow.of_text(text.tolist()))
        np.testing.assert_allclose(model.token_log_probs(text), expected, atol=1e-9, rtol=0)
        fitted = NGramModel.fit(learnt, V, N, boundary)
        np.testing.assert_allclose(fitted.token_log_probs(text), expected, atol=1e-6, rtol=0)


def test_random_texts_have_estimated_discounts_and_fallbacks():
    # or the comparison above would be one of either alone
    off = [Slow(random_text(seed, 500).tolist(), V, N, boundary).off[1:] for seed, N, boundary in CASES]
    fallbacks = [of_order == [0, 0.5, 1, 1.5] for of_case in off for of_order in of_case]
    assert sum(fallbacks) >= 5 and len(fallbacks) - sum(fallbacks) >= 15


@pytest.mark.parametrize("boundary", [None, 0])
@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_texts_shorter_than_the_order(length, boundary):
    text = np.array([1, 1, 0, 1, 0, 2], np.int32)[:length]
    slow = Slow(text.tolist(), 4, 5, boundary)
    model = NGramModel(estimate(text, 4, 5, boundary), boundary)
    probe = np.array([1, 1, 0, 3, 1, 1, 0, 1], np.int32)
    np.testing.assert_allclose(model.token_log_probs(probe), np.log(slow.of_text(probe.tolist())), atol=1e-9)


@pytest.mark.parametrize(("seed", "N", "boundary"), CASES)
def test_next_tokens_agree_with_tokens_of_a_text_and_sum_to_one(seed, N, boundary):
    model = NGramModel.fit(random_text(seed, 500), V, N, boundary)
    text = random_text(seed + 100, 100)
    text[50:60] = V - 1
    context, found = model.begin(), []
    for token in text.tolist():
        scores = model.next_log_probs(context)
        assert scores.shape == (V,) and scores.dtype == np.float32
        assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)
        found.append(scores[token])
        earlier = context
        context = model.advance(context, token)
        assert context is not earlier or N == 1 or token == boundary
        assert len(context) <= N - 1
    np.testing.assert_allclose(found, model.token_log_probs(text), atol=1e-6)


@pytest.mark.parametrize("boundary", [None, 0])
def test_long_texts_in_parts(boundary, monkeypatch):
    text = random_text(3, 400)
    model = NGramModel.fit(text, V, 4, boundary)
    whole = model.token_log_probs(text)
    monkeypatch.setattr(ngram, "CHUNK", 7)
    assert model.token_log_probs(text).tolist() == whole.tolist()


def test_text_on_disk(tmp_path):
    text = random_text(3, 400)
    np.save(tmp_path / "ids.npy", text)
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    model = NGramModel.fit(mapped, V, 3)
    assert model.token_log_probs(mapped).tolist() == NGramModel.fit(text, V, 3).token_log_probs(text).tolist()


@pytest.mark.parametrize(("N", "boundary"), [(1, None), (1, 0), (4, None), (4, 0)])
def test_saved_and_loaded(N, boundary, tmp_path):
    text = random_text(5, 400)
    model = NGramModel.fit(text, V, N, boundary)
    save_file(model.arrays(), tmp_path / "ngram.safetensors")
    config = json.loads(json.dumps(model.config()))
    loaded = NGramModel.from_arrays(checked(config, StoredNGram), load_file(tmp_path / "ngram.safetensors"))
    assert loaded.config() == config
    assert loaded.token_log_probs(text).tolist() == model.token_log_probs(text).tolist()
    assert loaded.next_log_probs((3, 4, 5)).tolist() == model.next_log_probs((3, 4, 5)).tolist()


def _stored(boundary=END):
    """Return a small model as it is stored: config and arrays."""
    model = NGramModel.fit(TOY, 3, 3, boundary)
    return checked(model.config(), StoredNGram), {name: array.copy() for name, array in model.arrays().items()}


def _wanted(stored, arrays, vocabulary=3):
    header = {name: TensorShape.of(torch.from_numpy(array)) for name, array in arrays.items()}
    require_shapes(header, stored.shapes(vocabulary, header, ""))


def test_the_shapes_that_a_stored_model_must_have_are_known_beforehand():
    stored, arrays = _stored()
    _wanted(stored, arrays)
    for name in arrays:
        for wrong in (arrays[name][:-1], arrays[name][None], np.zeros(arrays[name].shape, np.int64)):
            with pytest.raises(InputError):
                _wanted(stored, arrays | {name: wrong})
        with pytest.raises(InputError):
            _wanted(stored, {other: array for other, array in arrays.items() if other != name})
    for changes in ({"order": 1}, {"order": 10**9}, {"vocabulary": 10**12}, {"boundary": 3}):
        with pytest.raises(InputError):
            _wanted(dataclasses.replace(stored, **changes), arrays)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("2.children", lambda a: a - a, "do not add up"),
        ("3.children", lambda a: np.concatenate([[a[0] + 2**30], a[1:]]).astype(np.int32), "do not add up"),
        ("2.children", lambda a: np.concatenate([[-1], a[1:]]).astype(np.int32), "do not add up"),
        ("2.tokens", lambda a: a + 9, "not in the vocabulary"),
        ("2.tokens", lambda a: -a - 1, "not in the vocabulary"),
        ("2.tokens", lambda a: np.roll(a, 1), "not in order"),
        ("3.tokens", lambda a: a - a, "not in order"),
        ("1.log_prob", lambda a: -a, "no probability's"),
        ("2.log_prob", lambda a: a * np.nan, "no probability's"),
        ("1.log_backoff", lambda a: a / 0, "no probability's"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_loading_refuses_numbers_that_are_no_n_grams(name, change, message):
    stored, arrays = _stored()
    with pytest.raises(InputError, match=message):
        NGramModel.from_arrays(stored, arrays | {name: np.ascontiguousarray(change(arrays[name]))})


@pytest.mark.parametrize(
    ("ids", "settings", "message"),
    [
        ([], {}, "the text is empty"),
        ([0, 1, 3, 0], {}, "token 2 of the text has the id 3, but the vocabulary ends at 2"),
        ([0, -1], {}, "token 1 of the text has the id -1"),
        ([0, 1], {"order": 0}, "order must be at least 1; got 0"),
        ([0, 1], {"boundary": 3}, "boundary must be a token from 0 to 2; got 3"),
    ],
)
def test_refused(ids, settings, message):
    with pytest.raises(InputError, match=message):
        NGramModel.fit(np.array(ids, np.int32), 3, **settings)


def test_a_text_of_another_vocabulary_is_refused():
    with pytest.raises(InputError, match="token 1 of the text has the id 7"):
        exact(2).token_log_probs(np.array([0, 7], np.int32))


@dataclass(frozen=True)
class ThreeWords:
    """As much of a vocabulary as a predictor looks at."""

    symbols: tuple[str, ...] = ("a", "b", "<eos>")
    end: int = END


def test_predictor():
    model = NGramModel.fit(TOY, 3, 3, END)
    predictor = NGramPredictor(ThreeWords(), model)
    context = predictor.advance(predictor.advance(predictor.begin(), A), B)
    assert np.exp(predictor.next_log_probs(context))[END] == pytest.approx(79 / 96, abs=1e-6)
    assert predictor.advance(context, END) == predictor.begin()
    assert predictor.token_log_probs(TOY).tolist() == model.token_log_probs(TOY).tolist()


def test_predictor_of_another_vocabulary_is_refused():
    model = NGramModel.fit(TOY, 3, 3, END)
    with pytest.raises(InputError, match="it has 3 tokens, the vocabulary 2"):
        NGramPredictor(ThreeWords(symbols=("a", "b")), model)
    with pytest.raises(InputError, match="its lines end with token 2, those of the vocabulary with 1"):
        NGramPredictor(ThreeWords(end=1), model)


def words_of(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [word for line in lines for word in [*line.split(), "<eos>"]]


def test_wikitext2(data):
    folder = data / "wikitext2"
    if not folder.is_dir():
        pytest.skip(f"no WikiText-2 in {data}")
    learnt = words_of(folder / "train.txt.gz")
    ids = {word: token for token, (word, _) in enumerate(Counter(learnt).most_common())}
    text = np.array([ids[word] for word in words_of(folder / "test.txt.gz")], np.int32)
    assert (len(learnt), len(ids), len(text)) == (2_088_628, 33_278, 245_569)
    began = time.process_time()
    model = NGramModel.fit(np.array([ids[word] for word in learnt], np.int32), len(ids), 5, ids["<eos>"])
    assert time.process_time() - began < 60  # of processor time; 2 s as measured
    assert 220.0 < np.exp(-model.token_log_probs(text).mean()) < 220.3  # 220.14 as measured
    context, seconds = model.begin(), []
    for token in text[:200].tolist():
        began = time.process_time()
        scores = model.next_log_probs(context)
        seconds.append(time.process_time() - began)
        context = model.advance(context, token)
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert np.median(seconds) < 0.003  # 0.1 ms as measured
