"""One or several networks of voices as one model: what it says of a piece, and what it would sing next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.music.frames.network import Inner, within
from lstmkit.music.voices.history import Codes, History, Parts, codes_of, columns, parted, parts_of, with_history
from lstmkit.music.voices.network import Before, Past, Span, VoiceNetwork
from lstmkit.music.voices.relative import NOTHING, SILENT
from lstmkit.music.voices.settings import VoiceSettings
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length

Known = TypeVar("Known", Before, Past)
AT_ONCE = 1 << 11
"""Steps of a padded batch, or of a long piece, that are scored together."""


class State(NamedTuple):
    """What was sung so far, as a value: what is known of it, and the states of each network."""

    history: History
    inner: tuple[Inner | None, ...]


class VoiceModel(nn.Module):
    """Foresees what each of several voices sings: a key, or silence.

    Probabilities are the mean of the networks' at each decision: of a voice given the past, and the voices that were
    decided on before it in the same step. So they sum to one over all steps.

    spans   the keys that each voice may sing
    shares  (V, 89) how often each voice sings each key and rests in training, or None
    """

    def __init__(self, settings: VoiceSettings, spans: Sequence[Span], shares: Tensor | None = None) -> None:
        super().__init__()
        self.settings, self.spans = settings, [Span(*span) for span in spans]
        self.networks = nn.ModuleList(VoiceNetwork(settings, self.spans, shares) for _ in range(settings.ensemble))

    @classmethod
    def joined(cls, models: Sequence[VoiceModel]) -> VoiceModel:
        """Return one model whose networks are those of several, which were trained one by one.

        Raises  InputError if their settings or voices differ
        """
        first, count = models[0], sum(model.settings.ensemble for model in models)
        settings = replace(first.settings, ensemble=count)
        for model in models[1:]:
            if replace(model.settings, ensemble=count) != settings or model.spans != first.spans:
                raise InputError("voices: models of different settings or voices cannot be joined; train them alike")
        found = cls(settings, first.spans)
        found.networks = nn.ModuleList(network for model in models for network in model.networks)
        return found.eval()

    @property
    def voices(self) -> int:
        """How many voices there are, V."""
        return len(self.spans)

    @property
    def order(self) -> list[int]:
        """In which order the voices of a step are decided on."""
        return [decision.voice for decision in next(self.members()).in_order()]

    def members(self) -> Iterator[VoiceNetwork]:
        """Yield the networks."""
        for network in self.networks:
            assert isinstance(network, VoiceNetwork)
            yield network

    def nats(self, pieces: Sequence[Parts]) -> list[NDArray[np.float64]]:
        """Return of each piece the negative log-likelihood of every step, (T,), given the steps before it.

        pieces   (T, V) pitches or SILENCE each
        Returns  natural logarithms, summed over the voices
        """
        return [own.sum(axis=1) for own in self.voice_nats(pieces)]

    def voice_nats(self, pieces: Sequence[Parts]) -> list[NDArray[np.float64]]:
        """Return the same of each voice, (T, V), given also those of the step that are decided on before it."""
        return self.nats_of(pieces_of(pieces, self.settings, self.voices))

    def nats_of(self, pieces: Ragged) -> list[NDArray[np.float64]]:
        """Return the same of pieces as `pieces_of` makes them."""
        found = [np.zeros((0, self.voices))] * len(pieces)
        for k in np.flatnonzero(pieces.lengths > AT_ONCE).tolist():
            found[k] = self._long(pieces[k])
        short = np.flatnonzero(pieces.lengths <= AT_ONCE)
        with torch.no_grad():
            for batch in batches_by_length(pieces.lengths[short], AT_ONCE):
                rows = short[batch]
                values, lengths = pieces.batch(rows)
                now, before = parted(values, self.voices)
                inside = within(now, lengths)
                each = torch.stack([network(now, before, inside, lengths) for network in self.members()])
                nats = np.zeros((*inside.shape, self.voices))
                nats[inside.numpy()] = -_mean(each).double().numpy()
                for place, row in enumerate(rows.tolist()):
                    found[row] = nats[: pieces.lengths[row], place]
        return found

    def _long(self, piece: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the nats of each voice of a piece that is gone through in parts."""
        inner: list[Inner | None] = [None] * self.settings.ensemble
        found = np.zeros((len(piece), self.voices))
        now, before = parted(torch.from_numpy(piece)[:, None], self.voices)
        with torch.no_grad():
            for begin in range(0, len(piece), AT_ONCE):
                part = slice(begin, begin + AT_ONCE)
                own, each = Before(*(one[part] for one in before)), []
                for k, network in enumerate(self.members()):
                    past, inner[k] = network.past(own, inner[k])
                    each.append(network.log_probs(_first(past), _first(own), now[part, 0]))
                found[part] = -_mean(torch.stack(each)).double().numpy()
        return found

    def pasts(self, before: Before, inner: Sequence[Inner | None]) -> tuple[list[Past], tuple[Inner, ...]]:
        """Return what each network knows before one step of N versions, and its states after them."""
        found = [network.past(before, own) for network, own in zip(self.members(), inner, strict=True)]
        return [Past(*(one[0] for one in past)) for past, _ in found], tuple(after for _, after in found)

    def decide(self, pasts: Sequence[Past], before: Before, now: Tensor, place: int) -> Tensor:
        """Return the log-probability of each key, and last of silence, for the voice at a place of `order`, (N, 89).

        before  of the step
        now     (N, V) codes, of which the voices before that place are seen
        """
        each = [
            network.in_order()[place](past, before, now) for network, past in zip(self.members(), pasts, strict=True)
        ]
        return _mean(torch.stack(each))

    def singable(self, log_probs: NDArray[np.float64], voice: int) -> NDArray[np.float64]:
        """Return log-probabilities of what a voice sings, (N, 89), -inf those of keys outside its span: not drawn."""
        low, high = self.spans[voice]
        found = np.full_like(log_probs, -np.inf)
        found[:, low : high + 1], found[:, SILENT] = log_probs[:, low : high + 1], log_probs[:, SILENT]
        return found

    def begin(self) -> State:
        """Return the state before the first step."""
        return State(History.empty(self.voices, self.settings.recall), (None,) * self.settings.ensemble)

    def next_frame(self, state: State) -> VoiceFrame:
        """Return what may be sung next."""
        before = state.history.before()
        with torch.no_grad():
            pasts, inner = self.pasts(before, state.inner)
        return VoiceFrame(self, pasts, Before(*(one[0] for one in before)), State(state.history, inner))


