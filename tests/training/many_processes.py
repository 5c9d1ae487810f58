"""Trainings that run alike in one process and in several; as a script: python many_processes.py FOLDER DEVICES NODES.

Each process writes what it ended with to FOLDER/RANK.safetensors and FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn, optim

from lstmkit.training import Checkpoint, Devices, Snapshots, TrainSettings, is_first, train

ITEMS = 50
SETTINGS = {"max_epochs": 4, "batch_size": 7, "patience": 4, "clip_norm": 1.0}  # the last batch has a single item


class Odd(nn.Module):
    """A network with a weight that few items use, and one that none does."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.rare = nn.Parameter(torch.ones(1))
        self.unused = nn.Parameter(torch.ones(3))


class Run:
    """A training; every process begins with other weights."""

    def __init__(self, devices: Devices | None, norm: bool = False) -> None:
        draw = torch.Generator().manual_seed(1)
        self.devices = devices
        self.x = torch.randn(ITEMS, 4, generator=draw)
        self.y = self.x[:, :1] - 2 * self.x[:, 1:2].square()
        torch.manual_seed(9 if is_first() else 10)
        self.model = Odd()
        if norm:
            self.model.layers.insert(1, nn.BatchNorm1d(8))
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.02, weight_decay=0.1)
        self.seen: list[list[int]] = []
        self.drawn: list[float] = []
        self.validations = 0

    def loss(self, items: Tensor) -> Tensor:
        """Mean squared error of a batch; the first six items, by number, also use the rare weight."""
        self.seen.append(items.tolist())
        self.drawn.append(torch.rand(1).item())
        loss = (self.model.layers(self.x[items]) - self.y[items]).square().mean()
        rare = items < 6
        return loss + (rare * (self.model.rare - 3).square()).mean() if rare.any() else loss

    def validate(self) -> float:
        """Loss on the last ten items."""
        self.validations += 1
        return float((self.model.layers(self.x[-10:]) - self.y[-10:]).square().mean())

    def train(self, checkpoint: Checkpoint | None = None, resume: bool = False, **changed):
        """Train; return the weights and what each epoch said."""
        self.snapshots = Snapshots()
        settings = TrainSettings(**SETTINGS | changed)
        records = train(
            *(self.model, self.optimizer, settings, ITEMS, self.loss, self.validate),
            *(checkpoint, resume, self.snapshots, self.devices),
        )
        history = [[r.epoch, r.train_loss, r.valid_loss, r.steps] for r in records]
        return self.model.state_dict(), history


def run_all(devices: Devices | None, folder: Path):
    """Run every training; return weights and facts by its name.

    folder  of this process alone
    """
    weights, facts = {}, {}
    state = torch.get_rng_state()
    plain = Run(devices)
    weights["plain"], facts["plain"] = plain.train()
    facts["alone"] = {"seen": plain.seen, "drawn": plain.drawn, "validations": plain.validations}

    kept = Run(devices)
    weights["kept"], facts["kept"] = kept.train(keep=2, average=0.9, schedule="cosine", warmup=5)
    weights["second"] = kept.snapshots.kept[1].weights

    checkpoint = Checkpoint(folder / "checkpoint", {})
    Run(devices).train(checkpoint, schedule="decay", max_epochs=2)
    facts["written"] = sorted(os.listdir(folder))
    weights["resumed"], facts["resumed"] = Run(devices).train(checkpoint, resume=True, schedule="decay")
    weights["whole"], facts["whole"] = Run(devices).train(schedule="decay")

    weights["norm"], facts["norm"] = Run(devices, norm=True).train(max_epochs=2, batch_size=10)

    slow = Run(devices)
    loss = slow.loss
    slow.loss = lambda items: (time.sleep(0.02 if is_first() else 0.001), loss(items))[1]
    weights["budget"], facts["budget"] = slow.train(max_epochs=1000, max_seconds=0.5, schedule="cosine")

    facts["threads"] = torch.get_num_threads()
    torch.set_rng_state(state)
    return weights, facts


def main(folder: Path, devices: int, num_nodes: int) -> None:
    """Run every training in this process, one of several, and write what came of it."""
    torch.set_num_threads(1)
    own = folder / ("first" if is_first() else "other")
    own.mkdir()
    weights, facts = run_all(Devices(devices, num_nodes), own)
    rank = torch.distributed.get_rank()
    facts["first"] = is_first()
    save_file({f"{n}.{k}": v.clone() for n, w in weights.items() for k, v in w.items()}, folder / f"{rank}.safetensors")
    (folder / f"{rank}.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
