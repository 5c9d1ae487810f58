"""What a classifier refuses: one line that says what, where, and how to mend it."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from lstmkit.errors import InputError, ModelFolderError, NotFittedError
from lstmkit.language.classify import ClassifierSettings, TextClassifier
from lstmkit.language.classify.table import Columns, open_table, read_rows
from lstmkit.training import ModelFolder

TABLE = pl.DataFrame({"sentence": ["good", "bad", "fine", "dull"] * 5, "label": ["1", "0"] * 10})


def complaint(action: Callable[[], object], kind: type[InputError] = InputError) -> str:
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def fit_complaint(small: ClassifierSettings, table: object, task: str = "classes", **choices: object) -> str:
    how = dataclasses.replace(small, epochs=1)
    return complaint(lambda: TextClassifier(how, task).fit(table, **choices))


def test_a_column_that_is_not_there_names_the_nearest(small: ClassifierSettings) -> None:
    assert fit_complaint(small, TABLE, label="lable") == (
        "no column 'lable'; did you mean 'label'? (columns: 'sentence', 'label')"
    )
    assert fit_complaint(small, TABLE, text="Sentences") == (
        "no column 'Sentences'; did you mean 'sentence'? (columns: 'sentence', 'label')"
    )
    assert fit_complaint(small, TABLE, pair="second") == "no column 'second' (columns: 'sentence', 'label')"
    classifier = TextClassifier(dataclasses.replace(small, epochs=1)).fit(
        TABLE.with_columns(second=pl.col("sentence")), pair="second"
    )
    assert complaint(lambda: classifier.predict(TABLE)) == "no column 'second' (columns: 'sentence', 'label')"


def test_text_label_and_pair_are_different_columns(small: ClassifierSettings) -> None:
    assert fit_complaint(small, TABLE, pair="sentence") == (
        "text, label and pair must be different columns; got 'sentence', 'label', 'sentence'"
    )


def test_some_text_is_needed(small: ClassifierSettings) -> None:
    empty = TABLE.with_columns(sentence=pl.lit("  "))
    assert fit_complaint(small, empty) == "text column 'sentence': the text is empty in every row"
    assert fit_complaint(small, TABLE.head(0)) == "the table has no rows"
    assert fit_complaint(small, TABLE, pair="more") == "no column 'more' (columns: 'sentence', 'label')"


def test_a_missing_label_names_its_row(small: ClassifierSettings) -> None:
    expected = (
        "label column 'label', row 7: the label is missing, as in 1 of 20 rows; fill it in, or leave such rows out"
    )
    labels = TABLE["label"].to_list()
    assert fit_complaint(small, TABLE.with_columns(label=pl.Series([*labels[:6], None, *labels[7:]]))) == expected
    assert fit_complaint(small, TABLE.with_columns(label=pl.Series([*labels[:6], " ", *labels[7:]]))) == expected
    numbers = [1.0, 0.0] * 3 + [float("nan")] + [1.0] * 13
    assert fit_complaint(small, TABLE.with_columns(label=pl.Series(numbers))) == expected
    assert fit_complaint(small, TABLE.with_columns(label=pl.Series(numbers)), "number") == expected


def test_one_class_is_nothing_to_learn(small: ClassifierSettings) -> None:
    assert fit_complaint(small, TABLE.with_columns(label=pl.lit("1"))) == (
        "label column 'label': every row is of class '1'; there is nothing to tell apart"
    )
    assert fit_complaint(small, TABLE.with_columns(label=pl.lit(3.5)), "number") == (
        "label column 'label': every row has 3.5; there is nothing to learn"
    )


def test_a_class_that_was_never_learnt_names_its_row_and_part(small: ClassifierSettings) -> None:
    other = TABLE.with_columns(label=pl.Series(["1", "0", "2", *["1"] * 17]))
    assert fit_complaint(small, TABLE, valid=other) == (
        "validation part, label column 'label', row 3: class '2' is not in the training part (classes: '0', '1')"
    )
    classifier = TextClassifier(dataclasses.replace(small, epochs=1)).fit(TABLE)
    assert complaint(lambda: classifier.score(other)) == (
        "test part, label column 'label', row 3: class '2' is not in the training part (classes: '0', '1')"
    )


def test_a_class_with_one_row_is_learnt_from(small: ClassifierSettings) -> None:
    table = TABLE.with_columns(label=pl.Series(["rare", *["1", "0"] * 9, "1"]))
    classifier = TextClassifier(dataclasses.replace(small, epochs=1)).fit(table)
    assert classifier.classes_ == ("0", "1", "rare")


def test_a_label_that_is_no_number_names_its_row(small: ClassifierSettings) -> None:
    table = TABLE.with_columns(label=pl.Series(["1.5", "two", *["3"] * 18]))
    hint = "leave out --task number if labels are classes"
    assert fit_complaint(small, table, "number") == f"label column 'label', row 2: 'two' is not a number; {hint}"
    table = TABLE.with_columns(label=pl.Series(["1.5", "2", "inf", *["3"] * 17]))
    assert fit_complaint(small, table, "number") == f"label column 'label', row 3: 'inf' is not a number; {hint}"
    table = TABLE.with_columns(label=pl.Series(["1.5", "1_000", *["3"] * 18]))
    assert fit_complaint(small, table, "number") == f"label column 'label', row 2: '1_000' is not a number; {hint}"


def test_too_few_rows_to_hold_any_back(small: ClassifierSettings) -> None:
    assert fit_complaint(small, TABLE.head(4)) == (
        "label column 'label': the largest class, '1', has 2 rows, too few to hold back a share of 0.1; give more rows "
        "of each class, or files for validation and test"
    )
    assert fit_complaint(small, TABLE.head(4), "number") == (
        "4 rows are too few to hold back a share of 0.1; give more rows, or files for validation and test"
    )


def test_labels_that_differ_from_row_to_row_are_asked_about(small: ClassifierSettings) -> None:
    rows = range(TABLE.height)
    ids, amounts = [f"id{row}" for row in rows], [row + 0.5 for row in rows]
    question = "each of the 20 rows has a label of its own, the first {}; is this the column of the classes? {}"
    for labels, first, way in (
        (ids, "'id0'", "name another by --label"),
        (amounts, "'0.5'", "pass --task number if it holds amounts"),
    ):
        expected = f"label column 'label': {question.format(first, way)}"
        assert fit_complaint(small, TABLE.with_columns(label=pl.Series(labels))) == expected
    twice = fit_complaint(small, TABLE.with_columns(label=pl.Series([row // 2 + 0.5 for row in rows])))
    assert twice.endswith("; or pass --task number if these are amounts")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", b"", "the file is empty"),
        ("a.csv", b"", "the file is empty"),
        ("a.tsv", b"sentence\tlabel\n", "has a header but no rows"),
        ("a.csv", b"sentence,label\n", "has a header but no rows"),
        ("a.tsv", b"sentence\tlabel\ngood\t\x001\n", "zero byte at offset 20"),
        ("a.csv", b"sentence,label\ngood,\x001\n", "zero byte at offset 20"),
        ("a.tsv", b"sentence\tlabel\ncaf\xe9\t1\n", "byte 0xe9 at offset 18"),
        ("a.tsv", b"sentence\tlabel\na\t1\nb\n", "row 2 has 1 fields where the header has 2"),
        ("a.tsv", b"sentence\tsentence\na\t1\n", "the header names column 'sentence' more than once"),
        ("a.tsv.gz", gzip.compress(b"sentence\tlabel\n" * 100, mtime=0)[:-20], "gzip"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_read(
    name: str, content: bytes, expected: str, small: ClassifierSettings, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = fit_complaint(small, path)
    assert message.startswith(str(path)) and expected in message


def test_a_file_that_is_not_there(small: ClassifierSettings, tmp_path: Path) -> None:
    for name in ("none.tsv", "none.csv"):
        assert fit_complaint(small, tmp_path / name).startswith(f"{tmp_path / name}: no such file")


def test_without_a_header_the_first_row_counts_the_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"a, b",1\nc\n')
    message = complaint(lambda: open_table(tmp_path / "a.csv", header=False))
    assert message == f"{tmp_path / 'a.csv'}: row 2 has 1 fields where the first has 2; complete the row"


def test_quotes_are_quotes_in_a_csv_and_characters_in_a_tsv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"a, ""b""",1\n')
    assert open_table(tmp_path / "a.csv", header=False)[0].rows() == [('a, "b"', "1")]
    (tmp_path / "a.tsv").write_text('sentence\tlabel\n"he said\t1\n')
    assert open_table(tmp_path / "a.tsv")[0].rows() == [('"he said', "1")]


