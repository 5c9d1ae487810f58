"""TensorFlow Lite's golden numbers for peephole, coupled gates, projection and layer norm.

Source: tensorflow/lite/kernels/lstm_test.cc of TensorFlow (Apache-2.0); the weights, inputs and outputs of the float
tests named in tflite_lstm_test.json, which there are compared to 1e-5. Coupled there means i = 1 - f with the forget
gate's weights kept. The layer norm's epsilon is 1e-8, and it has one scale per gate and the bias after it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lstmkit.nn import LSTM, Lstm

TFLITE_TOLERANCE = {"rtol": 0.0, "atol": 1e-5}
CASES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "tflite_lstm_test.json").read_text("utf-8"))


def stacked(case: dict[str, Any], name: str, order: str, width: int | None) -> Tensor:
    """Join the gates of a weight in our order; (rows,) if `width` is None, else (rows, width)."""
    flat = torch.tensor([value for gate in order for value in case[name][gate]])
    return flat if width is None else flat.reshape(-1, width)


def layer_of(case: dict[str, Any]) -> LSTM:
    H, inputs, P = case["H"], case["I"], case["P"]
    coupled = "i" not in case["w_ih"]
    cell = Lstm(
        peephole="peephole" in case,
        coupled="forget" if coupled else None,
        layer_norm="gates" if "norm" in case else None,
        epsilon=1e-8,
    )
    lstm = LSTM(inputs, H, batch_first=True, proj_size=P, cell=cell)
    order, peepholes = ("fgo", "fo") if coupled else ("ifgo", "ifo")
    weights = {
        "weight_ih_l0": stacked(case, "w_ih", order, inputs),
        "weight_hh_l0": stacked(case, "w_hh", order, P or H),
        "bias_ih_l0": stacked(case, "bias", order, None),
    }
    weights["bias_hh_l0"] = torch.zeros_like(weights["bias_ih_l0"])
    if cell.peephole:
        weights["weight_peephole_l0"] = stacked(case, "peephole", peepholes, H)
    if cell.layer_norm:
        weights["norm_weight_l0"] = stacked(case, "norm", order, None)
    if P:
        weights["weight_hr_l0"] = torch.tensor(case["w_hr"]).reshape(P, H)
    lstm.load_state_dict(weights, strict=True)
    return lstm


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_golden_numbers(name, dtype):
    case = CASES[name]
    B = len(case["x"])
    x = torch.tensor(case["x"], dtype=dtype).reshape(B, -1, case["I"])
    y, _ = layer_of(case).to(dtype)(x)
    expected = torch.tensor(case["y"], dtype=dtype).reshape(B, -1, case["P"] or case["H"])
    torch.testing.assert_close(y, expected, **TFLITE_TOLERANCE)
