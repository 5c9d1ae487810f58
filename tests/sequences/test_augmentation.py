"""What is drawn on a batch: within the bounds, from the generator alone, each sequence by itself, nothing invented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.sequences import Augmentation, Padded, Ragged

LENGTHS = [40, 25, 1, 0, 33, 2]


def lines(lengths: list[int] = LENGTHS) -> Padded:
    """Frames on two straight lines, so that what lies between two of them is known."""
    sequences = [np.stack([np.arange(n), 100 - 3 * np.arange(n)], axis=1).astype(float) for n in lengths]
    return Ragged.of(sequences, 2).batch(np.arange(len(lengths)))


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_zeros_change_nothing() -> None:
    batch, nothing = lines(), Augmentation()
    assert nothing.warp(batch) is batch
    assert nothing.blur(batch.values, batch.lengths, 2) is batch.values


@pytest.mark.parametrize(("stretch", "crop"), [(0.3, 0.0), (0.0, 0.5), (0.25, 0.2)])
def test_frames_are_cut_and_drawn_out_along_the_line_between_them(stretch: float, crop: float) -> None:
    how, batch, seen = Augmentation(stretch=stretch, crop=crop), lines(), set()
    for seed in range(30):
        found = how.warp(batch, drawn(seed))
        for row, length in enumerate(LENGTHS):
            new = int(found.lengths[row])
            own = found.values[:new, row].numpy()
            assert not found.values[new:, row].any()
            if not length:
                assert new == 0
                continue
            assert round(length * (1 - crop)) * (1 - stretch) - 1 <= new <= max(1, round(length * (1 + stretch)))
            first, last = own[0, 0], own[-1, 0]
            assert first == round(first) and 0 <= first <= last <= length - 1
            assert new == 1 or last - first >= length * (1 - crop) - 1.5
            np.testing.assert_allclose(own[:, 0], np.linspace(first, last, new), atol=1e-9)
            np.testing.assert_allclose(own[:, 1], 100 - 3 * own[:, 0], atol=1e-9)
        seen.add(tuple(found.lengths.tolist()))
    assert len(seen) > 20


def test_the_same_generator_draws_the_same_and_sequences_differ() -> None:
    how, batch = Augmentation(0.3, 0.3, 0.1, 0.4, 0.5), lines([50] * 20)
    one, other, third = (how.warp(batch, drawn(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.values, other.values) and one.lengths.tolist() == other.lengths.tolist()
    assert one.lengths.tolist() != third.lengths.tolist() and len(set(one.lengths.tolist())) > 5
    blurred = [how.blur(batch.values.float(), batch.lengths, 2, drawn(seed)) for seed in (1, 1, 2)]
    assert torch.equal(blurred[0], blurred[1]) and not torch.equal(blurred[0], blurred[2])
    torch.manual_seed(7)
    first = how.warp(batch).values
    torch.manual_seed(7)
    assert torch.equal(how.warp(batch).values, first)


def test_a_gap_spreads_no_further_than_between_its_neighbours() -> None:
    frames = np.arange(30.0)[:, None]
    frames[10] = np.nan
    batch = Ragged.of([frames], 1).batch(np.array([0]))
    for seed in range(20):
        found = Augmentation(stretch=0.5).warp(batch, drawn(seed))
        own = found.values[: int(found.lengths[0]), 0, 0].numpy()
        places = np.linspace(0, 29, len(own))
        np.testing.assert_array_equal(np.isnan(own), (places > 9) & (places < 11))


def test_noise_has_the_spread_asked_for_and_gaps_stay_gaps() -> None:
    features = torch.zeros(200, 50, 3)
    features[5, 2, 1] = torch.nan
    found = Augmentation(noise=0.3).blur(features, torch.full((50,), 200), 3, drawn(0))
    assert torch.isnan(found).nonzero().tolist() == [[5, 2, 1]]
    assert float(found.nan_to_num().std()) == pytest.approx(0.3, rel=0.02)


def test_a_channel_is_scaled_by_one_factor_in_all_of_its_features_and_steps() -> None:
    features = torch.arange(1.0, 13.0).expand(5, 300, 12)
    found = Augmentation(scale=0.3).blur(features, torch.full((300,), 5), 4, drawn(1))
    factors = (found / features).reshape(5, 300, 3, 4)
    torch.testing.assert_close(factors, factors[:1, :, :1].expand_as(factors))
    own = factors[0, :, 0]
    assert 0.7 <= float(own.min()) < 0.71 and 1.29 < float(own.max()) <= 1.3
    assert float(own.mean()) == pytest.approx(1, abs=0.02)
    assert abs(float(torch.corrcoef(own.T)[0, 1])) < 0.15


def test_masks_are_one_piece_of_each_sequence_up_to_their_share() -> None:
    lengths = torch.tensor([100, 60, 10, 1, 0] * 80)
    ones = torch.ones(100, 400, 4)
    found = Augmentation(time_mask=0.2).blur(ones, lengths, 4, drawn(3))
    widths = []
    for row, length in enumerate(lengths.tolist()):
        hidden = (found[:, row] == 0).all(dim=1)
        assert torch.equal(hidden, (found[:, row] == 0).any(dim=1))
        places = hidden.nonzero().flatten().tolist()
        assert not places or (places == list(range(places[0], places[-1] + 1)) and places[-1] < length)
        assert len(places) <= 0.2 * length
        widths += [len(places)] * (length == 100)
    assert set(widths) >= {0, 10, 20} and max(widths) == 20


def test_a_channel_is_masked_in_all_of_its_features() -> None:
    ones = torch.ones(5, 300, 12)
    found = Augmentation(channel_mask=0.5).blur(ones, torch.full((300,), 5), 4, drawn(4))
    groups = (found == 0).reshape(5, 300, 3, 4)
    assert torch.equal(groups, groups[:1, :, :1].expand_as(groups))
    counts = groups[0, :, 0].sum(dim=1)
    assert sorted(set(counts.tolist())) == [0, 1, 2]
    assert (groups[0, :, 0].sum(dim=0) > 30).all()


def test_in_a_mirror_channels_change_places_and_signs_for_every_second_sequence() -> None:
    batch = lines([30] * 400)
    found = Augmentation(mirror=(-2, 1)).warp(batch, drawn(5))
    same = (found.values == batch.values).all(dim=2).all(dim=0)
    turned = found.values[:, ~same], batch.values[:, ~same]
    assert torch.equal(turned[0][..., 0], -turned[1][..., 1])
    assert torch.equal(turned[0][..., 1], turned[1][..., 0])
    assert 150 < int(same.sum()) < 250
    assert torch.equal(found.lengths, batch.lengths)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"mirror": (1, 3)}, "Augmentation: mirror must name every channel once, by its number from 1 on; got (1, 3)"),
        (
            {"mirror": (1, -1)},
            "Augmentation: mirror must name every channel once, by its number from 1 on; got (1, -1)",
        ),
        ({"stretch": 1.0}, "Augmentation: stretch must be at least 0 and below 1; got 1.0"),
        ({"crop": -0.1}, "Augmentation: crop must be at least 0 and below 1; got -0.1"),
        ({"noise": -1}, "Augmentation: noise must not be negative; got -1"),
    ],
)
def test_amounts_that_make_no_sense(choices: dict[str, float], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Augmentation(**choices)
    assert str(caught.value) == expected
