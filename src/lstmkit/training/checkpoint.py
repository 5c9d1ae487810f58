"""Checkpoints: everything an interrupted training needs to end with the same bits as an uninterrupted one.

A checkpoint is one safetensors file, replaced atomically after every epoch; nothing in it is ever unpickled. Its JSON
header carries a fingerprint of the data and the settings, so a checkpoint cannot be continued on other data by mistake,
and a digest of all the rest of the file, so that a damaged one is not continued at all.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn

import lstmkit
from lstmkit.errors import InputError
from lstmkit.ranges import a_path
from lstmkit.training.records import EpochRecord, StoredRecord
from lstmkit.training.schema import checked, read_json
from lstmkit.training.tensors import TensorShape, header_of, load_tensors, require_shapes
from lstmkit.training.writing import write_atomically

FORMAT = 2
"""Raised whenever the file changes; 2 brought the digest."""

PLACE = b'"sha256":"'
EMPTY = b"0" * 64
"""Stands in the file in place of its digest while that is computed."""


class Restored(NamedTuple):
    """What a checkpoint holds beside the states of model and optimizer, which it has restored.

    best      state dict of the best epoch so far
    rng       state of torch's default generator
    history   a record of each epoch so far
    more      further state dicts by name
    """

    best: dict[str, Tensor]
    rng: Tensor
    history: list[EpochRecord]
    more: dict[str, dict[str, Tensor]]


def made_with() -> dict[str, str]:
    """Return the versions that a training belongs to: others round otherwise."""
    return {"lstmkit": lstmkit.__version__, "torch": torch.__version__}


@contextmanager
def until_done(path: str | Path | None) -> Iterator[Path | None]:
    """Give the path of a checkpoint, None for none, and remove the file once all that is done with it has succeeded.

    Raises  InputError if it is no path
    """
    file = None if path is None else a_path("checkpoint", path)
    yield file
    if file is not None:
        file.unlink(missing_ok=True)


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
        history: Sequence[EpochRecord],
        more: Mapping[str, Mapping[str, Tensor]] | None = None,
    ) -> None:
        """Write the state after an epoch.

        best      state dict of the best epoch so far
        rng       state of torch's default generator
        history   a record of each epoch so far
        more      further state dicts by name, without a dot in it
        Raises    InputError if it cannot be written
        """
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        tensors |= {
            f"optimizer.{i}.{k}": v for i, state in optimizer.state_dict()["state"].items() for k, v in state.items()
        }
        tensors |= {f"{name}.{k}": v for name, state in (more or {}).items() for k, v in state.items()}
        tensors["rng"] = rng
        header = {"format": FORMAT, "fingerprint": dict(self.fingerprint), "progress": [r.to_json() for r in history]}
        metadata = {"lstmkit": json.dumps(header), "sha256": EMPTY.decode()}
        content = bytearray(save({k: v.detach().contiguous() for k, v in tensors.items()}, metadata))
        start = content.index(PLACE + EMPTY) + len(PLACE)
        content[start : start + len(EMPTY)] = hashlib.sha256(content).hexdigest().encode()
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
            shapes, beside = header_of(content)
            written = checked(read_json(beside.get("lstmkit", "").encode()), dict[str, Any])
            if written.get("format") == FORMAT:
                _verify(content, beside.get("sha256", ""))
                header = checked(written, _Header)
        except InputError as error:
            raise self._unreadable(error) from error
        if written.get("format") != FORMAT:
            raise InputError(
                f"{self.path}: checkpoint format {written.get('format')} is not {FORMAT}; delete it to start again"
            )
        self._check(header.fingerprint)
        try:
            require_shapes(shapes, _expected(shapes, model, optimizer))
            tensors = load_tensors(content)
            torch.Generator().set_state(tensors["rng"])
            history = _history(header.progress)
        except (InputError, RuntimeError) as error:
            raise InputError(f"{self.path}: holds another network ({error}); delete it to start again") from error
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        rng = tensors.pop("rng")
        for key, tensor in tensors.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = tensor
        model.load_state_dict(parts.pop("model"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts.pop("optimizer").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        return Restored(parts.pop("best"), rng, history, parts)

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


def fingerprint_in(path: Path) -> dict[str, Any] | None:
    """Return what the checkpoint in a file belongs to; None if there is none that can be read."""
    try:
        _, beside = header_of(path.read_bytes())
        return checked(read_json(beside.get("lstmkit", "").encode()), _Header).fingerprint
    except (InputError, OSError):
        return None


@dataclass(frozen=True)
class _Header:
    """What stands beside the tensors, its types and ranges checked."""

    fingerprint: dict[str, Any]
    progress: tuple[StoredRecord, ...]


def _verify(content: bytes, digest: str) -> None:
    """Raise InputError unless the content, without its digest, is what the digest was computed from."""
    start = content.find(PLACE + digest.encode()) + len(PLACE)
    rest = hashlib.sha256(memoryview(content)[:start])
    rest.update(EMPTY)
    rest.update(memoryview(content)[start + len(EMPTY) :])
    if rest.hexdigest() != digest:
        raise InputError("its content does not match its sha256: the file is damaged")


def _history(stored: Sequence[StoredRecord]) -> list[EpochRecord]:
    """Return the records of the epochs; each is the next of the one before, and has as many steps at least."""
    first = stored[0].epoch if stored else 2
    for number, record in enumerate(stored, first):
        before = stored[number - first - 1].steps if number > first else 0
        if record.epoch != number or first > 1 or record.steps < before:
            raise InputError(f"the record of epoch {record.epoch} does not follow")
    if not stored or stored[-1].epoch < 1:
        raise InputError("there is no record of an epoch")
    return [record.record() for record in stored]


def _expected(
    found: Mapping[str, TensorShape], model: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, TensorShape]:
    """Return what the tensors of a checkpoint must be, as far as model and optimizer say it.

    The best epochs, however many were kept, are states of the model; averages are of parameters; what an optimizer
    keeps of a parameter is of its shape, or one number.
    """
    state = {name: TensorShape.of(tensor) for name, tensor in model.state_dict().items()}
    parameters = {name: TensorShape.of(parameter) for name, parameter in model.named_parameters()}
    rng = TensorShape.of(torch.get_rng_state())
    expected = {f"{part}.{name}": shape for part in ("model", "best") for name, shape in state.items()} | {"rng": rng}
    others = {name.partition(".")[0] for name in found} - {"model", "best", "optimizer", "rng"}
    for part in others:
        own = parameters if part == "average" else state
        expected |= {f"{part}.{name}": shape for name, shape in own.items()}
    numbers = [p for group in optimizer.param_groups for p in group["params"]]
    kept = _state_names(optimizer)
    moved = {name.split(".")[1] for name in found if name.startswith("optimizer.")}
    for index, parameter in enumerate(numbers):
        if str(index) in moved:  # what no loss reaches has no state
            own_shape = TensorShape.of(parameter)
            expected |= {
                f"optimizer.{index}.{name}": TensorShape("F32", ()) if is_number else own_shape
                for name, is_number in kept.items()
            }
    return expected


def _state_names(optimizer: torch.optim.Optimizer) -> dict[str, bool]:
    """Return what an optimizer keeps of a parameter, and whether it is one number rather than of its shape."""
    probe = nn.Parameter(torch.zeros(2))
    probe.grad = torch.zeros(2)
    try_out = copy.copy(optimizer)
    try_out.param_groups = [{**optimizer.param_groups[0], "params": [probe]}]
    try_out.state = defaultdict(dict)
    try_out.step()
    return {name: value.dim() == 0 for name, value in try_out.state[probe].items()}
