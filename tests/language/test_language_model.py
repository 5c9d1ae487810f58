"""`LanguageModel` from text to predictions: it learns, repeats itself, resumes, and is what it was after loading."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_text import SMALL, sentences

from lstmkit import InputError
from lstmkit.errors import ModelFolderError, NotFittedError
from lstmkit.language import LanguageModel, LanguageSettings, read_corpus
from lstmkit.language.job import LanguageJob
from lstmkit.language.judgement import score_all
from lstmkit.language.judgement.scoring import score_ids
from lstmkit.language.judgement.verdict import judge
from lstmkit.language.predicting import MixturePredictor, fit_share
from lstmkit.results import Watcher, run_job


def _equal(one: LanguageModel, other: LanguageModel) -> bool:
    states = one.network_.state_dict(), other.network_.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0] | states[1])


def test_it_learns_what_trigrams_cannot(fitted):
    text = sentences(100, 1)
    ids = fitted.tokens_.encode(text)
    found = score_all(fitted.predictors(), ids, len(text))
    assert found.scores["lstm"].perplexity < 0.97 * found.scores["ngram"].perplexity
    verdict = judge(found, 3)
    assert verdict.kind == "better" and verdict.headline.startswith("Better than the 3-gram model: perplexity")
    assert fitted.share_ > 0.5


def test_the_probabilities_are_those_of_one_token_at_a_time(fitted):
    ids = fitted.tokens_.encode(sentences(3, 2))
    for predictor in fitted.predictors().values():
        context, steps = predictor.begin(), []
        for token in ids:
            following = predictor.next_log_probs(context)
            assert following.shape == (len(fitted.tokens_.symbols),)
            assert np.exp(following.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-4)
            steps.append(following[token])
            context = predictor.advance(context, int(token))
        np.testing.assert_allclose(steps, predictor.token_log_probs(ids), rtol=1e-4, atol=1e-4)


def test_a_context_is_not_changed_by_what_follows(fitted):
    predictor = fitted.predictor("lstm")
    start = predictor.advance(predictor.begin(), 3)
    before = predictor.next_log_probs(start).copy()
    for token in (1, 2, 3):
        predictor.advance(start, token)
    np.testing.assert_array_equal(predictor.next_log_probs(start), before)


def test_the_seed_decides_every_bit(fitted, text):
    assert _equal(fitted, LanguageModel(settings=SMALL, order=3).fit(text))
    assert not _equal(fitted, LanguageModel(settings=SMALL, order=3, seed=1).fit(text))


def test_an_interrupted_training_ends_like_an_uninterrupted_one(text, tmp_path):
    how = dataclasses.replace(SMALL, rounds=3, epochs=2, average=0.9, weight_drop=0.3, embedding_dropout=0.1)
    whole = LanguageModel(settings=how, order=None).fit(text)

    def stop(record):
        if record.epoch == 4:
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        LanguageModel(settings=how, order=None).fit(text, checkpoint=path, on_epoch=stop)
    assert path.exists()
    seen = []
    resumed = LanguageModel(settings=how, order=None).fit(text, checkpoint=path, resume=True, on_window=seen.append)
    assert _equal(whole, resumed) and not path.exists()
    assert len(seen) < whole.history_[-1].steps / 2, "four rounds of six were not repeated"
    assert [r.valid_loss for r in resumed.history_] == [r.valid_loss for r in whole.history_]


def test_a_checkpoint_of_another_text_or_setting_is_refused(text, tmp_path):
    path = tmp_path / "checkpoint.safetensors"

    def interrupted(record):
        if record.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LanguageModel(settings=SMALL, order=None).fit(text, checkpoint=path, on_epoch=interrupted)
    other = tmp_path / "other.txt"
    other.write_text(sentences(600, 5))
    with pytest.raises(InputError, match="the interrupted run had text = "):
        LanguageModel(settings=SMALL, order=None).fit(other, checkpoint=path, resume=True)
    how = dataclasses.replace(SMALL, clip_norm=0.25)
    with pytest.raises(InputError, match=r"the interrupted run had settings.clip_norm = 0.5, this one has 0.25"):
        LanguageModel(settings=how, order=None).fit(text, checkpoint=path, resume=True)


@pytest.mark.parametrize("unit", ["word", "character"])
@pytest.mark.parametrize("order", [None, 3])
def test_a_loaded_model_says_the_same(unit, order, text, tmp_path):
    how = dataclasses.replace(SMALL, epochs=1, softmax="full", cutoffs=(3, 9))
    model = LanguageModel(unit, how, order=order, seed=4).fit(text)
    model.save(tmp_path / "model")
    loaded = LanguageModel.load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    assert [r.to_json() for r in loaded.history_] == [r.to_json() for r in model.history_]
    ids = model.tokens_.encode(sentences(5, 3))
    assert loaded.predictors().keys() == model.predictors().keys()
    for by, predictor in model.predictors().items():
        np.testing.assert_array_equal(loaded.predictor(by).token_log_probs(ids), predictor.token_log_probs(ids))
    again = LanguageModel.load(tmp_path)
    assert _equal(again, model), "the folder of results around it will do"


def test_a_folder_of_another_kind_or_a_damaged_one_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    with pytest.raises(ModelFolderError, match="exists already"):
        fitted.save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    whole = config.read_text()
    config.write_text(whole.replace('"order": 3', '"order": 4'))
    with pytest.raises(ModelFolderError, match="its content does not match its sha256"):
        LanguageModel.load(tmp_path / "model")
    config.write_text(whole.replace('"kind": "language"', '"kind": "forecaster"'))
    with pytest.raises(ModelFolderError, match="holds a 'forecaster' model, not a 'language' model"):
        LanguageModel.load(tmp_path / "model")


def test_every_token_counts_also_the_first(fitted):
    ids = fitted.tokens_.encode("the cat\n")
    score = score_ids(fitted.predictor("lstm"), ids, 8)
    assert score.tokens == 3
    start = fitted.predictor("lstm").begin()
    first = fitted.predictor("lstm").next_log_probs(start)[ids[0]]
    assert fitted.predictor("lstm").token_log_probs(ids)[0] == pytest.approx(float(first), abs=1e-5)


def test_the_test_part_changes_nothing(text, tmp_path):
    first = read_corpus(text)
    changed = tmp_path / "changed.txt"
    lines = text.read_text().splitlines(keepends=True)
    size, kept = 0, []
    for line in lines:
        size += len(line)
        kept.append(line if size < 0.88 * len(text.read_text()) else line.replace("cat", "dog"))
    changed.write_text("".join(kept))
    second = read_corpus(changed)
    assert not np.array_equal(first.test, second.test)
    how = dataclasses.replace(SMALL, epochs=1)
    assert _equal(LanguageModel(settings=how).fit(first), LanguageModel(settings=how).fit(second))


def test_a_mixture_is_as_good_as_its_share_allows():
    draw = np.random.default_rng(0)
    truth = draw.random(20_000) < 0.3
    first = np.log(np.where(truth, 0.9, 0.2))
    second = np.log(np.where(truth, 0.1, 0.6))
    share = fit_share(first, second)
    likelihoods = [np.logaddexp(first + np.log(s), second + np.log1p(-s)).mean() for s in np.linspace(0.01, 0.99, 99)]
    assert share == pytest.approx(0.01 + 0.01 * int(np.argmax(likelihoods)), abs=0.01)
    assert fit_share(first, first - 1.0) == pytest.approx(1.0, abs=1e-3)


def test_a_mixture_of_one_with_itself_is_itself(fitted):
    lstm = fitted.predictor("lstm")
    ids = fitted.tokens_.encode(sentences(3, 2))
    np.testing.assert_allclose(MixturePredictor(lstm, lstm, 0.3).token_log_probs(ids), lstm.token_log_probs(ids))


def test_what_is_not_there_is_said(fitted, text):
    with pytest.raises(NotFittedError, match="LanguageModel: not fitted yet; call fit first"):
        LanguageModel().predictor()
    with pytest.raises(InputError, match="by must be one of lstm, ngram, mixture; got 'rnn'"):
        fitted.predictor("rnn")
    with pytest.raises(InputError, match=r"unit 'syllable' is not one of word, character, subword"):
        LanguageModel("syllable")
    with pytest.raises(InputError, match="order must be at least 1; got 0"):
        LanguageModel(order=0)
    with pytest.raises(InputError, match="the corpus is one of words, the model one of characters"):
        LanguageModel("character").fit(read_corpus(text))
    with pytest.raises(InputError, match="lstn"):
        LanguageModel(settings=LanguageSettings(cell="lstn"))


def test_without_ngrams_there_is_no_mixture(text):
    model = LanguageModel(settings=dataclasses.replace(SMALL, epochs=1), order=None).fit(text)
    assert list(model.predictors()) == ["lstm"]
    with pytest.raises(InputError, match="the model was trained without n-grams, so there is no mixture"):
        model.predictor("mixture")


@pytest.mark.parametrize("stage", ["score", "write"])
def test_an_interruption_after_the_training_loses_nothing(stage, text, tmp_path):
    class Interrupter(Watcher):
        def __init__(self, stage: str | None) -> None:
            self.stage, self.steps = stage, 0

        def on_stage(self, name, epochs):
            if name == self.stage:
                raise KeyboardInterrupt

        def on_step(self, items, loss):
            self.steps += 1

    out = tmp_path / "out"
    job = LanguageJob(str(text), out, LanguageModel(settings=dataclasses.replace(SMALL, epochs=1), order=2))
    with pytest.raises(KeyboardInterrupt):
        run_job(job, Interrupter(stage))
    assert [path.name for path in out.iterdir()] == ["checkpoint.safetensors"]
    again = Interrupter(None)
    run_job(dataclasses.replace(job, resume=True), again)
    assert again.steps == 0, "nothing was trained again"
    assert sorted(path.name for path in out.iterdir()) == ["model", "summary.json"]
