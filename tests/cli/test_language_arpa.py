"""`lstm language arpa`, and ARPA files in place of a model folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_models import sentences, train_small

from lstmkit.language import LanguageModel
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.ngrams.arpa_predictor import arpa_predictor, save_arpa
from lstmkit.language.vocabulary import Characters, Subwords, Words

Run = Callable[..., "Ran"]  # noqa: F821
Complain = Callable[..., str]
STREAM = "Lines follow each other in these n-grams; KenLM and SRILM, which begin each line afresh, need --sentences\n"
CLOSED = r"""
\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-99	<s>	-0.25
-0.6	</s>
-0.5	a	-0.125
-0.7	b	-0.375
-0.8	c

\2-grams:
-0.1	<s> a	-0.0625
-0.2	a b	-0.5
-0.3	b </s>

\3-grams:
-0.05	<s> a b

\end\
"""
"""A file without <unk>."""


def ngram_of(model: Path) -> NGramModel:
    ngram = LanguageModel.load(model).ngram_
    assert ngram is not None
    return ngram


def scored(lstm: Run, model: Path, text: Path) -> dict[str, float]:
    """What a model's n-grams say of a text."""
    return json.loads(lstm("language", "score", model, text, "--by", "ngram", "--json").out)["scores"]["ngram"]


@pytest.mark.parametrize("name", ["out.arpa", "out.arpa.gz"])
@pytest.mark.parametrize("unit", ["word", "character"])
def test_the_file_scores_a_text_as_the_model_does(
    lstm: Run, models: dict[str, Path], tmp_path: Path, unit: str, name: str
) -> None:
    text = tmp_path / "a.txt"
    text.write_text(sentences(20, 3) + "the king sees the old zebra .\n")
    ran = lstm("language", "arpa", models[unit], tmp_path / name)
    ngram = ngram_of(models[unit])
    assert (ran.code, ran.err) == (0, "" if ngram_of(models[unit]).boundary is not None else STREAM)
    counts = ", ".join(f"{len(level) - (n == 1):,} of order {n}" for n, level in enumerate(ngram.levels, 1))
    assert ran.out == f"{tmp_path / name} holds the n-grams: {counts}\n"
    expected, found = (scored(lstm, model, text) for model in (models[unit], tmp_path / name))
    assert found["log_prob"] == pytest.approx(expected["log_prob"], rel=1e-6)
    assert found["unknown"] == expected["unknown"] > 0
    assert {key: found[key] for key in ("tokens", "characters")} == {
        key: expected[key] for key in ("tokens", "characters")
    }
    if name.endswith(".gz"):
        assert b"\n\\data\\\n" in gzip.decompress((tmp_path / name).read_bytes())


@pytest.mark.parametrize("unit", ["word", "character"])
def test_the_file_suggests_and_writes_as_the_model_does(
    lstm: Run, models: dict[str, Path], tmp_path: Path, unit: str
) -> None:
    file = tmp_path / "OUT.ARPA"
    assert lstm("language", "arpa", models[unit], file).code == 0
    for command in (["suggest", "the old qu", "--complete"], ["suggest", "the king"], ["generate", "--count", 50]):
        name, *more = command
        expected = lstm("language", name, models[unit], *more, "--by", "ngram")
        ran = lstm("language", name, file, *more)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == expected.out
    assert lstm("language", "suggest", file, "the king", "--by", "ngram").code == 0


def test_the_file_of_a_file_is_the_same(lstm: Run, models: dict[str, Path], tmp_path: Path) -> None:
    assert lstm("language", "arpa", models["word"], tmp_path / "a.arpa").code == 0
    assert lstm("language", "arpa", tmp_path / "a.arpa", tmp_path / "b.arpa").code == 0
    assert (tmp_path / "a.arpa").read_bytes() == (tmp_path / "b.arpa").read_bytes()


