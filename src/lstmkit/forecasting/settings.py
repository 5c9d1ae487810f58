"""What a forecaster is asked for, and how its network is built and trained."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.errors import InputError


@dataclass(frozen=True, slots=True)
class LstmSettings:
    """The default network and its training. How the defaults were chosen is told in docs/forecasting.md.

    hidden_size      cells per layer
    num_layers       LSTM layers
    dropout          probability of zeroing an element between layers and before the output
    learning_rate    of AdamW
    weight_decay     of AdamW, on the LSTM's matrices only
    batch_size       windows in a step
    max_epochs       epochs at most
    steps_per_epoch  steps in an epoch at most
    patience         epochs without a better validation loss before training stops
    validation       share of the training rows, at their end, that early stopping watches
    """

    hidden_size: int = 64
    num_layers: int = 1
    dropout: float = 0.2
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 128
    max_epochs: int = 40
    steps_per_epoch: int = 100
    patience: int = 6
    validation: float = 0.125

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("hidden_size", "num_layers", "batch_size", "max_epochs", "steps_per_epoch", "patience"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1; got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must lie in [0, 1); got {self.dropout}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be positive; got {self.learning_rate}")
        if not self.weight_decay >= 0:
            raise InputError(f"weight_decay must not be negative; got {self.weight_decay}")
        if not 0 < self.validation < 0.5:
            raise InputError(f"validation must lie in (0, 0.5); got {self.validation}")
