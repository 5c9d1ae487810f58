"""Who is told how the training of a network that writes goes."""

from __future__ import annotations

import math
from collections.abc import Callable

from lstmkit.language.translate.network import TranslatorSettings
from lstmkit.results import Watcher
from lstmkit.training import EpochRecord


class Told:
    """Passes on what happens in a training, and after each epoch what is written of an example.

    watcher   who is told
    settings  of the training
    words     that an epoch writes
    pairs     that it learns from
    example   says what is written after an epoch
    """

    def __init__(
        self,
        watcher: Watcher,
        settings: TranslatorSettings,
        words: int,
        pairs: int,
        example: Callable[[int], str],
    ) -> None:
        self._watcher, self._settings, self._example = watcher, settings, example
        self._most = words * settings.epochs_for(pairs)
        self._learnt = False

    def on_step(self, tokens: int, loss: float) -> None:
        """Take how many tokens a step wrote, and their mean loss."""
        if not self._learnt:
            self._learnt = True
            minutes = self._settings.minutes
            self._watcher.on_work(self._most, math.inf if minutes is None else 60.0 * minutes)
        self._watcher.on_step(tokens, loss)

    def on_epoch(self, record: EpochRecord) -> None:
        """Take the record of an epoch; those before an interruption are only told again."""
        self._watcher.on_epoch(record)
        if self._learnt:
            self._watcher.on_sample(lambda: self._example(record.epoch))
