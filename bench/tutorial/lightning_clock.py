"""When did each training step of a PyTorch Lightning trainer end?"""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from bench.tutorial import recipe


class LightningClock(Callback):
    """The clock at the start of training and after every step."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stamps.append(time.perf_counter())

    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self.stamps.append(time.perf_counter())

    def ms_per_step(self, steps_per_epoch: int, single: bool) -> float:
        """Return the median over single steps, or over stretches of `steps_per_epoch` steps after the first."""
        if single:
            return recipe.ms_per_single_step(self.stamps)
        return recipe.ms_per_epoch_step(list(enumerate(self.stamps))[::steps_per_epoch])


def quiet_trainer(clock: LightningClock) -> dict[str, Any]:
    """Trainer options that leave nothing but training: no files, no logs, no bars."""
    return {
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "callbacks": [clock],
    }
