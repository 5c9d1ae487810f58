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
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
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


class Restored(NamedTuple):
    """What a checkpoint holds beside the states of model and optimizer, which it has restored.

    best      state dict of the best epoch so far
    rng       state of torch's default generator
    progress  JSON-able record of the epochs so far
    more      further state dicts by name
    """

    best: dict[str, Tensor]
    rng: Tensor
    progress: Any
    more: dict[str, dict[str, Tensor]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training keeps its state, and what it belongs to.

    path         the file
    fingerprint  what must be equal for the checkpoint to be continued: settings and a digest of the data
    """

    path: Path
    fingerprint: Mapping[str, Any]

    def save(
        self,
        model: nn.Module,
        best: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
        rng: Tensor,
        progress: Any,
        more: Mapping[str, Mapping[str, Tensor]] | None = None,
    ) -> None:
        """Write the state after an epoch.

        best      state dict of the best epoch so far
        rng       state of torch's default generator
        progress  JSON-able record of the epochs so far
        more      further state dicts by name, without a dot in it
        """
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        tensors |= {
            f"optimizer.{i}.{k}": v for i, state in optimizer.state_dict()["state"].items() for k, v in state.items()
        }
        tensors |= {f"{name}.{k}": v for name, state in (more or {}).items() for k, v in state.items()}
        tensors["rng"] = rng
        header = {"format": FORMAT, "fingerprint": dict(self.fingerprint), "progress": progress}
        content = save({k: v.detach().contiguous() for k, v in tensors.items()}, {"lstmkit": json.dumps(header)})
        write_atomically(self.path, content)

    def read(self) -> bytes | None:
        """Return the content of the file, or None if there is no checkpoint yet.

        Raises  InputError if it cannot be read
        """
        try:
            return self.path.read_bytes() if self.path.exists() else None
        except OSError as error:
            raise self._unreadable(error) from error

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Restored | None:
        """Restore model and optimizer; return the rest, or None if there is no checkpoint yet.

        Raises  InputError if the file is damaged or belongs to other data or settings; the difference is named
        """
        content = self.read()
        return None if content is None else self.restore(content, model, optimizer)

    def restore(self, content: bytes, model: nn.Module, optimizer: torch.optim.Optimizer) -> Restored:
        """Restore model and optimizer from what `read` returned; return the rest.

        Raises  InputError if the file is damaged or belongs to other data or settings; the difference is named
        """
        try:
            tensors = load(content)
            length = int.from_bytes(content[:8], "little")  # of the header that begins every safetensors file
            header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["lstmkit"])
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise self._unreadable(error) from error
        if header.get("format") != FORMAT:
            raise InputError(
                f"{self.path}: checkpoint format {header.get('format')} is not {FORMAT}; delete it to start again"
            )
        self._check(header["fingerprint"])
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        rng = tensors.pop("rng")
        for key, tensor in tensors.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = tensor
        try:
            model.load_state_dict(parts.pop("model"))
        except RuntimeError as error:
            raise InputError(f"{self.path}: holds another network ({error}); delete it to start again") from error
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts.pop("optimizer").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return Restored(parts.pop("best"), rng, header["progress"], parts)

    def _unreadable(self, error: Exception) -> InputError:
        return InputError(f"{self.path}: not a readable checkpoint ({error}); delete it to start again")

    def _check(self, found: Mapping[str, Any]) -> None:
        wanted = json.loads(json.dumps(dict(self.fingerprint)))
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                raise InputError(
                    f"{self.path}: the interrupted run had {key} = {found.get(key)!r}, this one has "
                    f"{wanted.get(key)!r}; repeat its options to resume, or start again without --resume"
                )
