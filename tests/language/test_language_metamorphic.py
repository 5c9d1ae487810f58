"""Text changed in ways that mean nothing: what a model says of it must not change."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_text import sentences

from lstmkit.language import LanguageModel, read_corpus
from lstmkit.language.judgement import score_source
from lstmkit.language.judgement.scoring import score_lines
from lstmkit.language.suggestions import Suggester
from lstmkit.language.text import reading as reading_module
from lstmkit.language.writing import SamplingSettings, generate

WORDS = ("the", "cat", "cats", "with", "a", "very", "old", "grey", "quiet", "tail", "sleeps", "sleep", "\n")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=2, max_size=24).map(" ".join)


@pytest.fixture(params=["lstm", "ngram", "mixture"])
def predictor(fitted: LanguageModel, request: pytest.FixtureRequest):
    return fitted.predictor(request.param)


@given(text=TEXTS, at=st.integers(0, 99))
def test_a_prefix_read_in_two_parts_is_the_prefix(predictor, text: str, at: int) -> None:
    ids = predictor.tokens.encode(text)
    whole = predictor.token_log_probs(ids)
    cut, context, found = at % (len(ids) + 1), predictor.begin(), []
    for token in ids[:cut]:
        context = predictor.advance(context, int(token))
    for token in ids[cut:]:
        found.append(predictor.next_log_probs(context)[token])
        context = predictor.advance(context, int(token))
    np.testing.assert_allclose(found, whole[cut:], atol=2e-5)


@given(text=TEXTS, typed=st.lists(st.integers(0, 120), max_size=6))
def test_suggestions_do_not_depend_on_how_the_text_was_typed(predictor, text: str, typed: list[int]) -> None:
    wandering = Suggester(predictor)
    for end in typed:
        wandering.suggest(text[: end % (len(text) + 1)])
    expected = Suggester(predictor).suggest(text)
    found = wandering.suggest(text)
    assert [s.text for s in found] == [s.text for s in expected]
    np.testing.assert_allclose([s.probability for s in found], [s.probability for s in expected], atol=1e-5)


@given(text=TEXTS)
def test_writing_on_from_what_was_written_is_writing_on(predictor, text: str) -> None:
    likely = SamplingSettings(temperature=0.0)
    first = generate(predictor, text, 1, likely)
    np.testing.assert_array_equal(
        generate(predictor, text, 4, likely).ids[1:], generate(predictor, first.text, 3, likely).ids
    )


@given(order=st.permutations(range(8)))
def test_lines_score_the_same_in_any_order(predictor, order: list[int]) -> None:
    lines = sentences(8, 5).splitlines(keepends=True)
    nats = [score.nats_per_token for score in score_lines(predictor, lines)]
    found = [score.nats_per_token for score in score_lines(predictor, [lines[k] for k in order])]
    np.testing.assert_allclose(found, [nats[k] for k in order], atol=1e-6)


def write(folder: Path, form: str, text: str) -> Path:
    """Write a text in another form that means the same."""
    path = folder / "text.txt"
    content = text.encode()
    if form == "pieces":
        folder = folder / "pieces"
        folder.mkdir()
        lines = text.splitlines(keepends=True)
        for k, first in enumerate(range(0, len(lines), 97)):
            (folder / f"{k:03d}.txt").write_text("".join(lines[first : first + 97]))
        return folder
    if form == "carriage returns":
        content = content.replace(b"\n", b"\r\n")
    if form == "mark":
        content = b"\xef\xbb\xbf" + content
    if form == "no last end":
        content = content[:-1]
    if form == "gzip":
        path = folder / "text.txt.gz"
        content = gzip.compress(content)
    path.write_bytes(content)
    return path


FORMS = ("carriage returns", "mark", "gzip", "pieces", "small blocks")


@pytest.mark.parametrize("unit", ["word", "character", "subword"])
@pytest.mark.parametrize("form", FORMS)
def test_a_text_in_another_form_has_the_same_tokens(form: str, unit: str, tmp_path: Path, monkeypatch) -> None:
    text = sentences(400, 1)
    plain = tmp_path / "plain.txt"
    plain.write_text(text)
    expected = read_corpus(plain, unit=unit)
    if form == "small blocks":
        monkeypatch.setattr(reading_module, "BLOCK", 151)  # longer than a line
    found = read_corpus(write(tmp_path, form, text), unit=unit)
    assert found.tokens.symbols == expected.tokens.symbols
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_a_text_without_its_last_line_end_has_the_same_tokens(unit: str, tmp_path: Path) -> None:
    text = sentences(400, 1)
    plain = tmp_path / "plain.txt"
    plain.write_text(text)
    ended, unended = read_corpus(plain, unit=unit), read_corpus(write(tmp_path, "no last end", text), unit=unit)
    np.testing.assert_array_equal(unended.test, ended.test)


@pytest.mark.parametrize("form", FORMS[:-1])
def test_a_text_in_another_form_has_the_same_score(form: str, fitted: LanguageModel, tmp_path: Path) -> None:
    text = sentences(50, 2)
    plain = tmp_path / "plain.txt"
    plain.write_text(text)
    expected = score_source(fitted.predictors(), plain)
    assert score_source(fitted.predictors(), write(tmp_path, form, text)).to_json() == expected.to_json()
