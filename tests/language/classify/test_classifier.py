"""`TextClassifier` on good input: what it learns, what it answers, what it keeps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from lstmkit.language.classify import ClassifierSettings, TextClassifier
from lstmkit.language.classify.table import Columns, read_rows
from lstmkit.training import EpochRecord
from lstmkit.training.checkpoint import fingerprint_in


@pytest.fixture(scope="module")
def fitted(reviews: pl.DataFrame, small: ClassifierSettings) -> TextClassifier:
    return TextClassifier(dataclasses.replace(small, pooling="attention")).fit(reviews)


@pytest.mark.parametrize(
    "choices",
    [
        {"pooling": "max"},
        {"pooling": "mean"},
        {"pooling": "attention"},
        {"cell": "alstm"},
        {"cell": "gru", "num_layers": 2},
        {"ensemble": 2, "average": 0.9},
        {"class_weights": "balanced", "word_dropout": 0.05, "dropout": 0.1, "embedding_dropout": 0.1},
    ],
    ids=str,
)
def test_it_learns_that_not_turns_praise_round(
    choices: dict[str, object], reviews: pl.DataFrame, later: pl.DataFrame, small: ClassifierSettings
) -> None:
    classifier = TextClassifier(dataclasses.replace(small, epochs=12, **choices)).fit(reviews)
    assert classifier.score(later)["accuracy"] > 0.95


def test_a_table_comes_back_as_the_kind_that_it_was(fitted: TextClassifier, later: pl.DataFrame) -> None:
    found = fitted.predict(later)
    assert found.columns == ["label", "p_no", "p_yes"]
    np.testing.assert_allclose(found["p_no"] + found["p_yes"], 1.0, atol=1e-12)
    assert found["label"].to_list() == ["yes" if p > 0.5 else "no" for p in found["p_yes"]]
    for table, kind in ((later.to_pandas(), pd.DataFrame), (later.to_arrow(), pa.Table)):
        assert isinstance(fitted.predict(table), kind)
        assert pl.DataFrame(fitted.predict(table)).equals(found)


def test_an_answer_does_not_depend_on_the_other_rows(fitted: TextClassifier, later: pl.DataFrame) -> None:
    whole = fitted.predict(later)
    for row in (0, 17, 99):
        alone = fitted.predict(later[row : row + 1])
        assert alone["p_yes"][0] == pytest.approx(whole["p_yes"][row], abs=1e-6)


def test_the_same_seed_learns_the_same_and_leaves_torchs_random_numbers_alone(
    reviews: pl.DataFrame, small: ClassifierSettings
) -> None:
    how = dataclasses.replace(small, epochs=2, dropout=0.3, word_dropout=0.1)
    torch.manual_seed(3)
    first = TextClassifier(how, seed=1).fit(reviews)
    after = torch.rand(3)
    second, other = TextClassifier(how, seed=1).fit(reviews), TextClassifier(how, seed=2).fit(reviews)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(3))
    for name, weight in first.network_.state_dict().items():
        assert torch.equal(weight, second.network_.state_dict()[name])
    assert not torch.equal(
        first.network_.state_dict()["members.0.head.1.weight"], other.network_.state_dict()["members.0.head.1.weight"]
    )


def test_a_resumed_fit_ends_with_the_same_bits(
    reviews: pl.DataFrame, small: ClassifierSettings, tmp_path: Path
) -> None:
    how = dataclasses.replace(small, epochs=4, dropout=0.3, word_dropout=0.1, average=0.9)

    def stop(record: object) -> None:
        if record.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TextClassifier(how).fit(reviews, on_epoch=stop, checkpoint=tmp_path / "kept")
    assert (tmp_path / "kept").exists()
    resumed = TextClassifier(how).fit(reviews, checkpoint=tmp_path / "kept", resume=True)
    assert not (tmp_path / "kept").exists()
    whole = TextClassifier(how).fit(reviews)
    assert [r.train_loss for r in resumed.history_[1:]] == [r.train_loss for r in whole.history_[1:]]
    for name, weight in whole.network_.state_dict().items():
        assert torch.equal(weight, resumed.network_.state_dict()[name])


def test_what_was_written_before_a_setting_was_there_is_read(
    fitted: TextClassifier, reviews: pl.DataFrame, later: pl.DataFrame, small: ClassifierSettings, tmp_path: Path
) -> None:
    """A folder without it has its default, and a checkpoint does not name it."""
    fitted.save(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    for name in small.later:
        del config["settings"][name]
    del config["sha256"]
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    assert TextClassifier.load(tmp_path / "model").predict(later).equals(fitted.predict(later))

    def kept(how: ClassifierSettings) -> dict[str, object]:
        def stop(record: EpochRecord) -> None:
            if record.epoch == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            TextClassifier(how).fit(reviews, on_epoch=stop, checkpoint=tmp_path / "kept")
        return fingerprint_in(tmp_path / "kept")

    assert not set(small.later) & kept(small).keys()
    assert kept(dataclasses.replace(small, measure="uar"))["measure"] == "uar"


def test_a_saved_classifier_answers_as_before(fitted: TextClassifier, later: pl.DataFrame, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    assert loaded.predict(later).equals(fitted.predict(later))
    assert loaded.explain(later[:3]).equals(fitted.explain(later[:3]))
    assert (loaded.settings, loaded.classes_, loaded.columns_) == (fitted.settings, fitted.classes_, fitted.columns_)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["kind"] == "classifier"


def test_whole_numbers_come_back_as_whole_numbers_in_their_order(small: ClassifierSettings) -> None:
    words = {10: "ten", 9: "nine", -1: "minus"}
    table = pd.DataFrame({"sentence": [words[k] for k in (10, 9, -1) * 20], "label": [10, 9, -1] * 20})
    classifier = TextClassifier(small).fit(table)
    found = classifier.predict(pd.DataFrame({"sentence": ["minus", "ten"]}))
    assert classifier.classes_ == ("-1", "9", "10")
    assert found["label"].tolist() == [-1, 10]
    assert list(found.columns) == ["label", "p_-1", "p_9", "p_10"]


def test_numbers_are_learnt_in_their_own_units(small: ClassifierSettings, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 5, size=300)
    texts = [" ".join(generator.permutation(["more"] * n + ["or", "less"])) for n in counts]
    table = pl.DataFrame({"sentence": texts, "label": 1000.0 + 50.0 * counts})
    classifier = TextClassifier(dataclasses.replace(small, epochs=15), task="number").fit(table)
    scores = classifier.score(table)
    assert list(scores) == ["rmse", "pearson", "spearman"]
    assert scores["rmse"] < 20 and scores["pearson"] > 0.95
    assert classifier.predict(table).columns == ["value"]
    classifier.save(tmp_path / "model")
    assert TextClassifier.load(tmp_path / "model").predict(table).equals(classifier.predict(table))


def test_pairs_are_told_apart(small: ClassifierSettings) -> None:
    generator = np.random.default_rng(0)
    first = generator.choice(["red", "green", "blue"], size=400)
    second = generator.choice(["red", "green", "blue"], size=400)
    table = pl.DataFrame(
        {"a": [f"it is {w}" for w in first], "b": [f"{w} is what it is" for w in second], "same": first == second}
    )
    classifier = TextClassifier(dataclasses.replace(small, epochs=12, pooling="attention"))
    classifier.fit(table[:300], "a", "same", pair="b")
    assert classifier.classes_ == ("false", "true")
    assert classifier.score(table[300:])["accuracy"] > 0.95
    words = classifier.explain(table[:1])
    assert words["column"].to_list() == ["a"] * 3 + ["b"] * 5
    assert words["word"].to_list() == [*table["a"][0].split(), *table["b"][0].split()]


def test_each_word_read_has_a_weight_and_those_of_a_text_sum_to_one(fitted: TextClassifier) -> None:
    table = pl.DataFrame({"sentence": ["The film,  unheard of", "GOOD", ""]})
    words = fitted.explain(table)
    assert words["row"].to_list() == [1, 1, 1, 1, 1, 2]
    assert words["word"].to_list() == ["the", "film", ",", "unheard", "of", "good"]
    assert words.group_by("row").agg(pl.col("weight").sum())["weight"].to_list() == pytest.approx([1.0, 1.0])


def test_weights_are_those_that_attention_pools_with(fitted: TextClassifier) -> None:
    rows = read_rows(pl.DataFrame({"sentence": ["not good", "a bad story"]}), Columns(), labelled=False)
    found = fitted.word_weights(rows)
    for text, sides in zip(rows.texts[0], found, strict=True):
        encoder = fitted.network_.networks[0].encoder
        ids = torch.from_numpy(fitted.tokens_.encode(text, closed=False).astype(np.int64))[:, None]
        hidden, _ = encoder.recurrent(encoder.embedding(ids))
        weights = (hidden.squeeze(1) @ encoder.attention.score.weight[0]).softmax(dim=0)
        assert [share for _, share in sides[0]] == pytest.approx(weights.tolist(), abs=1e-6)


def test_only_so_many_words_are_read(reviews: pl.DataFrame, small: ClassifierSettings) -> None:
    classifier = TextClassifier(dataclasses.replace(small, epochs=1, max_length=3)).fit(reviews)
    found = classifier.predict(pl.DataFrame({"sentence": ["a good film", "a good film not bad at all", "a bad film"]}))
    assert found["p_yes"][0] == pytest.approx(found["p_yes"][1], abs=1e-6)
    assert found["p_yes"][0] != pytest.approx(found["p_yes"][2], abs=1e-6)


def test_case_counts_only_if_asked(reviews: pl.DataFrame, small: ClassifierSettings) -> None:
    table = pl.DataFrame({"sentence": ["good", "GOOD"]})
    how = dataclasses.replace(small, epochs=1)
    plain = TextClassifier(how).fit(reviews).predict(table)
    assert plain["p_yes"][0] == plain["p_yes"][1]
    cased = TextClassifier(dataclasses.replace(how, lowercase=False)).fit(reviews).predict(table)
    assert cased["p_yes"][0] != cased["p_yes"][1]


def test_a_file_is_read_as_a_table_is(reviews: pl.DataFrame, small: ClassifierSettings, tmp_path: Path) -> None:
    how = dataclasses.replace(small, epochs=1)
    reviews.write_csv(tmp_path / "a.csv")
    reviews.write_csv(tmp_path / "a.tsv", separator="\t", include_header=False)
    whole = TextClassifier(how).fit(reviews, valid=reviews)
    from_csv = TextClassifier(how).fit(tmp_path / "a.csv", valid=str(tmp_path / "a.csv"))
    from_tsv = TextClassifier(how).fit(
        tmp_path / "a.tsv", "column_1", "column_2", valid=tmp_path / "a.tsv", header=False
    )
    for other in (from_csv, from_tsv):
        for name, weight in whole.network_.state_dict().items():
            assert torch.equal(weight, other.network_.state_dict()[name])
    assert from_tsv.predict(tmp_path / "a.tsv").equals(whole.predict(reviews))
