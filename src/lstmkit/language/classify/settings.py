"""Size and training of a text classifier."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.classification.settings import NetworkSettings
from lstmkit.ranges import BELOW_1, NOT_NEGATIVE


@dataclass(frozen=True)
class ClassifierSettings(NetworkSettings):
    """Size and training of a text classifier: those of every network, and what only texts have.

    embedding_size    width of a word's vector
    word_dropout      probability that a word is read as unknown in training, so that the unknown word means something
    embedding_dropout of the words' vectors
    min_count         words that are rarer in the training text are unknown
    max_words         words of the vocabulary at most; None is no bound
    max_length        words of a text that are read; what follows is cut off
    lowercase         whether upper case is read as lower case; None: yes, unless the network starts from a language
                      model, which has its own idea of it
    ensemble          networks whose mean is the answer, each from other initial weights
    start_rate        share of the learning rate with which what came from a language model is trained
    """

    embedding_size: int = 128
    word_dropout: float = 0.1
    embedding_dropout: float = 0.3
    min_count: int = 1
    max_words: int | None = None
    max_length: int = 400
    lowercase: bool | None = None
    ensemble: int = 1
    start_rate: float = 0.3

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"word_dropout": BELOW_1, "embedding_dropout": BELOW_1, "start_rate": NOT_NEGATIVE})
