"""What a translator looks like and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lstmkit.errors import InputError
from lstmkit.language.neural.settings import PRECISIONS
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named
from lstmkit.training import Amount

ATTENTIONS = ("additive", "multiplicative", "none")


@dataclass(frozen=True)
class TranslatorSettings:
    """The network and its training; every dropout is a probability from 0 to 1.

    embedding_size     E, width of a token's vector, and of what the softmax reads
    hidden_size        H, units of a layer, of the encoder in each direction
    encoder_layers     how many layers read, in both directions
    decoder_layers     how many layers write; attention follows the first, the others read what it found
    cell               member of the family that reads, by name
    decoder_cell       that writes; None: the same
    attention          "multiplicative", "additive", or "none": then the last state of the encoder is all there is
    input_feeding      whether the decoder reads at every step what the one before made of what it attended to; its
                       training then goes step by step, several times as long
    word_dropout       of whole tokens of both sides, which are then not seen
    input_dropout      of the tokens' vectors; one mask a sequence, like the next two
    hidden_dropout     between layers, and of what attention reads
    output_dropout     of what the softmax reads
    weight_drop        of the entries of the recurrent matrices
    zoneout            of the units of recurrent layers: each keeps its old value
    recurrent_dropout  of the candidate at each step
    label_smoothing    share of the truth that is spread evenly over all tokens in training
    sampling           share of the words that are divided in another way than the likeliest, anew in every epoch;
                       sub-words alone
    epochs             passes over the pairs, at most; None: about 9,000 steps, in 10 epochs at least and 40 at most
    minutes            of training, at most; the learning rate then reaches zero with the time. None: no limit
    batch_size         pairs in a step; fewer where an epoch would have less than 100 steps
    learning_rate      of Adam, falling to zero along a cosine
    warmup             steps in which the learning rate rises to that, a tenth of all at most
    weight_decay       of Adam with decoupled decay
    clip_norm          gradients are scaled down to this Euclidean norm
    patience           epochs without a better validation loss before stopping; None: none
    average            decay of a moving average of the weights, which is what is validated and kept; None: no average
    precision          of layers, attention and softmax in training: "float32", or "bfloat16", faster on processors that
                       have it (AVX-512 or matrix units), float32 on the others; weights, validation and use stay in
                       float32
    longest            tokens of a side at most; longer pairs are left out of the training
    Raises             InputError if a value is out of range, or input feeding has nothing to feed, or weights would be
                       dropped anew at each of its steps
    Source             Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015, input feeding too; attention between
                       the layers of the decoder: Wu et al. 2016; sampling: Kudo 2018
    """

    amount: ClassVar[Amount] = Amount(steps=9_000, least=10, most=40, steps_an_epoch=100)

    embedding_size: int = 256
    hidden_size: int = 320
    encoder_layers: int = 1
    decoder_layers: int = 2
    cell: str = "lstm"
    decoder_cell: str | None = None
    attention: str = "multiplicative"
    input_feeding: bool = False
    word_dropout: float = 0.0
    input_dropout: float = 0.3
    hidden_dropout: float = 0.3
    output_dropout: float = 0.4
    weight_drop: float = 0.0
    zoneout: float = 0.0
    recurrent_dropout: float = 0.0
    label_smoothing: float = 0.1
    sampling: float = 0.0
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup: int = 400
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    patience: int | None = 6
    average: float | None = 0.998
    precision: str = "float32"
    longest: int = 200

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({})

    def check(self, own: Mapping[str, Range | Sequence[str]]) -> None:
        """Check every value; `own` are ranges and choices of the fields that others add."""
        ranges: dict[str, Range | Sequence[str]] = {"attention": ATTENTIONS, "precision": PRECISIONS, **own}
        dropouts = ("word_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_drop")
        shares = (*dropouts, "zoneout", "recurrent_dropout", "label_smoothing", "sampling")
        ranges |= dict.fromkeys(shares, BELOW_1)
        ranges |= dict.fromkeys(("weight_decay", "warmup"), NOT_NEGATIVE)
        ranges |= dict.fromkeys(("learning_rate", "clip_norm", "minutes"), MORE_THAN_0)
        check_fields(self, ranges | {"average": BETWEEN_0_AND_1}, type(self).__name__)
        for cell in (self.cell, self.decoder_cell):
            if cell is not None:
                cell_named(cell)
        if self.input_feeding and (self.attention == "none" or self.weight_drop):
            why = "attention none" if self.attention == "none" else f"weight_drop {self.weight_drop}"
            raise InputError(f"input_feeding True does not go with {why}; leave out one of them")

    @property
    def layers(self) -> int:
        """Recurrent layers in all."""
        return self.encoder_layers + self.decoder_layers

    def batch_for(self, rows: int) -> int:
        """Return how many pairs a step has where there are so many to learn from."""
        return self.amount.batch(rows, self.batch_size)

    def epochs_for(self, rows: int) -> int:
        """Return how many epochs there are at most where there are so many pairs to learn from."""
        if self.epochs is not None:
            return self.epochs
        return self.amount.epochs(-(-rows // self.batch_for(rows)))
