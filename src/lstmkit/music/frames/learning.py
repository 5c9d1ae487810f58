"""From piano rolls to a model of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.errors import InputError
from lstmkit.music.frames.model import FrameModel, parted, per_frame, pieces_of
from lstmkit.music.frames.network import within
from lstmkit.music.frames.settings import FrameSettings, StepSettings
from lstmkit.music.rolls import KEYS, Roll
from lstmkit.sequences import Ragged
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, train

BETAS = (0.9, 0.98)
LEAST_STEPS = 24
"""Of an epoch: few pieces are gone through several times in each."""


def fit_frames(
    train_rolls: Sequence[Roll],
    valid_rolls: Sequence[Roll],
    settings: FrameSettings | None = None,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> tuple[FrameModel, list[EpochRecord]]:
    """Return a model of frames and the records of its training.

    train_rolls  (T, 88) each, to learn from
    valid_rolls  that choose the best epoch
    settings     of the networks and their training
    seed         of the weights, the order, dropout and transposition
    on_epoch     called with the record of every epoch
    checkpoint   for the state of the training after every epoch, left for the caller
    resume       continue from the checkpoint, if there is one
    Raises       InputError if no key sounds in the training pieces, there are no pieces of either kind, the loss stops
                 being finite, or the checkpoint belongs to other data or settings
    """
    settings = FrameSettings() if settings is None else settings
    if not train_rolls or not valid_rolls:
        raise InputError("frames: no pieces to learn from, or none to choose the best epoch; give both")
    model = _begun(train_rolls, settings, seed)
    lowest, highest = model.lowest, model.highest
    ragged = cut(pieces_of(train_rolls, settings), settings.steps)
    room = np.array([_room(ragged[k][:, :KEYS], lowest, highest, settings.shift) for k in range(len(ragged))])

    def batch_loss(items: Tensor) -> Tensor:
        values, lengths = ragged.batch(items.numpy())
        rolls, recall = parted(_moved(values, torch.from_numpy(room[items.numpy()])))
        sounds = rolls[within(rolls, lengths)][:, lowest : highest + 1]
        logits = torch.stack([network(rolls, recall, lengths) for network in model.members()])  # each on its own
        return functional.softplus(-(2 * sounds - 1) * logits).sum(dim=2).mean()

    held = pieces_of(valid_rolls, settings)  # once: what is recalled in them takes long

    def validation_loss() -> float:
        return per_frame(model.nats_of(held))

    losses = batch_loss, validation_loss
    return model, trained(model, settings, ragged, losses, seed, on_epoch, checkpoint, resume)


def _begun(rolls: Sequence[Roll], settings: FrameSettings, seed: int) -> FrameModel:
    """Return a model that says how often each key sounds, and nothing else yet."""
    sums = np.sum([roll.sum(axis=0, dtype=np.int64) for roll in rolls], axis=0)
    sounding = np.flatnonzero(sums)
    if not len(sounding):
        raise InputError("frames: no key sounds in the training pieces; give pieces with notes")
    lowest = max(0, int(sounding[0]) - settings.margin)
    highest = min(KEYS - 1, int(sounding[-1]) + settings.margin)
    frequencies = torch.from_numpy(sums[lowest : highest + 1] / sum(map(len, rolls))).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FrameModel(settings, lowest, highest, frequencies)


def trained(
    model: nn.Module,
    settings: StepSettings,
    parts: Ragged,
    losses: tuple[Callable[[Tensor], Tensor], Callable[[], float]],
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> list[EpochRecord]:
    """Train a model and return the records of its epochs; it ends with the weights of the best.

    parts   of pieces, which are learnt from in batches
    losses  of some of them, by their numbers, and of what chooses the best epoch
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, BETAS, weight_decay=settings.weight_decay, fused=True
    )
    epochs = settings.epochs_for(len(parts.values))
    steps = epochs * max(LEAST_STEPS, -(-len(parts) // settings.batch_size))
    how = TrainSettings(
        max_epochs=epochs,
        batch_size=settings.batch_size,
        patience=epochs,
        clip_norm=1.0,
        seed=seed,
        schedule="cosine",
        warmup=min(settings.warmup, steps // 10),
        least_steps=LEAST_STEPS,
        max_seconds=None if settings.minutes is None else 60 * settings.minutes,
    )
    history = []
    for record in train(model, optimizer, how, len(parts), *losses, checkpoint, resume):
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    model.eval()
    return history


def cut(pieces: Ragged, steps: int) -> Ragged:
    """Return pieces cut into parts of about equal length, of `steps` at most."""
    counts = -(-pieces.lengths // steps)
    ends = [
        start + length * part // count
        for start, length, count in zip(pieces.offsets.tolist(), pieces.lengths.tolist(), counts.tolist(), strict=False)
        for part in range(1, count + 1)
    ]
    return Ragged(pieces.values, np.array([0, *ends], np.int64))


def _room(piece: Roll, lowest: int, highest: int, shift: int) -> tuple[int, int]:
    """Return how far down and up a piece can be moved within the keys of the training pieces."""
    sounding = np.flatnonzero(piece.any(axis=0))
    if not len(sounding):
        return 0, 0
    return max(-shift, lowest - int(sounding[0])), min(shift, highest - int(sounding[-1]))


def shifts_of(room: Tensor) -> Tensor:
    """Return by how many half tones each piece is moved, (B,), drawn from its room, the least and the most (B, 2)."""
    low, high = room[:, 0], room[:, 1]
    return low + (torch.rand(len(room)) * (high - low + 1)).long()


def _moved(values: Tensor, room: Tensor) -> Tensor:
    """Return a batch of `pieces_of`, each piece moved by as many half tones as is drawn from its room (B, 2)."""
    by = shifts_of(room)
    places = (torch.arange(KEYS) - by[:, None]) % KEYS  # nothing sounds that would come round
    T, B, columns = values.shape
    blocks = columns // KEYS
    keys = values[..., : blocks * KEYS].reshape(T, B, blocks, KEYS)
    moved = keys.gather(3, places[:, None].expand(T, -1, blocks, -1)).reshape(T, B, -1)
    return torch.cat([moved, values[..., blocks * KEYS :]], dim=2)
