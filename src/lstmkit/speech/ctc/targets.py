"""What the heads are to say: the units of every transcript; of words with several pronunciations, the chosen ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.speech.lexicon import Lexicon
from lstmkit.speech.units import Numbers, Units, steps_needed

PHONE = "phone"


class Labels(NamedTuple):
    """The units of a batch for a head.

    values   (sum of the lengths,) int64
    lengths  (B,) int64
    """

    values: Tensor
    lengths: Tensor


class Targets:
    """The units of transcripts for every head.

    words    of each transcript
    units    of each head, by its name
    lexicon  the pronunciations, for phones
    """

    def __init__(self, words: Sequence[Sequence[str]], units: Mapping[str, Units], lexicon: Lexicon | None) -> None:
        self.units = dict(units)
        self._fixed = {
            name: [own.encode(line) for line in words] for name, own in self.units.items() if own.kind != PHONE
        }
        phones = self.units.get(PHONE)
        spoken = phones.pronunciations(lexicon) if phones is not None and lexicon is not None else {}
        self._spoken: list[list[tuple[Numbers, ...]]] = []
        if phones is not None:
            self._spoken = [[spoken.get(word, ()) for word in line] for line in words]
        self._begins = [0]
        for line in self._spoken:
            self._begins.append(self._begins[-1] + len(line))

    @property
    def count(self) -> int:
        """Words of all transcripts whose pronunciation is chosen."""
        return self._begins[-1]

    def known(self, row: int) -> bool:
        """Return whether every head can say a transcript."""
        spoken = all(self._spoken[row]) if self._spoken else True
        return spoken and all(own[row] is not None for own in self._fixed.values())

    def shortest(self, row: int) -> int:
        """Return how many steps a transcript needs at least."""
        return max(steps_needed(self._shortest(name, row)) for name in self.units)

    def _shortest(self, name: str, row: int) -> Numbers:
        if name != PHONE:
            return self._fixed[name][row] or ()
        return self.units[name].joined([min(own, key=steps_needed) for own in self._spoken[row]])

    def of(self, name: str, row: int, chosen: Tensor) -> Numbers:
        """Return the units of a transcript for a head.

        chosen  (count,) number of the pronunciation of every word
        """
        if name != PHONE:
            return self._fixed[name][row] or ()
        own = chosen[self._begins[row] : self._begins[row + 1]].tolist()
        return self.units[name].joined([several[k] for several, k in zip(self._spoken[row], own, strict=True)])

    def labels(self, name: str, utterances: Sequence[Sequence[int]], chosen: Tensor) -> Labels:
        """Return the units of a batch for a head; an utterance is several rows one after the other."""
        found = [self.units[name].joined([self.of(name, row, chosen) for row in rows]) for rows in utterances]
        return _labels(found)

    def choose(self, row: int, log_probs: Tensor, chosen: Tensor) -> None:
        """Choose the likeliest pronunciation of every word of a transcript, given the others as they are.

        log_probs  (T, 1 + units) of the phones
        chosen     (count,), which is changed
        """
        begin = self._begins[row]
        now = chosen[begin : self._begins[row + 1]].tolist()
        tried = [(place, k) for place, own in enumerate(self._spoken[row]) for k in range(len(own)) if len(own) > 1]
        if not tried:
            return
        spellings = [
            self.units[PHONE].joined([own[k if at == place else now[at]] for at, own in enumerate(self._spoken[row])])
            for place, k in tried
        ]
        values, lengths = _labels(spellings)
        T, steps = len(log_probs), torch.full((len(tried),), len(log_probs))
        loss = functional.ctc_loss(
            log_probs.unsqueeze(1).expand(T, len(tried), -1), values, steps, lengths, reduction="none"
        )
        best: dict[int, tuple[float, int]] = {}
        for (place, k), own in zip(tried, loss.tolist(), strict=True):
            best[place] = min(best.get(place, (own, k)), (own, k))
        for place, (own, k) in best.items():
            if own < float("inf"):
                chosen[begin + place] = k


def _labels(found: Sequence[Numbers]) -> Labels:
    values = torch.tensor([number for own in found for number in own], dtype=torch.int64)
    return Labels(values, torch.tensor([len(own) for own in found], dtype=torch.int64))