def test_what_has_no_value_is_an_empty_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"sentence": ["a", None]})
    assert read_rows(frame, Columns(), labelled=False).texts == (["a", ""],)


def test_a_table_is_needed(small: ClassifierSettings) -> None:
    assert fit_complaint(small, [1, 2]) == "a table is needed (polars, pandas or pyarrow); got list"


def test_before_fit_there_is_nothing_to_predict(small: ClassifierSettings, tmp_path: Path) -> None:
    for action in (
        lambda c: c.predict(TABLE),
        lambda c: c.score(TABLE),
        lambda c: c.explain(TABLE),
        lambda c: c.save(tmp_path / "model"),
    ):
        message = complaint(lambda action=action: action(TextClassifier(small)), NotFittedError)
        assert message == "TextClassifier: not fitted yet; call fit first"


def test_only_attention_can_be_explained(small: ClassifierSettings) -> None:
    classifier = TextClassifier(dataclasses.replace(small, epochs=1)).fit(TABLE)
    assert complaint(lambda: classifier.explain(TABLE)) == (
        "explain: this model pools by max; train one with pooling attention, which weighs the words"
    )


def test_a_folder_of_another_kind_is_no_classifier(small: ClassifierSettings, tmp_path: Path) -> None:
    ModelFolder("forecaster", {}, {}).write(tmp_path / "other", "0")
    message = complaint(lambda: TextClassifier.load(tmp_path / "other"), ModelFolderError)
    assert message == f"{tmp_path / 'other'}: holds a 'forecaster' model, not a 'classifier' model"
    ModelFolder("classifier", {}, {}).write(tmp_path / "hollow", "0")
    message = complaint(lambda: TextClassifier.load(tmp_path / "hollow"), ModelFolderError)
    assert "Object missing required field `task`; the file is damaged" in message


