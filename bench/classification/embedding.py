"""Where the nearest neighbour is strong: is it stronger in what the network makes of a sequence, or are more views?

Within the training part alone (the folds of `sequences.py --inner`), one seed: the network's own answer; the nearest
training sequence by the cosine of what the pooling gives; the nearest by the cosine of the head's hidden layer; the
network's mean answer over seven views that are stretched by a fifth at most; the nearest neighbour by time warping on
the same features; and the mean of the network's answer and that neighbour's.

Writes bench/results/sequences-embedding.txt:

    python -m bench.classification.embedding
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.classification.sequences import CHOSEN, coding_of, fit, inner_folds
from bench.classification.sets import NAMES, Set, read_set
from bench.machine import header, write
from lstmkit import SequenceClassifier
from lstmkit.classification.classifier.yardsticks import NEAREST, tell
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length

VIEWS = (-0.2, -0.13, -0.07, 0.0, 0.07, 0.13, 0.2)
WAYS = (
    "the network",
    "nearest by cosine, what is pooled",
    "nearest by cosine, the head's layer",
    "the network over seven views",
    "nearest neighbour, time warped",
    "the network and that neighbour",
)


class Vectors(NamedTuple):
    """What a network makes of sequences.

    pooled   (N, D) what the steps become together
    hidden   (N, H) of the head
    answers  (N, K) probabilities
    """

    pooled: NDArray[np.float32]
    hidden: NDArray[np.float32]
    answers: NDArray[np.float32]


def vectors(classifier: SequenceClassifier, frames: Ragged) -> Vectors:
    """Return what the network of a classifier makes of sequences."""
    network = classifier.network_.networks[0]
    found: list[tuple[NDArray[np.int64], list[NDArray[np.float32]]]] = []
    with torch.no_grad():
        for rows in batches_by_length(frames.lengths, 1 << 14):
            pooled, _ = network.encoder(frames.batch(rows))
            hidden = network.head[:3](pooled)
            own = (pooled, hidden, network.head[3:](hidden).softmax(dim=1))
            found.append((rows, [one.numpy() for one in own]))
    order = np.argsort(np.concatenate([rows for rows, _ in found]))
    return Vectors(*(np.concatenate([own[k] for _, own in found])[order] for k in range(3)))


def nearest(rows: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the row of the reference that has the largest cosine with each row."""
    own, other = (one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9) for one in (rows, references))
    return np.asarray((own @ other.T).argmax(axis=1))


def stretched(frames: Ragged, share: float) -> Ragged:
    """Return sequences that are longer by a share of their steps."""
    if not share:
        return frames
    made = []
    for row in range(len(frames)):
        own = frames[row]
        places = np.linspace(0, len(own) - 1, max(1, round(len(own) * (1 + share))))
        made.append(np.stack([np.interp(places, np.arange(len(own)), column) for column in own.T], axis=1))
    return Ragged.of(made, frames.values.shape[1])


def right(given: Set) -> list[float]:
    """Return the share that each of `WAYS` tells right, over all folds."""
    coding, rows = coding_of(given.training), given.training
    how = dataclasses.replace(CHOSEN[given.name], ensemble=1)
    counts, total = np.zeros(len(WAYS)), 0
    for learnt, left in inner_folds(given):
        test = rows.select(left)
        found = fit(how, rows.select(learnt), test, (0,))
        truth, known = coding.truth(test.labels or []), coding.truth(rows.select(learnt).labels or [])
        own, references = vectors(found.first, test.frames), vectors(found.first, rows.select(learnt).frames)
        warped = tell(found.first, found.divided, coding).answers[NEAREST]
        views = np.mean([vectors(found.first, stretched(test.frames, share)).answers for share in VIEWS], axis=0)
        answers = (
            own.answers.argmax(axis=1),
            known[nearest(own.pooled, references.pooled)],
            known[nearest(own.hidden, references.hidden)],
            views.argmax(axis=1),
            warped.argmax(axis=1),
            (own.answers + 0.5 * warped).argmax(axis=1),
        )
        counts += [(one == truth).sum() for one in answers]
        total += len(truth)
    return (100 * counts / total).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--trial", action="store_true", help="print the result and keep no file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = ("JapaneseVowels", "BasicMotions", "GunPoint", "UTD-MHAD") if given.only is None else (given.only,)
    lines = []
    for name in names:
        shares = right(read_set(name))
        lines += [name, *(f"  {way:40}{share:7.2f} %" for way, share in zip(WAYS, shares, strict=True)), ""]
        print("\n".join(lines[-len(WAYS) - 2 :]), flush=True)
    if not given.trial:
        write("sequences-embedding.txt", [*header("Neighbours and views, within the training parts", {}), "", *lines])


if __name__ == "__main__":
    main()
