"""A small training with everything that makes resuming hard: dropout, a random order of the items, AdamW's moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lstmkit.training import EpochRecord, TrainSettings, train

ITEMS = 50


class Training:
    """A network on 50 fixed items, and the items it has seen."""

    def __init__(self, dropout: float = 0.3) -> None:
        draw = torch.Generator().manual_seed(1)
        self.x = torch.randn(ITEMS, 4, generator=draw)
        self.y = self.x[:, :1] - 2 * self.x[:, 1:2].square()
        with torch.random.fork_rng():
            torch.manual_seed(9)
            self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.02, weight_decay=0.01)
        self.seen: list[list[int]] = []

    def loss(self, items: Tensor) -> Tensor:
        """Mean squared error of a batch."""
        self.seen.append(items.tolist())
        return nn.functional.mse_loss(self.model(self.x[items]), self.y[items])

    def validate(self) -> float:
        """Loss on the last ten items, as this model sees them."""
        assert not self.model.training
        assert not torch.is_grad_enabled()
        return float(nn.functional.mse_loss(self.model(self.x[-10:]), self.y[-10:]))

    def steps(
        self,
        validate: Any = True,
        checkpoint: Any = None,
        resume: bool = False,
        snapshots: Any = None,
        devices: Any = None,
        **settings: Any,
    ) -> Iterator[Any]:
        """Start to train; yields epoch records."""
        how = TrainSettings(**{"max_epochs": 6, "batch_size": 8, "patience": 6, "clip_norm": 1.0} | settings)
        check = self.validate if validate is True else validate
        return train(self.model, self.optimizer, how, ITEMS, self.loss, check, checkpoint, resume, snapshots, devices)

    def run(self, **options: Any) -> list[EpochRecord]:
        """Train to the end."""
        return list(self.steps(**options))

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights as they are now."""
        return {k: v.clone() for k, v in self.model.state_dict().items()}


@pytest.fixture
def training() -> Callable[..., Training]:
    """Make equal trainings."""
    return Training


@pytest.fixture
def equal() -> Callable[[dict[str, Tensor], dict[str, Tensor]], bool]:
    """Whether two sets of weights are equal bit for bit."""
    return lambda a, b: a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
