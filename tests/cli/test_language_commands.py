"""`lstm language` train, score, suggest and generate on good input."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted import HANGS, interrupted
from small_models import SMALL, TRAIN, UNITS, sentences

import lstmkit
from lstmkit.cli.language import language
from lstmkit.language import LanguageModel

Run = Callable[..., "Ran"]  # noqa: F821
KEYS = [
    *("scores", "differences", "verdict", "share", "order", "unit", "vocabulary", "tokens", "characters", "unknown"),
    *(
        "repeats",
        "notes",
        "start",
        "plan",
        "parameters",
        "rounds",
        "best_round",
        "valid_nats_per_token",
        "steps",
        "history",
        "seconds",
    ),
    *("settings", "versions", "backend", "seed"),
]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put something on standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))

    return put


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines like those that the models have learnt from."""
    path = tmp_path_factory.mktemp("held") / "held.txt"
    path.write_text(sentences(30, 9))
    return path


# train


def test_train_prints_a_table_and_a_verdict_and_writes_what_it_printed(lstm: Run, story: Path, tmp_path: Path) -> None:
    ran = lstm(*TRAIN, story, *SMALL, "--epochs", 1, "--order", 3, "--out", tmp_path / "out")
    assert ran.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model", "summary.json"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for title, name in (("LSTM", "lstm"), ("n-grams", "ngram"), ("both together", "mixture")):
        row = next(line for line in ran.out.splitlines() if line.strip().startswith(title))
        assert row.split()[-3:] == [
            f"{summary['scores'][name][figure]:,.{digits}f}"
            for figure, digits in (("perplexity", 2), ("bits_per_character", 4), ("nats_per_token", 4))
        ]
    assert summary["verdict"]["headline"] in ran.out.replace("\n", " ")
    assert str(tmp_path / "out" / "model") in ran.out.replace("\n", "")
    told = ran.err.splitlines()
    assert told[0].endswith("a vocabulary of 12")
    shape = next(
        number for number, line in enumerate(told) if line.startswith("4 rows side by side, 20 tokens of each")
    )
    untrained, rounds, sampled = told[shape + 1 : shape + 4]
    assert untrained.startswith("Untrained: ") and rounds.startswith("Round 1: perplexity")
    words = sampled.replace(" / ", " ").split()
    assert len(words) + sampled.count(" / ") == 20 and {"the", "old"} < set(words) <= set(sentences(300, 0).split())
    assert "LSTM" not in ran.err and "Round" not in ran.out
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("unit", UNITS)
def test_the_summary_has_its_keys(models: dict[str, Path], unit: str) -> None:
    summary = json.loads((models[unit] / "summary.json").read_text())
    assert list(summary) == KEYS
    assert list(summary["scores"]) == ["lstm", "ngram", "mixture"]
    assert (summary["unit"], summary["order"], summary["rounds"]) == (unit, 3, 1)
    assert set(summary["seconds"]) == {"read", "fit", "score", "total"}
    assert summary["verdict"]["kind"] in ("better", "equal", "worse")
    assert summary["versions"]["lstmkit"] == lstmkit.__version__
    loaded = LanguageModel.load(models[unit])
    assert summary["vocabulary"] == len(loaded.tokens_.symbols)
    assert summary["parameters"] == sum(p.numel() for p in loaded.network_.parameters())
    assert summary["tokens"]["train"] == loaded.trained_on_


def test_without_ngrams_there_is_one_score_and_no_verdict(models: dict[str, Path], lstm: Run, held_out: Path) -> None:
    summary = json.loads((models["alone"] / "summary.json").read_text())
    assert (list(summary["scores"]), summary["verdict"], summary["order"]) == (["lstm"], None, None)
    found = json.loads(lstm("language", "score", models["alone"], held_out, "--json").out)
    assert list(found["scores"]) == ["lstm"]


