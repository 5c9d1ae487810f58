"""The native library: found, loaded, and described to ctypes. Nothing here knows of autograd."""

from __future__ import annotations

import ctypes
import os
import sys
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

TARGET_VARIABLE = "LSTMKIT_TARGET"
LIBRARY_VARIABLE = "LSTMKIT_LIBRARY"
"""Path of another build of the library, such as one with a sanitizer."""
FLOAT_TYPES = {torch.float32: 0, torch.float64: 1}
MASKS = 4
_SIZES = ("T", "B", "I", "H", "P", "K", "D")
_FLAGS = ("type", "cell", "bias", "each", "states", "threads", "peephole", "coupled", "norm")
_OPTIONS = ("period", "lags", "mean", "rounds", "rank")
_INPUTS = ("x", "state", "weights", "lengths")
_FUNCTIONS = ("reserve", "packed", "pack", "same", "step", "forward", "backward", "target", "targets", "use_target")
_RESULTS = ("y", "last", "reserve", "dy", "dlast", "dx", "dstate", "dweights")


class MaskCall(ctypes.Structure):
    """`struct lstmkit_mask` of csrc/lstmkit.h."""

    _fields_ = (("values", ctypes.c_void_p), ("steps", ctypes.c_int64), ("sequences", ctypes.c_int64))


class StackCall(ctypes.Structure):
    """`struct lstmkit_stack` of csrc/lstmkit.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        *((name, ctypes.c_int32) for name in (*_FLAGS, *_OPTIONS)),
        *((name, ctypes.c_void_p) for name in _INPUTS),
        ("masks", MaskCall * MASKS),
        *((name, ctypes.c_void_p) for name in _RESULTS),
        ("epsilon", ctypes.c_double),
        ("packed", ctypes.c_void_p),
        ("exponential", ctypes.c_int32),
    )


@cache
def load_library() -> tuple[ctypes.CDLL | None, str]:
    """Return the library and "", or None and one sentence why it cannot be used. Looked for once a process."""
    folders = sys.modules["lstmkit.recurrence"].__path__  # an editable install has two: the source, and what was built
    given = os.environ.get(LIBRARY_VARIABLE)
    places = [Path(given)] if given else [Path(folder) / "liblstmkit.so" for folder in folders]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        return None, "the native library is not installed; it is built when lstmkit is installed with a C++ compiler"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return None, f"the native library cannot be loaded: {error}"
    if missing := [name for name in _FUNCTIONS if getattr(library, f"lstmkit_{name}", None) is None]:
        return None, f"{path} is older than this lstmkit (it lacks {missing[0]}); install lstmkit again"
    library.lstmkit_reserve.restype = ctypes.c_int64
    library.lstmkit_packed.restype = ctypes.c_int64
    library.lstmkit_target.restype = ctypes.c_char_p
    library.lstmkit_targets.restype = ctypes.c_char_p
    for name in ("lstmkit_reserve", "lstmkit_packed", "lstmkit_step", "lstmkit_forward", "lstmkit_backward"):
        getattr(library, name).argtypes = (ctypes.POINTER(StackCall),)
    library.lstmkit_pack.argtypes = (ctypes.POINTER(StackCall), ctypes.c_void_p)
    library.lstmkit_same.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    library.lstmkit_use_target.argtypes = (ctypes.c_char_p,)
    wanted = os.environ.get(TARGET_VARIABLE)
    if wanted and library.lstmkit_use_target(wanted.encode()):
        known = library.lstmkit_targets().decode()
        return None, f"{TARGET_VARIABLE}={wanted} is not an instruction set of this machine ({known})"
    return library, ""


def instruction_set() -> str:
    """Return the name of the instruction set that the library uses in this process, or "" without a library."""
    library, _ = load_library()
    return "" if library is None else str(library.lstmkit_target().decode())


VECTORS = {"avx512": 64, "avx2": 32, "": 0}.get(instruction_set(), 16)
"""Bytes of its vectors."""


def pointers(tensors: Sequence[Tensor]) -> tuple[int, array[int]]:
    """Return the address of a C array of the tensors' addresses, and the array, which must stay alive meanwhile."""
    table = array("Q", [t.data_ptr() for t in tensors])  # made in half the time of an array of ctypes
    return table.buffer_info()[0], table
