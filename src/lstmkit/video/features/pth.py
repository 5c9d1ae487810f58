"""Weights in the first format of torch.save, read as numbers under names.

The file says by the instructions of a pickle how its tensors are put together. These are read as a text is: nothing
that they name is imported, called or made, and an instruction that describes no tensor is refused.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lstmkit.errors import InputError

HEADS = 3
"""Pickles before that of the tensors: a number, a version, and sizes of types."""
TENSOR, NUMBERS = "torch._utils _rebuild_tensor_v2", "torch FloatStorage"
PLAIN = {"BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "GLOBAL"}
FIXED: dict[str, Any] = {"NONE": None, "NEWFALSE": False, "NEWTRUE": True, "EMPTY_TUPLE": ()}
EMPTY = {"EMPTY_DICT", "EMPTY_LIST"}
SHORT = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Made:
    """What an instruction would make: the name of what is called, and with what."""

    name: str
    given: Any


_MARK = object()


def read_pth(path: Path) -> dict[str, Tensor]:
    """Return the float32 tensors of a file by their names.

    Raises  InputError if it is no such file, or damaged
    """
    content = path.read_bytes()
    try:
        file = io.BytesIO(content)
        for _ in range(HEADS):
            _understood(file)
        tensors, keys = _understood(file), _understood(file)
        pieces = dict(_pieces(content, file.tell(), tensors, keys))
        return {name: _tensor(own.given, pieces) for name, own in tensors if _is_tensor(own)}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RuntimeError) as error:
        raise InputError(f"{path}: no weights that can be read; install its package again") from error


def _understood(file: io.BytesIO) -> Any:
    """Return what the next pickle describes: dictionaries as lists of pairs, and what would be called as `_Made`."""
    stack: list[Any] = []
    memory: dict[int, Any] = {}
    for code, argument, _ in pickletools.genops(file):
        name = code.name
        if name in PLAIN:
            stack.append(argument)
        elif name in FIXED:
            stack.append(FIXED[name])
        elif name in EMPTY:
            stack.append([])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memory[int(argument or 0)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memory[int(argument or 0)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "STOP":
            return stack.pop()
        elif name != "PROTO":
            _combine(name, stack)
    raise ValueError("no end")


def _combine(name: str, stack: list[Any]) -> None:
    """Carry out an instruction that puts together what is on the stack."""
    if name in SHORT:
        stack.append(tuple(stack.pop() for _ in range(SHORT[name]))[::-1])
    elif name == "TUPLE":
        stack.append(tuple(_to_mark(stack)))
    elif name == "REDUCE":
        given, called = stack.pop(), stack.pop()
        stack.append([] if called == "collections OrderedDict" else _Made(called, given))
    elif name == "BINPERSID":
        stack.append(_Made("storage", stack.pop()))
    elif name == "SETITEM":
        pair = stack.pop(), stack.pop()
        stack[-1].append(pair[::-1])
    elif name in ("SETITEMS", "APPENDS"):
        own = _to_mark(stack)
        stack[-1].extend(own if name == "APPENDS" else zip(own[::2], own[1::2], strict=True))
    elif name == "APPEND":
        value = stack.pop()
        stack[-1].append(value)
    elif name == "BUILD":
        stack.pop()  # what a dictionary has beside its pairs
    else:
        raise ValueError(name)


def _to_mark(stack: list[Any]) -> list[Any]:
    own: list[Any] = []
    while (top := stack.pop()) is not _MARK:
        own.append(top)
    return own[::-1]


def _is_tensor(own: Any) -> bool:
    return isinstance(own, _Made) and own.name == TENSOR and own.given[0].given[1] == NUMBERS


def _pieces(content: bytes, at: int, tensors: Any, keys: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Yield the numbers of the float32 pieces of memory that stand at the end of a file, by their keys."""
    storages = [own.given[0].given for _, own in tensors if isinstance(own, _Made) and own.name == TENSOR]
    kinds = {key: kind for _, kind, key, *_ in storages}
    for key in keys:
        (count,) = struct.unpack_from("<q", content, at)
        size = 4 if kinds[key] == NUMBERS else 8
        if count < 0 or at + 8 + size * count > len(content):
            raise ValueError(key)
        if size == 4:
            yield key, torch.from_numpy(np.frombuffer(content, "<f4", count, at + 8).copy())
        at += 8 + size * count


def _tensor(given: Any, pieces: dict[str, Tensor]) -> Tensor:
    storage, offset, shape, stride = given[:4]
    return pieces[storage.given[2]].as_strided(shape, stride, offset)