def test_json_is_the_summary_and_quiet_says_nothing(lstm: Run, story: Path, tmp_path: Path) -> None:
    ran = lstm(*TRAIN, story, *SMALL, "--epochs", 1, "--out", tmp_path / "out", "--order", 0, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (tmp_path / "out" / "summary.json").read_text()
    first = (tmp_path / "out" / "model" / "model.safetensors").read_bytes()
    again = lstm(*TRAIN, story, *SMALL, "--epochs", 1, "--out", tmp_path / "out", "--order", 0, "--quiet", "--force")
    assert (again.code, again.err) == (0, "")
    assert "LSTM" in again.out
    assert (tmp_path / "out" / "model" / "model.safetensors").read_bytes() == first, "the same seed, the same bytes"


def test_a_result_is_only_replaced_when_forced(lstm: Run, models: dict[str, Path], story: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(models["alone"], out)
    before = (out / "summary.json").read_text()
    ran = lstm(*TRAIN, story, *SMALL, "--epochs", 1, "--out", out)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f"lstm: {out}: already holds a result (summary.json); choose another --out, or --force to replace it\n"
    )
    assert (out / "summary.json").read_text() == before
    options = ("--epochs", 1, "--order", 0, "--unit", "character", "--out", out, "--force", "--set", "softmax=tied")
    assert lstm(*TRAIN, story, *SMALL, *options).code == 0
    assert json.loads((out / "summary.json").read_text())["unit"] == "character"


def test_the_default_folder_and_files_for_every_part(
    lstm: Run, held_out: Path, story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("texts").mkdir()
    shutil.copy(story, "texts/a.txt")
    shutil.copy(held_out, "texts/b.txt")
    options = ("--valid", held_out, "--test", held_out, "--epochs", 1, "--order", 2, "-q")
    assert lstm(*TRAIN, "texts", *SMALL, *options).code == 0
    summary = json.loads(Path("language-texts/summary.json").read_text())
    assert summary["characters"]["test"] == len(held_out.read_text())
    assert summary["characters"]["train"] == len(held_out.read_text()) + len(story.read_text())


def test_ctrl_c_keeps_a_checkpoint_that_resume_completes_bit_for_bit(lstm: Run, story: Path, tmp_path: Path) -> None:
    def arguments(name: str) -> list[str]:
        options = ["--order", "0", "--set", "rounds=4", "--set", "patience=none", "--set", "columns=1", "--epochs", "8"]
        return [*TRAIN, str(story), *SMALL[:4], *options, "--out", str(tmp_path / name)]

    ran = interrupted(arguments("out"))
    assert (ran.returncode, ran.stdout) == (130, "")
    assert "Traceback" not in ran.stderr
    assert ran.stderr.splitlines()[-1] == (
        f"lstm: interrupted; the training so far is kept in {tmp_path / 'out'}: "
        "run the same command with --resume to go on"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.safetensors"]
    ran = lstm(*arguments("out"))
    assert ran.err == (
        f"lstm: {tmp_path / 'out'}: holds an interrupted run; --resume continues it, --force starts again\n"
    )
    assert lstm(*arguments("out"), "--resume", "--seed", 5).code == 2  # not the same run
    assert lstm(*arguments("out"), "--resume", "-q").code == 0
    assert lstm(*arguments("whole"), "-q").code == 0
    bytes_of = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("out", "whole")]
    assert bytes_of[0] == bytes_of[1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model", "summary.json"]


# score


@pytest.mark.parametrize("unit", UNITS)
def test_score_shows_models_beside_each_other(lstm: Run, models: dict[str, Path], held_out: Path, unit: str) -> None:
    found = json.loads(lstm("language", "score", models[unit], held_out, "--json").out)
    model = LanguageModel.load(models[unit])
    ids = model.tokens_.encode(held_out.read_text())
    for by, predictor in model.predictors().items():
        score = found["scores"][by]
        assert score["log_prob"] == pytest.approx(float(predictor.token_log_probs(ids).sum()), rel=1e-6)
        assert (score["tokens"], score["characters"]) == (len(ids), len(held_out.read_text()))
    ran = lstm("language", "score", models[unit], held_out)
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines() if line.strip().startswith(("lstm ", "ngram ", "mixture "))]
    ranked = sorted(found["scores"], key=lambda by: -found["scores"][by]["log_prob"])
    assert [row[0] for row in rows[:3]] == ranked
    assert rows[0][1] == f"{found['scores'][ranked[0]]['perplexity']:,.2f}"
    alone = json.loads(lstm("language", "score", models[unit], held_out, "--by", "ngram", "--json").out)
    assert alone["scores"] == {"ngram": found["scores"]["ngram"]}


def test_a_network_that_goes_on_learning_is_one_more_row(lstm: Run, models: dict[str, Path], held_out: Path) -> None:
    found = json.loads(lstm("language", "score", models["word"], held_out, "--adapt", 0.3, "--json").out)["scores"]
    assert list(found) == ["lstm", "ngram", "mixture", "adapting"]
    model = LanguageModel.load(models["word"])
    expected = model.predictor("lstm").adapting(0.3).token_log_probs(model.tokens_.encode(held_out.read_text()))
    assert found["adapting"]["log_prob"] == pytest.approx(float(expected.sum()), rel=1e-6)
    assert found["adapting"]["log_prob"] != found["lstm"]["log_prob"]
    for more in (["--by", "ngram"], ["--lines"], ["--by", "mixture"]):
        ran = lstm("language", "score", models["word"], held_out, "--adapt", 0.3, *more)
        assert ran.code == 2 and ran.err.startswith("lstm: --adapt goes with the LSTM and a whole text")
    assert lstm("language", "score", models["word"], held_out, "--adapt", 0).code == 2


def test_standard_input_is_a_file(lstm: Run, models: dict[str, Path], held_out: Path, typed) -> None:
    expected = lstm("language", "score", models["word"], held_out, "--json").out
    typed(held_out.read_bytes())
    assert lstm("language", "score", models["word"], "-", "--json").out == expected
    typed(held_out.read_bytes())
    assert lstm("language", "score", models["word"], "-").out.startswith("standard input: 240 tokens")


def test_lines_are_scored_one_by_one(lstm: Run, models: dict[str, Path], held_out: Path) -> None:
    model = models["word"] / "model"
    ran = lstm("language", "score", model, held_out, "--lines", "--by", "all")
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert rows[0] == ["line", "by", "tokens", "unknown", "log_prob", "perplexity", "bits_per_character"]
    assert [row[:2] for row in rows[1:4]] == [["1", "lstm"], ["1", "ngram"], ["1", "mixture"]]
    assert len(rows) == 1 + 3 * 30
    loaded = LanguageModel.load(model)
    lines = held_out.read_text().splitlines(keepends=True)
    for row in rows[1:]:
        expected = loaded.predictor(row[1]).token_log_probs(loaded.tokens_.encode(lines[int(row[0]) - 1])).sum()
        assert float(row[4]) == pytest.approx(float(expected), abs=1e-4)
    records = [
        json.loads(line) for line in lstm("language", "score", model, held_out, "--lines", "--json").out.splitlines()
    ]
    assert [record["line"] for record in records] == list(range(1, 31))
    assert list(records[0]["scores"]) == ["mixture"]


# suggest


@pytest.mark.parametrize("unit", UNITS)
def test_suggestions_come_with_falling_probabilities(lstm: Run, models: dict[str, Path], unit: str) -> None:
    ran = lstm("language", "suggest", models[unit], "the king sees the", "--count", 4)
    assert (ran.code, ran.err) == (0, "")
    assert "next word" in ran.out and "\x1b" not in ran.out
    found = json.loads(lstm("language", "suggest", models[unit], "the king sees the", "--count", 4, "--json").out)
    assert found["text"] == "the king sees the"
    shares = [one["probability"] for one in found["suggestions"]]
    assert len(shares) == 4
    assert all(1 > first >= second > 0 for first, second in itertools.pairwise(shares))
    assert sum(shares) <= 1 + 1e-6
    rows = [line.split()[:2] for line in ran.out.splitlines() if "%" in line]
    assert rows == [[one["text"], f"{100 * one['probability']:.2f}"] for one in found["suggestions"]]


def test_words_are_completed(lstm: Run, models: dict[str, Path]) -> None:
    found = json.loads(lstm("language", "suggest", models["word"], "the qu", "--complete", "--json").out)
    assert [one["text"] for one in found["suggestions"]] == ["queen"]
    none = lstm("language", "suggest", models["word"], "the zz", "--complete")
    assert (none.code, none.out, none.err) == (0, "", "the model has no word that begins with 'zz'\n")


def test_spaces_at_the_end_of_a_text_change_nothing(lstm: Run, models: dict[str, Path]) -> None:
    expected = lstm("language", "suggest", models["word"], "the king").out
    assert lstm("language", "suggest", models["word"], "the king  ").out == expected
    assert lstm("language", "suggest", models["word"], "").code == 0


def test_piped_lines_are_answered_one_by_one(lstm: Run, models: dict[str, Path], typed) -> None:
    lines = b"the king \nthe que\r\nzzz \n\n"
    typed(lines)
    ran = lstm("language", "suggest", models["word"], "--interactive", "--count", 2)
    assert (ran.code, ran.err) == (0, "")
    answers = ran.out.splitlines()
    assert len(answers) == 4 and answers[1] == "queen 100.0 %"
    typed(lines)
    records = [
        json.loads(line)
        for line in lstm(
            "language", "suggest", models["word"], "--interactive", "--count", 2, "--json"
        ).out.splitlines()
    ]
    assert [record["text"] for record in records] == ["the king ", "the que", "zzz ", ""]
    for answer, record in zip(answers, records, strict=True):
        shown = [f"{one['text']} {100 * one['probability']:.1f} %" for one in record["suggestions"]]
        assert answer == "   ".join(shown)


# generate


@pytest.mark.parametrize("unit", UNITS)
def test_the_same_seed_writes_the_same_text(lstm: Run, models: dict[str, Path], unit: str) -> None:
    def write(seed: int) -> str:
        ran = lstm("language", "generate", models[unit], "--prompt", "the king", "--count", 40, "--seed", seed)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("the king") and ran.out.endswith("\n")
        return ran.out

    assert write(1) == write(1) != write(2)


def test_the_most_likely_token_always(lstm: Run, models: dict[str, Path]) -> None:
    generate = ("language", "generate", models["word"], "--count", 30)
    cold = lstm(*generate, "--temperature", 0).out
    assert lstm(*generate, "--top-k", 1, "--seed", 3).out == cold
    assert lstm(*generate, "--top-p", 1e-9, "--seed", 4).out == cold
    assert lstm(*generate, "--seed", 3).out != cold


def test_a_stop_token_ends_the_text(lstm: Run, models: dict[str, Path]) -> None:
    for unit, stop, ends in (
        ("word", ".", "."),
        ("word", "\\n", "\n"),
        ("character", ".", "."),
        ("subword", "\\n", "\n"),
    ):
        options = ("--count", 500, "--stop", stop, "--json")
        found = json.loads(lstm("language", "generate", models[unit], *options).out)[0]
        assert found["stopped"] and found["text"].count(ends) == 1 and found["text"].endswith(ends)
        assert len(found["ids"]) < 500


def test_samples_have_seeds_that_follow_each_other(lstm: Run, models: dict[str, Path]) -> None:
    generate = ("language", "generate", models["word"], "--prompt", "the", "--count", 12)
    found = json.loads(lstm(*generate, "--seed", 5, "--samples", 3, "--json").out)
    assert [one["seed"] for one in found] == [5, 6, 7]
    shown = lstm(*generate, "--seed", 5, "--samples", 3).out
    for one in found:
        assert one["text"].rstrip("\n") in shown and f"--- seed {one['seed']}\n" in shown
        assert lstm(*generate, "--seed", one["seed"]).out.rstrip("\n") == one["text"].rstrip("\n")
        assert one["log_prob"] < 0 and len(one["ids"]) == 12


def test_the_unknown_word_is_never_written_unless_asked(lstm: Run, models: dict[str, Path]) -> None:
    generate = ("language", "generate", models["word"], "--by", "lstm", "--temperature", 50, "--count", 400)
    assert "<unk>" not in lstm(*generate).out
    assert "<unk>" in lstm(*generate, "--write-unknown").out


# All of them


def test_a_pipe_that_closes_leaves_no_traceback(models: dict[str, Path]) -> None:
    code = "import sys; from lstmkit.cli import main; main(sys.argv[1:])"
    command = f'"{sys.executable}" -c "{code}" language generate "{models["word"]}" --count 3000'
    ran = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, timeout=HANGS, check=True
    )
    assert ran.stderr == ""
    assert ran.stdout.count("\n") == 1


COMMANDS = [command.callback.__name__ for command in language.registered_commands if command.callback]


def test_the_subcommands() -> None:
    assert COMMANDS == ["train", "score", "suggest", "generate", "arpa"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(lstm: Run, command: str) -> None:
    ran = lstm("language", command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"  lstm language {command}" in ran.out.split("example")[1]
    assert command in lstm("language", "--help").out
