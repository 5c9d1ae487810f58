"""What was expected at each note, in words."""

from __future__ import annotations

import math

import pytest
from tunes_by_rule import made_tunes

from lstmkit.music.events.foreseen import in_words, note_name
from lstmkit.music.keys import read_key


def test_the_probability_of_each_note_is_that_of_its_score(composer):
    tune = made_tunes(1, seed=9)[0]
    moments = composer.foreseen(tune, most=3)
    bits = composer.score(tune).notes
    assert [(one.onset, -math.log2(one.share)) for one in moments] == [
        (at, pytest.approx(cost, abs=1e-3)) for at, _, cost in bits
    ]
    for moment, (_, pitch, _) in zip(moments, bits, strict=True):
        shares = [share for _, share in moment.likely]
        assert len(shares) == 3 and shares == sorted(shares, reverse=True) and sum(shares) <= 1 + 1e-6
        assert moment.came.startswith(note_name(pitch, tune.key))
        assert moment.share <= shares[0] + 1e-9


@pytest.mark.parametrize(
    ("symbol", "words"),
    [
        ("4:1/8", "F#4 1/8"),
        ("0:1/4~", "D4 1/4 tied"),
        ("z:1/8", "rest 1/8"),
        ("g5:1/16", "grace G4 1/16"),
        ("&-2", "with C4"),
        ('"7:7', "chord A7"),
        ("|", "bar line"),
        (":|", ":|"),
        ("<end>", "the end"),
    ],
)
def test_events_in_words(symbol, words):
    assert in_words(symbol, read_key("D")) == words
