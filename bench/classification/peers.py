"""What does somebody get on the same divisions who takes MiniRocket, or an LSTM-FCN in plain PyTorch?

Each contestant runs as a process of its own, MiniRocket in an environment of its own, on one thread. It is given the
sequences of a set as `sequences.py` divides it, with the features that our network and its yardsticks get
(differences, displacement), standardised by the training part. Neither takes unequal lengths: MiniRocket gets them
stretched to the longest of the training part, the LSTM-FCN with zeros at the end, as its authors do it.

Writes bench/results/sequences-peers.txt:

    python -m bench.classification.peers
    python -m bench.classification.peers --only GunPoint --trial
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.classification.sequences import CHOSEN
from bench.classification.sets import NAMES, read_set
from bench.machine import ROOT, header, write
from bench.tutorial.run import THREAD_VARIABLES
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.sequences import Normalisation, Ragged

WORKERS = {"MiniRocket": ("with_minirocket", "classification"), "LSTM-FCN": ("with_torch", None)}
SEEDS = {"MiniRocket": 5, "LSTM-FCN": 2}


def features(frames: Ragged, training: Ragged, settings: SequenceSettings) -> list[NDArray[np.float32]]:
    """Return what our network reads of sequences, (T, F) each."""
    own = settings.features
    scale = Normalisation(own.groups * training.values.shape[1], settings.normalise, own.groups)
    scale.fit(own.of(training))
    found = scale.of(own.of(frames))
    return [np.asarray(found[row]) for row in range(len(found))]


def stretched(sequences: list[NDArray[np.float32]], steps: int) -> NDArray[np.float32]:
    """Return sequences (N, F, steps), values between two steps lying on the line between them."""
    rows = []
    for own in sequences:
        places = np.linspace(0, len(own) - 1, steps)
        rows.append(np.stack([np.interp(places, np.arange(len(own)), column) for column in own.T]))
    return np.stack(rows).astype(np.float32)


def padded(sequences: list[NDArray[np.float32]], steps: int) -> NDArray[np.float32]:
    """Return sequences (N, F, steps) with zeros at the end; longer ones are cut."""
    found = np.zeros((len(sequences), sequences[0].shape[1], steps), np.float32)
    for row, own in enumerate(sequences):
        found[row, :, : len(own)] = own[:steps].T
    return found


def run(label: str, task: dict[str, Any], environments: Path) -> dict[str, Any]:
    """Run a worker; return its report, or why there is none."""
    module, environment = WORKERS[label]
    python = sys.executable if environment is None else str(environments / environment / "bin" / "python")
    variables = os.environ | dict.fromkeys((*THREAD_VARIABLES, "NUMBA_NUM_THREADS"), "1")
    command = [python, "-m", f"bench.classification.{module}", json.dumps(task)]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"report"')]
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        return {"failed": f"exit code {done.returncode}: {said[-200:]}"}
    return dict(json.loads(lines[-1])["report"])


def of_set(name: str, environments: Path) -> tuple[list[str], dict[str, str]]:
    """Return the lines of a set, and the versions of the libraries."""
    given, settings = read_set(name), CHOSEN[name]
    parts = [features(part.frames, given.training.frames, settings) for part in (given.training, given.test)]
    classes = sorted(set(given.training.labels or []))
    truths = [np.array([classes.index(own) for own in part.labels or []]) for part in (given.training, given.test)]
    steps = int(given.training.frames.lengths.max())
    lines, versions = [name], {}
    with tempfile.TemporaryDirectory() as folder:
        for label in WORKERS:
            made = [(stretched if label == "MiniRocket" else padded)(part, max(steps, 9)) for part in parts]
            lengths = [np.minimum(part.frames.lengths, steps) for part in (given.training, given.test)]
            path = Path(folder) / "set.npz"
            np.savez(path, X=made[0], y=truths[0], lengths=lengths[0], X2=made[1], y2=truths[1], lengths2=lengths[1])
            report = run(label, {"file": str(path), "seeds": SEEDS[label]}, environments)
            if "failed" in report:
                lines.append(f"  {label:14} failed: {report['failed']}")
                continue
            shares = 100 * np.array(report["accuracy"])
            spread = f"{shares.min():.1f} to {shares.max():.1f}, {len(shares)} seeds"
            seconds = f"{statistics.median(report['seconds']):.0f} s of processor a seed"
            lines.append(f"  {label:14}{shares.mean():7.2f} %   {spread}; {seconds}{report.get('note', '')}")
            versions |= report["versions"]
            print(lines[-1], flush=True)
    return [*lines, ""], versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--environments", type=Path, default=ROOT / ".bench", help="folder of virtual environments")
    parser.add_argument("--trial", action="store_true", help="print the result and keep no file")
    given = parser.parse_args()
    lines: list[str] = []
    versions: dict[str, str] = {}
    for name in NAMES if given.only is None else (given.only,):
        own, found = of_set(name, given.environments)
        lines += own
        versions |= found
    if not given.trial:
        title = "Classes of sequences: MiniRocket and LSTM-FCN on the divisions of sequences.txt, one thread"
        write("sequences-peers.txt", [*header(title, versions), "", *lines])


if __name__ == "__main__":
    main()
