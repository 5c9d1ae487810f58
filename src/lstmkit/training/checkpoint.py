"""Checkpoints: everything an interrupted training needs to end with the same bits as an uninterrupted one.

A checkpoint is one safetensors file, replaced atomically after every epoch; nothing in it is ever unpickled. Its JSON
header carries a fingerprint of the data and the settings, so a checkpoint cannot be continued on other data by mistake.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lstmkit.errors import InputError

FORMAT = 1


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file `path` by `content`: a reader, or a killed run, finds the old or the new, never a part.

    Raises  InputError if it cannot be written
    """
    temporary = path.with_name(f".{path.name}.tmp")  # one name: what a killed run leaves, the next one replaces
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Checkpoint:
    """Where a training keeps its state, and what it belongs to.

    path         the file
    fingerprint  what must be equal for the checkpoint to be continued: settings and a digest of the data
    """

    path: Path
    fingerprint: Mapping[str, Any]

    def save(
        self, model: nn.Module, best: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, rng: Tensor, progress: Any
    ) -> None:
        """Write the state after an epoch.

        best      state dict of the best epoch so far
        rng       state of torch's default generator
        progress  JSON-able record of the epochs so far
        """
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        tensors |= {
            f"optimizer.{i}.{k}": v for i, state in optimizer.state_dict()["state"].items() for k, v in state.items()
        }
        tensors["rng"] = rng
        header = {"format": FORMAT, "fingerprint": dict(self.fingerprint), "progress": progress}
        content = save({k: v.detach().contiguous() for k, v in tensors.items()}, {"lstmkit": json.dumps(header)})
        write_atomically(self.path, content)

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], Tensor, Any] | None:
        """Restore model and optimizer; return (best, rng, progress), or None if there is no checkpoint yet.

        Raises  InputError if the file is damaged or belongs to other data or settings; the difference is named
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = json.loads((file.metadata() or {})["lstmkit"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
            raise InputError(f"{self.path}: not a readable checkpoint ({error}); delete it to start again") from error
        if header.get("format") != FORMAT:
            raise InputError(
                f"{self.path}: checkpoint format {header.get('format')} is not {FORMAT}; delete it to start again"
            )
        self._check(header["fingerprint"])
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for key, tensor in tensors.items():
            part, _, name = key.partition(".")
            if name:
                parts[part][name] = tensor
        try:
            model.load_state_dict(parts["model"])
        except RuntimeError as error:
            raise InputError(f"{self.path}: holds another network ({error}); delete it to start again") from error
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return parts["best"], tensors["rng"], header["progress"]

    def _check(self, found: Mapping[str, Any]) -> None:
        wanted = json.loads(json.dumps(dict(self.fingerprint)))
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                raise InputError(
                    f"{self.path}: the interrupted run had {key} = {found.get(key)!r}, this one has "
                    f"{wanted.get(key)!r}; repeat its options to resume, or start again without --resume"
                )
