"""`lstm language translate train`, `translate` and `score` on good and on bad input."""

from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path

import pytest

from lstmkit.cli import main
from lstmkit.language.translate import Translator

WORDS = {"one": "eins", "two": "zwei", "three": "drei", "dogs": "hunde", "cats": "katzen", "run": "laufen"}
SIZES = ("embedding_size=16", "hidden_size=16", "learning_rate=0.02", "warmup=5", "batch_size=8", "input_dropout=0")
SETTINGS = [part for size in SIZES for part in ("--set", size)]


def pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    source = [" ".join(draw.choices(list(WORDS), k=draw.randint(2, 5))) for _ in range(count)]
    return source, [" ".join(WORDS[word] for word in text.split()) for text in source]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["language", "translate", *map(str, arguments)])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    place = tmp_path_factory.mktemp("translate")
    for part, count, seed in (("train", 300, 0), ("val", 20, 1), ("test", 30, 2)):
        for name, side in zip(("en", "de"), pairs(count, seed), strict=True):
            (place / f"{part}.{name}").write_text("\n".join(side) + "\n")
    held = [str(place / f"{part}.{side}") for part in ("val", "test") for side in ("en", "de")]
    options = ("--valid", *held[:2], "--test", *held[2:], "--unit", "word", "--separate", "--epochs", 16, "--quiet")
    assert run("train", place / "train.en", place / "train.de", *options, *SETTINGS, "--out", place / "out") == 0
    return place


def test_training_leaves_a_model_a_page_and_a_summary(folder):
    found = json.loads((folder / "out" / "summary.json").read_text())
    assert {p.name for p in (folder / "out").iterdir()} == {"model", "report.html", "summary.json", "test.txt"}
    assert found["pairs"] == {"training": 300, "validation": 20, "test": 30, "left_out": 0}
    scores = found["scores"]
    assert list(scores) == ["LSTM, beam 5", "LSTM, greedy", "word by word"]
    assert scores["LSTM, beam 5"]["bleu"] > 80 and scores["word by word"]["bleu"] == pytest.approx(100)
    assert found["verdict"]["kind"] in ("worse", "equal") and "word by word" in found["verdict"]["headline"]
    assert len((folder / "out" / "test.txt").read_text().splitlines()) == 30
    page = (folder / "out" / "report.html").read_text()
    assert "plot-attention" in page and "IBM model 1" in page


def test_lines_go_in_and_come_out_in_order(folder, capsys, monkeypatch):
    source, target = pairs(12, 5)
    (folder / "new.txt").write_text("\n".join([*source, "", source[0]]) + "\n")
    assert run("translate", folder / "out", folder / "new.txt") == 0
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 15 and lines[12] == "" and lines[13] == lines[0]
    assert sum(a == b for a, b in zip(lines, target, strict=False)) > 8
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\r\n".join(source).encode())))
    assert run("translate", folder / "out", "-") == 0
    assert capsys.readouterr().out.split("\n")[:12] == lines[:12]
    assert run("translate", folder / "out", *source[:2]) == 0
    assert capsys.readouterr().out.split("\n")[:2] == lines[:2]


def test_several_translations_json_and_alignments(folder, capsys):
    place = folder / "links"
    assert run("translate", folder / "out", "one two dogs", "--best", 3, "--json", "--alignment", place) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "one two dogs" and len(found["translations"]) == 3
    assert found["translations"][0]["complete"] and found["translations"][0]["score"] < 0
    assert place.read_text().strip() == found["translations"][0]["alignment"]
    links = [link.split("-") for link in place.read_text().split()]
    assert [int(j) for _, j in links] == list(range(len(found["translations"][0]["text"].split())))
    assert run("translate", folder / "out", "one", "two", "--best", 2, "--beam", 1) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1", "2", "2"] and float(rows[0][1]) > float(rows[1][1])


def test_samples_prefixes_and_unknown_words(folder, capsys):
    for seed in (1, 1, 2):
        run("translate", folder / "out", "one two three cats", "--sample", "--temperature", 4, "--seed", seed)
    one, again, other = capsys.readouterr().out.splitlines()
    assert one == again != other
    run("translate", folder / "out", "one", "--prefix", "katzen katzen")
    assert capsys.readouterr().out.startswith("katzen katzen")
    run("translate", folder / "out", "one zebra")
    assert "line 1: 1 token is not in the vocabulary of the model" in capsys.readouterr().err


