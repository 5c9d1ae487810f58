"""Is it music? Measures by hand, a classifier that is right where there is something to tell, and only there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tunes_by_rule import made_tunes

from lstmkit.music import Tune, read_abc
from lstmkit.music.likeness import StyleJudge, companions, liken, told_apart
from lstmkit.music.likeness.figures import described, entropy, in_key, mean_interval, recurring, recurring_rhythm


def tune(body: str) -> Tune:
    return read_abc(f"X:1\nR:jig\nM:4/4\nL:1/4\nK:C\n{body}").tunes[0]


def test_figures_of_a_tune_by_hand():
    own = tune("CDEF|CDEF|C2EF|cdef|")
    assert recurring(own) == 0.5 and recurring_rhythm(own) == 0.75
    assert in_key(own) == 1 and in_key(tune("C^CEF|")) == 0.75
    assert entropy(tune("CCEE|")) == 1 and mean_interval(tune("CDED|")) == 2
    figures = described(own)
    lengths = figures[-9:]  # up to a 32nd, 16th, dotted 16th, 8th, dotted 8th, quarter, dotted quarter, half, longer
    assert lengths.tolist() == pytest.approx([0, 0, 0, 0, 0, 14 / 15, 0, 1 / 15, 0])
    steps = figures[-9 - 25 : -9]
    assert steps.sum() == pytest.approx(1) and steps[12 + 2] == pytest.approx(6 / 14)


def test_every_tune_has_as_many_figures_even_of_one_note():
    shapes = {described(one).shape for one in (*made_tunes(4), tune("C4|"), tune("c'16|"))}
    assert len(shapes) == 1 and np.isfinite(described(tune("C4|"))).all()


def test_tunes_of_one_kind_are_not_told_apart_and_others_are():
    one, same = made_tunes(60, seed=1), made_tunes(60, seed=2)
    found = told_apart(one, same)
    assert found.low <= 0.5 <= found.high and 0 <= found.low <= found.share <= found.high <= 1
    slow = [_slower(each) for each in same]
    assert told_apart(one, slow).low > 0.9


def _slower(own: Tune) -> Tune:
    notes = tuple(n._replace(onset=2 * n.onset, duration=Fraction(2) * n.duration) for n in own.voices[0].notes)
    return replace(own, voices=(replace(own.voices[0], notes=notes),), end=2 * own.end)


def test_styles_are_named_from_what_is_heard():
    judge = StyleJudge(made_tunes(40))
    assert judge.styles == ("jig", "waltz")
    others = made_tunes(20, seed=5)
    assert [judge.name(replace(each, style="")) for each in others] == [each.style for each in others]


def test_what_is_composed_stands_beside_what_it_is_like(composer):
    people, own = companions(composer, made_tunes(14, seed=8), 12, seed=3)
    assert len(people) == len(own) == 12
    assert [(t.style, str(t.key), t.metre) for t in own] == [(t.style, str(t.key), t.metre) for t in people]
    likeness = liken(people, own, made_tunes(60))
    assert likeness.tunes == 12 and likeness.figures["all bars right, %"][1] == (100, 0)
    real, composed = likeness.figures["notes"]
    counts = [len(t.notes) for t in people]
    assert real.mean == np.mean(counts) and real.half == pytest.approx(1.96 * np.std(counts) / 12**0.5)
    assert composed.mean == np.mean([len(t.notes) for t in own])
    assert likeness.apart is not None and "50 % would be indistinguishable" in likeness.sentence()
    stored = likeness.to_json()
    assert stored["told_apart"]["share"] == likeness.apart.share
    few = liken(people[:3], own[:3], made_tunes(60))
    assert few.apart is None and few.sentence() == "3 tunes are too few to say whether they can be told apart."


def test_only_tunes_like_learnt_ones_have_companions(composer):
    given = [*made_tunes(2), replace(made_tunes(1)[0], style="polka")]
    assert companions(composer, given, 9)[0] == given[:2]
