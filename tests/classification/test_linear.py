"""The answer that looks at nothing, and linear models against scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from lstmkit.classification.baselines import Constant
from lstmkit.classification.linear import Dense, Matrix, fit_logistic, fit_ridge, full_scores
from lstmkit.language.classify.tfidf import Sparse


def features(count: int, width: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, width)) * (generator.random((count, width)) < 0.4)


def sparse(whole: np.ndarray) -> Sparse:
    rows, columns = np.nonzero(whole)
    return Sparse(rows, columns, whole[rows, columns], whole.shape)


either = pytest.mark.parametrize("matrix", [sparse, Dense])


@either
@pytest.mark.parametrize("strength", [0.1, 10.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_is_scikit_learns(
    classes: int, strength: float, matrix: Callable[[np.ndarray], Matrix]
) -> None:
    whole, truth = features(150, 20, 4), np.random.default_rng(5).integers(classes, size=150)
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(whole, truth)
    found = fit_logistic(matrix(whole), truth, classes, strength)
    np.testing.assert_allclose(found.weights.T, expected.coef_, atol=2e-4)
    shares = full_scores(torch.from_numpy(found.scores(matrix(whole)))).softmax(dim=1).numpy()
    np.testing.assert_allclose(shares, expected.predict_proba(whole), atol=2e-4)


@either
def test_ridge_regression_is_scikit_learns(matrix: Callable[[np.ndarray], Matrix]) -> None:
    whole, truth = features(150, 20, 6), np.random.default_rng(7).normal(3.0, 2.0, size=150)
    expected = Ridge(alpha=0.5).fit(whole, truth)
    found = fit_ridge(matrix(whole), truth, 2.0)
    np.testing.assert_allclose(found.weights[:, 0], expected.coef_, atol=1e-4)
    np.testing.assert_allclose(found.scores(matrix(whole))[:, 0], expected.predict(whole), atol=1e-4)


def test_a_search_that_starts_elsewhere_ends_at_the_same_place() -> None:
    rows, truth = Dense(features(100, 10, 8)), np.random.default_rng(9).integers(2, size=100)
    begun = fit_logistic(rows, truth, 2, 1.0, fit_logistic(rows, truth, 2, 0.01))
    np.testing.assert_allclose(begun.weights, fit_logistic(rows, truth, 2, 1.0).weights, atol=2e-4)


def test_the_constant_answer_is_the_shares_or_the_mean() -> None:
    assert Constant.fit(torch.tensor([0, 1, 1, 2]), 4).answers(2).tolist() == [[0.25, 0.5, 0.25, 0.0]] * 2
    assert Constant.fit(torch.tensor([1.0, 2.0]), 1).answers(2).tolist() == [[1.5]] * 2
