"""The answer that looks at nothing, and linear models against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from lstmkit.classification.baselines import Constant
from lstmkit.classification.linear import fit_logistic, fit_ridge, full_scores
from lstmkit.language.classify.tfidf import Sparse


def dense(matrix: Sparse) -> np.ndarray:
    whole = np.zeros(matrix.shape)
    whole[matrix.rows, matrix.columns] = matrix.values
    return whole


def matrix(count: int, width: int, seed: int) -> Sparse:
    generator = np.random.default_rng(seed)
    whole = generator.normal(size=(count, width)) * (generator.random((count, width)) < 0.4)
    rows, columns = np.nonzero(whole)
    return Sparse(rows, columns, whole[rows, columns], whole.shape)


@pytest.mark.parametrize("strength", [0.1, 10.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_logistic_regression_is_scikit_learns(classes: int, strength: float) -> None:
    rows, truth = matrix(150, 20, 4), np.random.default_rng(5).integers(classes, size=150)
    expected = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(dense(rows), truth)
    found = fit_logistic(rows, truth, classes, strength)
    np.testing.assert_allclose(found.weights.T, expected.coef_, atol=2e-4)
    shares = full_scores(torch.from_numpy(found.scores(rows))).softmax(dim=1).numpy()
    np.testing.assert_allclose(shares, expected.predict_proba(dense(rows)), atol=2e-4)


def test_ridge_regression_is_scikit_learns() -> None:
    rows, truth = matrix(150, 20, 6), np.random.default_rng(7).normal(3.0, 2.0, size=150)
    expected = Ridge(alpha=0.5).fit(dense(rows), truth)
    found = fit_ridge(rows, truth, 2.0)
    np.testing.assert_allclose(found.weights[:, 0], expected.coef_, atol=1e-4)
    np.testing.assert_allclose(found.scores(rows)[:, 0], expected.predict(dense(rows)), atol=1e-4)


def test_a_search_that_starts_elsewhere_ends_at_the_same_place() -> None:
    rows, truth = matrix(100, 10, 8), np.random.default_rng(9).integers(2, size=100)
    begun = fit_logistic(rows, truth, 2, 1.0, fit_logistic(rows, truth, 2, 0.01))
    np.testing.assert_allclose(begun.weights, fit_logistic(rows, truth, 2, 1.0).weights, atol=2e-4)


def test_the_constant_answer_is_the_shares_or_the_mean() -> None:
    assert Constant.fit(torch.tensor([0, 1, 1, 2]), 4).answers(2).tolist() == [[0.25, 0.5, 0.25, 0.0]] * 2
    assert Constant.fit(torch.tensor([1.0, 2.0]), 1).answers(2).tolist() == [[1.5]] * 2
