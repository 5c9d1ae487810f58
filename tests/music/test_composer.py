"""A composer: learns, writes what is wished for, scores, and is the same after it was saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tunes_by_rule import SMALL, made_tunes

from lstmkit.errors import InputError, NotFittedError
from lstmkit.language.writing.sampling import SamplingSettings
from lstmkit.music.abc import read_abc, write_abc
from lstmkit.music.composer import Composer
from lstmkit.music.composing import HEAD, Writing
from lstmkit.music.composing.wish import Wish
from lstmkit.music.events import encode
from lstmkit.music.files import read_tune
from lstmkit.music.keys import read_key
from lstmkit.music.learning import SETTINGS, paced
from lstmkit.music.midi import read_midi, write_midi
from lstmkit.music.related import Known, divided, families, melody
from lstmkit.music.tune import transposed, uneven_bars


def test_learning_makes_tunes_likelier_and_the_probabilities_sum_to_one(composer):
    losses = [record.valid_loss for record in composer.history_]
    assert min(losses) < 0.6 * losses[0]
    for predictor in composer.predictors().values():
        context = predictor.begin()
        for token in composer.tokens_.ids_of(encode(made_tunes(1)[0]).tokens[:6]).tolist():
            assert np.exp(predictor.next_log_probs(context).astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
            context = predictor.advance(context, token)


def test_a_tune_is_as_it_is_wished_for(composer):
    for one in composer.compose(Wish("jig", "A", "6/8", bars=8, tempo=180, program=73), count=4, seed=3):
        tune = one.tune
        assert (tune.style, str(tune.key), str(tune.metre)) == ("jig", "A", "6/8") and one.ended
        assert uneven_bars(tune) == [] and len(tune.bars) in (8, 9, 10)
        assert max(tune.notes, key=lambda n: n.onset).pitch % 12 == 9
        assert tune.tempos[0][1] == 180 and tune.voices[0].program == 73
        again = read_abc(write_abc([tune])).tunes[0]
        assert again.notes == tune.notes and again.bars == tune.bars
        assert read_midi(write_midi(tune))[0].voices[0].program == 73


def test_drums_that_were_not_learnt_are_refused_wherever_a_tune_is_given(composer):
    tune = made_tunes(1)[0]
    drums = replace(tune, title="Beat", voices=(replace(tune.voices[0], drums=True),))
    for ask in (composer.score, composer.harmonise, composer.foreseen, lambda t: composer.compose(Wish(primer=t))):
        with pytest.raises(InputError, match="Beat: has drums, of which the model learnt none; leave them out"):
            ask(drums)


def test_without_wishes_style_and_metre_go_together_as_in_training(composer):
    found = composer.compose(Wish(bars=4), count=24, sampling=SamplingSettings(temperature=0.5), seed=1)
    heads = {(one.tune.style, str(one.tune.metre)) for one in found}
    assert heads == {("jig", "6/8"), ("waltz", "3/4")}
    assert [one.nats_per_event for one in found] == sorted(one.nats_per_event for one in found)


def test_the_same_seed_gives_the_same_tunes_and_another_does_not(composer):
    wish = Wish("waltz", bars=8)
    one, same, other = (composer.compose(wish, seed=seed)[0].tune for seed in (1, 1, 2))
    assert one == same and one.notes != other.notes
    cold = SamplingSettings(temperature=0)
    assert (
        composer.compose(wish, sampling=cold, seed=1)[0].tune == composer.compose(wish, sampling=cold, seed=2)[0].tune
    )


@pytest.mark.parametrize("key", [None, "D", "Bb"])
def test_a_primer_is_kept_note_for_note(composer, key):
    primer = read_abc("X:1\nM:6/8\nL:1/8\nK:D\nA|def gfe|d").tunes[0]
    tune = composer.compose(Wish("jig", key, bars=6, primer=primer), seed=2)[0].tune
    steps = 0 if key is None else (read_key(key).pitch_class - 2 + 6) % 12 - 6
    first = [n.pitch for n in tune.notes[:8]]
    assert {(a.pitch + steps - b) % 12 for a, b in zip(primer.notes, first, strict=True)} == {0}
    assert [n.onset for n in tune.notes[:8]] == [n.onset for n in primer.notes] and uneven_bars(tune) == []
    assert key is not None or first == [n.pitch for n in primer.notes]


def test_a_style_may_be_said_in_the_plural(composer):
    one, same = (composer.compose(Wish(style, bars=4), seed=2)[0].tune for style in ("jig", "jigs"))
    assert one == same and one.style == "jig"


def test_notes_outside_the_scale_are_not_written_where_it_is_held(composer):
    for one in composer.compose(Wish(key="Em", bars=6, scale=True), count=3, seed=5):
        assert {n.pitch % 12 for n in one.tune.notes} <= read_key("Em").scale


def test_what_may_happen_is_bounded_without_rules(composer):
    (one,) = composer.compose(Wish(hold=False), sampling=SamplingSettings(temperature=1.5), seed=0)
    assert one.tune.notes
    tokens = composer.tokens_
    for temperature, most in ((0, 20), (50, 200)):  # 50: nearly anything that may be written
        writing = Writing(composer.predictor(), tokens, SamplingSettings(temperature), np.random.default_rng(2))
        assert writing.head([tokens.all_of(kind)[:1] for kind in HEAD]) == ["jig", "6/8", "major"]
        written = writing.body(None, [], most)
        assert len(written.tokens) == most or written.ended
        assert not [one for one in written.tokens[3:] if one == "<unk>" or one.startswith(HEAD)]
        assert temperature or (written.drawn == most - 3 and not written.ended)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(style="polka"), "style 'polka' is none that the model learnt; there is jig, waltz"),
        (Wish(metre="7/8"), "metre '7/8' is none that the model learnt; there is 3/4, 6/8"),
        (Wish(metre="x"), "no metre: 'x'"),
        (Wish(key="H"), "no key: 'H'"),
        (Wish(key="Flyd"), "mode 'lydian' is none that the model learnt; there is major, minor"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(composer, wish, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        composer.compose(wish)


def test_wishes_out_of_range_are_refused():
    for given, message in (
        ({"bars": 0}, "bars must be at least 1; got 0"),
        ({"tempo": 0}, "a tempo of 0 is out of range; give from 1 to 1000 quarter notes a minute"),
        ({"program": 128}, "instrument must be an instrument of General MIDI, from 0 to 127; got 128"),
    ):
        with pytest.raises(InputError, match=message):
            Wish(**given)


def test_a_primer_that_does_not_fit_is_refused(composer):
    head = "X:1\nM:6/8\nL:1/8\nK:D\n"
    for body, bars, message in (
        ("def gfe|def gfe|def gfe|", 2, "the primer has 2 bars or more, and the tune shall have 2"),
        ("def gfed|e", 8, "bar 1 of the primer is longer than 6/8"),
        ("d/8e/8f", 8, "the primer has notes or lengths that the model does not know"),
    ):
        with pytest.raises(InputError, match=message):
            composer.compose(Wish("jig", bars=bars, primer=read_abc(head + body).tunes[0]))


def test_a_score_adds_up_and_names_every_note(composer):
    tune = made_tunes(1, seed=9)[0]
    score = composer.score(tune)
    ids = composer.tokens_.ids_of([*encode(tune).tokens, "<end>"])
    assert score.events == len(ids) - 3 and score.unknown == 0
    for by, predictor in composer.predictors().items():
        assert score.nats[by] == pytest.approx(-predictor.token_log_probs(ids)[3:].sum())
    assert [(at, pitch) for at, pitch, _ in score.notes] == [(n.onset, n.pitch) for n in tune.notes]
    assert min(bits for _, _, bits in score.notes) >= 0
    assert composer.score(transposed(tune, 1)).nats["lstm"] == pytest.approx(score.nats["lstm"])
    random = replace(tune, voices=(replace(tune.voices[0], notes=tuple(_shuffled(tune.voices[0].notes))),))
    assert composer.score(random).nats["lstm"] > score.nats["lstm"]


def _shuffled(notes):
    pitches = np.random.default_rng(0).permutation([n.pitch for n in notes])
    return [n._replace(pitch=int(p)) for n, p in zip(notes, pitches, strict=True)]


def test_a_saved_composer_is_the_same(composer, tmp_path):
    composer.save(tmp_path / "model")
    again = Composer.load(tmp_path / "model")
    wish = Wish("jig", bars=6)
    assert again.compose(wish, count=2, seed=4, by="mixture") == composer.compose(wish, count=2, seed=4, by="mixture")
    with pytest.raises(InputError, match="exists already"):
        composer.save(tmp_path / "model")
    composer.save(tmp_path / "model", force=True)


def test_nothing_is_done_before_it_learnt():
    with pytest.raises(NotFittedError, match="Composer: not fitted yet; call fit first"):
        Composer().compose()
    with pytest.raises(InputError, match="there is no tune to learn from; give at least a few"):
        Composer(SMALL).fit([])


def test_a_folder_of_tunes_is_learnt_from_and_related_tunes_stay_together(tmp_path):
    tunes = made_tunes(16)
    twice = [*tunes, *(transposed(tune, 2) for tune in tunes[:5])]
    assert families(twice)[16:] == families(twice)[:5] and len(set(families(tunes))) == 16
    for seed in range(5):
        kept, cut = divided(twice, 0.3, seed)
        groups = families([*kept, *cut])
        assert not set(groups[: len(kept)]) & set(groups[len(kept) :]) and cut and len(groups) == len(twice)
    (tmp_path / "a.abc").write_text(write_abc(tunes))
    own = Composer(replace(SMALL, epochs=1), order=2).fit(tmp_path)
    assert own.trained_on_ + len(divided(tunes, 0.08, 0)[1]) == 16
    assert read_tune(tmp_path / "a.abc").style == "jig"


def test_the_longest_known_run_is_found_in_any_key():
    tunes = made_tunes(6)
    known = Known(tunes)
    piece = transposed(tunes[2], 3)
    notes = piece.voices[0].notes[4:15]
    assert known.longest_run(replace(piece, voices=(replace(piece.voices[0], notes=notes),))) == 11
    assert known.longest_run(piece) == len(piece.notes) == len(melody(piece)) + 1


@pytest.mark.parametrize(
    ("events", "columns", "window"), [(160_000, 6, 256), (30_000, 2, 256), (4_000, 1, 80), (100, 1, 32)]
)
def test_few_tunes_are_learnt_in_some_steps_too(events, columns, window):
    how = paced(SETTINGS, events)
    assert (how.columns, how.window) == (columns, window)
