"""Damage to what lies on disk, with every digest made right again: what remains to be found is the damage itself."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.training.schema import canonical

VALUES: list[Any] = [None, True, -1, 0, 10**12, 0.5, "x", [], [[1]], {}]
"""What every value of a config is replaced by in turn."""


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the config of a model folder with its own digest."""
    config.pop("sha256", None)
    config["sha256"] = hashlib.sha256(canonical(config)).hexdigest()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def write_weights(folder: Path, weights: bytes) -> None:
    """Write the weights of a model folder, and their size and digest into its config."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "model.safetensors").write_bytes(weights)
    config["weights"] = {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
    write_config(folder, config)


def rewrite_checkpoint(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], object]) -> None:
    """Change tensors and header of a checkpoint in place."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["lstmkit"])
    tensors = load(path.read_bytes())
    change(tensors, header)
    seal_checkpoint(path, save(tensors, {"lstmkit": json.dumps(header), "sha256": "0" * 64}))


def seal_checkpoint(path: Path, content: bytes) -> None:
    """Write a checkpoint whose digest is 64 zeros with its true digest."""
    path.write_bytes(content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode(), 1))


def places(config: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every value of JSON-able data lies; of a list, its first and last."""
    items: list[tuple[Any, Any]] = []
    if isinstance(config, dict):
        items = list(config.items())
    elif isinstance(config, list) and config:
        items = list({0: config[0], len(config) - 1: config[-1]}.items())
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(config: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of JSON-able data with another value in a place."""
    found = copy.deepcopy(config)
    within = found
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = value
    return found


def without(config: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy of JSON-able data without a place."""
    found = copy.deepcopy(config)
    within = found
    for key in path[:-1]:
        within = within[key]
    del within[path[-1]]
    return found


def damaged_configs(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a config with each place in it left out, and set to each of VALUES, and where."""
    for path in places({k: v for k, v in config.items() if k not in ("format", "kind", "weights", "sha256")}):
        yield f"{path} left out", without(config, path)
        for value in VALUES:
            yield f"{path} = {value!r}", changed(config, path, value)


def damaged_tensors(tensors: dict[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield tensors with each of them left out, renamed, of another shape, type and content, and which."""
    for name, tensor in tensors.items():
        others = {k: v for k, v in tensors.items() if k != name}
        yield f"{name} left out", others
        yield f"{name} renamed", others | {name + "x": tensor}
        flat = tensor.reshape(-1)
        ways = {"wrapped": tensor[None], "emptied": flat[:0], "doubled": torch.cat([flat, flat])}
        kinds = (torch.float32, torch.float64, torch.int64, torch.uint8)
        ways |= {str(kind): tensor.to(kind) for kind in kinds if kind != tensor.dtype}
        ways |= {"zeros": torch.zeros_like(tensor), "hundreds": torch.full_like(tensor, 100)}
        ways["flipped"] = tensor.flip(0) if tensor.dim() else tensor
        if tensor.is_floating_point():
            ways |= {"NaN": torch.full_like(tensor, math.nan), "infinite": torch.full_like(tensor, math.inf)}
        else:
            largest = torch.iinfo(tensor.dtype).max
            ways |= {"negative": torch.full_like(tensor, -5), "largest": torch.full_like(tensor, largest)}
        for way, other in ways.items():
            if not (other.shape == tensor.shape and other.dtype == tensor.dtype and torch.equal(other, tensor)):
                yield f"{name} {way}", others | {name: other.contiguous()}


def damaged_headers(weights: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield safetensors files whose header is damaged."""
    length = int.from_bytes(weights[:8], "little")
    header, rest = weights[8 : 8 + length], weights[8 + length :]
    for size in (0, 1, length - 1, length + 1, len(weights), 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
        yield f"header of {size}", size.to_bytes(8, "little") + weights[8:]
    texts = {
        "deep": b"[" * length,
        "no JSON": b"x" * length,
        "a number": b"1".ljust(length),
        "a list": b"[]".ljust(length),
        "an unknown type": header.replace(b'"F32"', b'"F8_E5M2"').replace(b'"F64"', b'"F8_E4M3"'),
        "another type": header.replace(b'"F32"', b'"F64"', 1),
        "negative": header.replace(b'"shape":[', b'"shape":[-', 1),
        "NaN": header.replace(b'"shape":[', b'"shape":[NaN,', 1),
        "offsets": header.replace(b'"data_offsets":[0', b'"data_offsets":[999999999999', 1),
        "twice": header.replace(b"{", b'{"a":1,"a":1,', 1),
        "not UTF-8": header.replace(b'"F32"', b'"\xff\xff"', 1),
    }
    for name, text in texts.items():
        yield name, len(text).to_bytes(8, "little") + text + rest
    yield "cut", weights[:-1]
    yield "longer", weights + b"x"
    yield "empty", b""


def refused_in_a_line(use: Callable[[], object]) -> str | None:
    """Return the one line that `use` is refused with, or None if it is not refused."""
    line: str | None = None
    try:
        use()
    except InputError as error:
        line = str(error)
    assert line is None or (line.strip() and "\n" not in line), line
    return line


def check_all(folder: Path, use: Callable[[], object], what: str = "", every: int = 1) -> dict[str, str | None]:
    """Damage a model folder in every way, and return how each was answered: by a line, or None.

    use    loads the model and uses it; nothing but an InputError of one line may come of it
    every  only each so many damages are tried
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = (folder / "model.safetensors").read_bytes()
    tensors = load(weights)  # not from the file, which is about to be written over
    found: dict[str, str | None] = {}
    for number, (name, other) in enumerate(damaged_configs(config)):
        if number % every == 0:
            write_config(folder, other)
            found[f"{what}{name}"] = _answer(use, name)
    write_config(folder, config)
    for name, changed_tensors in damaged_tensors(tensors):
        write_weights(folder, save(changed_tensors))
        found[f"{what}{name}"] = _answer(use, name)
    for name, content in damaged_headers(weights):
        write_weights(folder, content)
        found[f"{what}{name}"] = _answer(use, name)
    write_weights(folder, weights)
    assert refused_in_a_line(use) is None
    return found


def _answer(use: Callable[[], object], name: str) -> str | None:
    try:
        return refused_in_a_line(use)
    except Exception as error:  # noqa: BLE001 (which damage it was must be said)
        pytest.fail(f"{name}: {type(error).__name__}: {error}")
