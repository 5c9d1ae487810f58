"""What networks write of many sequences that are read: batches of like lengths, searched or drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lstmkit.language.translate.network.network import TranslationNetwork
from lstmkit.language.translate.search.beam import Hypothesis, SearchSettings, beam_search
from lstmkit.language.translate.search.contract import NetworkSearched, Searched, TogetherSearched
from lstmkit.language.translate.search.drawing import draw_sequences
from lstmkit.language.writing.sampling import SamplingSettings
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length

AT_ONCE, STEPS_AT_ONCE = 512, 1 << 13
"""Rows that are written side by side, and steps that are read, at most."""


def write_sequences(
    networks: Sequence[TranslationNetwork],
    source: Ragged,
    search: SearchSettings,
    sampling: SamplingSettings | None = None,
    seed: int = 0,
    prefix: Sequence[int] = (),
    banned: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Return for every sequence that is read the best ways to write another of it, the best first.

    networks  of the same tokens; of several the mean of their probabilities counts
    source    ids or frames
    sampling  None: the best that the search finds; else one is drawn of what is likely
    seed      of what is drawn
    prefix    tokens with which everything begins
    banned    tokens that are never written, but for those of the prefix
    """
    found: list[list[Hypothesis]] = [[] for _ in range(len(source))]
    width = 1 if sampling is not None else search.followed
    generators = np.random.default_rng(seed).spawn(len(source)) if sampling is not None else []
    for network in networks:
        network.eval()
    for rows in batches_by_length(source.lengths, source.bounded(STEPS_AT_ONCE), max(1, AT_ONCE // width)):
        batch = source.batch(rows)
        with torch.inference_mode():
            models: list[Searched] = [NetworkSearched(own, own.read(batch)) for own in networks]
        model = models[0] if len(models) == 1 else TogetherSearched(models)
        read, prefixes = batch.lengths.tolist(), [prefix] * len(rows)
        if sampling is None:
            best = beam_search(model, read, search, prefixes, banned)
        else:
            limits = [search.limit(steps) for steps in read]
            own = [generators[row] for row in rows.tolist()]
            best = [[one] for one in draw_sequences(model, read, limits, sampling, own, prefixes, banned)]
        for row, hypotheses in zip(rows.tolist(), best, strict=True):
            found[row] = hypotheses
    return found
