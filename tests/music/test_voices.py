"""Models of voices: probabilities that sum to one, nothing of the future, what is recalled, and completions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.music.frames.model import per_frame
from lstmkit.music.frames.network import OUTSIDE
from lstmkit.music.rolls.frames import SILENCE
from lstmkit.music.voices import OPEN, FirstOrderVoices, LastStep, VoiceModel, VoiceSettings, completed_voices
from lstmkit.music.voices.history import LONG, ROUND, History, codes_of, parted, parts_of, with_history
from lstmkit.music.voices.learning import _moved, begun, fit_voices, room_of
from lstmkit.music.voices.model import pieces_of
from lstmkit.music.voices.network import Span, order_of
from lstmkit.music.voices.relative import CODES, FEW, NOTHING, SILENT, Relative

SPANS = [Span(41, 43), Span(38, 40), Span(37, 40)]  # three, three and four keys
SMALL = {"key_size": 6, "key_features": 4, "frame_size": 5, "frame_features": 2, "head_size": 7}


def model(ensemble: int = 2, **changes: float) -> VoiceModel:
    """Return a model of three voices whose decisions are far from even."""
    settings = VoiceSettings(ensemble=ensemble, **{**SMALL, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = VoiceModel(settings, SPANS).eval()
        with torch.no_grad():
            for parameter in found.parameters():
                parameter.add_(0.7 * torch.randn_like(parameter))
    return found


def voices(*lengths: int, seed: int = 0, hold: float = 0.5) -> list[np.ndarray]:
    """Return pieces within the keys, with rests, in which much is held."""
    random, found = np.random.default_rng(seed), []
    for length in lengths:
        piece = np.zeros((length, 3), np.int16)
        for step, voice in itertools.product(range(length), range(3)):
            low, high = SPANS[voice]
            new = SILENCE if random.random() < 0.2 else 21 + int(random.integers(low, high + 1))
            piece[step, voice] = piece[step - 1, voice] if step and random.random() < hold else new
        found.append(piece)
    return found


def all_steps() -> list[np.ndarray]:
    sung = [[SILENCE, *range(21 + low, 22 + high)] for low, high in SPANS]
    return [np.array(one, np.int16) for one in itertools.product(*sung)]


def after(own: VoiceModel, piece: np.ndarray):
    state = own.begin()
    for step in piece:
        state = own.next_frame(state).advance(step)
    return own.next_frame(state)


@pytest.mark.parametrize("changes", [{}, {"recall": False}, {"ensemble": 1}])
def test_the_probabilities_of_all_steps_sum_to_one(changes):
    following = after(model(**changes), voices(5)[0])
    shares = np.array([math.exp(-following.nats(step)) for step in all_steps()])
    within = math.prod(1 - (88 - span.keys) * OUTSIDE for span in SPANS)
    assert shares.sum() == pytest.approx(within, abs=1e-6)
    assert shares.max() < 0.95  # not all on one step, which would sum to one whatever the others say


def test_the_probabilities_of_every_decision_sum_to_one_over_all_keys_and_silence():
    following, random = after(model(), voices(4)[0]), np.random.default_rng(0)
    for place in range(3):
        for _ in range(4):
            now = torch.from_numpy(random.integers(0, CODES - 1, (1, 3)))
            shares = following.log_probs(now, place).exp()
            assert shares.shape == (89,) and shares.sum() == pytest.approx(1, abs=1e-6)


def test_voices_depend_on_those_before_them_alone():
    assert order_of(4) == [0, 3, 1, 2] and order_of(1) == [0] and order_of(2) == [0, 1]
    following = after(model(), voices(4)[0])
    now = torch.tensor([[42, 39, 38]])
    for place, voice in enumerate(order_of(3)):
        for other in range(3):
            changed = now.clone()
            changed[0, other] += 1
            moved = (following.log_probs(now, place) - following.log_probs(changed, place)).abs().max()
            assert (moved > 1e-3) == (other in order_of(3)[:place]), (voice, other)


@pytest.mark.parametrize("recall", [True, False])
def test_step_by_step_is_as_the_whole_and_in_parts(recall, monkeypatch):
    own, pieces = model(recall=recall), voices(40, 9, 1, seed=2)
    whole = own.nats(pieces)
    for piece, nats in zip(pieces, whole, strict=True):
        state, found = own.begin(), []
        for step in piece:
            following = own.next_frame(state)
            found.append(following.nats(step))
            state = following.advance(step)
        assert found == pytest.approx(nats, abs=1e-4)
    monkeypatch.setattr("lstmkit.music.voices.model.AT_ONCE", 8)
    for one, other in zip(own.nats(pieces), whole, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_no_step_sees_what_comes_later():
    own, (piece, other) = model(), voices(12, 12, seed=4)
    changed = np.concatenate([piece[:7], other[7:]])
    assert (changed[7] != piece[7]).any()
    one, two = own.nats([piece])[0], own.nats([changed])[0]
    assert two[:7] == pytest.approx(one[:7], abs=1e-6) and abs(two[7:] - one[7:]).max() > 1e-2


def test_models_trained_one_by_one_are_joined_to_one():
    whole = model(ensemble=2)
    parts = [model(ensemble=1) for _ in range(2)]
    for part, network in zip(parts, whole.networks, strict=True):
        part.networks[0].load_state_dict(network.state_dict())
    for one, other in zip(VoiceModel.joined(parts).nats(voices(6)), whole.nats(voices(6)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    with pytest.raises(InputError, match="voices: models of different settings or voices cannot be joined"):
        VoiceModel.joined([parts[0], model(ensemble=1, recall=False)])


def test_steps_are_drawn_as_often_as_they_are_likely():
    following, random, count = after(model(), voices(5)[0]), np.random.default_rng(5), 1500
    drawn = np.array([following.draw(random) for _ in range(count)])
    steps = all_steps()
    shares = np.exp([-following.nats(step) for step in steps])
    for voice, other in ((0, 1), (1, 2)):
        first = steps[int(shares.argmax())]
        likely = sum(
            p for p, s in zip(shares, steps, strict=True) if (s[[voice, other]] == first[[voice, other]]).all()
        )
        often = (drawn[:, [voice, other]] == first[[voice, other]]).all(axis=1).mean()
        assert often == pytest.approx(likely, abs=4 * math.sqrt(0.25 / count))
    cold = {tuple(following.draw(random, temperature=0)) for _ in range(4)}
    assert len(cold) == 1


@pytest.mark.parametrize("recall", [True, False])
def test_what_is_known_grows_step_by_step_to_the_same(recall):
    pieces = [codes_of(piece) for piece in voices(ROUND + 30, ROUND + 30, seed=7, hold=0.8)]
    pieces[0][60:75] = pieces[0][:15]  # comes again
    pieces[1][20:50] = SILENT  # longer than is told apart
    history = History.empty(3, recall, 2)
    known = [parted(torch.from_numpy(with_history(piece, recall))[:, None], 3) for piece in pieces]
    for at in range(ROUND + 30):
        before = history.before()
        for version, (now, whole) in enumerate(known):
            assert (now[at, 0].numpy() == pieces[version][at]).all()
            for one, other in zip(before, whole, strict=True):
                assert (one[0, version] == other[at, 0]).all()
        history = history.after(np.stack([piece[at] for piece in pieces]))
    assert int(known[1][1].ages.max()) == LONG and (int(known[0][1].runs.max()) > 10) == recall
    swapped, unswapped = history.of(np.array([1, 0])).before(), history.before()
    assert all((one[0, 0] == other[0, 1]).all() for one, other in zip(swapped, unswapped, strict=True))


def test_what_followed_is_recalled_of_all_voices_of_the_first_and_of_the_last():
    piece = np.array([[60, 50], [62, 52], [64, 53], [60, 49], [62, 52]], np.int16)
    _, before = parted(torch.from_numpy(with_history(codes_of(piece), True))[:, None], 2)
    assert before.runs[4, 0].tolist() == [0, 1, 0] and before.recalled[4, 0, 1].tolist() == [62 - 21, NOTHING]
    _, before = parted(torch.from_numpy(with_history(codes_of(np.concatenate([piece, piece[:1]])), True))[:, None], 2)
    assert before.runs[5, 0].tolist() == [1, 2, 1]
    assert before.recalled[5, 0].tolist() == [[43, 32], [43, NOTHING], [NOTHING, 32]]


def test_keys_are_told_how_far_notes_lie_from_them():
    told = Relative(2, 3, 4)
    codes = torch.tensor([[31, SILENT], [NOTHING, 87]])
    found = told(codes)
    for key in range(4):
        one = told.distances[0, key - 31 + 87] + told.others[1, 0]
        other = told.others[0, 1] + told.distances[1, key - 87 + 87]
        np.testing.assert_allclose(found[:, key].detach(), torch.stack([one, other]).detach(), rtol=1e-5)


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_few_rows_are_told_the_same_as_many(count):
    told, random = Relative(3, 2, 5), np.random.default_rng(count)
    with torch.no_grad():
        told.others.copy_(torch.randn_like(told.others))
    codes = torch.from_numpy(random.integers(0, CODES, (count, 3)))
    whole = told(codes.repeat(FEW + 1, 1))[:count]
    torch.testing.assert_close(told(codes), whole, rtol=1e-5, atol=1e-6)


def test_codes_come_back():
    (piece,) = voices(20)
    assert (parts_of(codes_of(piece)) == piece).all() and (codes_of(piece) == SILENT).any()


@pytest.mark.parametrize("pitch", [20, 109, -2, 300])
def test_notes_that_no_piano_has_are_refused_wherever_they_come_from(pitch):
    own, (piece,) = model(), voices(4)
    piece[2, 1] = pitch
    following, message = after(own, piece[:2]), f"voices: the note {pitch} is outside 21 to 108, the keys of a piano"
    for asked in (
        lambda: own.nats([piece]),
        lambda: following.nats(piece[2]),
        lambda: following.advance(piece[2]),
        lambda: begun([piece], VoiceSettings(**SMALL), 0),
        lambda: FirstOrderVoices([piece]),
        *([] if pitch == OPEN else [lambda: completed_voices(own, piece)]),
    ):
        with pytest.raises(InputError, match=message):
            asked()


def test_what_is_drawn_is_within_the_keys_of_each_voice_however_warm():
    own = model()
    following, random = after(own, voices(4)[0]), np.random.default_rng(0)
    drawn = np.array([following.draw(random, temperature=30.0) for _ in range(100)])
    found, nats = completed_voices(own, np.full((20, 3), OPEN, np.int16), versions=4, temperature=30.0)
    for own_voice, span in zip(np.concatenate([drawn, found]).T, SPANS, strict=True):
        assert set(own_voice.tolist()) == {SILENCE, *range(21 + span.lowest, 22 + span.highest)}
    assert nats == pytest.approx(own.nats([found])[0].sum(), abs=1e-3)


def test_pieces_are_moved_within_the_keys_of_each_voice():
    piece = np.array([[62, 59, 58], [SILENCE, 59, 58]], np.int16)
    assert room_of(codes_of(piece), SPANS, 6) == (0, 2) and room_of(codes_of(piece[:1]), SPANS, 1) == (0, 1)
    ragged, seen = pieces_of([piece, piece[:1]], VoiceSettings(), 3), set()
    values, _ = ragged.batch(np.array([0, 1]))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(40):
            now, _ = parted(_moved(values, torch.tensor([[0, 2], [-40, -40]]), 3), 3)
            by = int(now[0, 0, 1]) - 38
            seen.add(by)
            assert now[:, 0].tolist() == [[41 + by, 38 + by, 37 + by], [SILENT, 38 + by, 37 + by]]
            assert now[0, 1].tolist() == [1, 0, 0]
    assert seen == {0, 1, 2}


def test_the_baselines_count_what_voices_do():
    piece = np.array([[60], [60], [62], [62], [60], [SILENCE]], np.int16)
    last, chain = LastStep([piece]), FirstOrderVoices([piece], weight=2.0)
    for one in (last, chain):
        np.testing.assert_allclose(one.shares.sum(axis=2), 1)
        assert (one.shares > 0).all()
    assert last.shares[0, 39, 39] == last.shares[0, 50, 50] == pytest.approx(2.5 / 6)
    counts = np.zeros(89)
    counts[[39, 41, SILENT]] = 1
    common = (chain.shares[0, 39] * 5 - counts) / 2
    assert common.sum() == pytest.approx(1) and common[41] > 10 * common[42]  # two half tones up, as it is done
    assert chain.shares[0, 50, 52] > 5 * chain.shares[0, 50, 53]  # of a key that was never sung
    own = last.nats([piece])[0]
    assert own[1] == pytest.approx(-math.log(2.5 / 6)) and own[2] == pytest.approx(-math.log(last.shares[0, 39, 41]))


def test_what_follows_from_the_step_before_last_is_learnt_and_beats_the_chain():
    piece = np.full((32, 2), 60, np.int16)
    for step in range(32):
        piece[step] = [[60, 48], [62, 50]][step // 2 % 2]
    pieces = [np.roll(piece, k, axis=0) for k in range(4)]
    settings = VoiceSettings(**SMALL, epochs=30, batch_size=2, shift=0, dropout=0.0, head_dropout=0.0, warmup=5,
                             recall=False, learning_rate=0.02)  # fmt: skip
    own, history = fit_voices(pieces, pieces[:1], settings)
    assert min(record.valid_loss for record in history) == pytest.approx(per_frame(own.nats(pieces[:1])), abs=1e-3)
    assert per_frame(own.nats(pieces[:1])) < 0.5 * per_frame(FirstOrderVoices(pieces).nats(pieces[:1]))


def test_before_anything_is_learnt_a_voice_is_likely_held():
    piece = voices(30, hold=0.9)[0]
    following = after(begun([piece], VoiceSettings(**SMALL), 0), piece)
    assert following.nats(piece[-1]) < min(following.nats(step) for step in all_steps() if (step != piece[-1]).all())


def test_pieces_that_cannot_be_learnt_from_are_refused():
    with pytest.raises(
        InputError, match="voices: no pieces to learn from, or none to choose the best epoch; give both"
    ):
        fit_voices(voices(4), [])
    silent = voices(4)[0]
    silent[:, 1] = SILENCE
    with pytest.raises(InputError, match="voices: voice 2 never sings in the training pieces; leave it out"):
        fit_voices([silent], [silent])
    with pytest.raises(InputError, match="voices: pieces of 2 and of 3 voices; learn from pieces with the same number"):
        fit_voices([voices(4)[0], voices(4)[0][:, :2]], voices(4))
    with pytest.raises(InputError, match=r"voices: a piece is \(steps, 3\) pitches; got \(4, 2\)"):
        model().nats([voices(4)[0][:, :2]])


def test_what_is_given_stays_and_the_nats_are_those_of_the_model():
    own, whole = model(), voices(9, seed=3)[0]
    given = whole.copy()
    given[:, 1:] = OPEN
    found, nats = completed_voices(own, given, versions=8, seed=1)
    assert (found[:, 0] == whole[:, 0]).all() and nats == pytest.approx(own.nats([found])[0].sum(), abs=1e-3)
    np.testing.assert_array_equal(found, completed_voices(own, given, versions=8, seed=1)[0])
    np.testing.assert_array_equal(completed_voices(own, whole, versions=2)[0], whole)
    with pytest.raises(InputError, match=r"given: the model has 3 voices; got \(9, 2\)"):
        completed_voices(own, given[:, :2])


def test_the_best_of_many_versions_is_the_likeliest_of_all():
    own, whole = model(), voices(3, seed=6)[0]
    given = whole.copy()
    free = [(0, 1), (1, 2)]
    candidates = []
    for codes in itertools.product((SILENCE, 59, 60, 61), (SILENCE, 58, 59, 60, 61)):
        candidates.append(whole.copy())
        for place, pitch in zip(free, codes, strict=True):
            candidates[-1][place], given[place] = pitch, OPEN
    costs = [nats.sum() for nats in own.nats(candidates)]
    found, nats = completed_voices(own, given, versions=600)
    assert nats == pytest.approx(min(costs), abs=1e-3)
    np.testing.assert_array_equal(found, candidates[int(np.argmin(costs))])
