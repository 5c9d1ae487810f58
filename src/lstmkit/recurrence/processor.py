"""What this processor can do: asked of it once a process, by trying."""

from __future__ import annotations

from functools import cache

import torch
from torch.utils._python_dispatch import _disable_current_modes


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def lower_precision_refusal(dtype: torch.dtype, gradients: bool) -> str:
    """Return "" if torch's LSTM on the CPU computes in `dtype` under autocast here, else one sentence.

    dtype      a floating type below float32
    gradients  whether the backward must run as well

    oneDNN has such an LSTM for some processors only, such as bfloat16 for those with AVX-512, and raises on the others.
    """
    return _lower_precision_refusal(dtype, gradients)


@cache
def _lower_precision_refusal(dtype: torch.dtype, gradients: bool) -> str:
    def zeros(*shape: int, requires_grad: bool = False) -> torch.Tensor:
        return torch.zeros(shape, dtype=torch.float32, device="cpu", requires_grad=requires_grad)

    with _disable_current_modes(), torch.inference_mode(False), torch.set_grad_enabled(gradients):
        x, state = zeros(1, 1, 1), zeros(1, 1, 1)
        weights = [zeros(*shape, requires_grad=gradients) for shape in ((4, 1), (4, 1), (4,), (4,))]
        try:
            with torch.autocast("cpu", dtype):
                y = torch._VF.lstm(x, (state, state), weights, True, 1, 0.0, gradients, False, False)[0]
            if gradients:
                torch.autograd.grad(y.float().sum(), weights)
        except RuntimeError:
            return f"oneDNN has no LSTM in {str(dtype).removeprefix('torch.')} for this processor"
    return ""
