"""How many networks should answer, and which of them should have filters before the recurrent layers?

Within the training part alone: a part of it is learnt from, as small as sets of sequences often are, and the rest is
told by three networks of the defaults and by two with filters over nine steps, each from a seed of its own; and by
means of several of their answers. F is a network with filters, P a plain one.

Writes bench/results/sequences-networks.txt:

    python -m bench.classification.networks
    python -m bench.classification.networks --only GunPoint --divisions 3 --trial
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata

import numpy as np
import torch

from bench.classification.sequences import CHOSEN, coding_of, fit
from bench.classification.sets import Set, read_set
from bench.machine import header, write
from lstmkit.sequences import fold_numbers

SHARES = {"GunPoint": (2, 5), "BasicMotions": (2, 4), "JapaneseVowels": (2, 5)}
"""Folds of the training part that are learnt from, of how many."""
MEANS = ("PP", "PPP", "FF", "PF", "PFP", "PFPFP")

NOTES = """
Before, in the same way: GunPoint, four divisions, two seeds each: P 96.25 % (86.7 to 100), F 99.58 % (96.7 to 100),
means of two 98.33 and 99.17 %; with filters over five steps 99.17 %, with the frames beside what nine give 98.33 %
(one seed). JapaneseVowels, 108 to learn from, 162 to tell, one division: P 96.91 %, F 94.44 %, PP and PPP 98.15 %,
PFP 96.91 %; with the frames beside the filters 96.91 % where P had 97.53 % (two divisions). Skeletons, two subjects
by two: P 93.49 %, F 92.56 % in twice the time. A bias that the forget gate begins with (no average, no final fit):
GunPoint 96.67 % without, 91.67 % with 1, 66.67 % with 3, 69.44 % spread over the time scales of the sequence: what
helps is to see short shapes, not to remember for longer. So of several networks every second has filters, where
sequences are long.
"""


def shares(given: Set, divisions: int) -> list[str]:
    """Return a line for a network by itself, and for each mean of several."""
    rows, (some, folds) = given.training, SHARES[given.name]
    truth = coding_of(rows).truth(rows.labels or [])
    found: dict[str, list[tuple[float, float]]] = {}
    for division in range(divisions):
        numbers = fold_numbers(truth, folds, division, rows.groups)
        parts = [rows.select(np.flatnonzero(own)) for own in (numbers < some, numbers >= some)]
        told = truth[numbers >= some]
        answers = {
            kind: list(fit(how, *parts, range(10 * division, 10 * division + count)).answers)
            for kind, count, how in (
                ("P", 3, dataclasses.replace(CHOSEN[given.name], ensemble=1)),
                ("F", 2, dataclasses.replace(CHOSEN[given.name], ensemble=1, convolution=9)),
            )
        }
        several = {mean: [answers[kind][mean[:k].count(kind)] for k, kind in enumerate(mean)] for mean in MEANS}
        for name, own in [(kind, [one]) for kind in "PF" for one in answers[kind]] + list(several.items()):
            mean = np.mean(own, axis=0)
            entropy = -np.log(np.maximum(mean[np.arange(len(told)), told], 1e-12)).mean()
            found.setdefault(name, []).append((100 * float((mean.argmax(axis=1) == told).mean()), float(entropy)))
    sizes = f"{len(parts[0])} to learn from, {len(parts[1])} to tell"
    lines = [f"{given.name}: {sizes}, {divisions} division{'s' if divisions > 1 else ''}"]
    for name, scores in found.items():
        accuracy, entropy = np.array(scores).T
        lines.append(f"  {name:7}{accuracy.mean():7.2f} %   least {accuracy.min():5.1f}   entropy {entropy.mean():.3f}")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(SHARES))
    parser.add_argument("--divisions", type=int, default=1)
    parser.add_argument("--trial", action="store_true", help="print the result and keep no file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines: list[str] = []
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy")}
    for name in SHARES if given.only is None else (given.only,):
        lines += shares(read_set(name), given.divisions)
        print("\n".join(lines), flush=True)
        if not given.trial:  # after each set, so that nothing is lost
            title = "Networks with and without filters, within the training parts, one thread"
            write("sequences-networks.txt", [*header(title, versions), NOTES, *lines])


if __name__ == "__main__":
    main()
