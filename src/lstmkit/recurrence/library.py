"""The native library: found, loaded, and described to ctypes. Nothing here knows of autograd."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

TARGET_VARIABLE = "LSTMKIT_TARGET"
LIBRARY_VARIABLE = "LSTMKIT_LIBRARY"
"""Path of another build of the library, such as one with a sanitizer."""
FLOAT_TYPES = {torch.float32: 0, torch.float64: 1}
_SIZES = ("T", "B", "I", "H", "K", "D")
_FLAGS = ("type", "bias", "threads", "padding")
_POINTERS = (
    *("x", "h0", "c0", "weights", "lengths", "y", "hn", "cn", "reserve"),
    *("dy", "dhn", "dcn", "dx", "dh0", "dc0", "dweights"),
)


class StackCall(ctypes.Structure):
    """`struct lstmkit_lstm` of csrc/lstmkit.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _SIZES),
        *((name, ctypes.c_int32) for name in _FLAGS),
        *((name, ctypes.c_void_p) for name in _POINTERS),
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
    library.lstmkit_lstm_reserve.restype = ctypes.c_int64
    library.lstmkit_target.restype = ctypes.c_char_p
    library.lstmkit_targets.restype = ctypes.c_char_p
    for name in ("lstmkit_lstm_reserve", "lstmkit_lstm_forward", "lstmkit_lstm_backward"):
        getattr(library, name).argtypes = (ctypes.POINTER(StackCall),)
    library.lstmkit_use_target.argtypes = (ctypes.c_char_p,)
    wanted = os.environ.get(TARGET_VARIABLE)
    if wanted and library.lstmkit_use_target(wanted.encode()):
        known = library.lstmkit_targets().decode()
        return None, f"{TARGET_VARIABLE}={wanted} is not an instruction set of this machine ({known})"
    return library, ""


def pointers(tensors: list[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """Return the tensors' addresses as a C array."""
    return (ctypes.c_void_p * len(tensors))(*(t.data_ptr() for t in tensors))
