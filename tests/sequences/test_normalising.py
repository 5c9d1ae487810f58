"""Statistics of the training part and of each sequence, against numpy's; levels, gaps and features that stand still."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.sequences import Normalisation, Padded, Ragged

LENGTHS = [5, 1, 0, 8, 3]


def frames_of(seed: int = 0, missing: float = 0.0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = [generator.normal((3.0, -2.0), (2.0, 0.1), size=(length, 2)) for length in LENGTHS]
    for frames in found:
        frames[generator.random(frames.shape) < missing] = np.nan
    return found


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("on_disk", [False, True])
def test_features_have_mean_zero_and_spread_one_over_the_training_part(
    missing: float, on_disk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lstmkit.sequences.normalising.PIECE", 3)
    sequences = frames_of(1, missing)
    ragged = Ragged.of(sequences, 2, on_disk)
    layer = Normalisation(2)
    layer.fit(ragged)
    whole = np.concatenate(sequences)
    found = layer(ragged.batch(np.arange(5)))
    for row, frames in enumerate(sequences):
        expected = (frames - np.nanmean(whole, axis=0)) / np.nanstd(whole, axis=0)
        np.testing.assert_allclose(found[: len(frames), row], expected, atol=1e-5)
        assert not found[len(frames) :, row].any()
    assert found.dtype == torch.float32
    again = Normalisation(2)
    again.load_state_dict(layer.state_dict())
    later = Ragged.of(frames_of(2), 2).batch(np.arange(5))
    assert torch.equal(again(later), layer(later))


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_channels_of_one_kind_share_a_spread_in_each_group_of_features(missing: float) -> None:
    """Which channel moves far stays to be seen; differences are as large as frames, not as small as they are."""
    sequences = [np.hstack([frames, 0.01 * frames]) for frames in frames_of(6, missing)]
    ragged = Ragged.of(sequences, 4)
    layer = Normalisation(4, "together", groups=2)
    layer.fit(ragged)
    whole = np.concatenate(sequences)
    apart = whole - np.nanmean(whole, axis=0)
    spreads = np.repeat([np.sqrt(np.nanmean(apart[:, group] ** 2)) for group in ([0, 1], [2, 3])], 2)
    found = layer.of(ragged)
    np.testing.assert_allclose(found.values, apart / spreads, atol=1e-5)
    assert np.nanstd(found.values[:, 0]) > 5 * np.nanstd(found.values[:, 1])


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_every_sequence_has_mean_zero_and_spread_one(missing: float) -> None:
    sequences = frames_of(3, missing)
    found = Normalisation(2, "sequence")(Ragged.of(sequences, 2).batch(np.arange(5)))
    for row, frames in enumerate(sequences):
        for channel in range(2):
            own = frames[:, channel]
            there = own[~np.isnan(own)]
            spread = there.std() if len(there) > 1 else 1.0
            expected = (own - there.mean()) / spread if len(there) else own
            np.testing.assert_allclose(found[: len(own), row, channel], expected, atol=1e-5)
        assert not found[len(frames) :, row].any()


def test_slopes_are_numbers_beside_gaps_and_where_nothing_changes() -> None:
    sequences = frames_of(3, 0.3)
    sequences[3][:, 1] = 4.0
    batch = Ragged.of(sequences, 2).batch(np.arange(5))
    values = batch.values.clone().requires_grad_()
    found = Normalisation(2, "sequence")(Padded(values, batch.lengths))
    (slopes,) = torch.autograd.grad((found.nan_to_num() ** 3).sum(), values)
    assert torch.isfinite(slopes).all() and slopes[: LENGTHS[0], 0].any()
    assert not slopes[torch.isnan(batch.values)].any()


@pytest.mark.parametrize("kind", ["features", "together", "sequence"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_stands_still_is_zero_on_any_level(kind: str, dtype: type) -> None:
    """A constant plus rounding must not become noise of spread one."""
    for level in (0.0, 0.1, 1e6, -3e-9):
        frames = np.full((50, 1), level)
        frames[::3] *= 1 + np.finfo(dtype).eps
        ragged = Ragged.of([frames, frames[:7]], 1, dtype=dtype)
        layer = Normalisation(1, kind)
        layer.fit(ragged)
        assert float(layer(ragged.batch(np.array([0, 1]))).abs().max()) <= abs(level) * 1e-6


@pytest.mark.parametrize("kind", ["features", "together", "sequence"])
def test_units_and_level_make_no_difference(kind: str) -> None:
    sequences = frames_of(4)
    rows = np.arange(5)

    def normalised(scale: float, level: float) -> torch.Tensor:
        ragged = Ragged.of([scale * frames + level for frames in sequences], 2)
        layer = Normalisation(2, kind)
        layer.fit(ragged)
        return layer(ragged.batch(rows))

    plain = normalised(1.0, 0.0)
    for scale, level in ((1e-6, 0.0), (1e9, 0.0), (0.5, 1e7)):
        torch.testing.assert_close(normalised(scale, level), plain, atol=1e-4, rtol=0)


def test_a_feature_that_is_never_there_stays_missing() -> None:
    ragged = Ragged.of([np.array([[1.0, np.nan], [2.0, np.nan]])], 2)
    for kind in ("features", "together", "sequence"):
        layer = Normalisation(2, kind)
        layer.fit(ragged)
        found = layer(ragged.batch(np.array([0])))[:, 0]
        np.testing.assert_allclose(found[:, 0], [-1, 1], atol=1e-6)
        assert torch.isnan(found[:, 1]).all()


def test_none_leaves_frames_as_they_are() -> None:
    ragged = Ragged.of(frames_of(), 2)
    layer = Normalisation(2, "none")
    layer.fit(ragged)
    batch = ragged.batch(np.arange(5))
    assert torch.equal(layer(batch), batch.values.float()) and not layer.state_dict()
    with pytest.raises(
        InputError, match=r"^normalise must be one of features, together, sequence, none; got 'minmax'$"
    ):
        Normalisation(2, "minmax")
