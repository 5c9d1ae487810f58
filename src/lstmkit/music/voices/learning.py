"""From voices to a model of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.music.frames.learning import cut, shifts_of, trained
from lstmkit.music.frames.model import per_frame
from lstmkit.music.frames.network import within
from lstmkit.music.rolls import KEYS
from lstmkit.music.rolls.frames import require_same_voices
from lstmkit.music.voices.history import Codes, Parts, codes_of, parted
from lstmkit.music.voices.model import VoiceModel, pieces_of
from lstmkit.music.voices.network import WAYS, Span
from lstmkit.music.voices.relative import SILENT
from lstmkit.music.voices.settings import VoiceSettings
from lstmkit.training import Checkpoint, EpochRecord


def fit_voices(
    train_pieces: Sequence[Parts],
    valid_pieces: Sequence[Parts],
    settings: VoiceSettings | None = None,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> tuple[VoiceModel, list[EpochRecord]]:
    """Return a model of voices and the records of its training.

    train_pieces  (T, V) pitches or SILENCE each, to learn from
    valid_pieces  that choose the best epoch
    settings      of the networks and their training
    seed          of the weights, the order, dropout and transposition
    on_epoch      called with the record of every epoch
    checkpoint    for the state of the training after every epoch, left for the caller
    resume        continue from the checkpoint, if there is one
    Raises        InputError if a voice never sings in the training pieces, there are no pieces of either kind, their
                  numbers of voices differ, a note is no key of a piano, the loss stops being finite, or the checkpoint
                  belongs to other data or settings
    """
    settings = VoiceSettings() if settings is None else settings
    if not train_pieces or not valid_pieces:
        raise InputError("voices: no pieces to learn from, or none to choose the best epoch; give both")
    model = begun(train_pieces, settings, seed)
    voices, whole = model.voices, pieces_of(train_pieces, settings, model.voices)
    ragged = cut(whole, settings.steps)
    room = np.array([room_of(piece, model.spans, settings.shift) for piece in map(codes_of, train_pieces)])
    of_piece = torch.from_numpy(room[np.searchsorted(whole.offsets, ragged.offsets[:-1], side="right") - 1])

    def batch_loss(items: Tensor) -> Tensor:
        values, lengths = ragged.batch(items.numpy())
        now, before = parted(_moved(values, of_piece[items], voices), voices)
        inside = within(now, lengths)
        each = torch.stack([network(now, before, inside, lengths) for network in model.members()])  # each on its own
        return -each.sum(dim=2).mean()

    held = pieces_of(valid_pieces, settings, voices)  # once: what is recalled in them takes long

    def validation_loss() -> float:
        return per_frame([nats.sum(axis=1) for nats in model.nats_of(held)])

    losses = batch_loss, validation_loss
    return model, trained(model, settings, ragged, losses, seed, on_epoch, checkpoint, resume)


def begun(pieces: Sequence[Parts], settings: VoiceSettings, seed: int) -> VoiceModel:
    """Return a model that says how often each voice sings each key, and that it is likely held.

    Raises  InputError if a voice never sings, or pieces have different numbers of voices
    """
    require_same_voices(pieces)
    codes = np.concatenate([codes_of(piece) for piece in pieces])
    counts = np.stack([np.bincount(own, minlength=SILENT + 1) for own in codes.T])
    spans = []
    for number, own in enumerate(counts, 1):
        sung = np.flatnonzero(own[:KEYS])
        if not len(sung):
            raise InputError(f"voices: voice {number} never sings in the training pieces; leave it out")
        lowest, highest = int(sung[0]) - settings.margin, int(sung[-1]) + settings.margin
        spans.append(Span(max(0, lowest), min(KEYS - 1, highest)))
    shares = torch.from_numpy(counts / len(codes)).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VoiceModel(settings, spans, shares)


def room_of(piece: Codes, spans: Sequence[Span], shift: int) -> tuple[int, int]:
    """Return how far down and up a piece can be moved so that each voice stays within its keys."""
    low, high = -shift, shift
    for own, span in zip(piece.T.astype(int), spans, strict=True):
        sung = own[own < KEYS]
        if len(sung):
            low, high = max(low, span.lowest - int(sung.min())), min(high, span.highest - int(sung.max()))
    return low, high


def _moved(values: Tensor, room: Tensor, voices: int) -> Tensor:
    """Return a batch of `pieces_of`, each piece moved by as many half tones as is drawn from its room (B, 2)."""
    by = shifts_of(room)
    codes = values[..., : voices * (1 + WAYS)].long()
    moved = torch.where(codes < KEYS, (codes + by[:, None]).clamp(min=0), codes)  # the padding, too
    return torch.cat([moved.to(values.dtype), values[..., voices * (1 + WAYS) :]], dim=2)
