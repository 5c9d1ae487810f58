"""From labelled rows to a trained network, and from a network to answers."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lstmkit.classification.metrics import answer_score
from lstmkit.classification.network import Answer, Ensemble
from lstmkit.classification.settings import NetworkSettings
from lstmkit.sequences import Examples, LengthBatches
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, threads_for, train
from lstmkit.training.checkpoint import made_with

AT_ONCE, STEPS_AT_ONCE = 256, 1 << 18
"""Rows, and steps, that are answered together at most."""


def class_weights(targets: Tensor, count: int, kind: str) -> Tensor | None:
    """Return what a row of each class weighs, (K,), in the mean one over the rows; None if all weigh the same."""
    if kind == "none":
        return None
    rows = torch.bincount(targets, minlength=count).clamp(min=1)
    return len(targets) / (count * rows.to(torch.float32))


def row_loss(scores: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float = 0.0) -> Tensor:
    """Return the loss of every row (B,): cross-entropy of classes, or the squared error of a standardised number.

    scores     (B, K), or (B, 1) for a number
    targets    (B,) int64, or float32 for numbers
    weights    (K,) of the classes, or None
    smoothing  share of the truth that is spread evenly over all classes
    """
    if targets.is_floating_point():
        return (scores.squeeze(1) - targets).square()
    loss = functional.cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
    return loss if weights is None else loss * weights[targets]


def further_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Return the mean loss over the rows that have a further label, zero where none of them has; as `row_loss`."""
    known = ~torch.isnan(targets) if targets.is_floating_point() else targets >= 0
    return row_loss(scores[known], targets[known], None).sum() / known.sum().clamp(min=1)


def fit_network(
    network: Ensemble,
    settings: NetworkSettings,
    training: Examples,
    validation: Examples | None,
    seed: int,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    rate_share: Callable[[str], float] | None = None,
) -> list[EpochRecord]:
    """Train in place; at the end the network is as it was where the validation score was best.

    validation  None trains all epochs, and keeps the last
    on_epoch    called with the record of every epoch
    rate_share  from the name of a parameter to the share of the learning rate that it is trained with; 0 leaves it as
                it is. None trains all alike
    Returns     the records of all epochs
    """
    history = []
    with threads_for(settings.hidden_size):
        for record in _epochs(network, settings, training, validation, seed, checkpoint, resume, rate_share):
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
    network.eval()
    return history


def _epochs(
    network: Ensemble,
    settings: NetworkSettings,
    training: Examples,
    validation: Examples | None,
    seed: int,
    checkpoint: Checkpoint | None,
    resume: bool,
    rate_share: Callable[[str], float] | None,
) -> Iterator[EpochRecord]:
    weights = None
    if not training.targets.is_floating_point():
        weights = class_weights(training.targets, network.outputs, settings.class_weights)

    batches = LengthBatches(training.lengths(), settings.batch_for(len(training)), seed)

    def member_loss(answer: Answer, rows: Tensor, shares: tuple[float, ...]) -> Tensor:
        loss = row_loss(answer.scores, training.targets[rows], weights, settings.label_smoothing).mean()
        for scores, targets, share in zip(answer.further, training.further, shares, strict=True):
            loss = loss + share * further_loss(scores, targets[rows])
        return loss

    def batch_loss(items: Tensor) -> Tensor:
        rows = batches.rows(int(items))
        found = network(training.batch(rows.numpy()))
        shares = [member.further_weights for member in network.networks]
        return torch.stack([member_loss(a, rows, own) for a, own in zip(found, shares, strict=True)]).mean()

    how = TrainSettings(
        max_epochs=settings.epochs_for(len(training)),
        batch_size=1,
        patience=None if validation is None else settings.patience,
        clip_norm=1.0,
        seed=seed,
        schedule="cosine",
        average=settings.average,
        max_seconds=None if settings.minutes is None else 60 * settings.minutes,
    )

    def validate(rows: Examples) -> float:
        return answer_score(_answers(network, rows), rows.targets, settings.measure)

    optimizer = _optimizer(network, settings, rate_share)
    look = None if validation is None else functools.partial(validate, validation)
    for record in train(network, optimizer, how, len(batches), batch_loss, look, checkpoint, resume):
        batches.begin(record.epoch + 1)  # also after each epoch that a resumed training yields again
        yield record


def epochs_enough(history: Sequence[EpochRecord], rows: int, number: bool = False) -> int:
    """Return how many epochs to train where nothing is left to say when to stop: 0 if the untrained network was best.

    It is the last epoch whose validation score was within one standard error of the best. Of few rows the best epoch is
    the best by luck, and often an early one; a score that is worse by more than luck still ends the training before.

    rows    of the validation part
    number  whether the score is the squared error of numbers
    """
    validated = [record for record in history if not math.isnan(record.valid_loss)]
    best = min(validated, key=lambda record: record.valid_loss)
    wrong = min(0.5, max(1 / rows, best.valid_loss))
    error = best.valid_loss * math.sqrt(2 / rows) if number else math.sqrt(wrong * (1 - wrong) / rows)
    return max(r.epoch for r in validated if r.valid_loss <= best.valid_loss + error) if best.epoch else 0


def _optimizer(
    network: Ensemble, settings: NetworkSettings, rate_share: Callable[[str], float] | None
) -> torch.optim.Optimizer:
    shares: dict[float, list[Tensor]] = {1.0: []}
    for name, parameter in network.named_parameters():
        shares.setdefault(1.0 if rate_share is None else rate_share(name), []).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": own, "lr": settings.learning_rate * share} for share, own in shares.items() if share > 0
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def answers(network: Ensemble, rows: Examples, settings: NetworkSettings) -> NDArray[np.float64]:
    """Return probabilities (N, K) of classes, or standardised numbers (N, 1): the mean of the networks."""
    with threads_for(settings.hidden_size):
        return _answers(network, rows)


def _answers(network: Ensemble, rows: Examples) -> NDArray[np.float64]:
    found = np.empty((len(rows), network.outputs))
    network.eval()
    with torch.no_grad():
        for items in rows.by_length(STEPS_AT_ONCE, AT_ONCE):
            scores = network.scores(rows.batch(items)).double()
            found[items] = (scores if scores.shape[2] == 1 else scores.softmax(dim=2)).mean(dim=0).numpy()
    return found


def checkpoint_at(
    path: Path | None, settings: NetworkSettings, own: dict[str, Any], network: Ensemble, *parts: Examples
) -> Checkpoint | None:
    """Return a checkpoint of a training in a file, None for none; arguments as those of `fingerprint`."""
    return None if path is None else Checkpoint(path, fingerprint(settings, own, network, *parts))


def fingerprint(settings: NetworkSettings, own: dict[str, Any], network: Ensemble, *parts: Examples) -> dict[str, Any]:
    """Return what a checkpoint belongs to: settings, data, the weights that training begins with, and versions.

    own  what else the task depends on
    """
    digest = hashlib.sha256()
    for part in parts:
        arrays = [t.numpy() for t in (part.targets, *part.further)]
        for array in (*arrays, *(a for side in part.sides for a in (side.values, side.offsets))):
            digest.update(np.ascontiguousarray(array).data)
    for tensor in network.state_dict().values():  # what came from a finished model counts, too
        digest.update(tensor.numpy().data)
    usual = {field.name: field.default for field in dataclasses.fields(settings) if field.name in settings.later}
    given = {name: v for name, v in dataclasses.asdict(settings).items() if name not in usual or v != usual[name]}
    return {**given, **own, **made_with(), "data": digest.hexdigest()[:16]}