class VoiceFrame:
    """The next step, of which nothing is decided: from it steps are scored and drawn.

    pasts   what each network knows
    before  what is known, of one step
    state   after the step before
    """

    def __init__(self, model: VoiceModel, pasts: list[Past], before: Before, state: State) -> None:
        self._model, self._pasts, self._before, self._state = model, pasts, before, state

    def nats(self, frame: Parts) -> float:
        """Return the negative log-likelihood of what the voices sing, (V,) pitches or SILENCE."""
        now, found = torch.from_numpy(codes_of(np.asarray(frame)[None])).long(), 0.0
        for place, voice in enumerate(self._model.order):
            found -= float(self.log_probs(now, place)[now[0, voice]])
        return found

    def log_probs(self, now: Tensor, place: int) -> Tensor:
        """Return those of each key and of silence, (89,), for a voice, given the codes (1, V) of those before it."""
        with torch.no_grad():
            return self._model.decide(self._pasts, self._before, now, place)[0].double()

    def draw(self, random: np.random.Generator, temperature: float = 1.0) -> Parts:
        """Return what the voices sing, (V,), drawn from what may come.

        temperature  below 1 likelier keys; 0 the likeliest of each voice
        """
        model = self._model
        now = torch.full((1, model.voices), NOTHING)
        for place, voice in enumerate(model.order):
            log_probs = model.singable(self.log_probs(now, place)[None].numpy(), voice)
            now[0, voice] = int(drawn(log_probs, temperature, random)[0])
        found: Parts = parts_of(now.numpy().astype(np.uint8))[0]
        return found

    def advance(self, frame: Parts) -> State:
        """Return the state after what the voices sing, (V,); this one stays as it was."""
        return State(self._state.history.after(codes_of(np.asarray(frame)[None])), self._state.inner)


def drawn(log_probs: NDArray[np.float64], temperature: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return one of the classes of each row, drawn by their log-probabilities (N, C).

    temperature  below 1 likelier ones, 0 the likeliest
    """
    if temperature == 0:
        likeliest: NDArray[np.int64] = log_probs.argmax(axis=1)
        return likeliest
    warm = log_probs / temperature
    shares = np.exp(warm - warm.max(axis=1, keepdims=True)).cumsum(axis=1)
    chance = random.random(len(shares)) * shares[:, -1]
    found: NDArray[np.int64] = np.minimum((shares <= chance[:, None]).sum(axis=1), shares.shape[1] - 1)
    return found


def pieces_of(pieces: Sequence[Parts], settings: VoiceSettings, voices: int) -> Ragged:
    """Return pieces, each step with what is known before it."""
    found = (with_history(codes_of_piece(piece, voices), settings.recall) for piece in pieces)
    return Ragged.of(found, columns(voices), dtype=np.uint8)


def codes_of_piece(piece: Parts, voices: int) -> Codes:
    """Return a piece as codes.

    Raises  InputError if it has another number of voices, or a note is no key of a piano
    """
    if piece.ndim != 2 or piece.shape[1] != voices:
        raise InputError(f"voices: a piece is (steps, {voices}) pitches; got {piece.shape}")
    return codes_of(piece)


def _first(known: Known) -> Known:
    """Return of a batch of one piece what is known of its steps."""
    return type(known)(*(one[:, 0] for one in known))


def _mean(log_probs: Tensor) -> Tensor:
    """Return the logarithm of the mean probability of several networks, (M, ...)."""
    if len(log_probs) == 1:
        return log_probs[0]
    return log_probs.logsumexp(dim=0) - math.log(len(log_probs))
