"""From tunes to a network and n-grams that foresee their events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.language.neural import LanguageNetwork, LanguageSettings
from lstmkit.language.neural.clues import told_all
from lstmkit.language.neural.fitting import fit_network, token_counts
from lstmkit.language.neural.pace import plan_for
from lstmkit.language.ngrams import NGramModel
from lstmkit.music.events.clues import TuneClues
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.training import EpochRecord, threads_for

ORDERS = 4
"""In how many different orders the tunes stand one after the other in the text that is learnt from."""

MOST_COLUMNS, LEAST_WINDOW, STEPS = 6, 32, 50
"""Rows that are read side by side at most, events that gradients flow through at least, and steps of a pass if these
let it: few tunes are not learnt by a handful of steps."""

SETTINGS = LanguageSettings(
    embedding_size=128,
    hidden_size=256,
    input_dropout=0.1,
    hidden_dropout=0.35,
    output_dropout=0.35,
    weight_drop=0.2,
    window=256,
    epochs=16,
    learning_rate=4e-3,
    weight_decay=0.01,
    patience=None,
)


def text_of(tokens: EventTokens, tunes: Sequence[Sequence[str]], orders: int, seed: int) -> NDArray[np.int32]:
    """Return tunes one after the other, in as many different orders, each with its end."""
    ids = [np.append(tokens.ids_of(one), tokens.end).astype(np.int32) for one in tunes]
    random = np.random.default_rng(seed)
    return np.concatenate([ids[k] for _ in range(orders) for k in random.permutation(len(ids)).tolist()])


def fit_events(
    tokens: EventTokens,
    train: Sequence[Sequence[str]],
    valid: Sequence[Sequence[str]],
    settings: LanguageSettings,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    clues: TuneClues | None = None,
) -> tuple[LanguageNetwork, list[EpochRecord]]:
    """Return a network that was trained on events, and the records of its passes over the tunes.

    settings    `epochs` are passes over the tunes; the one that foresees the validation tunes best is kept
    checkpoint  file for the state of the training after every pass
    resume      continue from the checkpoint, if there is one
    clues       what the network is told beside every event, or None
    """
    orders = min(ORDERS, settings.epochs)
    text = text_of(tokens, train, orders, seed)
    how = replace(settings, epochs=-(-settings.epochs // orders), rounds=orders)
    how = replace(how, patience=how.epochs * orders if settings.patience is None else settings.patience)
    if how.columns is None:
        how = paced(how, len(text) // orders)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LanguageNetwork(len(tokens.symbols), how, None if clues is None else clues.sizes)
    network.softmax.start_from(torch.from_numpy(token_counts(text, network.vocabulary)))
    if clues is not None and network.clues is not None:
        once = text[: len(text) // orders]  # all tunes in one order
        network.clues.start_from(told_all(clues, once)[:-1], once)
    history = []
    with threads_for(how.hidden_size):
        plan = plan_for(how, len(text))
        held = text_of(tokens, valid, 1, seed)
        kept = None if checkpoint is None else (checkpoint, _fingerprint(how, text, held, seed, clues))
        for record in fit_network(network, text, held, tokens.end, plan, seed, None, kept, resume, clues):
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
    return network.eval(), history


def paced(how: LanguageSettings, events: int) -> LanguageSettings:
    """Return settings with rows, and for few events a window, that leave some steps for each pass over the tunes.

    events  of all tunes together
    """
    columns = min(MOST_COLUMNS, max(1, events // (STEPS * how.window)))
    window = min(how.window, max(LEAST_WINDOW, events // (STEPS * columns)))
    return replace(how, columns=columns, window=window)


def _fingerprint(
    how: LanguageSettings, text: NDArray[np.int32], held: NDArray[np.int32], seed: int, clues: TuneClues | None
) -> dict[str, Any]:
    """Return what a checkpoint belongs to: settings, seed, clues, and digests of the tunes."""
    digest = hashlib.sha256(text.tobytes() + held.tobytes()).hexdigest()[:16]
    own = {"tunes": digest, "seed": seed, "clues": clues is not None}
    return own | {f"settings.{name}": value for name, value in asdict(how).items()}


def count_events(tokens: EventTokens, train: Sequence[Sequence[str]], order: int) -> NGramModel:
    """Return the n-grams of tunes, each of which begins anew."""
    return NGramModel.fit(text_of(tokens, train, 1, 0), len(tokens.symbols), order, tokens.end)
