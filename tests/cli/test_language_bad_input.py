"""Whatever is wrong with the input of `lstm language` ends in one line, exit code 2, and a disk as it was before."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_models import SMALL, TRAIN, sentences

from damage import write_config
from lstmkit.language.writing import prompt as prompts

Complain = Callable[..., str]
SCORE, SUGGEST, GENERATE = (("language", command) for command in ("score", "suggest", "generate"))

TEXTS = {
    "missing": (None, "no such file or folder"),
    "empty": (b"", "the text is empty"),
    "spaces": (b" \n\t\n \n", "the text is empty"),
    "binary": (bytes(range(256)), "a binary file (a zero byte at offset 0); a text file is needed"),
    "latin": ("the café\n".encode("latin-1"), "not UTF-8 text (byte 0xe9 at offset 7); save it as UTF-8"),
    "utf-16": ("the cat\n".encode("utf-16"), "not UTF-8 text (byte 0xff at offset 0); save it as UTF-8"),
    "gzip": (gzip.compress(b"the cat\n" * 99)[:-6], "not a readable gzip file; it is damaged or cut short"),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("command", ["train", "valid", "score", "lines"])
def test_a_text_that_cannot_be_read(
    complain: Complain, story: Path, models: dict[str, Path], kind: str, command: str
) -> None:
    content, message = TEXTS[kind]
    name = "a.txt.gz" if kind == "gzip" else "a.txt"
    if content is not None:
        Path(name).write_bytes(content)
    told = {
        "train": lambda: complain(*TRAIN, name, *SMALL),
        "valid": lambda: complain(*TRAIN, story, "--valid", name, *SMALL, "--out", "out"),
        "score": lambda: complain(*SCORE, models["word"], name),
        "lines": lambda: complain(*SCORE, models["word"], name, "--lines"),
    }[command]()
    assert told == f"{name}: {message}"


def test_a_folder_without_text(complain: Complain, models: dict[str, Path]) -> None:
    Path("folder").mkdir()
    Path("folder/a.csv").write_text("a,b\n")
    expected = "folder: no text in this folder; looked for *.txt, *.txt.gz, *.tokens"
    assert complain(*TRAIN, "folder") == complain(*SCORE, models["word"], "folder") == expected


@pytest.mark.parametrize(("unit", "part"), [("word", "training"), ("character", "validation"), ("subword", "training")])
def test_a_text_too_short_to_split(complain: Complain, unit: str, part: str) -> None:
    Path("a.txt").write_text("word\n")
    assert complain(*TRAIN, "a.txt", "--unit", unit) == (
        f"a.txt: the text is too short for the split, its {part} part is empty; give --valid and --test files"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unit", "syllable"], "unit 'syllable' is not one of word, character, subword"),
        (["--vocabulary", 2], "vocabulary size 2: words need at least 3, of which <unk> and <eos> are two"),
        (
            ["--vocabulary", 2, "--unit", "character"],
            "vocabulary size 2: characters need at least 3, of which two are <unk> and \\n",
        ),
        (
            ["--vocabulary", 2, "--unit", "subword"],
            "vocabulary size 2: fewer sub-words than the text has characters; choose at least ",
        ),
        (
            ["--vocabulary", 9999, "--unit", "subword"],
            "vocabulary size 9999: more sub-words than the text supports; choose at most ",
        ),
        (["--min-count", 0], "min_count must be at least 1; got 0"),
        (["--min-count", 9999], "min_count 9999: no word occurs so often, the most frequent "),
        (
            ["--min-count", 2, "--unit", "character"],
            "min_count 2 is for words, and the unit is 'character'; leave it out",
        ),
        (["--split", "comma"], "split 'comma' is not one of auto, space, punctuation"),
        (["--cell", "lstn"], "cell must be one of lstm, peephole, "),
        (["--set", "hidden=8"], "a language model has no setting 'hidden'; did you mean 'hidden_size'?"),
        (["--set", "hidden_size"], "--set takes NAME=VALUE, such as hidden_size=128; got 'hidden_size'"),
        (["--set", "hidden_size=big"], "--set hidden_size must be a whole number; got 'big'"),
        (["--set", "hidden_size=0"], "LanguageSettings: hidden_size must be at least 1; got 0"),
        (["--set", "input_dropout=1"], "LanguageSettings: input_dropout must be at least 0 and below 1; got 1.0"),
        (["--set", "softmax=hard"], "LanguageSettings: softmax must be one of tied, full, adaptive; got 'hard'"),
        (["--set", "window=8", "--set", "window=9"], "--set window is given twice; leave one out"),
        (["--set", "epochs=3", "--epochs", 2], "--set epochs and --epochs are the same setting; leave one out"),
        (["--set", "cell=gru", "--cell", "gru"], "--set cell and --cell are the same setting; leave one out"),
        (["--order", -1], "--order must not be negative; got -1"),
        (["--minutes", 0], "LanguageSettings: minutes must be more than 0; got 0.0"),
        (["--minutes", "nan"], "LanguageSettings: minutes must be more than 0; got nan"),
        (["--epochs", 0], "LanguageSettings: epochs must be at least 1; got 0"),
        (["--epochs", "two"], "Invalid value for '--epochs': "),
        (["--valid-share", 0], "valid_share must be between 0 and 1; got 0.0"),
        (["--test-share", 1.5], "test_share must be at least 0 and below 1; got 1.5"),
        (
            ["--test-share", 0],
            "--test-share 0 leaves no text to score on; give a larger share, or a file by --test",
        ),
        (
            ["--valid-share", 0.5, "--test-share", 0.5],
            "valid_share 0.5 and test_share 0.5 leave nothing to train on; lower them",
        ),
        (["--seed", -1], "seed must be from 0 to 9223372036854775807; got -1"),
        (["--seed", 1 << 64], "seed must be from 0 to 9223372036854775807; got 18446744073709551616"),
        (["--test", "none.txt"], "none.txt: no such file or folder"),
        (["--no-such-option", 1], "No such option: --no-such-option"),
    ],
)
def test_option_values_of_train(complain: Complain, story: Path, options: list[object], message: str) -> None:
    assert complain(*TRAIN, story, "--out", "out", *options).startswith(message)


@pytest.mark.parametrize("out", ["file/sub", "file", "/proc/nope"])
def test_a_folder_that_cannot_be_written_to(complain: Complain, story: Path, out: str) -> None:
    Path("file").write_text("here")
    message = complain(*TRAIN, story, *SMALL, "--out", out)
    assert message.startswith(f"{out}: ")
    assert message.endswith("choose another --out")


def test_a_folder_with_a_result(complain: Complain, story: Path, models: dict[str, Path]) -> None:
    shutil.copytree(models["alone"], "out")
    message = "out: already holds a result (summary.json); choose another --out, or --force to replace it"
    assert complain(*TRAIN, story, *SMALL, "--out", "out") == message


# Models


@pytest.mark.parametrize("command", ["score", "suggest", "generate", "arpa"])
def test_models_that_cannot_be_used(complain: Complain, models: dict[str, Path], command: str) -> None:
    more = {"score": ["a.txt"], "suggest": ["the"], "generate": [], "arpa": ["out.arpa"]}[command]
    Path("a.txt").write_text(sentences(3, 0))
    use = ("language", command)
    assert complain(*use, "none", *more) == "none: no such model folder"
    assert complain(*use, "a.txt", *more) == (
        "a.txt: not a folder; a model is a folder with model.safetensors and config.json"
    )
    shutil.copytree(models["word"] / "model", "model")
    config, weights = Path("model/config.json"), Path("model/model.safetensors")
    settings, content = json.loads(config.read_text()), weights.read_bytes()
    write_config(config.parent, settings | {"kind": "forecaster"})
    assert complain(*use, "model", *more) == "model: holds a 'forecaster' model, not a 'language' model"
    write_config(config.parent, settings | {"format": 9})
    assert "in model format 9; this lstmkit reads up to 1: upgrade it" in complain(*use, "model", *more)
    write_config(config.parent, settings | {"tokens": {"unit": "word"}})
    assert complain(*use, "model", *more) == (
        "model/config.json: Object missing required field `symbols` - at `$.tokens`; the file is damaged"
    )
    config.write_text(json.dumps(settings | {"unit": "character"}))
    assert complain(*use, "model", *more).startswith("model/config.json: its content does not match its sha256")
    write_config(config.parent, settings)
    weights.write_bytes(content[:100])
    message = f"model/model.safetensors: has 100 of {len(content)} bytes; the file is truncated"
    assert complain(*use, "model", *more) == message
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    message = "model/model.safetensors: its content does not match config.json; the file is damaged"
    assert complain(*use, "model", *more) == message


@pytest.mark.parametrize("command", ["score", "suggest", "generate"])
def test_predictors_that_are_not_there(complain: Complain, models: dict[str, Path], command: str) -> None:
    more = {"score": ["a.txt"], "suggest": ["the"], "generate": []}[command]
    Path("a.txt").write_text(sentences(3, 0))
    choices = "lstm, ngram, mixture, all" if command == "score" else "lstm, ngram, mixture"
    message = complain("language", command, models["word"], *more, "--by", "rnn")
    assert message == f"by must be one of {choices}; got 'rnn'"
    for by in ("ngram", "mixture"):
        assert complain("language", command, models["alone"], *more, "--by", by) == (
            f"the model was trained without n-grams, so there is no {by}; train it with an order"
        )


def test_a_text_of_other_words(complain: Complain, models: dict[str, Path]) -> None:
    Path("a.txt").write_text("Der König sieht the old cat .\n" * 2 + "Die Königin hört ihn .\n" * 3)
    for lines in ([], ["--lines"]):
        assert complain(*SCORE, models["word"], "a.txt", *lines) == (
            "a.txt: vocabulary mismatch, 18 of its 34 tokens are unknown to the model of 12 words; "
            "take a model that was trained on such text"
        )


# Prompts and drawing


@pytest.mark.parametrize("command", ["suggest", "generate"])
@pytest.mark.parametrize(
    ("unit", "text", "what"),
    [
        ("word", "the emperor sees", "a word unknown to the model: 'emperor'"),
        ("word", "the emperor of china", "words unknown to the model: 'emperor', 'of', 'china'"),
        ("character", "the king's", 'a character unknown to the model: "\'"'),
        ("subword", "the 王", "a piece unknown to the model: '王'"),
    ],
)
def test_a_prompt_with_unknown_words(
    complain: Complain, lstm, models: dict[str, Path], command: str, unit: str, text: str, what: str
) -> None:
    given = [text] if command == "suggest" else ["--prompt", text]
    message = complain("language", command, models[unit], *given)
    assert message == f"the prompt has {what}; use others, or pass --allow-unknown"
    assert lstm("language", command, models[unit], *given, "--allow-unknown").code == 0


@pytest.mark.parametrize("command", ["suggest", "generate"])
def test_a_prompt_that_is_too_long(
    complain: Complain, models: dict[str, Path], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "MAX_PROMPT", 1000)
    text = "the king " * 501
    message = complain("language", command, models["word"], *([text] if command == "suggest" else ["--prompt", text]))
    assert message == "the prompt has 1,002 tokens, at most 1,000 are read; give its end alone"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stop", "quen"], "the vocabulary has no token 'quen' to stop at; the nearest is 'queen'"),
        (["--temperature", -0.5], "temperature must not be negative; got -0.5"),
        (["--temperature", "nan"], "temperature must not be negative; got nan"),
        (["--temperature", "warm"], "Invalid value for '--temperature': "),
        (["--top-k", 0], "top_k must be at least 1; got 0"),
        (["--top-p", 0], "top_p must be more than 0 and at most 1; got 0.0"),
        (["--top-p", 1.5], "top_p must be more than 0 and at most 1; got 1.5"),
        (["--count", 0], "count must be at least 1; got 0"),
        (["--samples", 0], "samples must be at least 1; got 0"),
        (["--seed", -1], "seed must be from 0 to 9223372036854775807; got -1"),
    ],
)
def test_option_values_of_generate(
    complain: Complain, models: dict[str, Path], options: list[object], message: str
) -> None:
    assert complain(*GENERATE, models["word"], *options).startswith(message)
    assert complain(*GENERATE, models["word"], *options, "--json").startswith(message)


def test_option_values_of_suggest(complain: Complain, models: dict[str, Path]) -> None:
    assert complain(*SUGGEST, models["word"]) == "TEXT is missing: what has been written, or --interactive to type it"
    assert complain(*SUGGEST, models["word"], "the", "--count", 0) == "count must be at least 1; got 0"
    assert complain(*SUGGEST, models["word"], "the", "--complete", "--interactive") == (
        "--interactive completes words by itself: leave --complete out"
    )
    assert complain("language", "sugest") == "No such command 'sugest'. Did you mean 'suggest'?"
