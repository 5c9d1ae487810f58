"""Tokens and the words that they are parts of: alignments, copies, long lines in parts."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.language.translate.reading.words import (
    copies,
    cut_text,
    links_between,
    pharaoh,
    surfaces,
    word_numbers,
    written_text,
)
from lstmkit.language.vocabulary import Characters, Subwords, Words

PROSE = Words(("<unk>", "<eos>", "Der", "Hund", ",", "schläft", ".", "Das", "ist", "gut"), "punctuation")
LETTERS = Characters((*"abc ", "<unk>", "\n"))


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    pytest.importorskip("sentencepiece", reason="the extra text is not installed")
    return Subwords.learn(["a house by the lake\n", "houses by lakes\n", "the lake house\n"] * 5)


def test_words_of_tokens_are_counted_between_white_space(subwords):
    assert word_numbers(["Der", "Hund", ",", "ja", "."], "Der Hund, ja.") == [0, 1, 1, 2, 2]
    assert word_numbers(list("ab c"), "ab c") == [0, 0, -1, 1]
    assert word_numbers(["<unk>", "x"], "y x") == [-1, 1]
    text = "houses by the lake"
    parts = surfaces(subwords, text)
    numbers = word_numbers(parts, text)
    assert "".join(parts).replace("▁", " ").strip() == text and max(numbers) == 3
    for word, own in enumerate(text.split()):
        found = "".join(p for p, n in zip(parts, numbers, strict=True) if n == word)
        assert found.replace("▁", "") == own


def test_surfaces_of_unknown_parts_are_what_stands_there(subwords):
    assert "".join(surfaces(subwords, "the Ω lake")) == "▁the▁Ω▁lake"
    assert surfaces(PROSE, "Der Wal, gut.") == ["Der", "Wal", ",", "gut", "."]


def test_links_follow_the_attention_of_all_parts_of_a_word():
    attention = np.array([[0.6, 0.4, 0.0], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]], np.float32)
    assert links_between(attention, [0, 1, 2], [0, 1, 2]) == [(0, 0), (2, 1), (2, 2)]
    # The first two tokens read are one word, the last two written another.
    assert links_between(attention, [0, 0, 1], [0, 1, 1]) == [(0, 0), (1, 1)]
    assert links_between(attention, [0, 0, 1], [-1, 0, 0]) == [(1, 0)]
    assert links_between(attention, [-1, -1, -1], [0, 1, 2]) == []
    assert pharaoh([(0, 0), (2, 1)]) == "0-0 2-1"


def test_unknown_words_are_replaced_by_what_was_read_there(subwords):
    ids = np.array([2, 0, 6])
    attention = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    own = copies(ids, PROSE.unknown, attention, ["The", "Zebra"])
    assert own == {1: "Zebra"} and written_text(PROSE, ids, own) == "Der Zebra."
    assert copies(ids, PROSE.unknown, None, ["The", "Zebra"]) == {}
    assert written_text(PROSE, ids, {}) == "Der <unk>."
    known = subwords.encode("the lake", closed=False).astype(np.int64)
    ids = np.append(known, subwords.unknown)
    assert written_text(subwords, ids, {len(known): "▁Ω"}) == "the lake Ω"
    assert written_text(LETTERS, np.array([0, 4, 1]), {1: "é"}) == "aéb"


@pytest.mark.parametrize("most", [3, 4, 7, 50])
def test_long_lines_are_cut_into_parts_that_are_short_enough(most):
    text = "Der Hund schläft. Das ist gut, gut Das Hund gut gut gut gut. gut"
    parts = cut_text(PROSE, text, most)
    assert "".join(parts) == text and max(len(surfaces(PROSE, part)) for part in parts) <= most
    assert len(parts) > 1 or most == 50
    if most == 7:
        assert parts[0] == "Der Hund schläft. "  # after a mark rather than later
    assert cut_text(LETTERS, "a" * 10, 4) == ["aaaa", "aaaa", "aa"]
