"""`lstm language classify` on good and on bad input."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lstmkit.language.classify import TextClassifier
from lstmkit.language.classify.job import ClassifyJob
from lstmkit.language.classify.table import Columns
from lstmkit.results import Watcher, run_job
from lstmkit.training import ModelFolder

Run = Callable[..., "Ran"]  # noqa: F821
Complain = Callable[..., str]
Pipe = Callable[["str | bytes"], None]
SMALL = ("--set", "hidden_size=8", "--set", "embedding_size=8", "--set", "learning_rate=0.02", "--epochs", 6)
TRAIN = ("language", "classify", "train")
PREDICT = ("language", "classify", "predict")


def write_reviews(path: Path, rows: int, seed: int, header: bool = True) -> Path:
    generator = np.random.default_rng(seed)
    fillers = ["the", "film", "of", "a", "story", '"quoted"']
    said = generator.integers(2, size=rows)
    texts = [
        " ".join(generator.permutation([*generator.choice(fillers, 4), ["bad", "good"][own]])) for own in said.tolist()
    ]
    frame = pl.DataFrame({"sentence": texts, "label": said})
    frame.write_csv(path, separator="\t", quote_style="never", include_header=header)
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews.tsv", 200, 0)


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], None]:
    """Put something into standard input."""

    def pipe(content: str | bytes) -> None:
        given = content.encode() if isinstance(content, str) else content
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))

    return pipe


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results of a model that pools by attention."""
    from lstmkit.language.classify import ClassifierSettings

    folder = tmp_path_factory.mktemp("trained")
    how = ClassifierSettings(
        hidden_size=8, embedding_size=8, learning_rate=0.02, epochs=6, average=0.9, pooling="attention"
    )
    source = write_reviews(folder / "reviews.tsv", 200, 0)
    run_job(ClassifyJob(str(source), folder / "out", Columns(), TextClassifier(how)))
    return folder / "out"


def test_train_scores_beside_baselines_and_keeps_the_model(lstm: Run, reviews: Path, tmp_path: Path) -> None:
    ran = lstm(*TRAIN, reviews, *SMALL, "--out", tmp_path / "out")
    assert ran.code == 0
    for words in ("20 test rows", "network", "TF-IDF + logistic regression", "always the largest class", "Matthews"):
        assert words in ran.out
    assert "text 'sentence', label 'label', 160 rows to learn from, 20 to validate, 20 to test" in ran.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model", "summary.json"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["headline"] in ran.out.replace("\n", " ")
    assert list(summary["scores"]) == ["model", "tfidf", "constant"]
    assert list(summary["scores"]["model"]) == ["accuracy", "f1", "f1_positive", "matthews"]
    assert (summary["measure"], summary["classes"], summary["epochs"]) == ("accuracy", ["0", "1"], 6)
    assert summary["rows"] == {"training": 160, "validation": 20, "test": 20}
    assert summary["settings"]["hidden_size"] == 8
    assert summary["gain_interval"][0] <= summary["gain"] <= summary["gain_interval"][1]
    assert set(summary["seconds"]) == {"read", "fit", "score", "total"}


def test_files_for_validation_and_test_are_only_used_for_that(lstm: Run, reviews: Path, tmp_path: Path) -> None:
    valid = write_reviews(tmp_path / "valid.tsv", 30, 1)
    test = write_reviews(tmp_path / "test.tsv", 40, 2)
    ran = lstm(*TRAIN, reviews, *SMALL, "--valid", valid, "--test", test, "--out", tmp_path / "out", "--json")
    assert (ran.code, ran.err) == (0, "")
    summary = json.loads(ran.out)
    assert summary["rows"] == {"training": 200, "validation": 30, "test": 40}
    assert ran.out == (tmp_path / "out" / "summary.json").read_text()
    model = TextClassifier.load(tmp_path / "out" / "model")
    assert model.score(test) == pytest.approx(summary["scores"]["model"])


def test_the_measure_that_was_set_is_what_is_compared(lstm: Run, reviews: Path, tmp_path: Path) -> None:
    for measure, title, shown in (("uar", "mean recall", "mean recall"), ("f1", "F1, mean", "mean F1")):
        given = (*TRAIN, reviews, *SMALL, "--set", f"measure={measure}", "--out", tmp_path / measure, "--quiet")
        ran = lstm(*given)
        summary = json.loads((tmp_path / measure / "summary.json").read_text())
        assert (summary["measure"], measure in summary["scores"]["tfidf"]) == (measure, True)
        assert title in ran.out and f": {shown} " in summary["headline"]


