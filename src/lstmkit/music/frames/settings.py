"""Size and training of a network that foresees the frames of a piano roll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lstmkit.ranges import BELOW_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named
from lstmkit.training import Amount

NOTES = ("in order", "independent")


@dataclass(frozen=True)
class StepSettings:
    """What networks that foresee music step by step have in common; every kind names its own defaults.

    cell           member of the LSTM family
    key_size       units of the network that is one and the same for every key
    frame_size     units of the network that sees a step as a whole
    frame_features numbers that the latter gives to each key
    head_size      units of the hidden layer that decides on a key
    recall         whether networks are told what followed when the last steps were as they are now
    dropout        of the outputs of both networks
    head_dropout   of the hidden layer
    shift          half tones that a piece is moved up or down by at most in training, another number in every epoch
    margin         keys above and below those of training that are decided on, and that pieces may be moved to
    steps          of a piece that are learnt from at a time
    ensemble       networks whose mean probabilities are the answer
    epochs         over the training pieces, the best on validation is kept; None: fewer the more steps they have
    minutes        after which training ends, and the learning rate is zero; None: after all epochs
    batch_size     pieces in a step of the optimiser
    learning_rate  of AdamW, rising over `warmup` steps, then falling to zero along a cosine
    weight_decay   of AdamW
    Raises         InputError if a value is out of range
    """

    amount: ClassVar[Amount]
    """Its steps are those of the pieces, over all epochs."""

    cell: str = "lstm"
    key_size: int = 64
    frame_size: int = 128
    frame_features: int = 8
    head_size: int = 96
    recall: bool = True
    dropout: float = 0.25
    head_dropout: float = 0.2
    shift: int = 6
    margin: int = 4
    steps: int = 200
    ensemble: int = 1
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int = 8
    learning_rate: float = 0.004
    weight_decay: float = 0.01
    warmup: int = 50

    def epochs_for(self, steps: int) -> int:
        """Return over how many epochs training pieces with so many steps are learnt."""
        return self.amount.epochs(steps) if self.epochs is None else self.epochs

    def check(self, own: Mapping[str, Range | tuple[str, ...]]) -> None:
        """Check every value; `own` says what fields of one kind alone may be."""
        ranges: dict[str, Range | tuple[str, ...]] = {
            **dict.fromkeys(("warmup", "margin", "weight_decay"), NOT_NEGATIVE),
            **dict.fromkeys(("dropout", "head_dropout"), BELOW_1),
            "learning_rate": MORE_THAN_0,
            "minutes": MORE_THAN_0,
            "shift": Range("must be from 0 to 11", least=0, most=11),
        }
        check_fields(self, {**ranges, **own}, type(self).__name__)
        cell_named(self.cell)


@dataclass(frozen=True)
class FrameSettings(StepSettings):
    """Size and training of a network of frames: those of every network of steps, and its own.

    notes       of one frame: "in order", each drawn given those below it; "independent", given the past alone
    frame_size  may be 0 here, which is none
    window      keys on either side that a key sees of the last frame
    below       keys below that it sees of its own frame, where notes are in order
    Raises      InputError if a value is out of range
    """

    amount: ClassVar[Amount] = Amount(steps=1_000_000, least=6, most=28)

    notes: str = "in order"
    window: int = 18
    below: int = 30

    @property
    def in_order(self) -> bool:
        """Whether a key is decided on given the keys below it in its own frame."""
        return self.notes == "in order"

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"frame_size": NOT_NEGATIVE, "below": NOT_NEGATIVE, "notes": NOTES})
