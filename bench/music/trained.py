"""Networks of frames and of voices as the benchmarks learn and keep them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

What = tuple[str, float]
"""Which epoch of which seed it is, and processor minutes."""


def learnt(fit: Callable[..., tuple[Any, Any]], pieces, how, seed: int) -> tuple[Any, What]:
    """Return a model that is learnt from the training part, the best on validation."""
    began = time.process_time()
    model, history = fit(pieces["train"], pieces["valid"], how, seed, on_epoch=_told)
    best = min((r.valid_loss, r.epoch) for r in history)[1]
    return model, (f"epoch {best} of {history[-1].epoch}, seed {seed}", (time.process_time() - began) / 60)


def keep(model: torch.nn.Module, what: What, file: Path) -> None:
    """Keep a model in a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weights": model.state_dict(), "what": what}, file)


def kept(model: Any, file: Path) -> tuple[Any, What]:
    """Return a model with the weights that a file keeps."""
    found = torch.load(file, weights_only=True)
    model.load_state_dict(found["weights"])
    return model.eval(), tuple(found["what"])


def _told(record) -> None:
    print(f"{record.epoch:4} {record.train_loss:8.3f} {record.valid_loss:8.4f} {record.seconds:6.1f} s", flush=True)
