"""Sequences drawn at random from what a model finds likely, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lstmkit.language.translate.search.beam import Hypothesis
from lstmkit.language.translate.search.contract import Searched
from lstmkit.language.writing.sampling import SamplingSettings, draw, filtered


def draw_sequences(
    model: Searched,
    read: Sequence[int],
    limits: Sequence[int],
    settings: SamplingSettings,
    generators: Sequence[np.random.Generator],
    prefixes: Sequence[Sequence[int]] | None = None,
    banned: Sequence[int] = (),
) -> list[Hypothesis]:
    """Return a sequence drawn for each of those to be written, scored by the logarithm of its probability.

    read        steps of what each is written of
    limits      tokens that each has at most
    settings    temperature and how many tokens are drawn from
    generators  one of each, so that a sequence does not depend on which others are written with it
    prefixes    tokens with which each begins
    banned      tokens that are never drawn
    """
    begun: Sequence[Sequence[int]] = [()] * len(read) if prefixes is None else prefixes
    written: list[list[int]] = [[] for _ in read]
    log_probs = [0.0] * len(read)
    attended: list[list[Any]] = [[] for _ in read]
    ended = [False] * len(read)
    left = list(range(len(read)))
    with torch.inference_mode():
        context = model.begin(1) if left else None
        while left:
            likely = model.next_log_probs(context).numpy()
            weights = model.attention(context)
            tokens, kept = [], []
            for k, s in enumerate(left):
                at = len(written[s])
                forced = at < len(begun[s])
                token = begun[s][at] if forced else draw(filtered(likely[k], settings, banned), generators[s])
                if token == model.end:
                    log_probs[s] += float(likely[k, token])
                    ended[s] = True
                elif at < max(limits[s], len(begun[s])):
                    log_probs[s] += float(likely[k, token])
                    written[s].append(int(token))
                    if weights is not None:
                        attended[s].append(weights[k, : read[s]].numpy().copy())
                    kept.append(k)
                    tokens.append(int(token))
            left = [left[k] for k in kept]
            if left:
                context = model.advance(model.chosen(context, torch.tensor(kept), 1), torch.tensor(tokens))
    return [
        Hypothesis(
            np.array(written[s], dtype=np.int64),
            log_probs[s],
            log_probs[s],
            np.array(attended[s], dtype=np.float32).reshape(len(written[s]), read[s]) if attended[s] else None,
            ended[s],
        )
        for s in range(len(read))
    ]
