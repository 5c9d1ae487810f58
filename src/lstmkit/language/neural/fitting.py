"""The training of a language model: windows in order, the state carried on, validation in rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.neural.clues import Clues, told_all
from lstmkit.language.neural.network import LanguageNetwork
from lstmkit.language.neural.pace import WARMUP, Plan
from lstmkit.language.neural.settings import LanguageSettings
from lstmkit.language.neural.streams import Reader, Streams
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, train

SIDE_BY_SIDE = 16
"""Rows into which the validation text is cut, for speed; only the first tokens of a row have less context for it."""

COUNTED = 1 << 24

EVALUATED = 256
"""Tokens of a row in one call when nothing is learnt."""


class Window(NamedTuple):
    """What a step of the training did.

    tokens      read
    likelihood  mean negative log-likelihood of them, in nats
    """

    tokens: int
    likelihood: float


def train_settings(
    how: LanguageSettings, seed: int, num_windows: int, round_seconds: float | None = None, warmup: int | None = None
) -> TrainSettings:
    """Return the settings of the loop, for which an item is a window and an epoch a round.

    round_seconds, warmup  as in `Plan`
    """
    rounds = min(how.rounds, num_windows)
    steps = -(-num_windows // rounds)
    return TrainSettings(
        max_epochs=how.epochs * rounds,
        batch_size=1,
        steps_per_epoch=steps,
        patience=how.patience,
        clip_norm=how.clip_norm,
        seed=seed,
        schedule="cosine",
        warmup=min(how.warmup, how.epochs * rounds * steps // WARMUP) if warmup is None else warmup,
        average=how.average,
        max_seconds=None if how.minutes is None else 60.0 * how.minutes,
        epoch_seconds=round_seconds,
        order="sequential",
    )


def fit_network(
    network: LanguageNetwork,
    text: NDArray[np.int32],
    valid: NDArray[np.int32],
    end: int,
    plan: Plan,
    seed: int = 0,
    on_window: Callable[[Window], None] | None = None,
    checkpoint: tuple[Path, Mapping[str, Any]] | None = None,
    resume: bool = False,
    clues: Clues | None = None,
) -> Iterator[EpochRecord]:
    """Train a network in place; yield a record after every round, its losses in nats a token.

    text, valid  tokens to learn from, and to choose the best round by
    end          the token that ends a line
    plan         how the text is gone through
    on_window    is told what every step did
    checkpoint   file and fingerprint; see `lstmkit.training.Checkpoint`
    resume       continue from the checkpoint, to the same weights bit for bit
    clues        what the network is told beside every token, or None
    """
    how = network.settings
    streams = Streams(text, plan.columns, plan.window, end, None if clues is None else told_all(clues, text))
    held = valid[: plan.validated]
    told = None if clues is None else told_all(clues, held)
    reader = Reader(streams)

    def batch_loss(items: Tensor) -> Tensor:
        ids, targets = reader.read(int(items[0]))
        loss, likelihood, reader.state = network.loss(ids, targets, reader.state)
        if on_window is not None:
            on_window(Window(targets.numel(), float(likelihood)))
        return loss

    settings = train_settings(how, seed, len(streams), plan.round_seconds, plan.warmup)
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay, fused=True)
    kept = None if checkpoint is None else Checkpoint(*checkpoint)
    for record in train(
        network,
        optimizer,
        settings,
        len(streams),
        batch_loss,
        lambda: mean_loss(network, held, end, told),
        kept,
        resume,
    ):
        reader.restart()
        yield record


def token_counts(text: NDArray[np.int32], vocabulary: int) -> NDArray[np.int64]:
    """Return how often every token occurs, (V,); a text on disk is read piece by piece."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for start in range(0, len(text), COUNTED):
        counts += np.bincount(text[start : start + COUNTED], minlength=vocabulary)
    return counts


def mean_loss(
    network: LanguageNetwork, ids: NDArray[np.int32], end: int, told: NDArray[np.int16] | None = None
) -> float:
    """Return the mean negative log-likelihood of a text in nats a token, its rows read side by side.

    told  as in `Streams`
    """
    columns = max(1, min(SIDE_BY_SIDE, len(ids) // (4 * EVALUATED)))
    found = text_log_probs(network, Streams(ids, columns, EVALUATED, end, told))
    return -float(found.mean())


def text_log_probs(network: LanguageNetwork, streams: Streams) -> NDArray[np.float64]:
    """Return the natural logarithm of the probability of every token, (B, row), from zero states on."""
    state, parts = None, []
    with torch.inference_mode():
        for number in range(len(streams)):
            ids, targets = streams.read(*streams.span(number, streams.window))
            found, state = network.target_log_probs(ids, targets, state)
            parts.append(found)
        return torch.cat(parts).t().double().numpy()