@pytest.mark.parametrize("boundary", [True, False])
def test_a_stream_and_lines_alone_both_survive(tmp_path: Path, boundary: bool) -> None:
    tokens = Words.learn([sentences(50, 1)])
    ids = tokens.encode(sentences(50, 1))
    model = NGramModel.fit(ids, len(tokens.symbols), 3, tokens.end if boundary else None)
    save_arpa(NGramPredictor(tokens, model), tmp_path / "a.arpa")
    found = arpa_predictor(tmp_path / "a.arpa")
    assert found.tokens == tokens
    assert found.model.boundary == model.boundary
    fresh = tokens.encode(sentences(20, 2))
    np.testing.assert_allclose(found.token_log_probs(fresh), model.token_log_probs(fresh), rtol=1e-6)


def test_the_file_says_how_prose_is_cut_into_words(lstm: Run, tmp_path: Path) -> None:
    prose = sentences(200, 4).replace(" .", ".")
    text, cut = tmp_path / "prose.txt", tmp_path / "cut.txt"
    text.write_text(prose)
    model = train_small(tmp_path, "word", text)
    assert LanguageModel.load(model).tokens_.split == "punctuation"
    cut.write_text(prose.replace(".", " ."))
    file, bare = tmp_path / "a.arpa", tmp_path / "bare.lm"
    assert lstm("language", "arpa", model, file).code == 0
    bare.write_text(file.read_text().partition("\n")[2])
    expected = scored(lstm, model, text)
    assert scored(lstm, file, text)["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-6)
    assert scored(lstm, bare, cut)["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-6)
    assert scored(lstm, bare, text)["unknown"] > expected["unknown"]


@pytest.mark.parametrize("boundary", [True, False])
def test_the_file_says_how_sub_words_are_found(tmp_path: Path, boundary: bool) -> None:
    tokens = Subwords.learn([sentences(50, 1)])
    model = NGramModel.fit(tokens.encode(sentences(50, 1)), len(tokens.symbols), 3, tokens.end if boundary else None)
    save_arpa(NGramPredictor(tokens, model), tmp_path / "a.arpa")
    found = arpa_predictor(tmp_path / "a.arpa")
    assert found.tokens == tokens
    fresh = found.tokens.encode(sentences(20, 2))
    np.testing.assert_allclose(found.token_log_probs(fresh), model.token_log_probs(fresh), rtol=1e-6)


@pytest.mark.parametrize(
    "comment",
    [
        '{"unit": "subword", "model": "AAAA"}',
        '{"unit": "word", "split": "x"}',
        '{"unit": "line"}',
        "[]",
        "{",
        '"a"',
        "é",
    ],
)
def test_a_comment_that_does_not_belong_to_the_file(complain: Complain, comment: str) -> None:
    Path("a.arpa").write_text(f"# lstmkit: {comment}\n{CLOSED}", encoding="utf-8")
    told = complain("language", "suggest", "a.arpa", "a")
    assert told.startswith("a.arpa: the comment on how a text is cut into tokens does not belong to the file (")
    assert told.endswith("); take the line out, or make the file again")


# Lines that stand alone


@pytest.mark.parametrize("unit", ["word", "character"])
def test_sentences_are_the_stream_begun_at_the_end_of_a_line(tmp_path: Path, unit: str) -> None:
    text = sentences(60, 1) + "\n\n" + sentences(20, 2)
    tokens = Words.learn([text]) if unit == "word" else Characters.learn([text])
    stream = NGramModel.fit(tokens.encode(text), len(tokens.symbols), 4)
    file = tmp_path / "a.lm.gz"
    save_arpa(NGramPredictor(tokens, stream), file, sentences=True)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        words = {line.split("\t")[1] for line in lines if line.count("\t")}
    assert {"<s>", "</s>", "<s> </s>"} < words
    assert not any("<s>" in word.split()[1:] or "</s>" in word.split()[:-1] for word in words)
    found = arpa_predictor(file)
    assert (found.tokens, found.model.boundary) == (tokens, tokens.end)
    for line in ("the king sees the old zebra .\n", "\n", sentences(1, 9)):
        context, alone = stream.advance(stream.begin(), tokens.end), found.begin()
        for token in tokens.encode(line).tolist():
            expected, said = stream.next_log_probs(context), found.next_log_probs(alone)
            np.testing.assert_allclose(said, expected, rtol=1e-4, atol=1e-6)
            assert np.exp(said.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
            context, alone = stream.advance(context, token), found.advance(alone, token)


def test_sentences_on_request(lstm: Run, models: dict[str, Path], tmp_path: Path) -> None:
    assert ngram_of(models["character"]).boundary is None
    ran = lstm("language", "arpa", models["character"], tmp_path / "a.arpa", "--sentences")
    assert (ran.code, ran.err) == (0, "")
    counts = [line for line in (tmp_path / "a.arpa").read_text().split("\n") if line.startswith("ngram ")]
    (unigrams, *others) = [int(count.split("=")[1]) for count in counts]
    said = [int(part.split(" of ")[0].replace(",", "")) for part in ran.out.split(": ")[1].split(", ")]
    assert said == [unigrams - 1, *others]
    assert lstm("language", "suggest", tmp_path / "a.arpa", "the king").code == 0


# Files of other tools


def test_a_file_is_known_by_its_first_bytes(lstm: Run, complain: Complain) -> None:
    for name in ("model.lm", "model.arpa", "model", "model.txt"):
        Path(name).write_bytes(gzip.compress(CLOSED.encode()) if name == "model" else CLOSED.encode())
        assert lstm("language", "suggest", name, "a").code == 0
    Path("other.txt").write_text("the cat")
    assert complain("language", "suggest", "other.txt", "a").startswith("other.txt: ")


def test_a_no_break_space_is_part_of_a_word_as_in_the_tools_that_write_such_files(lstm: Run, tmp_path: Path) -> None:
    (tmp_path / "a.arpa").write_text(CLOSED.replace("\tc\n", "\t10\u00a0000\n"), encoding="utf-8")
    (tmp_path / "a.txt").write_text("a b\n10\u00a0000 a\n", encoding="utf-8")
    found = json.loads(lstm("language", "score", tmp_path / "a.arpa", tmp_path / "a.txt", "--json").out)["scores"][
        "ngram"
    ]
    assert (found["tokens"], found["unknown"]) == (6, 0)
    assert found["log_prob"] == pytest.approx((-0.15 - 0.8 - 1.05 - 0.5 - 0.725) * np.log(10), rel=1e-5)
    shown = json.loads(lstm("language", "suggest", tmp_path / "a.arpa", "a b", "--json").out)
    assert {one["text"] for one in shown["suggestions"]} == {"a", "b", "10\u00a0000"}


# A file without <unk>


def test_a_file_without_the_unknown_word_scores_its_own_words(lstm: Run, tmp_path: Path) -> None:
    (tmp_path / "a.arpa").write_text(CLOSED)
    (tmp_path / "a.txt").write_text("a b\nc a\n")
    found = json.loads(lstm("language", "score", tmp_path / "a.arpa", tmp_path / "a.txt", "--json").out)
    # by hand: <s> a, <s> a b, b </s> after backing off from a b; then <s> backs off to c, c to a, a to </s>
    by_hand = -0.1 - 0.05 + (-0.5 - 0.3) * 0 + (-0.3 - 0.5) + (-0.25 - 0.8) + -0.5 + (-0.125 - 0.6)
    assert found["scores"]["ngram"]["log_prob"] == pytest.approx(by_hand * np.log(10), rel=1e-5)


def test_a_file_without_the_unknown_word_holds_others_impossible(lstm: Run, tmp_path: Path) -> None:
    (tmp_path / "a.arpa").write_text(CLOSED)
    (tmp_path / "a.txt").write_text("a b\nd a\n")
    ran = lstm("language", "score", tmp_path / "a.arpa", tmp_path / "a.txt")
    assert ran.code == 0 and " inf " in ran.out
    assert ran.err.startswith("a token of this text has a probability of zero: a model in an ARPA file without <unk> ")
    found = json.loads(lstm("language", "score", tmp_path / "a.arpa", tmp_path / "a.txt", "--json").out)
    assert found["scores"]["ngram"]["perplexity"] is None
    lines = lstm("language", "score", tmp_path / "a.arpa", tmp_path / "a.txt", "--lines", "--json").out.splitlines()
    assert [json.loads(line)["scores"]["ngram"]["log_prob"] is None for line in lines] == [False, True]
    written = lstm("language", "generate", tmp_path / "a.arpa", "--count", 200, "--write-unknown").out
    assert "<unk>" not in written and {"a", "b", "c"} <= set(written.split())
    assert lstm("language", "suggest", tmp_path / "a.arpa", "a d", "--allow-unknown").code == 0


# What cannot be used


def test_what_an_arpa_file_does_not_hold(complain: Complain, lstm: Run, models: dict[str, Path]) -> None:
    assert lstm("language", "arpa", models["word"], "a.arpa").code == 0
    for command, more in (("score", ["a.txt"]), ("suggest", ["the"]), ("generate", [])):
        for by in ("lstm", "mixture"):
            message = complain("language", command, "a.arpa", *more, "--by", by)
            assert message == f"a.arpa: an ARPA file holds n-grams alone, so there is no {by}; leave --by out"
    assert complain("language", "suggest", "none.arpa", "the") == "none.arpa: no such file"
    assert complain("language", "arpa", models["alone"], "b.arpa") == (
        "the model was trained without n-grams, so there is no ngram; train it with an order"
    )


def test_subwords_without_the_comment_cannot_be_read(complain: Complain, lstm: Run, models: dict[str, Path]) -> None:
    assert lstm("language", "arpa", models["subword"], "a.arpa").code == 0
    Path("a.arpa").write_text(Path("a.arpa").read_text().partition("\n")[2])
    assert complain("language", "score", "a.arpa", "a.txt") == (
        "a.arpa: its tokens are sub-words, and an ARPA file does not say how a text is cut into them; "
        "give the model folder"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</s>", "e", "the 1-grams have <s> but no </s>: lines that begin must end; add </s>"),
        ("c", "x<sp>y", "the token 'x y' has white space in it, as in a model of characters, but 'x y' is not one"),
        ("\\end\\", "", "\\end\\ is missing; it is no ARPA file, or cut off: make it again"),
    ],
)
def test_files_that_cannot_be_used(complain: Complain, old: str, new: str, message: str) -> None:
    Path("a.arpa").write_text(CLOSED.replace(old, new))
    told = complain("language", "suggest", "a.arpa", "a")
    assert told.startswith("a.arpa") and message in told


def test_a_file_in_which_no_line_ends(complain: Complain) -> None:
    Path("a.arpa").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.3\ta\n-0.3\tb\n\n\\end\\\n")
    assert complain("language", "suggest", "a.arpa", "a") == (
        "a.arpa: no token ends a line; </s> or <eos> must be among the 1-grams"
    )


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.txt", "a.txt: the name of an ARPA file must end in .arpa, .arpa.gz, .lm or .lm.gz"),
        ("mine.arpa", "mine.arpa: exists already; give another name, or --force to replace it"),
        ("none/a.arpa", "none/a.arpa: cannot be written (No such file or directory); choose another place"),
    ],
)
def test_a_file_that_cannot_be_written(
    complain: Complain, lstm: Run, models: dict[str, Path], out: str, message: str
) -> None:
    Path("mine.arpa").write_text("mine")
    assert complain("language", "arpa", models["word"], out) == message
    assert lstm("language", "arpa", models["word"], "mine.arpa", "--force").code == 0
    assert "\n\\data\\\n" in Path("mine.arpa").read_text()
