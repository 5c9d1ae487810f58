"""Damaged folders of language models: whatever is wrong in one is said in a line when it is loaded."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_text import SMALL, sentences

from damage import check_all
from lstmkit.language import LanguageModel

TINY = dataclasses.replace(SMALL, embedding_size=4, hidden_size=4, num_layers=1, epochs=1)


def _use(folder) -> None:
    """Load a model and do what people do with it."""
    model = LanguageModel.load(folder)
    for predictor in model.predictors().values():
        context = predictor.begin()
        for token in (0, 1, 2):
            context = predictor.advance(context, token)
        assert np.isfinite(predictor.token_log_probs(np.array([0, 2, 1, 1], np.int32))).all()
        assert len(predictor.next_log_probs(context)) == len(model.tokens_.symbols)


@pytest.mark.parametrize("unit", ["word", "character"])
def test_every_damage_to_a_folder_is_answered_in_a_line(unit, tmp_path):
    (tmp_path / "text").write_text(sentences(40, 0), encoding="utf-8")
    LanguageModel(unit, TINY, order=2).fit(tmp_path / "text").save(tmp_path / "model")
    found = check_all(tmp_path / "model", lambda: _use(tmp_path / "model"))
    needed = ("params", "tokens", "ngram", "share", "trained_on", "history")
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(found[f"('share',) = {value!r}"] for value in (None, True, -1, 10**12, "x", []))
    assert all(
        line for name, line in found.items() if name.startswith("network.") and name.endswith(("NaN", "infinite"))
    )
    assert all(line for name, line in found.items() if name.startswith("ngram.2.tokens"))
