"""Size and training of a network that foresees the frames of a piano roll."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.ranges import BELOW_1, MORE_THAN_0, NOT_NEGATIVE, Range, check_fields
from lstmkit.recurrence.cells import cell_named

NOTES = ("in order", "independent")
LEAST_EPOCHS, MOST_EPOCHS, FRAMES = 6, 28, 1_000_000
"""How many epochs there are if nobody says: as many as learn from so many frames, within these ends."""


@dataclass(frozen=True)
class FrameSettings:
    """Size and training of a network of frames.

    notes          of one frame: "in order", each drawn given those below it; "independent", given the past alone
    cell           member of the LSTM family
    key_size       units of the network that is one and the same for every key
    frame_size     units of the network that sees the frame as a whole; 0 is none
    frame_features numbers that the latter gives to each key
    head_size      units of the hidden layer that decides on a key
    window         keys on either side that a key sees of the last frame
    below          keys below that it sees of its own frame, where notes are in order
    recall         whether networks are told what followed when the last frames were as they are now
    dropout        of the outputs of both networks
    head_dropout   of the hidden layer
    shift          half tones that a piece is moved up or down by at most in training, another number in every epoch
    margin         keys above and below those of the training pieces that pieces may be moved to
    steps          of a piece that are learnt from at a time
    ensemble       networks whose mean probabilities are the answer
    epochs         over the training pieces, the best on validation is kept; None: fewer the more frames they have
    minutes        after which training ends, and the learning rate is zero; None: after all epochs
    batch_size     pieces in a step
    learning_rate  of AdamW, rising over `warmup` steps, then falling to zero along a cosine
    weight_decay   of AdamW
    Raises         InputError if a value is out of range
    """

    notes: str = "in order"
    cell: str = "lstm"
    key_size: int = 64
    frame_size: int = 128
    frame_features: int = 8
    head_size: int = 96
    window: int = 18
    below: int = 30
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

    @property
    def in_order(self) -> bool:
        """Whether a key is decided on given the keys below it in its own frame."""
        return self.notes == "in order"

    def epochs_for(self, frames: int) -> int:
        """Return over how many epochs training pieces with so many frames are learnt."""
        return max(LEAST_EPOCHS, min(MOST_EPOCHS, FRAMES // frames)) if self.epochs is None else self.epochs

    def __post_init__(self) -> None:
        """Check every value."""
        ranges = dict.fromkeys(("frame_size", "below", "warmup", "margin", "weight_decay"), NOT_NEGATIVE)
        ranges |= dict.fromkeys(("dropout", "head_dropout"), BELOW_1)
        ranges |= {
            "learning_rate": MORE_THAN_0,
            "minutes": MORE_THAN_0,
            "shift": Range("must be from 0 to 11", least=0, most=11),
        }
        check_fields(self, {**ranges, "notes": NOTES}, "FrameSettings")
        cell_named(self.cell)
