"""Labels that are learnt beside the main ones, because what tells them apart helps with both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lstmkit.classification.network import FurtherHead
from lstmkit.classification.reading import Labelled
from lstmkit.errors import InputError


@dataclass(frozen=True)
class Beside:
    """Further labels of the rows that are learnt from, each with a head of its own.

    weights  of their losses, by their names
    classes  of each, in the training and the validation part: a final fit learns from both
    """

    weights: Mapping[str, float]
    classes: Mapping[str, tuple[str, ...]]

    @classmethod
    def learn(cls, weights: Mapping[str, float], rows: Labelled, held: Labelled) -> Beside:
        """Return what there is to tell apart in a training and a validation part.

        Raises  InputError if a label is not known of the rows, or is the same in all
        """
        classes = {}
        for name in weights:
            if name not in rows.beside:
                raise InputError(f"the sequences have no label {name!r} to learn beside; give it, or leave it out")
            classes[name] = tuple(sorted({*rows.beside[name], *held.beside.get(name, ())} - {""}))
            if len(classes[name]) < 2:
                raise InputError(f"label {name!r}: is the same everywhere; it cannot be learnt beside, leave it out")
        return cls(weights, classes)

    @property
    def heads(self) -> tuple[FurtherHead, ...]:
        """The heads that a network needs."""
        return tuple(FurtherHead(len(own), self.weights[name]) for name, own in self.classes.items())

    def targets(self, rows: Labelled, owner: Tensor) -> tuple[Tensor, ...]:
        """Return places among the classes for the pieces of rows, (P,) each, -1 where a label is not known.

        owner  (P,) the row of each piece
        """
        found = []
        for name, own in self.classes.items():
            labels = rows.beside.get(name, [""] * len(rows))
            place = {label: k for k, label in enumerate(own)}
            found.append(torch.tensor([place.get(label, -1) for label in labels])[owner])
        return tuple(found)
