"""Words divided into parts in several ways."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate.reading import Lines, Sides
from lstmkit.language.translate.reading.varying import Varying

TEXTS = [
    "the houses by the lakes are small houses",
    "small boats lie on the large lake of the small town",
    "who rows a boat on a lake is a rower and likes lakes",
    "larger towns have larger houses and the largest boats",
] * 5  # fmt: skip


@pytest.fixture(scope="module")
def sides() -> Sides:
    pytest.importorskip("sentencepiece", reason="the extra text is not installed")
    return Sides.learn(Lines(TEXTS, TEXTS[::-1]), "subword", VocabularySettings(), True, False)


def test_texts_stay_what_they_are_however_they_are_divided(sides):
    found = Varying(sides, Lines(TEXTS, TEXTS[::-1]), 0.9, 1).pairs(3)
    for ragged, texts in zip(found, (TEXTS, TEXTS[::-1]), strict=True):
        assert [sides.source.decode(ragged[row].tolist()) for row in range(len(texts))] == texts


def test_the_share_says_how_many_words_are_divided_otherwise(sides):
    lines = Lines(TEXTS * 40, TEXTS * 40)
    none = Varying(sides, lines, 0.0, 1).pairs(1).source
    np.testing.assert_array_equal(none.values, sides.read(lines.source).values)
    most = max({word for text in TEXTS for word in text.split()}, key=lambda own: len(sides.source.ways(own, 8)[0]))
    word = sides.read([most]).values.tolist()
    text = Lines([most] * 3000, [most] * 3000)
    drawn = Varying(sides, text, 0.3, 1).pairs(1).source
    other = [drawn[row].tolist() for row in range(3000) if drawn[row].tolist() != word]
    assert abs(len(other) / 3000 - 0.3) < 0.04
    ways, scores = sides.source.ways(most, 8)
    assert ways[0] == word and len(ways) > 2
    weights = np.exp(0.2 * np.array(scores[1:]))
    for way, share in zip(ways[1:], weights / weights.sum(), strict=True):
        assert abs(other.count(way) / len(other) - share) < 0.06


def test_epochs_differ_and_the_same_one_is_the_same_again(sides):
    varying = Varying(sides, Lines(TEXTS, TEXTS), 0.5, 1)
    one, two = (varying.pairs(epoch).source for epoch in (1, 2))
    assert one.values.tolist() != two.values.tolist()
    again = Varying(sides, Lines(TEXTS, TEXTS), 0.5, 1).pairs(2).source
    np.testing.assert_array_equal(two.values, again.values)
