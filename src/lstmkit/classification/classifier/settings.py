"""Size and training of a classifier of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lstmkit.classification.frames import FrameSettings
from lstmkit.training import Amount


@dataclass(frozen=True)
class SequenceSettings(FrameSettings):
    """Size and training of a classifier of sequences: those of every network that reads frames, and its length.

    max_steps  of a piece: a longer sequence is cut into pieces of so many, which are learnt and answered by themselves,
               and the answer is their mean, by their lengths; bounds the memory
    final_fit  whether the network is trained once more from the start on all rows, those held back for early stopping
               included, until the last epoch that was as good as the best, but for luck; of several networks the first
               says when, and all are trained then; `minutes` are halved between the two trainings
    """

    amount: ClassVar[Amount] = Amount(steps=2000, least=4, most=250, steps_an_epoch=240)  # sets are often small
    later: ClassVar[tuple[str, ...]] = (*FrameSettings.later, "final_fit")

    hidden_size: int = 64
    pooling: str = "mean-max"
    batch_size: int = 32
    label_smoothing: float = 0.1
    patience: int = 60
    average: float | None = 0.99
    learning_rate: float = 0.004
    differences: tuple[int, ...] = (1,)
    convolution: int | None = None
    stretch: float = 0.2
    noise: float = 0.1
    max_steps: int = 2000
    final_fit: bool = True

    def rows_learnt(self, training: int, held: int, cut: bool) -> int:
        """Return how many rows are learnt from in the end.

        training, held  rows to learn from, and to stop by
        cut             whether what is held back may be learnt from in the end
        """
        return training + (held if cut and self.final_fit else 0)

    def most_epochs(self, rows: int, cut: bool) -> int:
        """Return how many epochs there are at most, a final fit included.

        cut  whether what is held back may be learnt from in the end
        """
        return self.epochs_for(rows) * (2 if cut and self.final_fit else 1)
