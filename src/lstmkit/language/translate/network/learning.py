"""From pairs of sequences to a trained network."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from lstmkit.language.translate.network.network import TranslationNetwork
from lstmkit.language.translate.network.settings import TranslatorSettings
from lstmkit.sequences import LengthBatches, Ragged, Repeated
from lstmkit.sequences.ragged import batches_by_length
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, threads_for, train
from lstmkit.training.checkpoint import made_with

WARMUP = 10
"""A warm-up takes at most one of so many steps."""
AT_ONCE, STEPS_AT_ONCE = 128, 1 << 13
"""Pairs, and steps of them, that are scored together at most."""


class Pairs(NamedTuple):
    """Sequences that are read, and those that are written of them.

    source  ids or frames, those of which several are written perhaps held once
    target  ids
    """

    source: Ragged | Repeated
    target: Ragged


class Lesson(Protocol):
    """What is learnt from; it may differ from epoch to epoch, but never in the number of pairs."""

    def pairs(self, epoch: int) -> Pairs:
        """Return the pairs of an epoch, counted from 1."""


class Fixed(NamedTuple):
    """The same pairs in every epoch; see `Lesson`."""

    same: Pairs

    def pairs(self, epoch: int) -> Pairs:
        """Return the pairs."""
        return self.same


def fit_network(
    network: TranslationNetwork,
    lesson: Lesson,
    validation: Pairs,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> list[EpochRecord]:
    """Train in place; at the end the network is as it was where it foresaw the validation part best.

    on_step  is told how many tokens a step wrote, and its loss
    Returns  the records of all epochs, validation losses in nats a token
    """
    how, first = network.settings, lesson.pairs(1)
    lengths = first.source.lengths + first.target.lengths
    batches = LengthBatches(lengths, how.batch_for(len(lengths)), seed)
    epochs = how.epochs_for(len(lengths))
    now = first

    def batch_loss(items: Tensor) -> Tensor:
        rows = batches.rows(int(items)).numpy()
        target = now.target.batch(rows)
        loss = network.loss(now.source.batch(rows), target)
        if on_step is not None:
            on_step(int(target.lengths.sum()) + len(rows), float(loss.detach()))
        return loss

    settings = TrainSettings(
        max_epochs=epochs,
        batch_size=1,
        patience=how.patience,
        clip_norm=how.clip_norm,
        seed=seed,
        schedule="cosine",
        warmup=min(how.warmup, epochs * len(batches) // WARMUP),
        average=how.average,
        max_seconds=None if how.minutes is None else 60 * how.minutes,
    )
    history = []
    optimizer = _optimizer(network)
    with threads_for(how.hidden_size):
        validate = lambda: mean_loss(network, validation)  # noqa: E731
        for record in train(network, optimizer, settings, len(batches), batch_loss, validate, checkpoint, resume):
            batches.begin(record.epoch + 1)  # also after each epoch that a resumed training yields again
            now = lesson.pairs(record.epoch + 1)
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
    network.eval()
    return history


def mean_loss(network: TranslationNetwork, pairs: Pairs) -> float:
    """Return the mean negative log-likelihood of the tokens of the second side, ends included, in nats a token."""
    network.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        lengths = pairs.source.lengths + pairs.target.lengths
        for rows in batches_by_length(lengths, pairs.source.bounded(STEPS_AT_ONCE), AT_ONCE):
            found = network.target_log_probs(pairs.source.batch(rows), pairs.target.batch(rows))
            total, count = total - float(found.double().sum()), count + len(found)
    return total / count


def token_counts(ids: Ragged, symbols: int, end: int) -> Tensor:
    """Return how often every token is written, (V,) int64, the ends of the sequences included."""
    counts = np.bincount(np.asarray(ids.values), minlength=symbols)
    counts[end] += len(ids)
    return torch.from_numpy(counts.astype(np.int64))


def checkpoint_at(
    path: Path | None, own: dict[str, Any], network: TranslationNetwork, *parts: Pairs
) -> Checkpoint | None:
    """Return a checkpoint of a training in a file, None for none.

    own    what else the training depends on
    parts  that it learns from and validates on
    """
    if path is None:
        return None
    digest = hashlib.sha256()
    for part in parts:
        for side in part:
            for array in side.arrays:
                digest.update(np.ascontiguousarray(array).data)
    for tensor in network.state_dict().values():  # what the training begins with counts, too
        digest.update(tensor.numpy().data)
    settings = dataclasses.asdict(network.settings)
    return Checkpoint(path, {**settings, **own, **made_with(), "data": digest.hexdigest()[:16]})


def _optimizer(network: TranslationNetwork) -> torch.optim.Optimizer:
    how: TranslatorSettings = network.settings
    return torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay, fused=True)
