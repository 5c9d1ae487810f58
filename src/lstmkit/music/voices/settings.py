"""Size and training of a network that foresees voices."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.ranges import BELOW_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named

LEAST_EPOCHS, MOST_EPOCHS, STEPS = 4, 40, 1_300_000
"""How many epochs there are if nobody says: as many as learn from so many steps, within these ends."""


@dataclass(frozen=True)
class VoiceSettings:
    """Size and training of a network of voices.

    cell           member of the LSTM family
    key_size       units of the network that is one and the same for every key
    key_features   numbers in which a key sees the voices, from where it lies
    frame_size     units of the network that sees all voices as a whole
    frame_features numbers that the latter gives to each key
    head_size      units of the hidden layer that decides on a key for a voice
    recall         whether networks are told what followed when the last steps were as they are now
    dropout        of the outputs of both networks
    head_dropout   of the hidden layer
    shift          half tones that a piece is moved up or down by at most in training, another number in every epoch
    margin         keys above and below those of each voice in training that it may sing, and be moved to
    steps          of a piece that are learnt from at a time
    ensemble       networks whose mean probabilities are the answer
    epochs         over the training pieces, the best on validation is kept; None: fewer the more steps they have
    minutes        after which training ends, and the learning rate is zero; None: after all epochs
    batch_size     pieces in a step
    learning_rate  of AdamW, rising over `warmup` steps, then falling to zero along a cosine
    weight_decay   of AdamW
    Raises         InputError if a value is out of range
    """

    cell: str = "lstm"
    key_size: int = 48
    key_features: int = 24
    frame_size: int = 128
    frame_features: int = 8
    head_size: int = 64
    recall: bool = True
    dropout: float = 0.2
    head_dropout: float = 0.15
    shift: int = 6
    margin: int = 3
    steps: int = 320
    ensemble: int = 1
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int = 4
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    warmup: int = 50

    def epochs_for(self, steps: int) -> int:
        """Return over how many epochs training pieces with so many steps are learnt."""
        return max(LEAST_EPOCHS, min(MOST_EPOCHS, STEPS // steps)) if self.epochs is None else self.epochs

    def __post_init__(self) -> None:
        """Check every value."""
        ranges = dict.fromkeys(("warmup", "margin", "weight_decay"), NOT_NEGATIVE)
        ranges |= dict.fromkeys(("dropout", "head_dropout"), BELOW_1)
        ranges |= {
            "learning_rate": MORE_THAN_0,
            "minutes": MORE_THAN_0,
            "shift": Range("must be from 0 to 11", least=0, most=11),
        }
        check_fields(self, ranges, "VoiceSettings")
        cell_named(self.cell)
