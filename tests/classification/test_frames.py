"""Networks that read frames: against torch's own LSTM on features made by hand, and what they learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lstmkit.classification.frames import FrameEncoder, FrameSettings, FrameShape, frame_ensemble
from lstmkit.classification.learning import answers, fingerprint, fit_network
from lstmkit.classification.network import Ensemble, FurtherHead
from lstmkit.errors import InputError
from lstmkit.sequences import Examples, Normalisation, Ragged
from lstmkit.training import Checkpoint, EpochRecord

SMALL = FrameSettings(
    hidden_size=8, head_size=8, dropout=0.0, epochs=10, batch_size=16, learning_rate=0.02, average=None, patience=100
)
CHANGED = {
    "stretch": 0.2,
    "crop": 0.1,
    "scale": 0.2,
    "noise": 0.1,
    "time_mask": 0.1,
    "channel_mask": 0.3,
    "input_dropout": 0.1,
}


def movements(rows: int, seed: int, missing: float = 0.0) -> tuple[Ragged, torch.Tensor, torch.Tensor]:
    """Lines of two channels that begin anywhere: the first rises, falls or stands still, at a speed of its own."""
    generator = np.random.default_rng(seed)
    kinds, speeds = generator.integers(3, size=rows), generator.uniform(0.5, 1.5, rows)
    sequences = []
    for kind, speed in zip(kinds, speeds, strict=True):
        T = int(generator.integers(5, 15))
        frames = generator.normal(0, 0.1, (T, 2)) + generator.normal(0, 30, 2)
        frames[:, 0] += (kind - 1) * speed * np.arange(T)
        frames[generator.random((T, 2)) < missing] = np.nan
        sequences.append(frames)
    slopes = torch.from_numpy(((kinds - 1) * speeds).astype(np.float32))
    return Ragged.of(sequences, 2), torch.from_numpy(kinds), slopes


def built(how: FrameSettings, shape: FrameShape, training: Ragged) -> Ensemble:
    torch.manual_seed(0)
    return frame_ensemble(how, shape, training)


@pytest.mark.parametrize("normalise", ["features", "sequence", "none"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("pooling", ["max", "mean-max"])
def test_answers_are_those_of_torchs_lstm_on_each_sequence_by_itself(
    normalise: str, missing: float, pooling: str
) -> None:
    how = dataclasses.replace(SMALL, relative=2, differences=(1, 3), normalise=normalise, pooling=pooling)
    side, _, _ = movements(30, 1, missing)
    network = built(how, FrameShape(2, 3, marks=missing > 0, networks=2), side)
    features = how.features.of(side)
    whole = features.values

    def read(row: int) -> torch.Tensor:
        own = features[row]
        if normalise == "features":
            own = (own - np.nanmean(whole, axis=0)) / np.nanstd(whole, axis=0)
        elif normalise == "sequence":
            columns = [own[~np.isnan(own[:, c]), c] for c in range(6)]
            spread = np.array([column.std() if len(column) > 1 else 1.0 for column in columns])
            own = (own - [column.sum() / max(1, len(column)) for column in columns]) / spread
        steps = np.nan_to_num(own)
        if missing:
            steps = np.concatenate([steps, np.isnan(side[row])], axis=1)
        return torch.from_numpy(steps.astype(np.float32))

    found = answers(network, Examples((side,), torch.empty(0)), how)
    for row in range(30):
        shares = []
        for member in network.networks:
            plain = nn.LSTM(8 if missing else 6, 8, bidirectional=True)
            plain.load_state_dict(member.encoder.recurrent.state_dict())
            found_steps = plain(read(row)[:, None])[0].squeeze(1)
            pooled = found_steps.max(dim=0).values
            if pooling == "mean-max":
                pooled = torch.cat([found_steps.mean(dim=0), pooled])
            hidden = torch.relu(functional.linear(pooled, *member.head[1].parameters()))
            shares.append(functional.linear(hidden, *member.head[4].parameters()).double().softmax(0))
        np.testing.assert_allclose(found[row], torch.stack(shares).mean(dim=0).detach(), atol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_filters_are_a_convolution_of_each_sequence_by_itself(steps: int, bidirectional: bool) -> None:
    how = dataclasses.replace(SMALL, convolution=steps, filters=7, bidirectional=bidirectional, noise=0.5)
    side, _, _ = movements(20, 1)
    encoder = built(how, FrameShape(2, 3), side).networks[0].encoder
    assert isinstance(encoder, FrameEncoder) and encoder.frames.filters is not None
    weight, bias = (own.detach().numpy() for own in encoder.frames.filters.convolution.parameters())
    found, lengths = encoder.eval().steps(side.batch(np.arange(20)))
    mean, spread = side.values.mean(axis=0), side.values.std(axis=0)
    before = steps - 1 if not bidirectional else (steps - 1) // 2
    for row, T in enumerate(lengths.tolist()):
        own = np.zeros((T + steps - 1, 2))
        own[before : before + T] = (side[row] - mean) / spread
        for step in range(T):
            value = np.einsum("fck,kc->f", weight, own[step : step + steps]) + bias
            value = (value - value.mean()) / np.sqrt(value.var() + 1e-5)
            np.testing.assert_allclose(found[step, row].detach(), np.maximum(value, 0), atol=1e-4)


def test_filters_see_nothing_after_the_end_of_a_sequence_in_training_either() -> None:
    how = dataclasses.replace(SMALL, convolution=3, filters=4, noise=5.0)
    side, _, _ = movements(20, 1)
    encoder = built(how, FrameShape(2, 3), side).networks[0].encoder
    assert isinstance(encoder, FrameEncoder) and encoder.frames.filters is not None
    convolution = encoder.frames.filters.convolution
    with torch.no_grad():
        convolution.weight[:, :, :2] = 0.0  # only the step after counts
    found, lengths = encoder.train().steps(side.batch(np.arange(20)))
    nothing = torch.relu(encoder.frames.filters.normalisation(convolution.bias))
    last = found[lengths - 1, torch.arange(20)]
    torch.testing.assert_close(last, nothing.expand(20, 4))
    assert not torch.allclose(found[lengths - 2, torch.arange(20)], nothing, atol=0.01)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_movements_are_told_apart_wherever_they_begin(cell: str, missing: float) -> None:
    how = dataclasses.replace(SMALL, cell=cell, relative=1, differences=(1,), pooling="mean-max", **CHANGED)
    (side, kinds, _), (later, truth, _) = movements(300, 2, missing), movements(100, 3, missing)
    network = built(how, FrameShape(2, 3, marks=missing > 0), side)
    validation = Examples((later,), truth)
    fit_network(network, how, Examples((side,), kinds), validation, 0)
    assert (answers(network, validation, how).argmax(axis=1) == truth.numpy()).mean() > 0.9


def test_numbers_are_learnt_with_a_class_beside_them() -> None:
    how = dataclasses.replace(SMALL, relative=1, num_layers=2, layer_dropout=0.1, bidirectional=False, pooling="last")
    (side, kinds, slopes), (later, truth, wanted) = movements(300, 4), movements(100, 5)
    network = built(how, FrameShape(2, 1, further=(FurtherHead(3, 0.3),)), side)
    validation = Examples((later,), wanted, (truth,))
    fit_network(network, how, Examples((side,), slopes, (kinds,)), validation, 0)
    found = answers(network, validation, how)[:, 0]
    assert np.mean((found - wanted.numpy()) ** 2) < 0.1 * float(wanted.var())


def test_sequences_without_anything_in_them_have_an_answer() -> None:
    how = dataclasses.replace(SMALL, relative=2, differences=(1,), pooling="mean-max", **CHANGED)
    side, kinds, _ = movements(40, 10)
    odd = Ragged.of([np.zeros((0, 2)), np.full((3, 2), np.nan), np.ones((1, 2))], 2)
    network = built(how, FrameShape(2, 3, marks=True), side)
    rows = Examples((side.joined(odd),), torch.cat([kinds, torch.tensor([0, 1, 2])]))
    fit_network(network, dataclasses.replace(how, epochs=1), rows, rows, 0)
    found = answers(network, Examples((odd,), torch.empty(0)), how)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_sequences_are_changed_in_training_only() -> None:
    how = dataclasses.replace(SMALL, relative=1, **CHANGED)
    side, _, _ = movements(20, 6)
    encoder = built(how, FrameShape(2, 3), side).networks[0].encoder
    assert isinstance(encoder, FrameEncoder)
    batch = side.batch(np.arange(20))
    plain = encoder.eval().steps(batch)
    assert torch.equal(plain.values, encoder.frames.normalisation(how.features(batch)))
    changed = encoder.train().steps(batch)
    assert changed.lengths.tolist() != plain.lengths.tolist()
    torch.manual_seed(3)
    first = encoder.steps(batch).values
    torch.manual_seed(3)
    assert torch.equal(encoder.steps(batch).values, first)


class StoppedError(Exception):
    """Someone pulled the plug."""


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    how = dataclasses.replace(SMALL, relative=1, epochs=4, average=0.9, **CHANGED)
    (side, kinds, _), (later, truth, _) = movements(100, 7), movements(40, 8)
    parts = Examples((side,), kinds), Examples((later,), truth)

    def stop(record: EpochRecord) -> None:
        if record.epoch == 2:
            raise StoppedError

    whole = built(how, FrameShape(2, 3), side)
    fit_network(whole, how, *parts, 5)
    broken = built(how, FrameShape(2, 3), side)
    kept = Checkpoint(tmp_path / "kept", fingerprint(how, {}, broken, *parts))
    with pytest.raises(StoppedError):
        fit_network(broken, how, *parts, 5, kept, on_epoch=stop)
    again = built(how, FrameShape(2, 3), side)
    fit_network(again, how, *parts, 5, kept, resume=True)
    assert all(torch.equal(own, whole.state_dict()[name]) for name, own in again.state_dict().items())
    for other in (dataclasses.replace(how, noise=0.2), dataclasses.replace(how, measure="uar")):
        assert fingerprint(other, {}, again, *parts) != fingerprint(how, {}, again, *parts)


def test_every_member_normalises_as_the_first_and_is_restored_with_the_weights() -> None:
    how, shape = SMALL, FrameShape(2, 3, networks=3)
    side, _, _ = movements(50, 9)
    network = built(how, shape, side)
    means = [module.mean for module in network.modules() if isinstance(module, Normalisation)]
    assert len(means) == 3 and all(torch.equal(own, means[0]) for own in means) and means[0].abs().max() > 0
    again = frame_ensemble(how, shape)
    again.load_state_dict(network.state_dict())
    rows = Examples((side,), torch.empty(0))
    assert np.array_equal(answers(again, rows, how), answers(network, rows, how))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"relative": -1}, "FrameSettings: relative must not be negative; got -1"),
        ({"differences": (0,)}, "FrameSettings: differences must be at least 1; got 0"),
        (
            {"normalise": "minmax"},
            "FrameSettings: normalise must be one of features, together, sequence, none; got 'minmax'",
        ),
        ({"stretch": 2}, "FrameSettings: stretch must be at least 0 and below 1; got 2"),
        ({"layer_dropout": 1}, "FrameSettings: layer_dropout must be at least 0 and below 1; got 1"),
    ],
)
def test_settings_that_make_no_sense(choices: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        FrameSettings(**choices)
    assert str(caught.value) == expected