def test_a_start_that_is_no_language_model(small: ClassifierSettings, tmp_path: Path) -> None:
    assert fit_complaint(small, TABLE, start=TABLE) == (
        "start: a fitted language model with a network is needed; got DataFrame"
    )
    assert fit_complaint(small, TABLE, start=tmp_path / "none") == f"{tmp_path / 'none'}: no such model folder"


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (
            {"pooling": "first"},
            "ClassifierSettings: pooling must be one of max, mean, mean-max, last, attention; got 'first'",
        ),
        ({"measure": "rmse"}, "ClassifierSettings: measure must be one of matthews, accuracy, uar, f1; got 'rmse'"),
        ({"label_smoothing": 1}, "ClassifierSettings: label_smoothing must be at least 0 and below 1; got 1"),
        ({"class_weights": "even"}, "ClassifierSettings: class_weights must be one of none, balanced; got 'even'"),
        ({"hidden_size": 0}, "ClassifierSettings: hidden_size must be at least 1; got 0"),
        ({"dropout": 1.0}, "ClassifierSettings: dropout must be at least 0 and below 1; got 1.0"),
        ({"minutes": 0.0}, "ClassifierSettings: minutes must be more than 0; got 0.0"),
        ({"weight_decay": -1.0}, "ClassifierSettings: weight_decay must not be negative; got -1.0"),
        ({"average": 1.0}, "ClassifierSettings: average must be between 0 and 1; got 1.0"),
    ],
    ids=str,
)
def test_settings_out_of_range(choices: dict[str, object], expected: str) -> None:
    assert complaint(lambda: ClassifierSettings(**choices)) == expected


def test_an_unknown_cell_task_or_seed() -> None:
    assert complaint(lambda: ClassifierSettings(cell="lsmt")).startswith("cell must be one of lstm, ")
    assert complaint(lambda: TextClassifier(task="both")) == "task must be one of classes, number; got 'both'"
    assert complaint(lambda: TextClassifier(seed=-1)) == "seed must be from 0 to 9223372036854775807; got -1"
