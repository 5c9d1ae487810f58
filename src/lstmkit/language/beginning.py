"""A finished language model as the beginning of another training, on the same text or on other text."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from lstmkit.errors import InputError
from lstmkit.language.settings import LanguageSettings

if TYPE_CHECKING:
    from lstmkit.language.language_model import LanguageModel

SHAPE = ("embedding_size", "hidden_size", "num_layers", "cell", "softmax", "cutoffs")
"""Settings that a network cannot change once it is built."""
DURATION = ("epochs", "minutes", "columns")
"""Settings that say how long a training was, which is no wish for the next one."""


def begun(start: LanguageModel | str | Path) -> LanguageModel:
    """Return the model to begin with, or that in a folder.

    Raises  InputError if it is neither a fitted model nor such a folder
    """
    from lstmkit.language.language_model import LanguageModel

    if isinstance(start, str | Path):
        return LanguageModel.load(start)
    if not isinstance(start, LanguageModel) or "network_" not in vars(start):
        raise InputError(f"start: a fitted language model or its folder is needed; got {type(start).__name__}")
    return start


def settings_after(start: LanguageModel) -> LanguageSettings:
    """Return the settings of a model, but for how long it trained: that is as usual."""
    usual = LanguageSettings.of(start.unit)
    return dataclasses.replace(start.settings, **{name: getattr(usual, name) for name in DURATION})


def check_start(start: LanguageModel, unit: str, settings: LanguageSettings) -> None:
    """Check that a training with these settings can begin with a model.

    Raises  InputError if the network would have another shape, or other tokens
    """
    if unit != start.unit:
        raise InputError(f"start: a model of {start.unit}s, where unit is {unit!r}; a training keeps the unit")
    for name in SHAPE:
        own, wanted = getattr(start.settings, name), getattr(settings, name)
        if own != wanted:
            raise InputError(
                f"start: {name} is {own!r} in the model, and {wanted!r} here; leave it as it is, a training keeps the "
                "shape of the network"
            )
