"""The package `onnx`, loaded when it is first needed, because it is an extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from lstmkit.errors import InputError


def onnx_package() -> ModuleType:
    """Return the package `onnx`.

    Raises   InputError that says how to install it
    """
    try:
        return importlib.import_module("onnx")
    except ModuleNotFoundError as missing:
        raise InputError("ONNX needs the package onnx: pip install 'lstmkit[onnx]'") from missing
