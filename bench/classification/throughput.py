"""How fast is a training step on frames of unequal lengths, against the same network in plain PyTorch with packing?

Skeletons (60 channels, 41 to 125 steps) and vowels (12 channels, 7 to 29 steps), both directions, 64 units each,
mean and max over the steps, and the classifier's head; the plain network has the same weights. Answers and gradients
are compared before anything is timed; contestants alternate on the same batches; a step is forward, backward and AdamW,
in the time of the processor, so that what else a machine does counts little.
"sorted" is how the classifier trains: batches of sequences of about equal length; there, sequences a second and the
ratio are taken over all steps together.

Writes bench/results/sequences-throughput.txt:

    python -m bench.classification.throughput
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.classification.sequences import coding_of
from bench.classification.sets import read_set, skeletons
from bench.language.classify_throughput import check, stepper
from bench.machine import header, write
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.frames import FrameShape, frame_ensemble
from lstmkit.classification.network import SequenceNetwork
from lstmkit.sequences import Examples, LengthBatches, Normalisation, Padded, Ragged

BATCHES = (8, 32, 128)
PLAIN = SequenceSettings(differences=(), normalise="none", stretch=0.0, noise=0.0, dropout=0.0)
"""Nothing but the network: what both compute the same."""


class Packed(nn.Module):
    """The network as one writes it in PyTorch, with the weights of ours."""

    def __init__(self, network: SequenceNetwork, channels: int, hidden: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(channels, hidden, bidirectional=True)
        self.recurrent.load_state_dict(network.encoder.recurrent.state_dict())
        layers = [nn.Linear(m.in_features, m.out_features) for m in network.head if isinstance(m, nn.Linear)]
        self.head = nn.Sequential(layers[0], nn.ReLU(), layers[1])
        for own, given in zip(layers, (m for m in network.head if isinstance(m, nn.Linear)), strict=True):
            own.load_state_dict(given.state_dict())

    def forward(self, batch: Padded) -> Tensor:
        packed = pack_padded_sequence(batch.values, batch.lengths, enforce_sorted=False)
        hidden, lengths = pad_packed_sequence(self.recurrent(packed)[0])
        padding = (torch.arange(len(hidden)).unsqueeze(1) >= lengths).unsqueeze(2)
        mean = hidden.sum(dim=0) / lengths.unsqueeze(1)  # packing leaves zeros in the padding
        most = hidden.masked_fill(padding, -torch.inf).max(dim=0).values
        return self.head(torch.cat([mean, most], dim=1))


def measure(rows: Examples, outputs: int, batch: int, rounds: int) -> list[str]:
    """Return the lines of a size of batches."""
    torch.manual_seed(0)
    channels = rows.sides[0].values.shape[1]
    network = frame_ensemble(PLAIN, FrameShape(channels, outputs)).networks[0]
    plain = Packed(network, channels, PLAIN.hidden_size)
    batches = LengthBatches(rows.lengths(), batch, seed=0)
    generator = np.random.default_rng(0)
    (first,), targets = rows.batch(np.arange(batch)), rows.targets[:batch]
    check(network, plain, first, targets)
    ours = stepper(network, lambda frames: network((frames,))[0], time.thread_time)
    theirs = stepper(plain, plain, time.thread_time)
    names = ("lstmkit", "torch, packed", "lstmkit, sorted", "torch, packed and sorted")
    times: dict[str, list[float]] = {name: [] for name in names}
    whole = max(1, len(rows) // batch)
    for item in range(rounds):
        drawn = generator.choice(len(rows), batch, replace=False)
        near = batches.rows(item % whole).numpy()
        for chosen, name, other in ((drawn, *names[:2]), (near, *names[2:])):
            (frames,), truth = rows.batch(chosen), rows.targets[chosen]
            times[name].append(ours(frames, truth))
            times[other].append(theirs(frames, truth))
    lines = [f"  batches of {batch}"]
    for name, found in times.items():
        kept = found[rounds // 5 :]  # the first steps warm up
        low, high = np.quantile(kept, (0.1, 0.9))
        ratio = sum(times["torch, packed"][rounds // 5 :]) / sum(kept)
        rate = 1e3 * batch * len(kept) / sum(kept)
        middle = statistics.median(kept)
        lines.append(f"    {name:26}{middle:8.2f} ms ({low:.2f} to {high:.2f}){rate:9,.0f} sequences/s{ratio:7.2f}x")
    return lines


def examples(frames: Ragged, targets: np.ndarray) -> Examples:
    """Return standardised sequences."""
    scale = Normalisation(frames.values.shape[1], "features")
    scale.fit(frames)
    return Examples((scale.of(frames),), torch.from_numpy(targets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--trial", action="store_true", help="print the result and keep no file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines: list[str] = []
    for name, rows in (("skeletons", skeletons()), ("vowels", read_set("JapaneseVowels").training)):
        coding, lengths = coding_of(rows), rows.frames.lengths
        own = examples(rows.frames, coding.truth(rows.labels or []))
        lines.append(f"{name}: {own.sides[0].values.shape[1]} channels, {lengths.min()} to {lengths.max()} steps")
        for batch in BATCHES:
            lines += measure(own, coding.outputs, batch, given.rounds)
            print("\n".join(lines[-5:]), flush=True)
    title = f"A training step on sequences of unequal lengths, one thread, {given.rounds} rounds, median (10 to 90 %)"
    if not given.trial:
        write("sequences-throughput.txt", [*header(title, {"torch": torch.__version__}), "", *lines])


if __name__ == "__main__":
    main()