def test_options_reach_the_settings(lstm: Run, reviews: Path, tmp_path: Path) -> None:
    ran = lstm(
        *(*TRAIN, reviews, *SMALL[:4], "--epochs", 1, "--cell", "alstm", "--pooling", "attention", "--seed", 3),
        *("--class-weights", "balanced", "--minutes", 5, "--out", tmp_path / "out", "--json"),
    )
    summary = json.loads(ran.out)
    settings = summary["settings"]
    assert (settings["cell"], settings["pooling"], settings["class_weights"]) == ("alstm", "attention", "balanced")
    assert (settings["epochs"], settings["minutes"], summary["seed"]) == (1, 5.0, 3)


def test_numbers_without_a_header(lstm: Run, tmp_path: Path) -> None:
    source = write_reviews(tmp_path / "reviews.tsv", 200, 0, header=False)
    ran = lstm(
        *(*TRAIN, source, *SMALL, "--no-header", "--text", "column_1", "--label", "column_2", "--task", "number"),
        *("--out", tmp_path / "out"),
    )
    assert ran.code == 0
    for words in ("RMSE", "Pearson", "Spearman", "TF-IDF + ridge regression", "always the mean"):
        assert words in ran.out
    answer = lstm(*PREDICT, tmp_path / "out", source, "--json")
    assert [list(record) for record in json.loads(answer.out)] == [["column_1", "value"]] * 200


def test_predict_answers_for_texts_and_files(lstm: Run, trained: Path, tmp_path: Path) -> None:
    ran = lstm(*PREDICT, trained, "a good [film]", "the bad story", "--json")
    assert (ran.code, ran.err) == (0, "")
    records = json.loads(ran.out)
    assert [record["label"] for record in records] == ["1", "0"]
    assert [list(record) for record in records] == [["sentence", "label", "p_0", "p_1"]] * 2
    shown = lstm(*PREDICT, trained / "model", "a good [film]", "the bad story")
    assert [line.split()[0] for line in shown.out.splitlines()] == ["1", "0"]
    assert "a good [film]" in shown.out
    assert lstm(*PREDICT, trained, "a good film " * 400).code == 0  # longer than a name of a file can be
    write_reviews(tmp_path / "later.tsv", 30, 5)
    assert lstm(*PREDICT, trained, tmp_path / "later.tsv", "--out", tmp_path / "answers.csv").code == 0
    both = lstm(*PREDICT, trained, tmp_path / "later.tsv", "--out", tmp_path / "both.csv", "--json")
    assert (tmp_path / "both.csv").read_bytes() == (tmp_path / "answers.csv").read_bytes() and both.out.startswith("[")
    rows = pl.read_csv(tmp_path / "answers.csv").to_dicts()
    assert len(rows) == 30
    right = pl.read_csv(tmp_path / "later.tsv", separator="\t", quote_char=None)["label"].to_list()
    assert np.mean([row["label"] == own for row, own in zip(rows, right, strict=True)]) > 0.9


def test_standard_input_is_a_table_or_a_text_a_line(lstm: Run, complain: Complain, trained: Path, piped: Pipe) -> None:
    from_arguments = json.loads(lstm(*PREDICT, trained, "a good film, of", "", "the bad story", "--json").out)
    frame = pl.DataFrame({"more": [1, 2, 3], "sentence": ["a good film, of", "", "the bad story"]})
    table = io.BytesIO()
    frame.write_parquet(table)
    for content in (
        "a good film, of\n\nthe bad story\n",
        "a good film, of\r\n\r\nthe bad story",
        frame.write_csv(),
        frame.write_csv(separator="\t", quote_style="never"),
        table.getvalue(),
    ):
        piped(content)
        ran = lstm(*PREDICT, trained, "-", "--json")
        assert (ran.code, ran.err) == (0, "")
        assert [record["sentence"] for record in json.loads(ran.out)] == ["a good film, of", "", "the bad story"]
        for one, other in zip(json.loads(ran.out), from_arguments, strict=True):
            assert one["p_1"] == pytest.approx(other["p_1"], abs=1e-6)
    piped("text\ta good film\n")
    assert json.loads(lstm(*PREDICT, trained, "-", "--json").out)[0]["sentence"] == "text\ta good film"
    piped("note,text\n1,a good film\n")
    assert json.loads(lstm(*PREDICT, trained, "-", "--text", "text", "--json").out)[0]["sentence"] == "a good film"
    piped("sentence\tmore\na\tb\na\tb\tc\n")
    assert complain(*PREDICT, trained, "-").startswith("standard input: row 2 has 3 fields where the header has 2; ")
    piped("")
    assert complain(*PREDICT, trained, "-") == "standard input: the text is empty"
    piped(b"caf\xe9\n")
    assert complain(*PREDICT, trained, "-").startswith("standard input: not UTF-8 text (byte 0xe9 at offset 3)")


