"""Without the package onnx, the room says how to install it."""

from __future__ import annotations

import sys

import pytest

from lstmkit import InputError
from lstmkit.nn import LSTM
from lstmkit.onnx import export, load_lstm


@pytest.mark.parametrize(
    "call", [lambda path: export(LSTM(2, 3), path), lambda path: load_lstm(path)], ids=["export", "load_lstm"]
)
def test_a_missing_package_is_named(monkeypatch, tmp_path, call):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'lstmkit\[onnx\]'"):
        call(tmp_path / "layer.onnx")
