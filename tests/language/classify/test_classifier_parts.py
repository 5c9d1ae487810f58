"""The parts of a classifier: the input layer, texts as ids, the start from a language model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.language.classify import ClassifierSettings, TextClassifier
from lstmkit.language.classify.network import Shape, text_ensemble
from lstmkit.language.language_model import LanguageModel
from lstmkit.language.neural import LanguageSettings
from lstmkit.language.text import read_corpus
from lstmkit.language.text.rows import encode_texts
from lstmkit.language.vocabulary import Characters, Words
from lstmkit.nn import LSTM
from lstmkit.recurrence.cells import ALstm
from lstmkit.sequences import Padded


def texts_of(lengths: list[int], seed: int) -> Padded:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 20, (max(lengths), len(lengths)), generator=generator)
    return Padded(ids, torch.tensor(lengths))


def test_words_are_read_as_unknown_at_the_rate_asked_for(small: ClassifierSettings) -> None:
    """With the unknown word far from all others, what the encoder reads tells which words were dropped."""
    torch.manual_seed(0)
    network = text_ensemble(dataclasses.replace(small, word_dropout=0.3), Shape(20, 0, 1, 2, 1, 12))
    encoder = network.networks[0].encoder
    with torch.no_grad():
        encoder.embedding.weight[0] = 100.0
    texts = texts_of([50] * 60, 3)
    assert float((encoder.train().steps(texts).values > 50).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert not (encoder.eval().steps(texts).values > 50).any()


def test_a_batch_is_the_texts_padded() -> None:
    words = Words(("<unk>", "<eos>", "a", "b", "c"), "space")
    texts = encode_texts(words, ["a b c", "", "c\nnew", "a b c a b"], lowercase=False, max_length=4)
    batch = texts.batch(np.array([2, 3, 1]))
    assert batch.lengths.tolist() == [2, 4, 0]
    assert batch.values.T.tolist() == [[4, 0, 0, 0], [2, 3, 4, 2], [0, 0, 0, 0]]
    assert [texts[row].tolist() for row in range(4)] == [[2, 3, 4], [], [4, 0], [2, 3, 4, 2]]


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("The film is good .\nNo story is bad , no cast is bad .\n" * 60)
    how = LanguageSettings(embedding_size=8, hidden_size=6, num_layers=2, epochs=1)
    return LanguageModel(settings=how, order=None).fit(read_corpus(path, path, path))


def test_a_classifier_begins_with_a_language_model(
    language_model: LanguageModel, reviews: pl.DataFrame, small: ClassifierSettings
) -> None:
    untrained = dataclasses.replace(small, epochs=1, learning_rate=1e-12, weight_decay=0.0)
    classifier = TextClassifier(untrained).fit(reviews, start=language_model)
    known = language_model.tokens_.symbols
    assert classifier.tokens_.symbols[: len(known)] == known
    assert {"good", "bad", "The", "not", "its"} <= set(classifier.tokens_.symbols)
    assert classifier.lowercase_ is False
    encoder = classifier.network_.networks[0].encoder
    torch.testing.assert_close(encoder.embedding.weight[: len(known)], language_model.network_.embedding.weight)
    line = "The film is bad ."
    ids = torch.from_numpy(language_model.tokens_.encode(line, closed=False).astype(np.int64))
    after_end = torch.cat([torch.tensor([language_model.tokens_.end]), ids])[:, None]
    output, _ = language_model.network_.eval()(after_end)
    read = encoder.steps(Padded(ids[:, None], torch.tensor([len(ids)]))).values
    torch.testing.assert_close(read[:, :, :8], language_model.network_.embedding(ids[:, None]))
    torch.testing.assert_close(read[:, :, 8:], output[1:])


def test_it_learns_on_from_a_language_model_and_is_saved_with_it(
    language_model: LanguageModel, reviews: pl.DataFrame, later: pl.DataFrame, small: ClassifierSettings, tmp_path: Path
) -> None:
    before = {name: w.clone() for name, w in language_model.network_.state_dict().items()}
    language_model.save(tmp_path / "lm")
    how = dataclasses.replace(small, epochs=12, start_rate=0.5)
    classifier = TextClassifier(how).fit(reviews, start=tmp_path / "lm")
    assert classifier.score(later)["accuracy"] > 0.95
    assert all(torch.equal(w, before[name]) for name, w in language_model.network_.state_dict().items())
    classifier.save(tmp_path / "model")
    assert TextClassifier.load(tmp_path / "model").predict(later).equals(classifier.predict(later))


def test_what_comes_from_a_language_model_can_be_left_as_it_is(
    language_model: LanguageModel, reviews: pl.DataFrame, small: ClassifierSettings
) -> None:
    classifier = TextClassifier(dataclasses.replace(small, start_rate=0.0)).fit(reviews, start=language_model)
    encoder = classifier.network_.networks[0].encoder
    for own, given in zip(encoder.start, language_model.network_.layers, strict=True):
        assert all(torch.equal(w, given.state_dict()[name]) for name, w in own.state_dict().items())


def model_like(tokens: object, layer: LSTM) -> SimpleNamespace:
    """What a classifier reads of a fitted language model."""
    embedding = torch.nn.Embedding(len(tokens.symbols), layer.input_size)
    return SimpleNamespace(
        tokens_=tokens, network_=SimpleNamespace(embedding=embedding, layers=torch.nn.ModuleList([layer]))
    )


def test_a_model_of_characters_reads_texts_character_by_character(
    reviews: pl.DataFrame, small: ClassifierSettings, tmp_path: Path
) -> None:
    letters = Characters(("\n", "<unk>", " ", *"abcdefghilmnorsty"))
    layer = LSTM(5, 7, cell="peephole", zoneout=0.1, weight_drop=0.2)
    how = dataclasses.replace(small, epochs=1, pooling="attention")
    classifier = TextClassifier(how).fit(reviews, start=model_like(letters, layer))
    words = classifier.explain(pl.DataFrame({"sentence": ["not bad!"]}))["word"].to_list()
    assert words == [*"not bad", "<unk>"]
    classifier.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.predict(reviews).equals(classifier.predict(reviews))
    restored = loaded.network_.networks[0].encoder.start[0]
    assert (restored.cell, restored.regularization) == (layer.cell, layer.regularization)


def test_a_layer_that_a_folder_could_not_hold_is_refused(reviews: pl.DataFrame, small: ClassifierSettings) -> None:
    for layer in (LSTM(5, 7, bidirectional=True), LSTM(5, 7, cell=ALstm(lags=(2, 1)))):
        with pytest.raises(InputError, match=r"^start: a classifier cannot begin with a layer such as LSTM\(5, 7"):
            TextClassifier(small).fit(reviews, start=model_like(Words(("<unk>", "<eos>", "good")), layer))
