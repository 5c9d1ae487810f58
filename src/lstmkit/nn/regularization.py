"""The dropouts of recurrent layers: settings, and the drawing of masks.

Everything acts on tensors that are passed on, never on stored parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.errors import InputError
from lstmkit.ranges import PROBABILITY, check_fields, real
from lstmkit.recurrence import Masks

Rates = float | tuple[float, ...]


@dataclass(frozen=True)
class Regularization:
    """What is dropped or kept back inside a recurrent layer; every field is a probability from 0 to 1.

    zoneout            of h and of c: each unit keeps its old value; in evaluation its expected share of it
    weight_drop        of the recurrent matrix's entries, drawn once a call
    locked_dropout     of the input of each layer, of h where the recurrence reads it, and of the output of the last
                       layer; one mask a sequence, the same at every step
    recurrent_dropout  of the candidate, drawn at every step: recurrent dropout without memory loss
    Raises             InputError if a rate is no probability, or there are not as many as listed
    Source             Krueger et al. 2017; Merity, Keskar & Socher 2018; Gal & Ghahramani 2016; Semeniuta, Severyn &
                       Barth 2016
    """

    zoneout: tuple[float, ...] = (0.0, 0.0)
    weight_drop: float = 0.0
    locked_dropout: tuple[float, ...] = (0.0, 0.0, 0.0)
    recurrent_dropout: float = 0.0

    def __post_init__(self) -> None:
        names = ("zoneout", "weight_drop", "locked_dropout", "recurrent_dropout")
        check_fields(self, dict.fromkeys(names, PROBABILITY), "LSTM")

    def masks(self, like: Tensor, states: int, H: int, P: int, training: bool) -> Masks:
        """Draw the masks of a call.

        like     (T, B, I) the input: for T, B, type and device
        states   how many directions of layers there are
        H, P     widths of the cell and of the output
        """
        T, B = like.shape[:2]
        zoneout_h, zoneout_c = self.zoneout
        if not training:
            return Masks(
                *(like.new_full((states, 1, 1, n), p) if p else None for n, p in ((P, zoneout_h), (H, zoneout_c)))
            )
        state, candidate = self.locked_dropout[1], self.recurrent_dropout
        return Masks(
            zoneout_h=_chosen(like, (states, T, B, P), zoneout_h) if zoneout_h else None,
            zoneout_c=_chosen(like, (states, T, B, H), zoneout_c) if zoneout_c else None,
            candidate=_kept(like, (states, T, B, H), candidate) if candidate else None,
            state=_kept(like, (states, 1, B, P), state) if state else None,
        )

    def dropped(self, names: tuple[str, ...], weights: tuple[Tensor, ...], training: bool) -> tuple[Tensor, ...]:
        """Return the weights, with entries of the recurrent matrices dropped and the others scaled up."""
        if not (training and self.weight_drop):
            return weights
        return tuple(
            functional.dropout(w, self.weight_drop) if name.startswith("weight_hh") else w
            for name, w in zip(names, weights, strict=True)
        )


def locked(value: Tensor, rate: float, training: bool) -> Tensor:
    """Return value (T, B, F) with features of whole sequences dropped, and the others scaled up."""
    return value * _kept(value, (1, *value.shape[1:]), rate) if training and rate else value


def rates(name: str, given: Rates, count: int) -> tuple[float, ...]:
    """Return `count` rates from one number for all, or from a tuple of them; raise InputError for another number."""
    if not isinstance(given, tuple | list):
        return (float(real(f"LSTM: {name}", given, PROBABILITY)),) * count
    found = tuple(given)
    if len(found) != count:
        raise InputError(f"LSTM: {name} must be one number or {count} of them; got {len(found)}")
    return found


def _kept(like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    """Return zeros with probability `rate`, and otherwise what keeps the expectation."""
    return like.new_zeros(shape) if rate >= 1 else _chosen(like, shape, 1 - rate) / (1 - rate)


def _chosen(like: Tensor, shape: tuple[int, ...], probability: float) -> Tensor:
    """Return ones with the given probability, to a 65,536th, and zeros otherwise."""
    if probability >= 1:
        return like.new_ones(shape)
    count = 1
    for n in shape:
        count *= n
    # Four draws from each 64 random bits: several times as fast as torch.bernoulli on the CPU.
    bits = torch.randint(-(2**63), 2**63 - 1, ((count + 3) // 4,), device=like.device)
    drawn = bits.view(torch.int16)[:count] < round(probability * 2**16) - 2**15
    return drawn.to(like.dtype).view(shape)
