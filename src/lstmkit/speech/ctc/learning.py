"""From recordings to a trained network, and from a network to what it hears."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.sequences import Padded, Ragged
from lstmkit.sequences.ragged import batches_by_length
from lstmkit.speech.ctc.batches import StepBatches
from lstmkit.speech.ctc.network import RecognizerNetwork
from lstmkit.speech.ctc.normalising import Moments, moments_before, speaker_moments
from lstmkit.speech.ctc.targets import PHONE, Targets
from lstmkit.speech.decoding.greedy import greedy
from lstmkit.speech.recordings import Recordings
from lstmkit.speech.scoring import distance
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, train
from lstmkit.training.checkpoint import made_with

Emissions = dict[str, NDArray[np.float32]]
"""By the name of a head, (T, 1 + units) natural logarithms of probabilities, the blank first."""

LOSS_WEIGHTS = {"word": 1.0, "phone": 1.0, "character": 0.5, "subword": 0.5}
"""What a head's loss weighs."""
CHOSEN_AT = (0.25, 0.5)
"""Parts of the training after which pronunciations are chosen again."""
AT_ONCE = 1 << 15
"""Frames that are recognised together at most."""
BETAS, CLIP, WARMUP = (0.9, 0.98), 25.0, 0.1


class Learner(nn.Module):
    """A network while it learns, and which pronunciation of every word it takes for the one that was said."""

    chosen: Tensor

    def __init__(self, network: RecognizerNetwork, words: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("chosen", torch.zeros(words, dtype=torch.int64))


class Lessons:
    """What a training reads: batches of recordings, and the loss on them."""

    def __init__(self, learner: Learner, recordings: Recordings, targets: Targets, seed: int) -> None:
        self.learner, self.recordings, self.targets = learner, recordings, targets
        self.how = learner.network.settings
        self.speakers = speaker_moments(recordings.frames, recordings.speakers)
        lengths, size = recordings.frames.lengths, self.how.batch_frames
        self.batches = StepBatches(lengths, recordings.speakers, size, self.how.joined, seed)
        self.epochs = self.how.epochs_for(len(self.batches))
        self._choosing = {1 + math.floor(share * self.epochs) for share in CHOSEN_AT} - {1}
        self._due = False

    def begin(self, epoch: int) -> None:
        """Draw the batches of an epoch."""
        self.batches.begin(epoch)
        self._due = epoch in self._choosing and PHONE in self.targets.units

    def loss(self, item: Tensor) -> Tensor:
        """Return the mean loss over the utterances of a batch."""
        if self._due:
            self._choose()
        utterances = self.batches.utterances(int(item))
        batch = self._batch(utterances)
        rows = torch.tensor([own[0] for own in utterances])
        found, steps = self.learner.network(batch, Moments(*(own[rows] for own in self.speakers)))
        total = torch.zeros(())
        for name, log_probs in found.items():
            values, lengths = self.targets.labels(name, utterances, self.learner.chosen)
            loss = functional.ctc_loss(log_probs, values, steps, lengths, reduction="none", zero_infinity=True)
            total = total + LOSS_WEIGHTS[self.targets.units[name].kind] * loss.mean()
        return total

    def _batch(self, utterances: Sequence[Sequence[int]]) -> Padded:
        frames = self.recordings.frames
        parts = (np.concatenate([frames[row] for row in own]) for own in utterances)
        joined = Ragged.of(parts, frames.values.shape[1], dtype=np.float32)
        return joined.batch(np.arange(len(joined)))

    def _choose(self) -> None:
        """Choose the pronunciations of all words afresh."""
        self._due = False
        self.learner.eval()
        for row, found in emitted(self.learner.network, self.recordings.frames, self.speakers):
            self.targets.choose(row, torch.from_numpy(found[PHONE]), self.learner.chosen)
        self.learner.train()


def emitted(network: RecognizerNetwork, frames: Ragged, speakers: Moments) -> Iterator[tuple[int, Emissions]]:
    """Yield the number of every recording, the shortest first, and what a network in evaluation hears in it."""
    for rows in batches_by_length(frames.lengths, AT_ONCE):
        with torch.no_grad():
            own = Moments(*(part[torch.from_numpy(rows)] for part in speakers))
            found, steps = network(frames.batch(rows), own)
        for place, (row, length) in enumerate(zip(rows.tolist(), steps.tolist(), strict=True)):
            yield row, {name: values[:length, place].contiguous().numpy() for name, values in found.items()}


def known_speakers(network: RecognizerNetwork, recordings: Recordings) -> Moments:
    """Return what is known of who speaks in recordings: all of each speaker, or while streaming what comes before."""
    known = moments_before if network.settings.streaming else speaker_moments
    return known(recordings.frames, recordings.speakers)


def unit_errors(network: RecognizerNetwork, recordings: Recordings, targets: Targets, chosen: Tensor) -> float:
    """Return the errors of units over the units, the mean of the heads, each step told by itself."""
    errors, units = dict.fromkeys(targets.units, 0), dict.fromkeys(targets.units, 0)
    for row, found in emitted(network, recordings.frames, known_speakers(network, recordings)):
        for name in targets.units:
            truth = [str(number) for number in targets.of(name, row, chosen)]
            errors[name] += distance(truth, [str(number) for number, _, _ in greedy(found[name])])
            units[name] += len(truth)
    return float(np.mean([errors[name] / max(1, units[name]) for name in targets.units]))


def learn(
    network: RecognizerNetwork,
    training: tuple[Recordings, Targets],
    held: tuple[Recordings, Targets] | None,
    seed: int,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> Iterator[EpochRecord]:
    """Train a network in place, yielding a record after each epoch; at the end it is in evaluation mode.

    training  what is learnt from
    held      what says how well, after each epoch; None says nothing
    """
    how, (recordings, targets) = network.settings, training
    learner = Learner(network, targets.count)
    lessons = Lessons(learner, recordings, targets, seed)
    steps = lessons.epochs * len(lessons.batches)
    loop = TrainSettings(
        max_epochs=lessons.epochs,
        batch_size=1,
        clip_norm=CLIP,
        seed=seed,
        schedule="cosine",
        warmup=max(1, round(WARMUP * steps)),
        average=how.average,
        max_seconds=None if how.minutes is None else 60 * how.minutes,
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), how.learning_rate, BETAS, weight_decay=how.weight_decay, fused=True
    )

    def validate() -> float:
        if held is None:
            return 0.0
        return unit_errors(network, held[0], held[1], torch.zeros(held[1].count, dtype=torch.int64))

    look = None if held is None else validate
    lessons.begin(1)
    for record in train(learner, optimizer, loop, len(lessons.batches), lessons.loss, look, checkpoint, resume):
        lessons.begin(record.epoch + 1)  # also after each epoch that a resumed training yields again
        yield record
    network.eval()


def fingerprint(network: RecognizerNetwork, own: dict[str, Any], parts: Sequence[Recordings]) -> dict[str, Any]:
    """Return what a checkpoint belongs to: settings, data, the weights that training begins with, and versions.

    own  what else it depends on
    """
    digest = hashlib.sha256()
    for part in parts:
        for array in (part.frames.values, part.frames.offsets):
            digest.update(np.ascontiguousarray(array).data)
        digest.update(repr((part.texts, part.speakers)).encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.numpy().data)
    return {**dataclasses.asdict(network.settings), **own, **made_with(), "data": digest.hexdigest()[:16]}
