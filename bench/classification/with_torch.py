"""How many sequences of a test part does an LSTM-FCN in plain PyTorch tell right, and how long does it learn?

Convolutions of 128, 256 and 128 filters over 8, 5 and 3 steps beside an LSTM that reads the sequence of one channel
turned round, as a single step (its dimension shuffle), or that of several as it is. Adam with a rate that is reduced
where the training loss stands still; the weights with the lowest training loss are kept, as the authors do it. They
train for 2,000 epochs; here it is as many as `BUDGET` allows on one thread.

Source  Karim, Majumdar, Darabi & Chen 2018, arXiv 1709.05206; several channels: Karim et al. 2019, arXiv 1801.04503,
        here without its squeeze-and-excite blocks
"""

import copy
import json
import sys
import time
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

BUDGET = 30.0
"""Seconds of processor for a seed."""
MOST_EPOCHS = 2000
HIDDEN = 64
BATCH = 32


class LstmFcn(nn.Module):
    """An LSTM beside three convolutions."""

    def __init__(self, channels: int, steps: int, classes: int) -> None:
        super().__init__()
        self.shuffled = channels == 1
        self.recurrent = nn.LSTM(steps if self.shuffled else channels, HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(0.8)
        widths = ((channels, 128, 8), (128, 256, 5), (256, 128, 3))
        self.convolutions = nn.Sequential(
            *(nn.Sequential(nn.Conv1d(a, b, k, padding="same"), nn.BatchNorm1d(b), nn.ReLU()) for a, b, k in widths)
        )
        self.head = nn.Linear(HIDDEN + 128, classes)

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        if self.shuffled:
            _, (hidden, _) = self.recurrent(batch)
        else:
            packed = pack_padded_sequence(batch.transpose(1, 2), lengths, batch_first=True, enforce_sorted=False)
            _, (hidden, _) = self.recurrent(packed)
        return self.head(torch.cat([self.dropout(hidden[-1]), self.convolutions(batch).mean(dim=2)], dim=1))


def learn(batch: Tensor, lengths: Tensor, classes: Tensor, count: int, seed: int) -> tuple[LstmFcn, int]:
    """Return the trained network and how many epochs there were."""
    torch.manual_seed(seed)
    network = LstmFcn(batch.shape[1], batch.shape[2], count)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    reduced = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=2 ** (-1 / 3), patience=100, min_lr=1e-4)
    best, kept, begun, epoch = float("inf"), copy.deepcopy(network.state_dict()), time.process_time(), 0
    while epoch < MOST_EPOCHS and time.process_time() - begun < BUDGET:
        network.train()
        total = 0.0
        for rows in torch.randperm(len(batch)).split(BATCH):
            if len(rows) < 2:
                continue  # batch normalization needs two
            loss = nn.functional.cross_entropy(network(batch[rows], lengths[rows]), classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(rows)
        epoch += 1
        reduced.step(total)
        if total < best:
            best, kept = total, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return network.eval(), epoch


def main() -> None:
    torch.set_num_threads(1)
    asked = json.loads(sys.argv[1])
    given = {name: torch.from_numpy(np.ascontiguousarray(own)) for name, own in np.load(asked["file"]).items()}
    accuracy, seconds, epochs = [], [], []
    for seed in range(asked["seeds"]):
        begun = time.process_time()
        count = int(given["y"].max()) + 1
        network, epoch = learn(given["X"], given["lengths"], given["y"], count, seed)
        seconds.append(time.process_time() - begun)
        epochs.append(epoch)
        with torch.no_grad():
            pieces = zip(given["X2"].split(256), given["lengths2"].split(256), strict=True)
            found = torch.cat([network(own, length).argmax(dim=1) for own, length in pieces])
        accuracy.append(float((found == given["y2"]).double().mean()))
    note = f", {min(epochs)} epochs"
    versions = {"torch": version("torch")}
    print(json.dumps({"report": {"accuracy": accuracy, "seconds": seconds, "note": note, "versions": versions}}))


if __name__ == "__main__":
    main()