def test_explain_shows_the_words_with_their_weights(lstm: Run, trained: Path) -> None:
    ran = lstm(*PREDICT, trained, "a good story of", "--explain", "--json")
    (words,) = json.loads(ran.out)[0]["words"]
    assert [own["word"] for own in words] == ["a", "good", "story", "of"]
    assert sum(own["weight"] for own in words) == pytest.approx(1.0, abs=1e-5)
    assert max(words, key=lambda own: own["weight"])["word"] == "good"
    shown = lstm(*PREDICT, trained, "a good story of", "--explain").out.splitlines()
    assert len(shown) == 5
    assert max(shown[1:], key=lambda line: line.count("█")).split()[2] == "good"


def test_rows_that_are_blank_all_over_are_left_out_and_said(lstm: Run, reviews: Path, tmp_path: Path) -> None:
    head, *rows = reviews.read_text().splitlines()
    (tmp_path / "gaps.tsv").write_text("\n".join([head, "", *(f"{row}\n" for row in rows), "\t", " "]) + "\n")
    quoted = [",".join(f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row.split("\t")) for row in rows]
    (tmp_path / "gaps.csv").write_text("\n".join(["sentence,label", "", *(f"{row}\n" for row in quoted), ","]) + "\n")
    counts = []
    for source in (reviews, tmp_path / "gaps.tsv", tmp_path / "gaps.csv"):
        ran = lstm(*TRAIN, source, *SMALL[:-1], 1, "--out", tmp_path / f"out{source.suffix}{source.stem}")
        assert ran.code == 0
        counts.append(ran.err.splitlines()[0].partition("label 'label', ")[2])
        assert ("left out" in ran.err) == (source.stem == "gaps")
    assert counts == ["160 rows to learn from, 20 to validate, 20 to test"] * 3


def test_ids_for_labels_are_asked_about_also_with_files_of_their_own(complain: Complain, tmp_path: Path) -> None:
    for name, first in (("a.csv", 0), ("b.csv", 50)):
        rows = "".join(f"a film,id{number}\n" for number in range(first, first + 20))
        (tmp_path / name).write_text("sentence,label\n" + rows)
    assert complain(*TRAIN, "a.csv", "--valid", "b.csv", "--test", "b.csv") == (
        "label column 'label': each of the 20 rows has a label of its own, the first 'id0'; is this the column of the "
        "classes? name another by --label"
    )


def test_a_network_that_answers_one_class_says_so(lstm: Run, tmp_path: Path) -> None:
    (tmp_path / "same.csv").write_text("sentence,label\n" + "the film,1\nthe film,0\nthe film,1\n" * 50)
    ran = lstm(*TRAIN, tmp_path / "same.csv", *SMALL, "--out", tmp_path / "out")
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert said["detail"].endswith(" The network answers '1' to all of them: it tells nothing apart.")
    assert "it tells nothing apart" in ran.out.replace("\n", " ")


def test_a_job_interrupted_and_resumed_ends_with_the_same_bytes(reviews: Path, tmp_path: Path) -> None:
    class Stop(Watcher):
        def on_epoch(self, record: object) -> None:
            if record.epoch == 2:
                raise KeyboardInterrupt

    from lstmkit.language.classify import ClassifierSettings

    def job(name: str, **choices: bool) -> ClassifyJob:
        how = ClassifierSettings(hidden_size=8, embedding_size=8, epochs=4)
        return ClassifyJob(str(reviews), tmp_path / name, Columns(), TextClassifier(how), **choices)

    with pytest.raises(KeyboardInterrupt):
        run_job(job("out"), Stop())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.safetensors"]
    run_job(job("out", resume=True))
    run_job(job("whole"))
    for name in ("model.safetensors", "config.json"):
        kept = [
            json.loads(path.read_text())["settings"] if name == "config.json" else path.read_bytes()
            for path in (tmp_path / folder / "model" / name for folder in ("out", "whole"))
        ]
        assert kept[0] == kept[1]


