"""A tune is given: it stays as it is, what is put beside it fills its bars, and what comes later counts."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from tunes_by_rule import SMALL, made_tunes

from lstmkit.errors import InputError
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.writing.sampling import SamplingSettings
from lstmkit.music import Composer, Tune, read_abc, transposed
from lstmkit.music.composing import Harmonising, bars_filled, harmonised
from lstmkit.music.events import encode
from lstmkit.music.events.vocabulary import EventTokens


def accompanied_tunes(count: int, voices: bool, seed: int = 0) -> list[Tune]:
    """Return tunes of broken triads, a bar each; the root is the chord symbol, or the note of the second voice."""
    draw, text = random.Random(seed), ""
    broken = {"C": "cege", "F": "fafa", "G": "gbgb"}
    for number in range(count):
        roots = [draw.choice("CFG") for _ in range(6)]
        upper = "|".join(("" if voices else f'"{one}"') + broken[one] for one in roots)
        lower = "|".join(f"{one},4" for one in roots)
        body = f"V:1\n{upper}|]\nV:2\n{lower}|]\n" if voices else f"{upper}|]\n"
        text += f"X:{number}\nT:{number}\nR:song\nM:4/4\nL:1/4\nK:C\n{body}\n"
    return read_abc(text).tunes


@pytest.fixture(scope="module", params=[False, True], ids=["chords", "voices"])
def learnt(request):
    tunes = accompanied_tunes(60, request.param)
    return request.param, Composer(replace(SMALL, epochs=1), order=5).fit(tunes, accompanied_tunes(8, request.param, 1))


def test_what_stands_beside_a_tune_is_what_was_learnt_to(learnt):
    voices, composer = learnt
    whole = accompanied_tunes(3, voices, seed=7)[2]
    bare = replace(whole, voices=whole.voices[:1], chords=(), title="Mine", style="unheard of")
    found = composer.harmonise(bare, count=2, seed=1, by="ngram")
    assert 1 <= len(found) <= 2
    for one in found:
        assert one.tune.voices[0].notes == whole.voices[0].notes and one.tune.bars == whole.bars
        assert (one.tune.title, one.tune.style, one.tune.key) == ("Mine", "unheard of", whole.key)
    best = found[0].tune
    if voices:
        assert [n.pitch % 12 for n in best.voices[1].notes] == [n.pitch % 12 for n in whole.voices[1].notes]
        assert [n.onset for n in best.voices[1].notes] == [n.onset for n in whole.voices[1].notes]
    else:
        assert best.chords == whole.chords
    moved = composer.harmonise(transposed(bare, 3), count=1, seed=1, by="ngram")[0].tune
    assert [n.pitch for n in moved.notes] == [n.pitch + 3 for n in best.notes]


def test_the_same_seed_gives_the_same(learnt):
    _, composer = learnt
    tune = accompanied_tunes(1, False, seed=3)[0]
    one, same = (composer.harmonise(tune, seed=4, versions=6) for _ in range(2))
    assert one == same


def test_a_composer_that_knows_nothing_beside_tunes_says_so(composer):
    with pytest.raises(InputError, match="the model learnt neither chord symbols nor further voices"):
        composer.harmonise(made_tunes(1)[0])


def test_ticks_of_bars_are_counted_to_their_lines():
    tune = read_abc("X:1\nM:3/4\nL:1/4\nK:C\nc|{e}d2e|[ce]3:|\n").tunes[0]
    events = encode(tune).tokens
    assert [(e, n) for e, n in zip(events, bars_filled(events), strict=True) if n] == [
        ("|", 240),
        ("|", 720),
        (":|", 720),
    ]


def test_versions_are_drawn_as_likely_as_the_model_has_them():
    """Two chords begin equally often; the tune goes on in the manner of one of them three times of four."""
    head = ["style=", "metre=4/4", "mode=major"]
    lines = [[*head, chord, note, "|"] for chord, note, n in (
        ('"0:', "0:1/1", 3), ('"0:', "4:1/1", 1), ('"5:', "0:1/1", 1), ('"5:', "4:1/1", 3),
    ) for _ in range(200 * n)]  # fmt: skip
    tokens = EventTokens.learnt(lines)
    text = np.concatenate([np.append(tokens.ids_of(line), tokens.end) for line in lines]).astype(np.int32)
    predictor = NGramPredictor(tokens, NGramModel.fit(text, len(tokens.symbols), 5, tokens.end))
    how = Harmonising(predictor, tokens, SamplingSettings(), np.random.default_rng(0))
    given = [*head, "0:1/1", "|", "<end>"]
    found = harmonised(how, given, bars_filled(given), 500)
    weights = np.exp([one.weight for one in found])
    share = weights[[one.written[3] == '"0:' for one in found]].sum() / weights.sum()
    assert share == pytest.approx(0.75, abs=0.08)
    assert found[0].log_prob == max(one.log_prob for one in found)
