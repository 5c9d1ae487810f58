"""The network: frames are made comparable, joined to steps, read by recurrent layers, told apart by several heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.nn import LSTM, MLstm, SLstm
from lstmkit.recurrence.cells import cell_named
from lstmkit.sequences import Augmentation, Padded, Ragged
from lstmkit.speech.ctc.augmentation import (
    NEPERS,
    Bands,
    drawn,
    masked_bands,
    masked_times,
    stretched,
    with_noise,
)
from lstmkit.speech.ctc.normalising import SESSION, Moments, SpeechNormalisation, moments_of
from lstmkit.speech.ctc.settings import RecognizerSettings
from lstmkit.speech.features import Features
from lstmkit.speech.units import Units
from lstmkit.training.schema import Positive


@dataclass(frozen=True)
class RecognizerShape:
    """What a network is built from, besides its settings.

    channels  C, of a frame
    shift     ms from a frame to the next
    heads     units of each head, by its name
    low, high  ends of the bands in Hz if the channels are logarithms of bands; else 0
    """

    channels: Positive
    shift: float
    heads: Mapping[str, Positive]
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, features: Features, units: Mapping[str, Units]) -> RecognizerShape:
        """Return what a network with heads for units is built from that hears such features."""
        heads = {name: len(own.symbols) for name, own in units.items()}
        return cls(features.width, features.shift, heads, *features.ends)

    @property
    def bands(self) -> Bands | None:
        """Where the bands lie; None if the channels are none."""
        return Bands(self.channels, self.low, self.high) if self.high else None


class RecognizerNetwork(nn.Module):
    """From frames to the logarithms of the probabilities of blank and units, for each head and step."""

    def __init__(self, settings: RecognizerSettings, shape: RecognizerShape) -> None:
        super().__init__()
        self.settings, self.bands, self.shift = settings, shape.bands, shape.shift
        self.noise: Ragged | None = None
        how = settings
        self.normalisation = SpeechNormalisation(shape.channels, how.normalise, how.streaming, how.shrink)
        self.front: nn.Conv1d | None = None
        width = how.stack * shape.channels
        if how.front == "convolution":
            self.front = nn.Conv1d(shape.channels, how.filters, how.stack + 2 * how.reach, how.stack)
            width = how.filters
        cell = cell_named(how.cell)
        gate = cell.forget_rows(1) is not None and not isinstance(cell, SLstm | MLstm)  # these begin with their own
        self.recurrent = LSTM(
            width,
            how.hidden_size,
            how.num_layers,
            dropout=how.layer_dropout if how.num_layers > 1 else 0.0,
            bidirectional=not how.streaming,
            cell=how.cell,
            weight_drop=how.weight_drop,
            forget_bias=1.0 if gate else None,
        )
        outputs = how.hidden_size * (1 if how.streaming else 2)
        self.ahead: nn.Conv1d | None = None
        if how.streaming and how.lookahead:
            self.ahead = nn.Conv1d(outputs, outputs, how.lookahead + 1, groups=outputs)
        self.heads = nn.ModuleDict({name: nn.Linear(outputs, 1 + units) for name, units in shape.heads.items()})

    @property
    def outputs(self) -> dict[str, int]:
        """Blank and units of each head."""
        return {name: head.out_features for name, head in self.heads.items() if isinstance(head, nn.Linear)}

    def forward(self, batch: Padded, speakers: Moments) -> tuple[dict[str, Tensor], Tensor]:
        """Return for each head (T', B, 1 + units), and the steps (B,) of each sequence.

        batch     frames (T, B, C)
        speakers  what is known of who speaks
        """
        read, lengths = self.steps(batch, speakers)
        hidden, _ = self.recurrent(read, lengths=lengths)
        return self.told(self.looked_ahead(hidden)), lengths

    def told(self, hidden: Tensor) -> dict[str, Tensor]:
        """Return what the heads say of steps (T', B, width)."""
        dropped = functional.dropout(hidden, self.settings.output_dropout, self.training)
        return {name: functional.log_softmax(head(dropped), dim=2) for name, head in self.heads.items()}

    def looked_ahead(self, hidden: Tensor) -> Tensor:
        """Return steps (T', B, width) that know those after them, as far as the network looks; zeros follow."""
        if self.ahead is None:
            return hidden
        padded = functional.pad(hidden.permute(1, 2, 0), (0, self.settings.lookahead))
        found: Tensor = self.ahead(padded)
        return hidden + found.permute(2, 0, 1)

    def steps(self, batch: Padded, speakers: Moments) -> Padded:
        """Return what the recurrent layers read, (T', B, width)."""
        if self.training:
            return self.joined(self._varied(batch, speakers))
        return self.joined(Padded(self.normalisation(batch, speakers), batch.lengths))

    def joined(self, batch: Padded) -> Padded:
        """Return steps of several frames; the last is filled up with zeros."""
        values, lengths = batch
        stack = self.settings.stack
        steps = (lengths + stack - 1) // stack
        more = int(steps.max()) * stack - len(values)
        values = functional.pad(values, (0, 0, 0, 0, 0, more)) if more > 0 else values[: int(steps.max()) * stack]
        reach = self.settings.frames_around
        return Padded(self.stacked(functional.pad(values, (0, 0, 0, 0, reach, reach))), steps)

    def stacked(self, values: Tensor) -> Tensor:
        """Return steps (T', B, width) of normalised frames, with as many before and after as a convolution reaches."""
        if self.front is None:
            T, B, C = values.shape
            stack = self.settings.stack
            return values.view(T // stack, stack, B, C).transpose(1, 2).reshape(T // stack, B, stack * C)
        found: Tensor = functional.gelu(self.front(values.permute(1, 2, 0)))
        return found.permute(2, 0, 1)

    def _varied(self, batch: Padded, speakers: Moments) -> Padded:
        """Return normalised frames of speech that could have been as well.

        What changes a recording changes all others of its speaker alike, but for the level.
        """
        how = self.settings
        before = moments_of(batch)
        batch = Augmentation(stretch=how.speed).warp(batch)
        values, lengths = batch
        B = len(lengths)
        if self.bands is not None and how.tract:
            values = stretched(values, self.bands.places(drawn(B, 1 - how.tract, 1 + how.tract)))
        if self.bands is not None and self.noise is not None and how.noise:
            values = with_noise(Padded(values, lengths), self.noise, how.noise, how.least_snr, how.most_snr).values
        own = moments_of(Padded(values, lengths))
        heard = _changed_alike(speakers, before, own)
        if self.bands is not None and how.level:
            values = values + (NEPERS * drawn(B, -how.level, how.level)).view(1, B, 1)
        if how.streaming:
            heard = heard._replace(frames=_heard_before(heard.frames))
        values = self.normalisation(Padded(values, lengths), heard)
        offset = int(torch.randint(how.stack, ())) if int(lengths.min()) > how.stack else 0
        values, lengths = values[offset:], lengths - offset
        second = 1000 / self.shift
        count = (how.time_masks * lengths / second).ceil().to(torch.int64)
        values = masked_times(values, lengths, count, how.time_mask * second)
        return Padded(masked_bands(values, how.band_masks, how.band_mask), lengths)


def _changed_alike(speakers: Moments, before: Moments, after: Moments) -> Moments:
    """Return the moments of speakers whose recordings were all changed as one of each was."""
    mean = speakers.mean + after.mean - before.mean
    spread = speakers.spread * after.spread / before.spread
    return Moments(speakers.frames, mean, spread.square() + mean.square())


def _heard_before(count: Tensor) -> Tensor:
    """Return how many frames of each speaker a streaming network has heard before: none, of a half; else some."""
    share, begun = torch.rand(2, len(count), dtype=torch.float64)
    found: Tensor = (share * count.clamp(max=SESSION)).floor() * (begun < 0.5)
    return found