def test_results_are_not_replaced_by_accident(complain: Complain, lstm: Run, reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert lstm(*TRAIN, reviews, *SMALL, "--out", out).code == 0
    assert complain(*TRAIN, reviews, *SMALL, "--out", out) == (
        f"{out}: already holds a result (summary.json); choose another --out, or --force to replace it"
    )
    assert lstm(*TRAIN, reviews, *SMALL, "--out", out, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--label", "labels"], "no column 'labels'; did you mean 'label'? (columns: 'sentence', 'label')"),
        (["--task", "both"], "task must be one of classes, number; got 'both'"),
        (
            ["--pooling", "sum"],
            "ClassifierSettings: pooling must be one of max, mean, mean-max, last, attention; got 'sum'",
        ),
        (["--set", "hidden=3"], "a text classifier has no setting 'hidden'; did you mean 'hidden_size'?"),
        (["--set", "hidden_size"], "--set takes NAME=VALUE, such as hidden_size=128; got 'hidden_size'"),
        (["--set", "hidden_size=x"], "--set hidden_size must be a whole number; got 'x'"),
        (["--epochs", "2", "--set", "epochs=3"], "--set epochs and --epochs are the same setting; leave one out"),
        (["--test", "none.tsv"], "none.tsv: no such file"),
        (["--start", "none"], "none: no such model folder"),
        (["--seed", "-1"], "seed must be from 0 to 9223372036854775807; got -1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_complains_in_one_line(complain: Complain, reviews: Path, arguments: list[str], expected: str) -> None:
    assert complain(*TRAIN, "reviews.tsv", *arguments) == expected


def test_predict_complains_in_one_line(complain: Complain, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "out")
    (tmp_path / "other.csv").write_text("text,more\ngood,1\n")
    assert complain(*PREDICT, "out", "none.csv") == "none.csv: no such file"
    assert complain(*PREDICT, "out", "other.csv") == "no column 'sentence' (columns: 'text', 'more')"
    assert complain(*PREDICT, "out", "other.csv", "--pair", "more") == (
        "--pair more: this model tells single texts; leave the option out"
    )
    assert complain(*PREDICT, "none", "a film") == "none: no such model folder"
    assert complain(*PREDICT, "out", "  ") == "text column 'sentence': the text is empty in every row"
    assert complain(*PREDICT, "out", "a film", "--out", "other.csv") == (
        "other.csv: exists already; choose another --out, or --force to replace it"
    )
    ModelFolder("forecaster", {}, {}).write(tmp_path / "forecaster", "0")
    assert (
        complain(*PREDICT, "forecaster", "a film") == "forecaster: holds a 'forecaster' model, not a 'classifier' model"
    )


def test_a_model_of_pairs_takes_pairs(complain: Complain, lstm: Run, tmp_path: Path, piped: Pipe) -> None:
    colours = ["red", "green", "blue"]
    generator = np.random.default_rng(0)
    pairs = [(generator.choice(colours), generator.choice(colours)) for _ in range(150)]
    lines = [f"{a},{b},{int(a == b)}" for a, b in pairs]
    (tmp_path / "pairs.csv").write_text("\n".join(["first,second,same", *lines]) + "\n")
    (tmp_path / "half.csv").write_text("first\nred\n")
    ran = lstm(
        *(*TRAIN, tmp_path / "pairs.csv", "--text", "first", "--pair", "second", "--label", "same", *SMALL),
        *("--out", tmp_path / "out"),
    )
    assert ran.code == 0
    ran = lstm(*PREDICT, tmp_path / "out", "red", "red", "red", "blue", "--json")
    assert [(record["first"], record["second"]) for record in json.loads(ran.out)] == [("red", "red"), ("red", "blue")]
    for content in ("red\tred\nred\tblue\n", "second,first\nred,red\nblue,red\n"):
        piped(content)
        again = lstm(*PREDICT, tmp_path / "out", "-", "--json")
        assert json.loads(again.out) == json.loads(ran.out)
    piped("red\tred\nred and blue\n")
    assert complain(*PREDICT, "out", "-") == (
        "standard input: line 2 is not a pair of texts; give two in a line, with a tab between, or a table with "
        "the columns 'first' and 'second'"
    )
    assert complain(*PREDICT, "out", "red", "blue", "green") == (
        "this model tells pairs of texts: give two texts for each, or a file; got 3"
    )
    assert complain(*PREDICT, "out", "half.csv") == "no column 'second' (columns: 'first')"
    assert complain(*PREDICT, "out", "red", "blue", "--explain") == (
        "explain: this model pools by max; train one with pooling attention, which weighs the words"
    )


def test_how_a_table_was_read_is_said(lstm: Run, tmp_path: Path) -> None:
    rows = [f"a {word} film;{number},5" for word, number in (("good", 1), ("bad", 2)) for _ in range(15)]
    (tmp_path / "a.txt").write_text("Reviews\n\nsentence;label\n" + "\n".join(rows) + "\n")
    how = ("--task", "number", "--epochs", 1, "--set", "hidden_size=4", "--out", tmp_path / "out")
    ran = lstm("language", "classify", "train", tmp_path / "a.txt", *how)
    assert ran.code == 0
    for note in ("columns are separated by ';'", "a line before the table is left out: 'Reviews'"):
        assert note in ran.err
