"""The network of a language model: an embedding, a stack of recurrent layers, a softmax."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from lstmkit.language.neural.clues import ClueLayer, ClueSizes
from lstmkit.language.neural.settings import LanguageSettings
from lstmkit.language.neural.softmax import AdaptiveSoftmax, FullSoftmax
from lstmkit.nn import LSTM
from lstmkit.nn.regularization import locked
from lstmkit.recurrence.cell import State
from lstmkit.recurrence.processor import lower_precision_refusal

Carried = tuple[State, ...]
"""The state of every layer."""


def precision_note(precision: str) -> str:
    """Return "" unless this processor trains in float32 although settings ask for bfloat16, else one sentence.

    Without instructions for bfloat16 its products take four times as long as those of float32, where they run at all.
    """
    refusal = lower_precision_refusal(torch.bfloat16, True) if precision == "bfloat16" else ""
    return f"precision bfloat16: {refusal}; trained in float32" if refusal else ""


def warn_of_precision(precision: str) -> None:
    """Warn whoever called the method that calls this of what `precision_note` says."""
    if note := precision_note(precision):
        warnings.warn(f"lstmkit: {note}", UserWarning, stacklevel=3)


class LanguageNetwork(nn.Module):
    """Maps tokens to how likely every token is next.

    Letters: T tokens of B texts, vocabulary V, embedding E, hidden H. The state is passed in and out of every call.
    Where there are clues, a token stands with its F clues behind it wherever tokens are read: (..., 1 + F) in place of
    (...).

    vocabulary  V
    settings    sizes, cell, softmax, dropouts
    clues       what is told beside every token; None: nothing
    Source      Merity, Keskar & Socher 2018 (AWD-LSTM)
    """

    def __init__(self, vocabulary: int, settings: LanguageSettings, clues: ClueSizes | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.low = settings.precision == "bfloat16" and not precision_note(settings.precision)
        E, H, K = settings.embedding_size, settings.hidden_size, settings.num_layers
        self.embedding = nn.Embedding(vocabulary, E)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.clues = None if clues is None else ClueLayer(clues, E)
        widths = [E if clues is None else 2 * E, *[H] * (K - 1), E if settings.softmax == "tied" else H]
        self.layers = nn.ModuleList(
            LSTM(widths[k], widths[k + 1], cell=settings.cell, weight_drop=settings.weight_drop) for k in range(K)
        )
        self.softmax: FullSoftmax | AdaptiveSoftmax
        if settings.softmax == "adaptive":
            self.softmax = AdaptiveSoftmax(widths[-1], vocabulary, settings.cutoffs)
        else:
            precision = "bfloat16" if self.low else "float32"
            self.softmax = FullSoftmax(widths[-1], vocabulary, settings.softmax == "tied", precision)

    @property
    def vocabulary(self) -> int:
        """V."""
        return self.embedding.num_embeddings

    @property
    def readout(self) -> Tensor:
        """The weights of the softmax where they are tied: the embedding (V, E), beside it the kinds of clues."""
        if self.clues is None or self.settings.softmax != "tied":
            return self.embedding.weight
        return self.clues.weights(self.embedding.weight)

    def forward(self, ids: Tensor, state: Carried | None = None) -> tuple[Tensor, Carried]:
        """Run the recurrent layers.

        ids      (T, B) int64
        state    after the token before, or None at the beginning of a text
        Returns  (T, B, E) what the softmax reads, without the output's dropout, and the state after the last token;
                 (T, B, E + K) where clues speak of K kinds of tokens
        """
        value, after = self._run(ids, state)
        return self._speaking(value, ids), after

    def _run(self, ids: Tensor, state: Carried | None) -> tuple[Tensor, Carried]:
        """Return the output of the last layer, to which clues have added nothing yet, and the state."""
        how, low = self.settings, self.training and self.low
        value = locked(self._embedded(ids), how.input_dropout, self.training)
        kind, after = value.dtype, []
        for k, layer in enumerate(self.layers):
            if k:
                value = locked(value, how.hidden_dropout, self.training)
            with torch.autocast(ids.device.type, torch.bfloat16, enabled=low):
                value, last = layer(value, None if state is None else state[k])
            after.append(tuple(s.to(kind) for s in last))
        return value.to(kind), tuple(after)

    def loss(self, ids: Tensor, targets: Tensor, state: Carried | None) -> tuple[Tensor, Tensor, Carried]:
        """Return what is minimised, the mean negative log-likelihood in it, and the state after the window, detached.

        ids, targets  (T, B) int64
        """
        how = self.settings
        output, after = self._run(ids, state)
        dropped = locked(output, how.output_dropout, self.training)
        spoken = self._speaking(dropped, ids)
        likelihood = self.softmax.loss(spoken.flatten(0, 1), targets.flatten(), self.readout)
        loss = likelihood
        if how.activation:
            loss = loss + how.activation * dropped.square().mean()
        if how.slowness and len(output) > 1:
            loss = loss + how.slowness * (output[1:] - output[:-1]).square().mean()
        return loss, likelihood.detach(), tuple(tuple(s.detach() for s in layer) for layer in after)

    def target_log_probs(self, ids: Tensor, targets: Tensor, state: Carried | None) -> tuple[Tensor, Carried]:
        """Return (T, B) natural logarithms of the probabilities of `targets`, and the state after the last token."""
        output, after = self(ids, state)
        found = self.softmax.target_log_probs(output.flatten(0, 1), targets.flatten(), self.readout)
        return found.view(targets.shape), after

    def step(self, ids: Tensor, state: Carried | None) -> tuple[Tensor, Carried]:
        """Take in a token of each text.

        ids      (B,) int64
        state    after the token before, or None at the beginning of a text
        Returns  (B, E) what the softmax reads, for `log_probs`, and the state; (B, E + K) with clues, as `forward`
        """
        value = self._embedded(ids)
        after = []
        for k, layer in enumerate(self.layers):
            value, last = _recurrent(layer).step(value, None if state is None else state[k])
            after.append(last)
        return self._speaking(value, ids), tuple(after)

    def log_probs(self, output: Tensor) -> Tensor:
        """Return (N, V) natural logarithms of the probabilities of the next token.

        output  (N, E), with clues (N, E + K), as `step` returns it
        """
        found: Tensor = self.softmax.log_probs(output, self.readout)
        return found

    def _embedded(self, ids: Tensor) -> Tensor:
        """Return vectors (..., E) of tokens, with clues (..., 2 E) of both side by side.

        In training, words are left out of the whole window, others scaled up.
        """
        tokens = ids if self.clues is None else ids[..., 0]
        vectors: Tensor = self.embedding(tokens)
        rate = self.settings.embedding_dropout
        if self.training and rate:
            kept = torch.rand(self.vocabulary, device=ids.device) >= rate
            vectors = vectors * (kept / (1 - rate)).to(vectors.dtype)[tokens].unsqueeze(-1)
        if self.clues is None:
            return vectors
        return torch.cat([vectors, self.clues(ids[..., 1:], self.embedding.weight)], dim=-1)

    def _speaking(self, output: Tensor, ids: Tensor) -> Tensor:
        """Return the output of the last layer with what the clues add to it, where it is in the space of tokens."""
        if self.clues is None or self.settings.softmax != "tied":
            return output
        return self.clues.speaking(output, ids[..., 1:], self.embedding.weight)


def _recurrent(layer: nn.Module) -> LSTM:
    """Return a layer as what it is, which torch's list of modules does not say."""
    assert isinstance(layer, LSTM)
    return layer
