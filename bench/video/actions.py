"""How well is told what is done in real clips and by real bodies, beside simple methods that read the same frames?

    python -m bench.video.actions fights --features flow [--seeds 5] [--mirror] [--set NAME=VALUE ...]
    python -m bench.video.actions skeletons | depth --features grid --region moving --mirror | clips
    python -m bench.video.actions depth --features grid --region moving --mirror --inner

fights     150 clips of surveillance cameras, fight or none: five folds by the film that a clip is cut from, divided
           anew with every seed. Beside functionals stands pooling: mean and mean absolute difference of every number
           over the clip, with logistic regression, chosen within the training part
skeletons  27 actions of UTD-MHAD: learnt from subjects 1 3 5 7, tested on 2 4 6 8, which err together by subject and
           action; beside them the nearest neighbour, time warped
depth      five of these actions as grey videos of how far away things are: learnt and tested likewise; with --inner
           each person learnt from is told by the others, and the test part is not read
clips      nine clips of all kinds: decoded twice, in two processes of their own, and compared

Writes bench/results/video-NAME.txt.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from numpy.typing import NDArray

from bench.classification.sequences import coding_of, compared, fit, said, table
from bench.machine import header, write
from bench.video import sets
from lstmkit.classification.baselines import LinearAnswers
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.classifier.yardsticks import CONSTANT, FUNCTIONALS, Divided, tell
from lstmkit.classification.linear import Dense
from lstmkit.classification.reading import Labelled
from lstmkit.cli.parameters import given_settings
from lstmkit.sequences import Ragged, fold_numbers, one_group_out
from lstmkit.video import ActionClassifier, PictureSettings, SkeletonSettings
from lstmkit.video.classifier import usual_settings
from lstmkit.video.joints import LAYOUTS
from lstmkit.video.rows import Asked

FOLDS = 5
STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
POOLED = "pooled"
Floats = NDArray[np.float64]


def pooled(frames: Ragged) -> Floats:
    """Return mean and mean absolute difference of every number over each clip, (S, 2 C)."""
    found = []
    for row in range(len(frames)):
        own = frames[row].astype(np.float64)
        found.append(np.concatenate([own.mean(axis=0), np.abs(np.diff(own, axis=0)).mean(axis=0)]))
    return np.stack(found)


def pooling(parts: Divided, classifier: SequenceClassifier) -> Floats:
    """Return what pooled numbers say of a test part: shrunk as validation says, then fitted anew."""
    rows, held, test = (pooled(part.frames) for part in (parts.training, parts.validation, parts.test))
    targets, wanted = (
        classifier.coding_.targets(part.labels or [], "bench") for part in (parts.training, parts.validation)
    )
    both = np.concatenate([rows, held])

    def standard(own: Floats, beside: Floats) -> Dense:
        mean, spread = own.mean(axis=0), own.std(axis=0)
        return Dense((beside - mean) / np.where(spread > 0, spread, 1.0))

    count = classifier.coding_.outputs
    own = (standard(rows, rows), targets, standard(rows, held), wanted, count, STRENGTHS)
    chosen = LinearAnswers.fit(*own).strength
    again = (standard(both, both), torch.cat([targets, wanted]), standard(both, held), wanted, count, (chosen,))
    return LinearAnswers.fit(*again).answers(standard(both, test))


def in_folds(rows: Labelled, settings: SequenceSettings, seeds: int, begin: int = 0) -> list[str]:
    """Score in folds of whole groups, divided anew with every seed."""
    coding = coding_of(rows)
    truth, begun = coding.truth(rows.labels or []), time.process_time()
    names = ("network", FUNCTIONALS, POOLED, CONSTANT)
    answers = {name: np.zeros((seeds, len(rows), coding.outputs)) for name in names}
    for seed in range(seeds):
        numbers = fold_numbers(truth, FOLDS, begin + seed, rows.groups)
        for fold in range(FOLDS):
            tested = np.flatnonzero(numbers == fold)
            found = fit(settings, rows.select(np.flatnonzero(numbers != fold)), rows.select(tested), (begin + seed,))
            others = tell(found.first, found.divided, coding, near=False).answers
            answers["network"][seed, tested] = found.answers[0]
            answers[POOLED][seed, tested] = pooling(found.divided, found.first)
            for name in (FUNCTIONALS, CONSTANT):
                answers[name][seed, tested] = others[name]
        shares = {name: 100 * (own[seed].argmax(axis=1) == truth).mean() for name, own in answers.items()}
        print(f"seed {seed}: " + ", ".join(f"{name} {share:.1f} %" for name, share in shares.items()), flush=True)
    lines = []
    for name, own in answers.items():
        shares = 100 * (own.argmax(axis=2) == truth).mean(axis=1)
        line = f"  {name:24}{shares.mean():7.2f} %   {shares.min():.1f} to {shares.max():.1f}, {seeds} seeds"
        if name in (FUNCTIONALS, POOLED):
            mean = answers["network"].mean(axis=0), own.mean(axis=0)
            line += f"; seeds averaged, the network is ahead by {compared(truth, *mean, rows.groups)}"
        lines.append(line)
    together = 100 * (answers["network"].mean(axis=0).argmax(axis=1) == truth).mean()
    networks, spent = found.first.shape_.networks, (time.process_time() - begun) / 60 / seeds
    return [
        f"{len(rows)} clips of {len(set(rows.groups or []))} films, {FOLDS} folds; {said(settings)}",
        f"  {spent:.2f} processor minutes a seed with all yardsticks, the mean of {networks} networks in every fold",
        *lines,
        f"  {'networks of all seeds':24}{together:7.2f} %",
    ]


def by_person(rows: Labelled, settings: SequenceSettings, seeds: int, near: bool) -> list[str]:
    """Learn from odd persons, test on even ones."""
    odd = np.array([int(group.removeprefix("s")) % 2 == 1 for group in rows.groups or []])
    training, test = rows.select(np.flatnonzero(odd)), rows.select(np.flatnonzero(~odd))
    found = fit(settings, training, test, tuple(range(seeds)))
    coding = coding_of(training)
    others = tell(found.first, found.divided, coding, near).answers
    together = [f"{group} {label}" for group, label in zip(test.groups or [], test.labels or [], strict=True)]
    return [
        f"{len(training)} to learn from, {len(test)} to test, {coding.outputs} classes; {said(settings)}",
        f"  {np.mean(found.seconds) / 60:.2f} processor minutes a seed",
        *table(coding.truth(test.labels or []), found.answers, others, together),
    ]


def within(rows: Labelled, settings: SequenceSettings, seeds: int) -> list[str]:
    """Tell each odd person by the other odd ones."""
    odd = rows.select(np.array([k for k, own in enumerate(rows.groups or []) if int(own.removeprefix("s")) % 2 == 1]))
    coding = coding_of(odd)
    truth = coding.truth(odd.labels or [])
    answers = np.zeros((seeds, len(odd), coding.outputs))
    for _, learnt, left in one_group_out(odd.groups or []):
        answers[:, left] = fit(settings, odd.select(learnt), odd.select(left), tuple(range(seeds))).answers
    shares = 100 * (answers.argmax(axis=2) == truth).mean(axis=1)
    together = 100 * (answers.mean(axis=0).argmax(axis=1) == truth).mean()
    entropy = -np.log(np.maximum(answers[:, np.arange(len(truth)), truth], 1e-12)).mean()
    spread = ", ".join(f"{share:.1f}" for share in shares)
    return [
        f"{shares.mean():.2f} % ({spread}), averaged {together:.2f} %, cross-entropy {entropy:.3f}; {said(settings)}"
    ]


def clips() -> list[str]:
    """Decode clips of all kinds twice, each time in a process of its own."""
    files = sorted((sets.data() / "msvd_captions").glob("clips*/*"))
    program = (
        "import hashlib, sys; from pathlib import Path; from lstmkit.video import PictureSettings, picture_frames\n"
        "for name in sys.argv[1:]:\n"
        "    seen = picture_frames(Path(name), PictureSettings())\n"
        "    print(hashlib.sha256(seen.values.tobytes()).hexdigest()[:16], len(seen.times), f'{seen.times[-1]:.2f}')"
    )
    command = [sys.executable, "-c", program, *map(str, files)]
    begun = sum(os.times()[2:4])  # the processor's seconds of processes that were started and have ended
    first, second = (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines() for _ in range(2)
    )
    pictures = sum(int(line.split()[1]) for line in first)
    spent = (sum(os.times()[2:4]) - begun) / 2 / pictures
    lines = [f"  {path.name:28}{line}" for path, line in zip(files, first, strict=True)]
    same = "the same" if first == second else "NOT the same"
    head = (
        f"{len(files)} clips, {pictures} pictures, {1000 * spent:.0f} processor ms each, decoding and start included; "
        f"{same} in two processes"
    )
    return [head, "  file, digest of the frames, pictures, seconds", *lines]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=("fights", "skeletons", "depth", "clips"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--features", default="both")
    parser.add_argument(
        "--mirror", action="store_true", help="clips are seen in a mirror, too, while they are learnt from"
    )
    parser.add_argument("--inner", action="store_true", help="of depth: the test part is not read; writes nothing")
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--region", default="whole", help="of videos: whole, or moving: where things move")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    parser.add_argument("--trial", action="store_true", help="write nothing")
    asked = parser.parse_args()
    fitting = {"--inner": ("depth",), "--first": ("fights",), "--mirror": ("fights", "depth")}
    given = {"--inner": asked.inner, "--first": asked.first > 0, "--mirror": asked.mirror}
    for option, names in fitting.items():
        if given[option] and asked.name not in names:
            parser.error(f"{option}: of {' and '.join(names)} alone; leave it out")
    torch.set_num_threads(1)
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "av")}
    top = [*header(f"Video: {asked.name}, one thread", versions), ""]
    bodies = asked.name == "skeletons"
    if asked.name in ("fights", "depth"):
        region = ", the region in which things move" if asked.region == "moving" else ""
        top.append(f"features {asked.features}, {asked.rate:g} pictures a second{region}")
    own = given_settings(SequenceSettings, asked.set, "a classifier of sequences")
    frames = (
        SkeletonSettings(LAYOUTS["kinect20"])
        if bodies
        else PictureSettings(asked.features, asked.rate, region=asked.region)
    )
    settings = SequenceSettings(**{**usual_settings(frames), **own})
    if asked.mirror and isinstance(frames, PictureSettings):
        settings = dataclasses.replace(settings, mirror=frames.mirror)
    with tempfile.TemporaryDirectory() as inner:
        folder = Path(inner)
        if asked.name == "clips":
            lines = clips()
        elif bodies:
            action = ActionClassifier(settings, frames)
            rows, _ = action.rows(sets.skeletons(folder), Asked("label", "person"))
            lines = by_person(rows, settings, asked.seeds, near=True)
        else:
            action = ActionClassifier(settings, frames)
            given = sets.fights(folder) if asked.name == "fights" else sets.depth(folder)
            rows, _ = action.rows(given, Asked("label", "film" if asked.name == "fights" else "person"))
            if asked.name == "fights":
                lines = in_folds(rows, settings, asked.seeds, asked.first)
            elif asked.inner:
                lines = within(rows, settings, asked.seeds)
            else:
                lines = by_person(rows, settings, asked.seeds, near=False)
    if asked.trial or asked.inner:
        print("\n".join([*top, *lines]))
    else:
        write(f"video-{asked.name}.txt", [*top, *lines])


if __name__ == "__main__":
    main()
