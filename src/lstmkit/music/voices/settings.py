"""Size and training of a network that foresees voices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lstmkit.music.frames.settings import StepSettings
from lstmkit.training import Amount


@dataclass(frozen=True)
class VoiceSettings(StepSettings):
    """Size and training of a network of voices: those of every network of steps, and its own.

    key_features  numbers in which a key sees the voices, from where it lies
    Raises        InputError if a value is out of range
    """

    amount: ClassVar[Amount] = Amount(steps=1_300_000, least=4, most=40)

    key_size: int = 48
    head_size: int = 64
    dropout: float = 0.2
    head_dropout: float = 0.15
    margin: int = 3
    steps: int = 320
    batch_size: int = 4
    learning_rate: float = 0.003
    key_features: int = 24

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({})
