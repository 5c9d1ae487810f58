"""An n-gram model as a model folder keeps it: what its config, its tensors, and the numbers in them must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.ngrams.levels import Level
from lstmkit.training.schema import Natural, Positive
from lstmkit.training.tensors import TensorShape

FLOATS = ("F32", "F64")

HIGHEST = 1e-3
"""Of the logarithm of a probability: rounding leaves some just above zero."""


@dataclass(frozen=True)
class StoredNGram:
    """What a config says of an n-gram model.

    order       N
    vocabulary  V
    boundary    the token that ends a line, or None
    """

    order: Positive
    vocabulary: Positive
    boundary: Natural | None

    def shapes(self, vocabulary: int, header: Mapping[str, TensorShape], prefix: str) -> dict[str, TensorShape]:
        """Return what the tensors must be.

        vocabulary  V of the model
        header      of the file, which alone knows how many n-grams there are
        prefix      of the names
        Raises      InputError if there can be no such tensors
        """
        if self.vocabulary != vocabulary:
            raise InputError(f"n-grams of a vocabulary of {self.vocabulary}, not {vocabulary}")
        if self.order > len(header):
            raise InputError(f"n-grams up to the order {self.order} in {len(header)} tensors")
        if self.boundary is not None and self.boundary >= vocabulary:
            raise InputError(f"n-grams with the boundary {self.boundary}, beyond the vocabulary of {vocabulary}")
        found, parents = {}, 1
        for n in range(1, self.order + 1):
            numbers = header.get(f"{prefix}{n}.log_prob", TensorShape("", ()))
            M = vocabulary + 1 if n == 1 else sum(numbers.shape)
            kind = numbers.dtype if numbers.dtype in FLOATS else FLOATS[0]
            found[f"{n}.log_prob"] = TensorShape(kind, (M,))
            if n < self.order:
                found[f"{n}.log_backoff"] = TensorShape(kind, (M,))
            if n > 1:
                found |= {f"{n}.tokens": TensorShape("I32", (M,)), f"{n}.children": TensorShape("I32", (parents,))}
            parents = M
        return {prefix + name: shape for name, shape in found.items()}

    def levels(self, arrays: Mapping[str, NDArray[Any]]) -> tuple[Level, ...]:
        """Return the levels, every number of them checked.

        arrays   of the shapes that `shapes` returns
        Raises   InputError if they are no n-grams
        """
        width = self.vocabulary + 1
        levels = [
            Level(
                np.arange(width, dtype=np.int32),
                np.array([0, width], np.int64),
                arrays["1.log_prob"],
                arrays["1.log_backoff"] if self.order > 1 else np.zeros(0, np.float32),
                width,
            )
        ]
        for n in range(2, self.order + 1):
            children, tokens = arrays[f"{n}.children"], arrays[f"{n}.tokens"]
            starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(children, dtype=np.int64)])
            if (children < 0).any() or starts[-1] != len(tokens):
                raise InputError(f"n-grams of order {n}: their numbers by prefix do not add up")
            if ((tokens < 0) | (tokens >= width)).any():
                raise InputError(f"n-grams of order {n}: a token is not in the vocabulary")
            backoff = arrays[f"{n}.log_backoff"] if n < self.order else np.zeros(0, np.float32)
            levels.append(Level(tokens, starts, arrays[f"{n}.log_prob"], backoff, width))
            if (np.diff(levels[-1].keys) <= 0).any():
                raise InputError(f"n-grams of order {n}: they are not in order")
        for n, level in enumerate(levels, 1):
            shares = level.log_prob[: self.vocabulary] if n == 1 else level.log_prob  # the beginning of a line has none
            if not (np.isfinite(shares) & (shares <= HIGHEST)).all() or not (level.log_backoff <= HIGHEST).all():
                raise InputError(f"n-grams of order {n}: a logarithm is no probability's")
        return tuple(levels)
