"""Safetensors files, read with suspicion: the header first and alone, then its tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.training.schema import Natural, checked, read_json

LARGEST_HEADER = 100_000_000
"""Bytes; safetensors itself reads no larger one."""

METADATA = "__metadata__"

KINDS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Types that a model may have, and what safetensors calls them."""


@dataclass(frozen=True, slots=True)
class TensorShape:
    """Type and shape of a tensor in a file.

    dtype  as safetensors calls it
    """

    dtype: str
    shape: tuple[Natural, ...]

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    @classmethod
    def of(cls, tensor: Tensor) -> TensorShape:
        """Return those of a tensor."""
        return cls(KINDS[tensor.dtype], tuple(tensor.shape))


def read_header(file: Path) -> tuple[dict[str, TensorShape], dict[str, str]]:
    """Return the shapes of the tensors in a file, by name, and the texts beside them; no tensor is read.

    Raises  InputError, without the place
    """
    try:
        with file.open("rb") as opened:
            return _header(opened, os.fstat(opened.fileno()).st_size)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error


def header_of(content: bytes) -> tuple[dict[str, TensorShape], dict[str, str]]:
    """Return what `read_header` does, of the content of a file."""
    from io import BytesIO

    return _header(BytesIO(content), len(content))


def load_tensors(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a file.

    Raises  InputError, without the place
    """
    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"not readable tensors ({' '.join(str(error).split())})") from error


def require_shapes(found: Mapping[str, TensorShape], wanted: Mapping[str, TensorShape]) -> None:
    """Make sure that a file holds just the tensors that are wanted.

    Raises  InputError that names the first that differs
    """
    for name, shape in wanted.items():
        if name not in found:
            raise InputError(f"tensor {name!r} is missing")
        if found[name] != shape:
            raise InputError(f"tensor {name!r} is {found[name]}, not {shape}")
    for name in found:
        if name not in wanted:
            raise InputError(f"tensor {name!r} belongs to nothing")


def _header(file: BinaryIO, size: int) -> tuple[dict[str, TensorShape], dict[str, str]]:
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, LARGEST_HEADER):
        raise InputError(f"a header of {length:,} bytes in a file of {size:,}")
    header = read_json(file.read(length))
    if not isinstance(header, dict):
        raise InputError("the header is no JSON object")
    beside: dict[str, Any] = header.pop(METADATA, None) or {}
    return checked(header, dict[str, TensorShape]), checked(beside, dict[str, str])
