"""How a text becomes steps of training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_text import SMALL

from lstmkit.language import LanguageSettings
from lstmkit.language.neural import LanguageNetwork
from lstmkit.language.neural.fitting import mean_loss, text_log_probs, token_counts, train_settings
from lstmkit.language.neural.pace import columns_for
from lstmkit.language.neural.streams import Streams


@pytest.mark.parametrize(
    ("tokens", "columns"), [(50, 1), (200, 3), (3000, 4), (102_400, 4), (256_000, 10), (2_000_000, 32), (10**9, 32)]
)
def test_a_small_text_is_cut_into_few_rows(tokens, columns):
    assert columns_for(LanguageSettings(), tokens) == columns


def test_the_settings_have_their_way_unless_rows_get_shorter_than_a_window():
    how = dataclasses.replace(SMALL, columns=20, window=10)
    assert columns_for(how, 10_000) == 20
    assert columns_for(how, 150) == 15


def test_rounds_share_the_windows_of_an_epoch():
    how = train_settings(dataclasses.replace(SMALL, rounds=4, epochs=3), 0, 10)
    assert (how.steps_per_epoch, how.max_epochs, how.order) == (3, 12, "sequential")
    assert how.warmup == 3, "a tenth of 36 steps"
    assert train_settings(dataclasses.replace(SMALL, rounds=4), 0, 2).steps_per_epoch == 1


def test_tokens_are_counted_piece_by_piece(monkeypatch):
    monkeypatch.setattr("lstmkit.language.neural.fitting.COUNTED", 7)
    ids = np.random.default_rng(0).integers(0, 5, 40).astype(np.int32)
    np.testing.assert_array_equal(token_counts(ids, 6), [*np.bincount(ids, minlength=5), 0])


def test_rows_side_by_side_say_nearly_what_one_row_says():
    torch.manual_seed(0)
    network = LanguageNetwork(30, dataclasses.replace(SMALL)).eval()
    ids = np.random.default_rng(0).integers(0, 30, 16 * 1024).astype(np.int32)
    alone = -text_log_probs(network, Streams(ids, 1, 100, 0))[0].mean()
    assert mean_loss(network, ids, 0) == pytest.approx(alone, rel=1e-3)
    rows = text_log_probs(network, Streams(ids, 4, 100, 0))
    np.testing.assert_allclose(rows[0], text_log_probs(network, Streams(ids, 1, 77, 0))[0][: 4 * 1024], atol=1e-5)
