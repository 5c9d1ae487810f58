"""`SequenceClassifier`: scikit-learn's contract, forms of input, pieces of long sequences, folders."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from small_sequences import quick, rising_and_falling

from lstmkit import InputError, SequenceClassifier
from lstmkit.classification.classifier.pieces import mean_of_pieces, pieces, pieces_to_learn
from lstmkit.classification.learning import epochs_enough
from lstmkit.classification.reading import Form, read_labelled
from lstmkit.errors import ModelFolderError, NotFittedError
from lstmkit.sequences import Ragged
from lstmkit.training import ModelFolder

X, Y = rising_and_falling(60)
NEW, TRUTH = rising_and_falling(40, seed=1)


@pytest.fixture(scope="module")
def fitted() -> SequenceClassifier:
    return SequenceClassifier(quick()).fit(X, Y)


def table(sequences, labels) -> pl.DataFrame:
    """Return sequences as a long table."""
    return pl.concat(
        pl.DataFrame({"walk": f"w{k}", "t": range(len(own)), "x": own[:, 0], "y": own[:, 1], "kind": label})
        for k, (own, label) in enumerate(zip(sequences, labels, strict=True))
    )


def test_it_learns_what_rises(fitted) -> None:
    assert fitted.score(NEW, TRUTH) > 0.9
    assert fitted.classes_.tolist() == ["down", "up"]
    shares = fitted.predict_proba(NEW)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (fitted.predict(NEW) == fitted.classes_[shares.argmax(axis=1)]).all()


def test_the_same_seed_gives_the_same(fitted) -> None:
    again = SequenceClassifier(quick()).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(NEW), fitted.predict_proba(NEW))


def test_a_long_table_gives_what_arrays_give(fitted) -> None:
    own = SequenceClassifier(quick()).fit(table(X, Y), label="kind", id="walk", time="t")
    shuffled = table(NEW, TRUTH).drop("kind").sort("t", maintain_order=True)
    np.testing.assert_allclose(own.predict_proba(shuffled), fitted.predict_proba(NEW), atol=1e-6)
    assert own.form_.channels == ("x", "y")


def test_whole_numbers_come_back_as_such_and_numbers_are_learnt() -> None:
    numbers = [1 if label == "up" else -1 for label in Y]
    told = SequenceClassifier(quick(epochs=2)).fit(X, numbers).predict(NEW)
    assert told.dtype.kind == "i"
    assert set(told) <= {-1, 1}
    rises = [float(own[-1, 0] - own[0, 0]) for own in X]
    regressor = SequenceClassifier(quick(epochs=25), task="number").fit(X, rises)
    assert regressor.score(NEW, [float(own[-1, 0] - own[0, 0]) for own in NEW]) > 0.5
    with pytest.raises(InputError, match="no probabilities"):
        regressor.predict_proba(NEW)


@pytest.mark.parametrize("pair", [(-(2**63), 2**63 - 1), (1, 2**64 - 1)])
def test_labels_of_64_bits_are_kept_by_a_folder(pair, tmp_path) -> None:
    numbers = np.array([pair[label == "up"] for label in Y], np.uint64 if pair[0] > 0 else np.int64)
    classifier = SequenceClassifier(quick(epochs=1)).fit(X, numbers)
    classifier.save(tmp_path / "model")
    again = SequenceClassifier.load(tmp_path / "model")
    assert again.classes_.dtype == numbers.dtype and again.classes_.tolist() == list(pair)
    np.testing.assert_array_equal(again.predict(NEW), classifier.predict(NEW))
    assert 0 <= again.score(NEW, numbers[: len(NEW)]) <= 1


def test_missing_values_are_masked_where_that_is_asked_for() -> None:
    holes = [np.where(np.random.default_rng(k).random(own.shape) < 0.2, np.nan, own) for k, own in enumerate(X)]
    with pytest.raises(InputError, match="the value is missing"):
        SequenceClassifier(quick()).fit(holes, Y)
    masked = SequenceClassifier(quick(), missing="mask").fit(holes, Y)
    assert masked.score(NEW, TRUTH) > 0.8


@pytest.mark.parametrize(("rows", "expected"), [(1, 5), (100, 5), (101, 3), (300, 3), (301, 1), (10**6, 1)])
def test_few_rows_are_answered_for_by_several_networks(rows, expected) -> None:
    settings = quick(ensemble=None)
    assert settings.networks_for(rows) == expected
    assert len(settings.networks_note(rows)) == (expected > 1)
    assert quick(ensemble=2).networks_for(rows) == 2
    assert not quick(ensemble=2).networks_note(rows)


def test_every_second_network_has_filters_where_sequences_are_long() -> None:
    def steps(classifier: SequenceClassifier) -> list[int]:
        filters = [network.encoder.frames.filters for network in classifier.network_.networks]
        return [0 if own is None else own.convolution.kernel_size[0] for own in filters]

    long, labels = rising_and_falling(12, steps=(50, 60))
    for given, expected in (({}, [0, 9, 0]), ({"convolution": 0}, [0, 0, 0]), ({"convolution": 4}, [4, 4, 4])):
        classifier = SequenceClassifier(quick(epochs=1, ensemble=3, **given)).fit(long, labels)
        assert steps(classifier) == expected
    short, labels = rising_and_falling(12, steps=(48, 50))
    assert steps(SequenceClassifier(quick(epochs=1, ensemble=2)).fit(short, labels)) == [0, 0]
    assert steps(SequenceClassifier(quick(epochs=1)).fit(long, labels[:12])) == [0]


def test_the_number_of_networks_goes_by_what_is_learnt_from_and_is_kept(tmp_path) -> None:
    many, labels = rising_and_falling(120)
    settings = quick(ensemble=None, epochs=1)
    classifier = SequenceClassifier(settings).fit(many, labels)
    assert len(classifier.network_.networks) == 3  # 96 to learn from, and in the end the others, too
    assert len(SequenceClassifier(settings).fit(many[:90], labels[:90], valid=(NEW, TRUTH)).network_.networks) == 5
    assert any("the mean of 3 networks" in note for note in classifier.notes_)
    classifier.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    assert len(loaded.network_.networks) == 3 and loaded.settings == settings
    np.testing.assert_array_equal(loaded.predict_proba(NEW), classifier.predict_proba(NEW))


def test_groups_are_never_on_both_sides() -> None:
    rows = SequenceClassifier(quick(epochs=1)).fit(X, Y).read(X, Y, labelled=True)
    groups = [f"g{k // 6}" for k in range(60)]
    grouped = type(rows)(rows.frames, rows.ids, rows.labels, rows.form, groups)
    stay, cut = SequenceClassifier(quick()).split(grouped, 0.2)
    assert len(stay) + len(cut) == 60
    assert len(cut) > 0
    assert set(stay.groups or []).isdisjoint(cut.groups or [])


def test_labels_of_every_type_come_back_as_something_equal() -> None:
    for kind in (bool, float, int):
        labels = np.array([label == "up" for label in Y]).astype(kind)
        told = SequenceClassifier(quick()).fit(X, labels).predict(X)
        assert (told == labels).mean() > 0.9, kind


def test_too_few_groups_to_validate_by_leave_it_to_the_classes() -> None:
    rows = SequenceClassifier(quick(epochs=1)).fit(X, Y).read(X, Y, labelled=True)
    alone = type(rows)(rows.frames, rows.ids, rows.labels, rows.form, [f"only {label}" for label in Y])
    with pytest.raises(InputError, match="groups are too few"):
        SequenceClassifier(quick()).split(alone, 0.2)
    _, held = SequenceClassifier(quick()).validating(alone, 0.2)
    assert len(held) == 12


def test_what_was_noticed_is_kept() -> None:
    found = SequenceClassifier(quick(epochs=1)).fit(table(X, Y), label="kind", id="walk")
    assert any("'t'" in note for note in found.notes_)


def test_parameters_are_told_and_set() -> None:
    classifier = SequenceClassifier(quick(), seed=3)
    assert classifier.get_params()["seed"] == 3
    assert classifier.set_params(settings__pooling="max", missing="mask").settings.pooling == "max"
    with pytest.raises(InputError):
        classifier.set_params(task="words")


def test_it_works_in_scikit_learns_cross_validation() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    scores = selection.cross_val_score(SequenceClassifier(quick()), np.stack([own[:8] for own in X]), Y, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.6


def test_a_saved_classifier_answers_the_same(fitted, tmp_path) -> None:
    fitted.save(tmp_path / "model")
    loaded = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(NEW), fitted.predict_proba(NEW))
    assert loaded.get_params() == fitted.get_params()


def test_what_was_written_before_a_setting_was_there_is_read(tmp_path) -> None:
    how = quick(ensemble=2, epochs=1, convolution=None)
    fitted = SequenceClassifier(how).fit(X, Y)
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    for name in how.later:
        del config["settings"][name]
    for name in ("networks", "filtered"):
        del config["shape"][name]
    del config["beside"], config["sha256"]
    path.write_text(json.dumps(config))
    loaded = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(NEW), fitted.predict_proba(NEW))
    loaded.save(tmp_path / "again")
    again = SequenceClassifier.load(tmp_path / "again")
    np.testing.assert_array_equal(again.predict_proba(NEW), fitted.predict_proba(NEW))
    assert len(again.network_.networks) == again.shape_.networks == 2


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["up", "up"]},
        {"classes": ["up"]},
        {"scale": [0.0, 0.0]},
        {"whole": True},
        {"form": {"label": "y", "channels": ["a"], "layout": "long"}},
        {"shape": {"channels": 2, "outputs": 3}},
        {"shape": {"channels": 2, "outputs": 2, "networks": 2}},
    ],
    ids=str,
)
def test_a_folder_whose_parts_do_not_agree_is_refused(fitted, tmp_path, change) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text()) | change
    del config["sha256"]  # or it would be refused as damaged
    path.write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="do not belong together"):
        SequenceClassifier.load(tmp_path / "model")


def test_a_folder_in_which_the_input_layer_was_no_part_of_its_own_is_read(tmp_path) -> None:
    own = SequenceClassifier(quick(convolution=3, filters=4, epochs=1)).fit(X, Y)
    state = {
        name.replace(".encoder.frames.", ".encoder."): tensor for name, tensor in own.network_.state_dict().items()
    }
    assert "members.0.encoder.filters.convolution.weight" in state
    ModelFolder("sequence classifier", own.config(), state).write(tmp_path / "old", "0.1.0", force=False)
    again = SequenceClassifier.load(tmp_path / "old")
    np.testing.assert_array_equal(again.predict_proba(NEW), own.predict_proba(NEW))


def test_what_cannot_be_learnt_or_answered_is_one_line(fitted) -> None:
    with pytest.raises(NotFittedError):
        SequenceClassifier().predict(X)
    with pytest.raises(NotFittedError):
        SequenceClassifier().save("nowhere")
    with pytest.raises(InputError, match="every row is of class 'up'"):
        SequenceClassifier(quick()).fit(X, ["up"] * len(X))
    with pytest.raises(InputError, match="class 'odd' has one sequence"):
        SequenceClassifier(quick()).fit(X, ["odd", *Y[1:]])
    with pytest.raises(InputError, match="the sequences have 1 channels; the model reads 2"):
        fitted.predict([own[:, :1] for own in NEW])


def test_pieces_cover_a_sequence_and_their_mean_goes_by_their_lengths() -> None:
    frames = Ragged.of([np.arange(5.0)[:, None], np.arange(2.0)[:, None]], 1)
    cut, owner = pieces(frames, 2)
    assert [own[:, 0].tolist() for own in (cut[k] for k in range(4))] == [[0, 1], [2, 3], [4], [0, 1]]
    assert owner.tolist() == [0, 0, 0, 1]
    found = mean_of_pieces(np.array([[1.0], [2.0], [6.0], [7.0]]), owner, cut.lengths)
    np.testing.assert_allclose(found[:, 0], [(2 + 4 + 6) / 5, 7])
    learnt, own = pieces_to_learn(frames, 4)  # one step of four would tell little
    assert learnt.lengths.tolist() == [4, 2]
    assert own.tolist() == [0, 1]


def test_a_long_sequence_is_answered_in_pieces() -> None:
    classifier = SequenceClassifier(quick(epochs=1, max_steps=50)).fit(X, Y)
    long = np.random.default_rng(0).normal(size=(120, 2))
    parts = classifier.predict_proba([long[:50], long[50:100], long[100:]])
    wanted = (50 * parts[0] + 50 * parts[1] + 20 * parts[2]) / 120
    np.testing.assert_allclose(classifier.predict_proba([long])[0], wanted, atol=1e-6)


def test_a_million_steps_are_answered_in_bounded_memory() -> None:
    classifier = SequenceClassifier(quick(epochs=1, hidden_size=4)).fit(X, Y)
    assert classifier.predict_proba([np.zeros((1_000_000, 2))]).shape == (1, 2)


def test_what_was_held_back_is_learnt_from_in_the_end_but_a_part_of_its_own_is_not() -> None:
    """What a network has seen shows in the means that it was normalised by."""
    classifier = SequenceClassifier(quick(differences=()))
    parts = [read_labelled(own, Form(), labels=labels) for own, labels in ((X, Y), (NEW, TRUTH))]
    alone, together = (np.concatenate(own).mean(axis=0) for own in (X, [*X, *NEW]))
    assert np.abs(alone - together).max() > 1e-3

    def seen(found: SequenceClassifier) -> np.ndarray:
        return found.network_.networks[0].encoder.frames.normalisation.mean.numpy()

    np.testing.assert_allclose(seen(classifier.fit_rows(*parts)), alone)
    np.testing.assert_allclose(seen(classifier.fit_rows(*parts, cut=True)), together)
    np.testing.assert_allclose(seen(classifier.fit(X, Y, valid=(NEW, TRUTH))), alone)
    np.testing.assert_allclose(seen(classifier.fit([*X, *NEW], [*Y, *TRUTH])), together)


def test_a_final_fit_has_the_epochs_that_were_enough() -> None:
    history = SequenceClassifier(quick()).fit(X, Y).history_
    first = [record for record in history if not np.isnan(record.valid_loss)]
    assert [record.epoch for record in history] == list(range(len(history)))
    assert len(history) - len(first) == epochs_enough(first, 12) > 0
    assert history[-1].steps > first[-1].steps
    alone = SequenceClassifier(quick(final_fit=False)).fit(X, Y).history_
    assert [record.valid_loss for record in alone] == [record.valid_loss for record in first]
