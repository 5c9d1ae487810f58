"""Where a training runs: in this process, or on a device and in several processes through Lightning Fabric.

Every process draws the same batches and takes its part of each. Gradients are summed by hand, because a loss is any
function of item numbers, while the wrappers of data-parallel training see only calls of the model.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from lstmkit.errors import InputError
from lstmkit.ranges import check_fields
from lstmkit.recurrence.processor import lower_precision_refusal

ACCELERATORS = ("auto", "cpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True, slots=True)
class Devices:
    """Which devices train together; each has a process of its own.

    devices      processes on each machine, with one device each
    num_nodes    machines
    accelerator  "cpu", "cuda", or "auto": cuda where there is one
    precision    of a training step: "32-true" computes as the model is; "bf16-mixed" under autocast, or, with a
                 warning, as "32-true" on a processor without bfloat16

    With more than one process on one machine, the script is started again for each of the others, unless `torchrun` or
    a cluster started them already.
    """

    devices: int = 1
    num_nodes: int = 1
    accelerator: str = "cpu"
    precision: str = "32-true"

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"accelerator": ACCELERATORS, "precision": PRECISIONS}, "Devices")


def is_first() -> bool:
    """Return whether this process is the first, or the only one, of a training: the one to print and to write files."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    return os.environ.get("NODE_RANK", "0") == "0" and os.environ.get("LOCAL_RANK", "0") == "0"


class Alone:
    """A training in this process, on the devices on which its tensors are."""

    first = True
    rank = 0
    cuda: Sequence[torch.device] = ()
    own_random = False

    def enter(self, model: nn.Module) -> None:
        """Leave the model where it is."""

    def leave(self, model: nn.Module) -> None:
        """Leave the model where it is."""

    def backward(
        self,
        batch_loss: Callable[[Tensor], Tensor],
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[Tensor],
        items: Tensor,
    ) -> Tensor:
        """Compute the gradients of a batch; return its loss."""
        loss = batch_loss(items)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def share_number(self, number: Callable[[], float]) -> float:
        """Return the number."""
        return number()

    def share_content(self, content: Callable[[], bytes | None]) -> bytes | None:
        """Return the content."""
        return content()

    def share_buffers(self, model: nn.Module) -> None:
        """Leave the buffers as they are."""


class Together:
    """One of the processes of a training.

    first       whether it is the one that validates and writes checkpoints
    rank        its number
    cuda        devices whose random state a training changes
    own_random  whether its random numbers, for dropout, are to be its own in every epoch
    """

    def __init__(self, how: Devices) -> None:
        try:
            from lightning_fabric import Fabric
        except ImportError as missing:
            raise InputError("Devices needs lightning-fabric: pip install 'lstmkit[fabric]'") from missing
        size = how.devices * how.num_nodes
        started = os.environ.get("WORLD_SIZE", str(size))
        if started != str(size):
            raise InputError(
                f"Devices: devices = {how.devices} and num_nodes = {how.num_nodes} make {size} processes, but the "
                f"launcher started {started}"
            )
        accelerator = how.accelerator
        if accelerator == "auto":
            accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        if accelerator == "cuda" and torch.cuda.device_count() < how.devices:
            raise InputError(f"Devices: {how.devices} cuda devices asked for; {torch.cuda.device_count()} found")
        refusal = ""
        if accelerator == "cpu" and how.precision == "bf16-mixed":
            refusal = lower_precision_refusal(torch.bfloat16, True)
        if refusal:
            warnings.warn(f"lstmkit: precision bf16-mixed: {refusal}; trained in float32", UserWarning, stacklevel=2)
        self._fabric = Fabric(
            accelerator=accelerator,
            strategy="auto" if size == 1 else "ddp",
            devices=how.devices,
            num_nodes=how.num_nodes,
            precision="bf16-mixed" if how.precision == "bf16-mixed" and not refusal else "32-true",
        )
        threads = torch.get_num_threads()
        self._fabric.launch()
        torch.set_num_threads(min(threads, torch.get_num_threads()))
        self.rank = self._fabric.global_rank
        self.first = self.rank == 0
        self._size = size
        self._device = self._fabric.device
        self._home: torch.device | None = None
        self.cuda: Sequence[torch.device] = [self._device] if self._device.type == "cuda" else []
        self.own_random = size > 1 or self._device.type == "cuda"

    def enter(self, model: nn.Module) -> None:
        """Move the model to this process' device, with the weights of the first process."""
        self._home = next(model.parameters()).device
        model.to(self._device)
        self._share(model.state_dict().values())

    def leave(self, model: nn.Module) -> None:
        """Move the model back to where it was."""
        model.to(self._home)

    def backward(
        self,
        batch_loss: Callable[[Tensor], Tensor],
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[Tensor],
        items: Tensor,
    ) -> Tensor:
        """Compute the gradients of a batch, each process for its items; return the loss of the whole batch."""
        own = items[self.rank :: self._size]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self._device)
        if len(own) > 0:
            with self._fabric.autocast():
                loss = batch_loss(own)
            loss = loss * (len(own) / len(items))  # a mean over items: each part counts by its size
            loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        return loss if self._size == 1 else self._sum(loss, parameters)

    def _sum(self, loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """Sum gradients and losses over the processes; return the sum of the losses."""
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=self._device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        bucket = torch.cat([loss.reshape(1), used, *(g.reshape(-1) for g in gradients)])
        distributed.all_reduce(bucket)
        sizes = [1, len(parameters), *(g.numel() for g in gradients)]
        summed, users, *parts = torch.split(bucket, sizes)
        # What no process used keeps no gradient, so that the optimizer passes over it.
        kept = users.tolist() if any(p.grad is None for p in parameters) else [1.0] * len(parameters)
        for parameter, count, part in zip(parameters, kept, parts, strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype) if count else None
        return summed[0]

    def share_number(self, number: Callable[[], float]) -> float:
        """Return the number of the first process, which alone computes it."""
        if self._size == 1:
            return number()
        shared = torch.tensor(number() if self.first else 0.0, dtype=torch.float64, device=self._device)
        self._share([shared])
        return float(shared)

    def share_content(self, content: Callable[[], bytes | None]) -> bytes | None:
        """Return the content that the first process has, which alone reads it; None where that is None."""
        if self._size == 1:
            return content()
        own = content() if self.first else None
        length = int(self.share_number(lambda: -1.0 if own is None else float(len(own))))
        if length < 0:
            return None
        shared = torch.zeros(length, dtype=torch.uint8, device=self._device)
        if own is not None and length > 0:
            shared.copy_(torch.frombuffer(bytearray(own), dtype=torch.uint8))
        self._share([shared])
        return shared.cpu().numpy().tobytes()

    def share_buffers(self, model: nn.Module) -> None:
        """Take over the buffers of the first process: each process has seen other items."""
        self._share(model.buffers())

    def _share(self, tensors: Iterable[Tensor]) -> None:
        if self._size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), src=0)
