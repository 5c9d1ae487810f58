"""Weights of heads, language model and bonus, and the curve of confidence, chosen on a validation part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.speech.decoding.candidates import Candidate, DecodingSettings
from lstmkit.speech.decoding.decoder import Decoder, Posterior, logistic, logit
from lstmkit.speech.scoring import INSERTED, SAME, SUBSTITUTED, align, distance, words_of

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

ROUNDS = 2
"""That searching and choosing take turns."""
DRAWN = 400
"""Weights that are tried at random, and half as many near the best."""
LANGUAGE, BONUS = 2.0, 3.0
"""Ends of what is tried."""
BINS = 5
"""Of the table of confidences."""
PULL = 8.0
"""Errors that weights must save which are far from equal heads, half the language model and no bonus.

With less, what was chosen on one network's validation part was worse for another than what nothing was chosen for
(bench.speech.weights)."""
PRIOR = 1.0
"""By how much slope and offset are held to 1 and 0."""


@dataclass(frozen=True)
class Fitted:
    """What was chosen, and what it reaches on the part that it was chosen on.

    settings     the weights and the curve
    wer          word error rate
    reliability  for some ranges of confidence: its mean, the share of words that are right, and how many there are
    """

    settings: DecodingSettings
    wer: float
    reliability: tuple[tuple[float, float, int], ...]


def fit_decoding(
    decoder: Decoder, emissions: Sequence[Mapping[str, Floats]], texts: Sequence[str], seed: int = 0
) -> Fitted:
    """Choose weights by the words that are wrong, and then the curve of confidence.

    decoder    where to begin
    emissions  of each recording of the validation part
    texts      what is said in each
    Raises     InputError if there is no recording, no word, or their numbers differ
    """
    truths = [tuple(words_of(text)) for text in texts]
    if len(emissions) != len(texts) or not sum(map(len, truths)):
        raise InputError(
            f"decoding: weights need a text for each of {len(emissions)} recordings, with words; got {len(texts)} "
            f"texts of {sum(map(len, truths))} words"
        )
    pools: list[dict[tuple[str, ...], Candidate]] = [{} for _ in texts]
    tried: list[tuple[int, Decoder, list[Posterior]]] = []
    for number in range(ROUNDS + 1):
        said = []
        for pool, own in zip(pools, emissions, strict=True):
            new = decoder.pool(own)
            pool |= {one.words: one for one in new}
            said.append(decoder.posterior(new))
        errors = sum(distance(truth, one.words) for one, truth in zip(said, truths, strict=True))
        tried.append((errors, decoder, said))
        if number < ROUNDS:
            tables = [_Table.of(tuple(pool.values()), truth) for pool, truth in zip(pools, truths, strict=True)]
            decoder = decoder.with_settings(_chosen(decoder, tables, np.random.default_rng(seed + number)))
    # Other weights find other candidates: what was chosen must hold in a search of its own.
    errors, decoder, found = min(reversed(tried), key=lambda one: one[0])
    sure = np.array([p for one in found for p in one.probabilities])
    right = np.array([r for one, truth in zip(found, truths, strict=True) for r in _right(one.words, truth)])
    slope, offset = fit_curve(sure, right)
    settings = replace(decoder.settings, heads=dict(decoder.judges.shares), slope=slope, offset=offset)
    told = logistic(slope * logit(sure) + offset)
    return Fitted(settings, errors / sum(map(len, truths)), reliability(told, right))


def _right(words: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """Return whether each word that was found is right."""
    return [edit.kind == SAME for edit in align(truth, words) if edit.kind in (SAME, SUBSTITUTED, INSERTED)]


@dataclass(frozen=True)
class _Table:
    """The candidates of a recording, as numbers: what heads, language model, words and hotwords say; and the errors."""

    values: Doubles
    errors: Doubles

    @classmethod
    def of(cls, candidates: Sequence[Candidate], truth: Sequence[str]) -> _Table:
        rows = [(*one.sounds, one.language, len(one.words), one.hot) for one in candidates]
        return cls(np.array(rows), np.array([distance(truth, one.words) for one in candidates], np.float64))

    def cost(self, weights: Doubles) -> float:
        """Return the errors of the best, and those that are to be expected, half of each: the latter are smooth."""
        scores = self.values @ weights
        shares = np.exp(scores - scores.max())
        return float(0.5 * self.errors[scores.argmax()] + 0.5 * (shares @ self.errors) / shares.sum())


def _chosen(decoder: Decoder, tables: Sequence[_Table], generator: np.random.Generator) -> DecodingSettings:
    """Return the settings of which the fewest errors are to be expected."""
    settings, names = decoder.settings, list(decoder.heads)
    shares = decoder.judges.shares
    free, usual = decoder.weighing.predictor is not None, DecodingSettings()

    def cost(row: Doubles) -> float:
        heads = row[: len(names)] / row[: len(names)].sum()
        far = len(names) * float(((heads - 1 / len(names)) ** 2).sum())
        far += float((row[-2] - usual.language) ** 2 + ((row[-1] - usual.bonus) / BONUS) ** 2)
        return PULL * far + sum(
            table.cost(np.array([*heads, row[-2] if free else 0.0, row[-1], 1.0])) for table in tables
        )

    best = np.array([*shares.values(), settings.language, settings.bonus])
    least = cost(best)
    for trial in range(DRAWN + DRAWN // 2):
        if trial < DRAWN:
            heads = generator.dirichlet(np.ones(len(names)))
            tried = np.array([*heads, generator.uniform(0, LANGUAGE), generator.uniform(-BONUS, BONUS)])
        else:
            tried = best + generator.normal(0, 0.1, len(best)) * np.array([*[1.0] * (len(names) + 1), 3.0])
            tried[:-1] = np.maximum(tried[:-1], 0.0)
            if not tried[: len(names)].sum():
                continue
        found = cost(tried)
        if found < least:
            best, least = tried, found
    heads = best[: len(names)] / best[: len(names)].sum()
    return replace(
        settings,
        heads=dict(zip(names, heads.tolist(), strict=True)),
        language=float(best[-2]) if free else settings.language,
        bonus=float(best[-1]),
    )


def fit_curve(probabilities: Doubles, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of the logistic curve over log-odds under which what was right is most likely.

    The slope is never negative, so that what is more probable is more trusted.

    Source  Platt 1999; by Newton's steps
    """
    x = np.stack([logit(probabilities), np.ones(len(probabilities))], axis=1)
    y, usual = right.astype(np.float64), np.array([1.0, 0.0])
    held = PRIOR * np.eye(2)
    weights = usual.copy()
    for _ in range(50):
        p = logistic(x @ weights)
        gradient = x.T @ (y - p) - held @ (weights - usual)
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + held, gradient)
        weights = weights + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    if weights[0] < 0:
        share = np.clip((y.sum() + 0.5) / (len(y) + 1), 1e-3, 1 - 1e-3)
        return 0.0, float(np.log(share / (1 - share)))
    return float(weights[0]), float(weights[1])


def reliability(
    confidences: Doubles, right: NDArray[np.bool_], bins: int = BINS
) -> tuple[tuple[float, float, int], ...]:
    """Return for parts of like confidence, with as many words each: its mean, the share that is right, and how many."""
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple((float(confidences[part].mean()), float(right[part].mean()), len(part)) for part in parts)
