"""Size and training of a network that answers with classes or numbers, whatever it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lstmkit.classification.metrics import MEASURES
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named
from lstmkit.training import Amount

POOLINGS = ("max", "mean", "mean-max", "last", "attention")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class NetworkSettings:
    """Size and training of a network; every task adds what its sequences need, and names its own defaults.

    cell           member of the LSTM family
    hidden_size    units of the encoder in each direction
    num_layers     of the encoder
    bidirectional  whether the encoder reads backwards, too; without, it can follow a stream
    layer_dropout  between the layers of the encoder
    pooling        how the steps of a sequence become one vector: max, mean, mean-max (both), last, or attention, which
                   `explain` can show
    head_size      units of the hidden layer between the sequence's vector and the answer
    dropout        of the sequence's vector and of the head's hidden layer
    class_weights  "balanced": the rows of every class weigh the same together; "none": every row weighs the same
    label_smoothing share of the truth that is spread evenly over all classes in training
    measure        what early stopping looks at: "matthews", "accuracy", "uar" (mean recall of the classes) or "f1" (the
                   mean over the classes); of numbers, always the squared error. Any but the usual one is also what the
                   network is compared with its baselines by
    epochs         over the training rows, at most; None: about 2,000 steps, in 4 epochs at least and 20 at most
    batch_size     rows in a step; down to 8 where an epoch would have fewer than 240 steps otherwise
    learning_rate  of AdamW, falling to zero along a cosine
    weight_decay   of AdamW
    patience       epochs without a better validation score before stopping
    average        decay of the moving average of the weights that is validated and kept; None keeps the weights
    minutes        training ends after this time, and cannot be repeated exactly then; None is no bound
    Raises         InputError if a value is out of range
    """

    amount: ClassVar[Amount] = Amount(steps=2000, least=4, most=20, steps_an_epoch=240)
    later: ClassVar[tuple[str, ...]] = ("bidirectional", "layer_dropout", "label_smoothing", "measure")
    """Fields that trainings begun before do not know: a checkpoint names them only where they are not as usual."""

    cell: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = True
    layer_dropout: float = 0.0
    pooling: str = "max"
    head_size: int = 64
    dropout: float = 0.4
    class_weights: str = "none"
    label_smoothing: float = 0.0
    measure: str = "matthews"
    epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 0.002
    weight_decay: float = 0.01
    patience: int = 4
    average: float | None = 0.998
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({})

    def check(self, own: Mapping[str, Range | Sequence[str]]) -> None:
        """Check every value; `own` are ranges and choices of the fields that a task adds."""
        cell_named(self.cell)
        words = {"pooling": POOLINGS, "class_weights": CLASS_WEIGHTS, "measure": tuple(MEASURES)}
        rates = {"average": BETWEEN_0_AND_1, "weight_decay": NOT_NEGATIVE}
        shares = dict.fromkeys(("dropout", "layer_dropout", "label_smoothing"), BELOW_1)
        positive = dict.fromkeys(("learning_rate", "minutes"), MORE_THAN_0)
        check_fields(self, {**words, **rates, **shares, **positive, **own}, type(self).__name__)

    @property
    def compared(self) -> str:
        """What answers are compared by; "" if nothing but the usual was asked for."""
        return "" if self.measure == NetworkSettings.measure else self.measure

    def batch_for(self, rows: int) -> int:
        """Return how many rows a step has where there are so many to learn from."""
        return self.amount.batch(rows, self.batch_size)

    def epochs_for(self, rows: int) -> int:
        """Return how many epochs there are at most where there are so many rows to learn from."""
        if self.epochs is not None:
            return self.epochs
        return self.amount.epochs(-(-rows // self.batch_for(rows)))
