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
from lstmkit.language.arpa_predictor import arpa_predictor, save_arpa
from lstmkit.language.ngram import NGramModel
from lstmkit.language.ngram_predictor import NGramPredictor
from lstmkit.language.words import Words

Run = Callable[..., "Ran"]  # noqa: F821
Complain = Callable[..., str]
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


@pytest.mark.parametrize("name", ["out.arpa", "out.arpa.gz"])
@pytest.mark.parametrize("unit", ["word", "character"])
def test_the_file_scores_a_text_as_the_model_does(
    lstm: Run, models: dict[str, Path], tmp_path: Path, unit: str, name: str
) -> None:
    text = tmp_path / "a.txt"
    text.write_text(sentences(20, 3) + "the king sees the old zebra .\n")
    ran = lstm("language", "arpa", models[unit], tmp_path / name)
    ngram = LanguageModel.load(models[unit]).ngram_
    assert (ran.code, ran.err) == (0, "")
    counts = ", ".join(f"{len(level) - (n == 1):,} of order {n}" for n, level in enumerate(ngram.levels, 1))
    assert ran.out == f"{tmp_path / name} holds the n-grams: {counts}\n"
    expected, found = (
        json.loads(lstm("language", "score", model, text, "--by", "ngram", "--json").out)["scores"]["ngram"]
        for model in (models[unit], tmp_path / name)
    )
    assert found["log_prob"] == pytest.approx(expected["log_prob"], rel=1e-6)
    assert found["unknown"] == expected["unknown"] > 0
    assert {key: found[key] for key in ("tokens", "characters")} == {
        key: expected[key] for key in ("tokens", "characters")
    }
    if name.endswith(".gz"):
        assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b"\\data\\\n")


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


def test_prose_must_be_cut_into_words_first(lstm: Run, tmp_path: Path) -> None:
    prose = sentences(200, 4).replace(" .", ".")
    text, cut = tmp_path / "prose.txt", tmp_path / "cut.txt"
    text.write_text(prose)
    model = train_small(tmp_path, "word", text)
    assert LanguageModel.load(model).tokens_.split == "punctuation"
    cut.write_text(prose.replace(".", " ."))
    assert lstm("language", "arpa", model, tmp_path / "a.arpa").code == 0
    whole, by_file = (
        json.loads(lstm("language", "score", source, given, "--by", "ngram", "--json").out)["scores"]["ngram"]
        for source, given in ((model, text), (tmp_path / "a.arpa", cut))
    )
    assert by_file["log_prob"] == pytest.approx(whole["log_prob"], rel=1e-6)


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


def test_subwords_can_be_written_and_not_be_read(complain: Complain, lstm: Run, models: dict[str, Path]) -> None:
    assert lstm("language", "arpa", models["subword"], "a.arpa").code == 0
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
        ("a.txt", "a.txt: the name of an ARPA file must end in .arpa or .arpa.gz"),
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
    assert Path("mine.arpa").read_text().startswith("\\data\\")
