"""What a language model looks like and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lstmkit.errors import InputError
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields

SOFTMAXES = ("tied", "full", "adaptive")
PRECISIONS = ("float32", "bfloat16")

ORDERS = {"word": 5, "character": 7, "subword": 5}
"""Of the n-gram model, unless something else is asked for."""


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """The network and its training; every dropout is a probability from 0 to 1.

    embedding_size     E, width of a token's vector, and of the last layer's output where the softmax is tied
    hidden_size        H, units of a layer
    num_layers         how many layers
    cell               member of the family, by name
    softmax            "tied": the output layer uses the embedding's weights; "full": its own; "adaptive": in clusters
                       by frequency, for vocabularies of many words
    cutoffs            where the clusters of the adaptive softmax end; None: 2,000, 10,000, 50,000 as far as they go
    embedding_dropout  of whole words of a window
    input_dropout      of the vectors that enter the first layer; one mask a sequence, like the next two
    hidden_dropout     between layers
    output_dropout     of the last layer's output
    weight_drop        of the entries of the recurrent matrices
    activation         weight of the mean square of the output (activation regularisation)
    slowness           weight of the mean square of its change from step to step
    epochs             passes over the text, at most
    minutes            of training, at most; the learning rate then reaches zero with the time. None: no limit
    columns            B, rows into which the text is cut and that are read side by side; None: 4 to 32, as many as
                       leave some hundred steps an epoch, without which a small text is not learnt
    window             T, tokens through which gradients flow back; the state is carried on
    learning_rate      of Adam, at the beginning; it falls to zero along a cosine
    warmup             steps in which the learning rate rises to that, a tenth of all at most: a sudden start drives
                       units into saturation
    weight_decay       of Adam with decoupled decay
    clip_norm          gradients are scaled down to this Euclidean norm
    patience           rounds without a better validation loss before stopping; None: none
    rounds             validations an epoch
    average            decay of a moving average of the weights, which is what is validated and kept; None: no average
    precision          of the layers and the softmax in training: "float32", or "bfloat16", faster on
                       processors with matrix units for it, float32 on those without bfloat16; weights, validation
                       and use are in float32
    Source             Merity, Keskar & Socher 2018; tying: Inan, Khosravi & Socher 2017, Press & Wolf 2017; adaptive:
                       Grave et al. 2017
    """

    embedding_size: int = 256
    hidden_size: int = 256
    num_layers: int = 2
    cell: str = "lstm"
    softmax: str = "tied"
    cutoffs: tuple[int, ...] | None = None
    embedding_dropout: float = 0.0
    input_dropout: float = 0.3
    hidden_dropout: float = 0.3
    output_dropout: float = 0.3
    weight_drop: float = 0.0
    activation: float = 0.0
    slowness: float = 0.0
    epochs: int = 10
    minutes: float | None = None
    columns: int | None = None
    window: int = 64
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 1e-6
    clip_norm: float = 0.5
    patience: int | None = 4
    rounds: int = 1
    average: float | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Check every value."""
        ranges: dict[str, Range | Sequence[str]] = {"softmax": SOFTMAXES, "precision": PRECISIONS}
        dropouts = ("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_drop")
        ranges |= dict.fromkeys(dropouts, BELOW_1)
        ranges |= dict.fromkeys(("activation", "slowness", "weight_decay", "warmup"), NOT_NEGATIVE)
        ranges |= dict.fromkeys(("learning_rate", "clip_norm", "minutes"), MORE_THAN_0)
        check_fields(self, ranges | {"average": BETWEEN_0_AND_1}, "LanguageSettings")
        if self.cutoffs is not None and list(self.cutoffs) != sorted(set(self.cutoffs)):
            raise InputError(f"LanguageSettings: cutoffs must be whole numbers that rise; got {self.cutoffs}")

    @classmethod
    def of(cls, unit: str) -> LanguageSettings:
        """Return the settings that suit a unit: characters want a wide layer on a small vocabulary."""
        return CHARACTER_SETTINGS if unit == "character" else cls()


CHARACTER_SETTINGS = LanguageSettings(
    embedding_size=64,
    hidden_size=512,
    softmax="full",
    input_dropout=0.1,
    hidden_dropout=0.4,
    output_dropout=0.4,
    weight_drop=0.2,
    weight_decay=0.02,
    epochs=20,
    window=100,
    learning_rate=4e-3,
)
"""The better of the few settings that were tried on 5 % of tiny Shakespeare's training text; see bench/results."""
