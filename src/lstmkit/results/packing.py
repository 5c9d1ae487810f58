"""Figures as the small text that a page holds: four bytes a number, and every array once however many share it."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 8
"""Numbers that an array must have to be packed; fewer are shorter as text."""


class Packing:
    """Arrays that several curves share, in the order in which they were met."""

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self._known: dict[bytes, int] = {}

    def pack(self, value: Any) -> Any:
        """Return a value of a figure as JSON: dictionaries and lists of the same, an array as a reference to it."""
        if isinstance(value, dict):
            if set(value) <= {"dtype", "bdata", "shape"} and "bdata" in value:  # an array, as plotly writes it
                flat = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
                shape = str(value.get("shape", len(flat))).split(",")
                return self.pack(flat.reshape([int(n) for n in shape]))
            return {k: self.pack(v) for k, v in value.items()}
        if isinstance(value, np.ndarray):
            return self._reference(value)
        if isinstance(value, list | tuple):
            return [self.pack(v) for v in value]
        if isinstance(value, np.generic):
            value = value.item()
        return None if isinstance(value, float) and not np.isfinite(value) else value

    def _reference(self, array: NDArray[Any]) -> Any:
        if array.ndim > 1:
            return [self._reference(row) for row in array]
        if array.dtype.kind not in "Mifu" or array.ndim == 0:
            return self.pack(array.tolist())
        if array.dtype.kind == "M":
            array = array.astype("datetime64[ms]")
        if len(array) < FEWEST:
            return self.pack([str(v) for v in array] if array.dtype.kind == "M" else array.tolist())
        key = str(array.dtype).encode() + array.tobytes()
        if key not in self._known:
            self._known[key] = len(self.arrays)
            self.arrays.append(_encoded(array))
        return {"array": self._known[key]}


def _encoded(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as its first value, a unit, and four bytes a number: exact for times, else to 1e-7 of the range.

    A missing value stays one. Whole numbers and times whose steps take more than 32 bits keep 64.
    """
    if array.dtype.kind == "f":
        seen = array[np.isfinite(array)]
        origin, top = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
        if np.isfinite(top - origin):
            unit = math.ldexp(0.5, math.frexp(top - origin or 1.0)[1])  # a power of two: small whole numbers stay exact
            packed = ((array.astype(np.float64) - origin) / unit).astype("<f4")
            return {"kind": "f4", "origin": origin, "unit": unit, "data": _text(packed)}
        return {"kind": "f8", "data": _text(array.astype("<f8"))}
    found = {"date": True} if array.dtype.kind == "M" else {}
    whole = array.astype(np.int64)
    far = float(whole.max()) - float(whole.min()) >= 2**53  # more than a page can count exactly anyway
    steps = np.zeros_like(whole) if far else whole - whole[0]
    unit = int(np.gcd.reduce(steps)) or 1
    if far or np.abs(steps // unit).max() >= 2**31:
        return found | {"kind": "f8", "data": _text(whole.astype("<f8"))}
    return found | {"kind": "i4", "origin": int(whole[0]), "unit": unit, "data": _text((steps // unit).astype("<i4"))}


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()


def to_script(value: Any) -> str:
    """Return JSON that may stand in an element of a page, whatever texts are in it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
