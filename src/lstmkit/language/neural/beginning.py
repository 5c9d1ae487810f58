"""A finished language model as the beginning of another training, on the same text or on other text."""

from __future__ import annotations

import dataclasses

from lstmkit.errors import InputError
from lstmkit.language.neural.settings import LanguageSettings

SHAPE = ("embedding_size", "hidden_size", "num_layers", "cell", "softmax", "cutoffs")
"""Settings that a network cannot change once it is built."""
DURATION = ("epochs", "minutes", "columns")
"""Settings that say how long a training was, which is no wish for the next one."""


def settings_after(unit: str, settings: LanguageSettings) -> LanguageSettings:
    """Return the settings of a model of a unit, but for how long it trained: that is as usual."""
    usual = LanguageSettings.of(unit)
    return dataclasses.replace(settings, **{name: getattr(usual, name) for name in DURATION})


def check_start(unit: str, settings: LanguageSettings, new_unit: str, new_settings: LanguageSettings) -> None:
    """Check that a training can begin with a model of other settings.

    Raises  InputError if the network would have another shape, or other tokens
    """
    if new_unit != unit:
        raise InputError(f"start: a model of {unit}s, where unit is {new_unit!r}; a training keeps the unit")
    for name in SHAPE:
        own, wanted = getattr(settings, name), getattr(new_settings, name)
        if own != wanted:
            raise InputError(
                f"start: {name} is {own!r} in the model, and {wanted!r} here; leave it as it is, a training keeps the "
                "shape of the network"
            )
