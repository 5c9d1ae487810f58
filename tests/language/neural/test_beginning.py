"""A finished language model as the beginning of another training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_text import SMALL, sentences

from lstmkit.errors import InputError
from lstmkit.language import LanguageModel, read_corpus
from lstmkit.language.neural.beginning import settings_after

ONCE = dataclasses.replace(SMALL, epochs=1, learning_rate=0.005, patience=4)


@pytest.fixture
def other(tmp_path):
    """Text of the same words, and one more, that says something else."""
    path = tmp_path / "other.txt"
    path.write_text(sentences(150, 7).replace("sleeps", "sleep very quiet").replace("tail", "zebra"), encoding="utf-8")
    return path


def test_it_goes_on_with_the_words_and_the_weights(fitted, other):
    model = LanguageModel(settings=ONCE, order=2).fit(other, start=fitted)
    anew = LanguageModel(settings=ONCE, order=2).fit(other)
    assert model.tokens_ == fitted.tokens_ and "zebra" not in model.tokens_.symbols
    assert "zebra" in anew.tokens_.symbols
    corpus = read_corpus(other, test_share=0.0, tokens=fitted.tokens_)
    before = -fitted.predictor("lstm").token_log_probs(corpus.valid).mean()
    first, *_, last = model.history_
    assert first.valid_loss == pytest.approx(before, rel=0.02), "the untrained round is the model as it was"
    assert last.valid_loss < first.valid_loss - 0.1
    assert model.order == 2 and len(model.ngram_.levels) == 2, "n-grams are counted in the new text"


def test_more_of_the_same_is_no_worse(fitted, text, tmp_path):
    fitted.save(tmp_path / "model")
    model = LanguageModel(settings=dataclasses.replace(ONCE, learning_rate=0.5), order=None)
    model.fit(text, start=tmp_path / "model")
    assert min(record.valid_loss for record in model.history_) == pytest.approx(
        min(record.valid_loss for record in fitted.history_), rel=1e-4
    )
    kept = model.network_.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in fitted.network_.state_dict().items())


def test_the_model_begun_with_stays_as_it_is(fitted, other):
    before = {name: tensor.clone() for name, tensor in fitted.network_.state_dict().items()}
    LanguageModel(settings=ONCE, order=None).fit(other, start=fitted)
    assert all(torch.equal(before[name], tensor) for name, tensor in fitted.network_.state_dict().items())


def test_an_interrupted_training_begins_with_the_same_model(fitted, text, other, tmp_path):
    path, how = tmp_path / "checkpoint", dataclasses.replace(ONCE, epochs=2)

    def stop(record):
        if record.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LanguageModel(settings=how, order=None).fit(other, start=fitted, checkpoint=path, on_epoch=stop)
    another = LanguageModel(settings=SMALL, order=None, seed=1).fit(text)
    with pytest.raises(InputError, match="the interrupted run had start = '"):
        LanguageModel(settings=how, order=None).fit(other, start=another, checkpoint=path, resume=True)
    resumed = LanguageModel(settings=how, order=None).fit(other, start=fitted, checkpoint=path, resume=True)
    whole = LanguageModel(settings=how, order=None).fit(other, start=fitted)
    for name, tensor in whole.network_.state_dict().items():
        assert torch.equal(resumed.network_.state_dict()[name], tensor)


def test_settings_are_those_of_the_model_but_for_how_long(fitted):
    long = dataclasses.replace(SMALL, minutes=60.0, epochs=40, columns=20, weight_drop=0.3)
    model = LanguageModel(settings=long)
    found = settings_after(model.unit, model.settings)
    assert (found.minutes, found.epochs, found.columns) == (None, 10, None)
    assert dataclasses.replace(found, minutes=60.0, epochs=40, columns=20) == long


@pytest.mark.parametrize(
    ("unit", "changes", "message"),
    [
        ("character", {}, "start: a model of words, where unit is 'character'; a training keeps the unit"),
        ("word", {"hidden_size": 25}, "start: hidden_size is 24 in the model, and 25 here; leave it as it is"),
        ("word", {"cell": "gru"}, "start: cell is 'lstm' in the model, and 'gru' here"),
        ("word", {"softmax": "full"}, "start: softmax is 'tied' in the model, and 'full' here"),
    ],
)
def test_another_shape_is_refused(fitted, text, unit, changes, message):
    corpus = read_corpus(text, unit=unit)
    with pytest.raises(InputError, match=message):
        LanguageModel(unit, dataclasses.replace(ONCE, **changes)).fit(corpus, start=fitted)


def test_what_cannot_be_begun_with(fitted, text, tmp_path):
    with pytest.raises(InputError, match="start: a fitted language model or its folder is needed; got int"):
        LanguageModel(settings=ONCE).fit(text, start=3)
    with pytest.raises(InputError, match="start: a fitted language model or its folder is needed; got LanguageModel"):
        LanguageModel(settings=ONCE).fit(text, start=LanguageModel())
    with pytest.raises(InputError, match="no such model folder"):
        LanguageModel(settings=ONCE).fit(text, start=tmp_path / "none")
    short = tmp_path / "short.txt"
    short.write_text(sentences(300, 0).replace("tail", "zebra"))
    with pytest.raises(InputError, match="start: the corpus has another vocabulary; read it with tokens="):
        LanguageModel(settings=ONCE).fit(read_corpus(short), start=fitted)
    with pytest.raises(InputError, match="tokens: a vocabulary of words, where unit is 'character'; give another"):
        read_corpus(text, unit="character", tokens=fitted.tokens_)
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("nichts davon ist bekannt\n" * 200)
    with pytest.raises(InputError, match=r"vocabulary mismatch, .* of its .* tokens are unknown to the model"):
        LanguageModel(settings=ONCE).fit(foreign, start=fitted)


def test_a_network_can_be_asked_in_every_round(text):
    said = []
    model = LanguageModel(settings=ONCE, order=3)

    def ask(record):
        predictor = model.predictor("lstm")
        said.append(predictor.next_log_probs(predictor.begin()))

    again = LanguageModel(settings=ONCE, order=3).fit(text)
    model.fit(text, on_epoch=ask)
    assert len(said) == 2 and not np.allclose(said[0], said[1])
    for name, tensor in again.network_.state_dict().items():
        assert torch.equal(model.network_.state_dict()[name], tensor), "asking changes nothing"
