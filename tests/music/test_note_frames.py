"""Models of frames: probabilities that sum to one, nothing of the future, the published convention."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.music.frames import FirstOrder, FrameModel, FrameSettings, LastFrame, fit_frames
from lstmkit.music.frames.learning import _moved, _room, cut
from lstmkit.music.frames.model import per_frame
from lstmkit.music.frames.network import OUTSIDE
from lstmkit.sequences import Ragged

LOWEST, HIGHEST = 40, 45
SMALL = {"key_size": 6, "frame_size": 5, "frame_features": 2, "head_size": 7, "window": 3, "below": 3}


def model(notes: str, ensemble: int = 2, **changes: float) -> FrameModel:
    """Return a model of six keys whose decisions are far from even."""
    settings = FrameSettings(notes=notes, ensemble=ensemble, **{**SMALL, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = FrameModel(settings, LOWEST, HIGHEST, torch.tensor([0.1, 0.4, 0.2, 0.6, 0.3, 0.2])).eval()
        with torch.no_grad():
            for parameter in found.parameters():
                parameter.add_(torch.randn_like(parameter))
    return found


def rolls(*lengths: int, seed: int = 0, share: float = 0.35) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    found = [np.zeros((length, 88), np.uint8) for length in lengths]
    for roll in found:
        roll[:, LOWEST : HIGHEST + 1] = random.random((len(roll), HIGHEST - LOWEST + 1)) < share
    return found


def all_frames() -> list[np.ndarray]:
    found = []
    for sounds in itertools.product((0, 1), repeat=HIGHEST - LOWEST + 1):
        frame = np.zeros(88, np.uint8)
        frame[LOWEST : HIGHEST + 1] = sounds
        found.append(frame)
    return found


@pytest.mark.parametrize("notes", ["in order", "independent"])
@pytest.mark.parametrize("changes", [{}, {"frame_size": 0}, {"below": 0}, {"ensemble": 1}])
def test_the_probabilities_of_all_frames_sum_to_one(notes, changes):
    own = model(notes, **changes)
    state = own.begin()
    for before in rolls(3)[0]:
        state = own.next_frame(state).advance(before)
    shares = np.array([math.exp(-own.next_frame(state).nats(frame)) for frame in all_frames()])
    silent_outside = (1 - OUTSIDE) ** (88 - len(range(LOWEST, HIGHEST + 1)))
    assert shares.sum() == pytest.approx(silent_outside, abs=1e-6)
    assert shares.max() < 0.95  # not all on one frame, which would sum to one whatever the others say


def test_models_trained_one_by_one_are_joined_to_one():
    whole = model("in order", ensemble=2)
    parts = [model("in order", ensemble=1) for _ in range(2)]
    for part, network in zip(parts, whole.networks, strict=True):
        part.networks[0].load_state_dict(network.state_dict())
    joined, pieces = FrameModel.joined(parts), rolls(4, 7)
    assert joined.settings.ensemble == 2
    for one, other in zip(joined.nats(pieces), whole.nats(pieces), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    with pytest.raises(InputError, match="frames: models of different settings or keys cannot be joined"):
        FrameModel.joined([parts[0], model("independent", ensemble=1)])


def test_a_key_that_never_sounded_is_counted():
    own = model("independent")
    quiet, loud = rolls(2)[0], rolls(2)[0]
    loud[1, 10] = 1
    one, other = own.nats([quiet])[0], own.nats([loud])[0]
    assert other[0] == pytest.approx(one[0]) and other[1] - one[1] == pytest.approx(-math.log(OUTSIDE), abs=1e-4)


def test_notes_in_order_depend_on_each_other_and_independent_ones_do_not():
    for notes, depends in (("in order", True), ("independent", False)):
        next_frame = model(notes, ensemble=1).next_frame(model(notes, ensemble=1).begin())
        nats = {}
        for low, high in itertools.product((0, 1), repeat=2):
            frame = np.zeros(88, np.uint8)
            frame[LOWEST], frame[HIGHEST - 3] = low, high
            nats[low, high] = next_frame.nats(frame)
        crossed = nats[0, 0] + nats[1, 1] - nats[0, 1] - nats[1, 0]
        assert (abs(crossed) > 0.05) == depends, notes


@pytest.mark.parametrize("notes", ["in order", "independent"])
def test_frame_by_frame_is_as_the_whole(notes):
    own, pieces = model(notes), rolls(7, 4, 1)
    whole = own.nats(pieces)
    for piece, nats in zip(pieces, whole, strict=True):
        state, found = own.begin(), []
        for frame in piece:
            following = own.next_frame(state)
            found.append(following.nats(frame))
            state = following.advance(frame)
        assert found == pytest.approx(nats, abs=1e-4)


@pytest.mark.parametrize("notes", ["in order", "independent"])
def test_no_frame_sees_what_comes_later(notes):
    own, (piece,) = model(notes), rolls(8)
    changed = piece.copy()
    changed[5:] = 1 - changed[5:]
    changed[:, :LOWEST] = changed[:, HIGHEST + 1 :] = 0
    one, other = own.nats([piece])[0], own.nats([changed])[0]
    assert other[:5] == pytest.approx(one[:5], abs=1e-6) and abs(other[5:] - one[5:]).min() > 1e-3


@pytest.mark.parametrize("notes", ["in order", "independent"])
def test_frames_are_drawn_as_often_as_they_are_likely(notes):
    own = model(notes)
    following = own.next_frame(own.begin())
    random = np.random.default_rng(5)
    count = 1500
    drawn = np.array([following.draw(random)[LOWEST : HIGHEST + 1] for _ in range(count)])
    frames = all_frames()
    shares = np.exp([-following.nats(frame) for frame in frames])
    for key in range(HIGHEST - LOWEST + 1):
        likely = sum(p for p, f in zip(shares, frames, strict=True) if f[LOWEST + key])
        assert drawn[:, key].mean() == pytest.approx(likely, abs=4 * math.sqrt(0.25 / count))
    both = sum(p for p, f in zip(shares, frames, strict=True) if f[LOWEST + 1] and f[LOWEST + 3])
    assert (drawn[:, 1] & drawn[:, 3]).mean() == pytest.approx(both, abs=4 * math.sqrt(0.25 / count))


def test_a_fixed_key_is_as_it_is_fixed_and_zero_temperature_decides_for_the_likelier():
    own = model("in order")
    following = own.next_frame(own.begin())
    fixed = np.full(88, -1)
    fixed[LOWEST], fixed[LOWEST + 1] = 1, 0
    random = np.random.default_rng(0)
    for _ in range(10):
        assert following.draw(random, fixed=fixed)[LOWEST : LOWEST + 2].tolist() == [1, 0]
    assert len({tuple(following.draw(random, temperature=0)) for _ in range(5)}) == 1


def test_the_published_convention_leaves_out_the_first_frame_of_each_piece():
    assert per_frame([np.array([9.0, 1.0, 2.0]), np.array([9.0, 6.0])]) == 3.0


def test_the_baselines_count_transitions():
    roll = np.zeros((5, 88), np.uint8)
    roll[[0, 1, 3], 0] = 1  # on, on, off, on, off: from off once, to on; from on three times, once to on
    last = LastFrame([roll])
    chain = FirstOrder([roll], weight=2.0)
    assert chain.on[:, 0].tolist() == [(1 + 2 * last.on[0, 0]) / 3, (1 + 2 * last.on[1, 0]) / 5]
    assert last.on[1].tolist() == [1.5 / 4] * 88 and last.on[0, 0] == pytest.approx(1.5 / (1 + 87 * 4 + 1))
    own = np.zeros((2, 88), np.uint8)
    own[:, 3] = 1
    silent = 87 * math.log1p(-last.on[0, 0])
    assert last.nats([own])[0][1] == pytest.approx(-(math.log(1.5 / 4) + silent))


def test_pieces_are_moved_within_the_keys_of_training():
    (piece,) = rolls(6, share=0.0)
    piece[:, 41] = piece[0, 43] = 1
    room = _room(piece, LOWEST, HIGHEST + 3, 6)
    assert room == (-1, 5)
    seen = set()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(60):
            moved = _moved(torch.from_numpy(piece)[:, None].float(), torch.tensor([room]))[:, 0].numpy()
            lowest = int(np.flatnonzero(moved.any(axis=0))[0])
            assert (np.roll(piece, lowest - 41, axis=1) == moved).all()
            seen.add(lowest)
    assert seen == set(range(40, 47))


def test_long_pieces_are_cut_and_nothing_is_lost():
    (piece,) = rolls(23)
    parts = cut(Ragged.of([piece, piece[:3], piece[:0]], 88), 10)
    assert parts.lengths.tolist() == [7, 8, 8, 3] and (parts.values[:23] == piece).all()


def test_what_repeats_is_learnt_and_beats_the_chain():
    """Two chords, twice each: the last frame alone cannot say which comes, the frame before it can."""
    piece = np.zeros((24, 88), np.uint8)
    for step in range(24):
        piece[step, [40, 44] if step // 2 % 2 else [41, 45]] = 1
    pieces = [np.roll(piece, k, axis=0) for k in range(4)]
    settings = FrameSettings(**SMALL, epochs=100, batch_size=2, shift=0, dropout=0.0, head_dropout=0.0, warmup=5,
                             learning_rate=0.02)  # fmt: skip
    own, history = fit_frames(pieces, pieces[:1], settings)
    assert min(record.valid_loss for record in history) == pytest.approx(per_frame(own.nats(pieces[:1])), abs=1e-3)
    chain = per_frame(FirstOrder(pieces).nats(pieces[:1]))
    assert per_frame(own.nats(pieces[:1])) < 0.5 * chain


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(InputError, match="no pieces to learn from, or none to choose the best epoch; give both"):
        fit_frames(rolls(4), [])
    with pytest.raises(InputError, match="no key sounds in the training pieces; give pieces with notes"):
        fit_frames(rolls(4, share=0.0), rolls(4))
    with pytest.raises(InputError, match="FrameSettings: notes must be one of in order, independent; got 'none'"):
        FrameSettings(notes="none")
