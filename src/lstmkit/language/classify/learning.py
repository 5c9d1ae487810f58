"""From encoded rows to a trained network, and from a network to probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lstmkit.classification.metrics import answer_score
from lstmkit.language.classify.network import TextEnsemble
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.sequences import Examples, LengthBatches
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, train

AT_ONCE = 256


def class_weights(targets: Tensor, count: int, kind: str) -> Tensor | None:
    """Return what a row of each class weighs, (K,), in the mean one over the rows; None if all weigh the same."""
    if kind == "none":
        return None
    rows = torch.bincount(targets, minlength=count).clamp(min=1)
    return len(targets) / (count * rows.to(torch.float32))


def row_loss(scores: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Return the loss of every row (B,): cross-entropy of classes, or the squared error of a standardised number.

    scores   (B, K), or (B, 1) for a number
    targets  (B,) int64, or float32 for numbers
    """
    if targets.is_floating_point():
        return (scores.squeeze(1) - targets).square()
    loss = functional.cross_entropy(scores, targets, reduction="none")
    return loss if weights is None else loss * weights[targets]


def train_network(
    network: TextEnsemble,
    settings: ClassifierSettings,
    training: Examples,
    validation: Examples,
    seed: int,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> Iterator[EpochRecord]:
    """Train in place, a record an epoch; at the end the network is as it was where the validation score was best."""
    weights = None
    if not training.targets.is_floating_point():
        weights = class_weights(training.targets, network.shape.outputs, settings.class_weights)

    batches = LengthBatches(training.lengths(), settings.batch_for(len(training)), seed)

    def batch_loss(items: Tensor) -> Tensor:
        rows = batches.rows(int(items))
        scores, targets = network.scores(training.batch(rows.numpy())), training.targets[rows]
        return torch.stack([row_loss(own, targets, weights).mean() for own in scores]).mean()

    begun: list[Tensor] = []
    own: list[Tensor] = []
    for name, parameter in network.named_parameters():
        from_model = ".start." in name or (network.shape.start and name.endswith("encoder.embedding.weight"))
        (begun if from_model and settings.start_rate < 1 else own).append(parameter)
    groups: list[dict[str, Any]] = [{"params": own, "lr": settings.learning_rate}]
    if begun and settings.start_rate > 0:
        groups.append({"params": begun, "lr": settings.learning_rate * settings.start_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
    how = TrainSettings(
        max_epochs=settings.epochs_for(len(training)),
        batch_size=1,
        patience=settings.patience,
        clip_norm=1.0,
        seed=seed,
        schedule="cosine",
        average=settings.average,
        max_seconds=None if settings.minutes is None else 60 * settings.minutes,
    )

    def validate() -> float:
        return answer_score(answers(network, validation), validation.targets)

    for record in train(network, optimizer, how, len(batches), batch_loss, validate, checkpoint, resume):
        batches.begin(record.epoch + 1)  # also after each epoch that a resumed training yields again
        yield record


def answers(network: TextEnsemble, rows: Examples) -> NDArray[np.float64]:
    """Return probabilities (N, K) of classes, or standardised numbers (N, 1): the mean of the networks."""
    found = np.empty((len(rows), network.shape.outputs))
    network.eval()
    with torch.no_grad():
        for items in torch.split(rows.by_length(), AT_ONCE):
            scores = network.scores(rows.batch(items.numpy())).double()
            found[items.numpy()] = (scores if scores.shape[2] == 1 else scores.softmax(dim=2)).mean(dim=0).numpy()
    return found