def test_a_text_of_the_other_language_and_a_long_one_are_said(folder, capsys):
    run("translate", folder / "out", folder / "test.de")
    assert "looks like the language that this model writes" in capsys.readouterr().err
    run("translate", folder / "out", "dogs run " * 40)
    assert (
        "line 1: 1 sentence has more than 5 tokens, as none in training: translated in parts" in capsys.readouterr().err
    )
    run("translate", folder / "out", folder / "test.en")
    assert capsys.readouterr().err == ""


def test_scoring_says_bleu_with_its_signature(folder, capsys):
    assert run("score", folder / "out", folder / "test.en", folder / "test.de", "--json") == 0
    found, summary = json.loads(capsys.readouterr().out), json.loads((folder / "out" / "summary.json").read_text())
    for name, own in found["scores"].items():
        assert own == pytest.approx(summary["scores"][name])
    assert found["sentences"] == 30 and found["nats_per_token"] > 0 and "tok:13a" in found["signatures"]["BLEU"]
    assert run("score", folder / "out", folder / "test.en", folder / "test.de", "--beam", 1) == 0
    out = capsys.readouterr().out
    assert "LSTM, greedy" in out and "beam" not in out.split("BLEU:")[0] and "perplexity" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score", "out", "test.de", "test.en"), "looks like the language that the model writes"),
        (("score", "out", "test.en", "val.de"), "they seem to part ways about line"),
        (("translate", "out", "one", "--temperature", "2"), "--temperature"),
        (("translate", "out", "one", "--sample", "--best", "2"), "--best"),
        (("translate", "out", "one", "--sample", "--beam", "2"), "--beam has no effect with --sample"),
        (
            ("train", "a.txt", "b.txt", "--attention", "none", "--coverage", "0.2"),
            "--coverage has no effect with a model",
        ),
        (("translate", "out", "one", "--beam", "0"), "width must be from 1 to 1000"),
        (("translate", "out", "missing.en"), "missing.en: no such file or folder"),
        (
            ("translate", "out", "one", "--alignment", "test.en"),
            "exists already; choose another --alignment, or --force",
        ),
        (("translate", "nothing", "one"), "no such model folder"),
        (("train", "train.en", "nothing.de"), "no such file or folder"),
        (("train", "train.en", "train.de", "--valid", "val.de", "val.en"), "the other way round"),
        (("train", "train.en", "train.de", "--unit", "letter"), "unit 'letter' is not one of"),
        (("train", "train.en", "train.de", "--unit", "word", "--set", "sampling=0.1"), "is for sub-words"),
        (("train", "train.en", "train.de", "--valid-share", "0.6", "--test-share", "0.5"), "leave nothing to train on"),
        (("train", "train.en", "train.de", "--test", "test.en", "test.de", "--test-share", "0.5"), "--test-share"),
        (("train", "train.en", "train.de", "--attention", "dot"), "attention must be one of"),
    ],
)
def test_bad_input_ends_in_one_line(folder, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(folder)
    before = {path: path.stat().st_mtime for path in folder.rglob("*")}
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("lstm: ") and said.err.count("\n") == 1 and words in said.err
    assert {path: path.stat().st_mtime for path in folder.rglob("*")} == before


def test_an_alignment_needs_attention(folder, tmp_path, capsys):
    how = dict(size.split("=") for size in SIZES[:2])
    from lstmkit.language.translate import TranslatorSettings

    settings = TranslatorSettings(attention="none", epochs=1, **{name: int(value) for name, value in how.items()})
    Translator("word", settings).fit(*pairs(40, 0)).save(tmp_path / "model")
    assert run("translate", tmp_path / "model", "one", "--alignment", tmp_path / "links") == 2
    assert "--alignment needs a model with attention" in capsys.readouterr().err
    assert run("translate", tmp_path / "model", "one", "--coverage", 0.2) == 2
    assert "--coverage has no effect with a model without attention" in capsys.readouterr().err
    assert run("translate", folder / "out", "-", "--also", tmp_path / "model") == 2  # before a line has come
    assert "model 2: has other vocabularies than the first" in capsys.readouterr().err
    assert run("translate", tmp_path / "model", "one two") == 0 and not Path(tmp_path / "links").exists()
