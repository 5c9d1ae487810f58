"""TF-IDF against scikit-learn, and what is told by it."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from lstmkit.language.classify.baselines import TfIdfModel
from lstmkit.language.classify.table import Rows
from lstmkit.language.classify.tfidf import Sparse, TfIdf, pair_features
from lstmkit.language.text.rows import encode_texts, joined
from lstmkit.language.vocabulary import Words

WORDS = ["good", "bad", "film", "a", "the", "plot", "dull", "fine", "not", "very"]


def texts_of(count: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, generator.integers(1, 12))) for _ in range(count)]


def dense(matrix: Sparse) -> np.ndarray:
    whole = np.zeros(matrix.shape)
    whole[matrix.rows, matrix.columns] = matrix.values
    return whole


def encoded(words: Words, texts: list[str]) -> list[np.ndarray]:
    found = encode_texts(words, texts, lowercase=False)
    return [found[row] for row in range(len(found))]


def ours(texts: list[str], later: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    words = Words.learn([joined(texts, False)], "space", min_count=1)
    tfidf = TfIdf.fit(encoded(words, texts), len(words.symbols))
    V = len(words.symbols)
    names = [
        words.symbols[term] if term < V else f"{words.symbols[(term - V) // V]} {words.symbols[(term - V) % V]}"
        for term in tfidf.terms
    ]
    return dense(tfidf.transform(encoded(words, texts))), dense(tfidf.transform(encoded(words, later))), names


def test_the_matrix_is_scikit_learns() -> None:
    texts, later = texts_of(60, 1), [*texts_of(20, 2), "never seen words", "good never", ""]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, tokenizer=str.split, token_pattern=None, lowercase=False
    )
    expected = vectorizer.fit_transform(texts).toarray()
    found, found_later, names = ours(texts, later)
    places = [vectorizer.vocabulary_[name] for name in names]
    assert sorted(places) == list(range(expected.shape[1]))
    np.testing.assert_allclose(found, expected[:, places], rtol=1e-12)
    np.testing.assert_allclose(found_later, vectorizer.transform(later).toarray()[:, places], rtol=1e-12)


def matrix(count: int, width: int, seed: int) -> Sparse:
    generator = np.random.default_rng(seed)
    whole = generator.normal(size=(count, width)) * (generator.random((count, width)) < 0.4)
    rows, columns = np.nonzero(whole)
    return Sparse(rows, columns, whole[rows, columns], whole.shape)


def test_products_are_those_of_the_whole_matrix() -> None:
    own, generator = matrix(17, 9, 0), np.random.default_rng(1)
    weights, values = generator.normal(size=(9, 3)), generator.normal(size=(17, 2))
    np.testing.assert_allclose(own.times(weights), dense(own) @ weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(own.transposed_times(values), dense(own).T @ values, rtol=1e-12, atol=1e-14)


def test_features_of_pairs_are_both_their_difference_and_their_product() -> None:
    u, v = matrix(12, 7, 2), matrix(12, 7, 3)
    U, V = dense(u), dense(v)
    np.testing.assert_allclose(dense(pair_features(u, v)), np.hstack([U, V, np.abs(U - V), U * V]), atol=1e-15)


def test_the_strength_is_the_one_that_validates_best() -> None:
    """Labels are noise: the more is shrunk the better, and the weakest is chosen over the strongest."""
    generator = np.random.default_rng(0)
    texts, held = texts_of(150, 10), texts_of(150, 11)
    training = Rows((texts,), None)
    noise = [torch.from_numpy(generator.normal(size=150).astype(np.float32)) for _ in range(2)]
    assert TfIdfModel.fit(training, noise[0], Rows((held,), None), noise[1], 1).linear.strength == 0.1
    signal = [torch.tensor([float(t.count("good") - t.count("bad")) for t in own]) for own in (texts, held)]
    model = TfIdfModel.fit(training, signal[0], Rows((held,), None), signal[1], 1)
    assert model.linear.strength > 0.3
    assert np.corrcoef(model.answers(Rows((held,), None))[:, 0], signal[1])[0, 1] > 0.9


def test_pairs_are_told_by_what_they_share() -> None:
    generator = np.random.default_rng(3)
    same = generator.integers(2, size=300)
    first = [" ".join(generator.choice(WORDS, 3, replace=False)) for _ in range(300)]
    second = [a if s else " ".join(generator.choice(WORDS, 3, replace=False)) for a, s in zip(first, same, strict=True)]
    rows, labels = Rows((first, second), None), torch.from_numpy(same)
    cut = [rows.select(np.arange(200)), rows.select(np.arange(200, 300))]
    model = TfIdfModel.fit(cut[0], labels[:200], cut[1], labels[200:], 2)
    assert (model.answers(cut[1]).argmax(axis=1) == same[200:]).mean() > 0.95
