"""Size and training of a text classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named

POOLINGS = ("max", "mean", "attention")
CLASS_WEIGHTS = ("none", "balanced")
TASKS = ("classes", "number")

STEPS = 2000
"""Of a training whose epochs are not given, about."""
EPOCHS = (4, 20)
"""How few and how many epochs that may be."""
STEPS_AN_EPOCH = 240
"""At least, if batches of `LEAST_BATCH` rows give so many."""
LEAST_BATCH = 8


@dataclass(frozen=True)
class ClassifierSettings:
    """Size and training of a text classifier.

    cell              member of the LSTM family
    embedding_size    width of a word's vector
    hidden_size       units of the encoder in each direction
    num_layers        of the encoder
    pooling           how the steps of a text become one vector: max, mean, or attention, which `explain` can show
    head_size         units of the hidden layer between the text's vector and the classes
    word_dropout      probability that a word is read as unknown in training, so that the unknown word means something
    embedding_dropout of the words' vectors
    dropout           of the text's vector and of the head's hidden layer
    class_weights     "balanced": the rows of every class weigh the same together; "none": every row weighs the same
    ensemble          networks whose mean is the answer, each from other initial weights
    min_count         words that are rarer in the training text are unknown
    max_words         words of the vocabulary at most; None is no bound
    max_length        words of a text that are read; what follows is cut off
    lowercase         whether upper case is read as lower case; None: yes, unless the network starts from a language
                      model, which has its own idea of it
    epochs            over the training rows, at most; None: about 2,000 steps, in 4 epochs at least and 20 at most
    batch_size        rows in a step; down to 8 where an epoch would have fewer than 240 steps otherwise
    learning_rate     of AdamW, falling to zero along a cosine
    start_rate        share of the learning rate with which what came from a language model is trained
    weight_decay      of AdamW
    patience          epochs without a better validation score before stopping
    average           decay of the moving average of the weights that is validated and kept; None keeps the weights
    minutes           training ends after this time, and cannot be repeated exactly then; None is no bound
    Raises            InputError if a value is out of range
    """

    cell: str = "lstm"
    embedding_size: int = 128
    hidden_size: int = 128
    num_layers: int = 1
    pooling: str = "max"
    head_size: int = 64
    word_dropout: float = 0.1
    embedding_dropout: float = 0.3
    dropout: float = 0.4
    class_weights: str = "none"
    ensemble: int = 1
    min_count: int = 1
    max_words: int | None = None
    max_length: int = 400
    lowercase: bool | None = None
    epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 0.002
    start_rate: float = 0.3
    weight_decay: float = 0.01
    patience: int = 4
    average: float | None = 0.998
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        cell_named(self.cell)
        ranges: dict[str, Range | Sequence[str]] = {"pooling": POOLINGS, "class_weights": CLASS_WEIGHTS}
        ranges |= dict.fromkeys(("word_dropout", "embedding_dropout", "dropout"), BELOW_1)
        ranges |= dict.fromkeys(("learning_rate", "minutes"), MORE_THAN_0)
        ranges |= dict.fromkeys(("start_rate", "weight_decay"), NOT_NEGATIVE)
        check_fields(self, ranges | {"average": BETWEEN_0_AND_1}, "ClassifierSettings")

    def batch_for(self, rows: int) -> int:
        """Return how many rows a step has where there are so many to learn from."""
        return min(self.batch_size, max(LEAST_BATCH, rows // STEPS_AN_EPOCH))

    def epochs_for(self, rows: int) -> int:
        """Return how many epochs there are at most where there are so many rows to learn from."""
        if self.epochs is not None:
            return self.epochs
        steps = -(-rows // self.batch_for(rows))
        return max(EPOCHS[0], min(EPOCHS[1], round(STEPS / steps)))
