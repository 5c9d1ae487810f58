"""The gradients of one step of `Lstm`, derived by hand: what a kernel's backward pass has to compute."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lstmkit.recurrence.cell import Masks, State, Weights, blend, masked, rows
from lstmkit.recurrence.cells.lstm import Lstm


def lstm_step_gradients(
    cell: Lstm, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
) -> tuple[Tensor, State, dict[str, Tensor]]:
    """Return the gradients of one step; a name that begins with d is the gradient of the loss by what follows.

    cell     the settings
    inputs, state, weights, masks, dy, dstate   as in `Cell.step_gradients`
    Returns  gradients of `inputs`, of (h, c), and of each weight that `step` reads
    Source   the chain rule on the equations of `Lstm`; plain and peephole: Greff et al. 2017; layer norm: Ba, Kiros &
             Hinton 2016
    """
    _, c = state
    step = _forward(cell, inputs, state, weights, masks)
    found: dict[str, Tensor] = {}

    # h' = z * h + (1 - z) * W_hr m    m = o * tanh(inner)    inner = c' or LN(c')
    dh, dm = _blend_gradients(dy + dstate[0], masks.zoneout_h)
    if "weight_hr" in weights:
        found["weight_hr"] = dm.T @ (step.o * step.tanh)
        dm = dm @ weights["weight_hr"]
    do = dm * step.tanh
    dinner = dm * step.o * (1 - step.tanh**2)
    dc_new = dstate[1] + dinner
    if step.norm_c is not None:
        found["norm_c_weight"], found["norm_c_bias"] = step.norm_c.weight_gradients(dinner)
        dc_new = dstate[1] + step.norm_c.value_gradient(dinner)

    # a_o = ... + p_o * c', so c' has its whole gradient only after the output gate
    dz_o = _limit_gradient(do * step.o * (1 - step.o), step.z[-1], cell.clip)
    da_o = _before_norm(step, -1, dz_o)
    if cell.peephole:
        dc_new = dc_new + weights["weight_peephole"][-1] * da_o

    # c' = z * c + (1 - z) * (f * c + i * g * mask)
    dc, dfresh = _blend_gradients(dc_new, masks.zoneout_c)
    dc = dc + dfresh * step.f
    dz = [_limit_gradient(d, z, cell.clip) for d, z in zip(_early(cell, step, masks, dfresh, c), step.z, strict=False)]
    da = [_before_norm(step, k, d) for k, d in enumerate(dz)] + [da_o]
    if cell.peephole:
        p = weights["weight_peephole"]
        dc = dc + sum(p[k] * da[k] for k in range(len(p) - 1))
        found["weight_peephole"] = torch.stack([(d * c).sum(0) for d in da[:-2]] + [(da_o * step.c_new).sum(0)])
    if step.norms:
        pairs = [norm.weight_gradients(d) for norm, d in zip(step.norms, [*dz, dz_o], strict=True)]
        found["norm_weight"], shift = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        found |= {name: shift.clone() for name in ("bias_ih", "bias_hh") if name in weights}

    # a = inputs + u    u = R (h * mask) or LN(R (h * mask))
    dinputs = du = torch.cat(da, dim=-1)
    if step.norm_h is not None:
        found["norm_h_weight"], found["norm_h_bias"] = step.norm_h.weight_gradients(du)
        du = step.norm_h.value_gradient(du)
    found["weight_hh"] = du.T @ step.read
    dh = dh + masked(du @ weights["weight_hh"], masks.state)
    return dinputs, (dh, dc), found


@dataclass(frozen=True, slots=True)
class _Norm:
    """A layer norm y = scale * normal + shift, with normal = (v - mean) / deviation.

    normal     (B, width)
    deviation  (B, 1)
    scale      (width,)
    """

    normal: Tensor
    deviation: Tensor
    scale: Tensor

    def value_gradient(self, dy: Tensor) -> Tensor:
        """Return dv; v moves neither the mean nor the length of `normal`, so dy's parts along these are lost."""
        dnormal = dy * self.scale
        along = self.normal * (dnormal * self.normal).mean(-1, keepdim=True)
        return (dnormal - dnormal.mean(-1, keepdim=True) - along) / self.deviation

    def weight_gradients(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the scale and of the shift."""
        return (dy * self.normal).sum(0), dy.sum(0)


@dataclass(frozen=True, slots=True)
class _Forward:
    """What the gradients read of a step.

    read        (B, P) h as the recurrence reads it
    norm_h      of R h, norm_c of c': in the form "ba", else None
    norms       of the gates in the form "gates", else none
    z           (B, H) for each gate with weights: what is limited, then activated
    i, f, g, o  (B, H)
    c_new       (B, H)
    inner       (B, H) what becomes `tanh`
    """

    read: Tensor
    norm_h: _Norm | None
    norm_c: _Norm | None
    norms: list[_Norm]
    z: list[Tensor]
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c_new: Tensor
    inner: Tensor
    tanh: Tensor


def _forward(cell: Lstm, inputs: Tensor, state: State, weights: Weights, masks: Masks) -> _Forward:
    """Compute the step again, and keep what its gradients read."""
    h, c = state
    norms: list[_Norm] = []
    scales = rows(weights["norm_weight"], cell.gates) if cell.layer_norm == "gates" else ()
    bias = rows(weights["bias_ih"] + weights["bias_hh"], cell.gates) if scales and "bias_ih" in weights else ()

    def finish(a: Tensor, gate: int) -> Tensor:
        if not scales:
            return a
        norms.append(_normalize(a, scales[gate], cell.epsilon))
        z = norms[-1].normal * scales[gate]
        return z + bias[gate] if bias else z

    def limit(value: Tensor) -> Tensor:
        return value if cell.clip is None else value.clamp(-cell.clip, cell.clip)

    read = masked(h, masks.state)
    u, norm_h = functional.linear(read, weights["weight_hh"]), None
    if cell.layer_norm == "ba":
        norm_h = _normalize(u, weights["norm_h_weight"], cell.epsilon)
        u = norm_h.normal * norm_h.scale + weights["norm_h_bias"]
    a = list(rows(inputs + u, cell.gates))
    p = weights["weight_peephole"] if cell.peephole else None
    if p is not None:
        a[:-2] = [a_k + p_k * c for a_k, p_k in zip(a[:-2], p[:-1], strict=True)]
    z = [finish(a_k, k) for k, a_k in enumerate(a[:-1])]
    *kept, g = *(torch.sigmoid(limit(z_k)) for z_k in z[:-1]), torch.tanh(limit(z[-1]))
    i = 1 - kept[0] if cell.coupled == "forget" else kept[0]
    f = 1 - kept[0] if cell.coupled == "input" else kept[-1]
    c_new = blend(c, f * c + i * masked(g, masks.candidate), masks.zoneout_c)
    z.append(finish(a[-1] if p is None else a[-1] + p[-1] * c_new, cell.gates - 1))
    inner, norm_c = c_new, None
    if cell.layer_norm == "ba":
        norm_c = _normalize(c_new, weights["norm_c_weight"], cell.epsilon)
        inner = norm_c.normal * norm_c.scale + weights["norm_c_bias"]
    o, tanh = torch.sigmoid(limit(z[-1])), torch.tanh(inner)
    return _Forward(read, norm_h, norm_c, norms, z, i, f, g, o, c_new, inner, tanh)


def _early(cell: Lstm, step: _Forward, masks: Masks, dfresh: Tensor, c: Tensor) -> list[Tensor]:
    """Return the gradients of what goes into the activations of the gates before the output gate.

    dfresh  (B, H) gradient of f * c + i * g * mask
    """
    i, f, g = step.i, step.f, step.g
    di, df = dfresh * masked(g, masks.candidate), dfresh * c
    dg = masked(dfresh * i, masks.candidate) * (1 - g**2)
    if cell.coupled == "input":  # f = 1 - i
        return [(di - df) * i * (1 - i), dg]
    if cell.coupled == "forget":  # i = 1 - f
        return [(df - di) * f * (1 - f), dg]
    return [di * i * (1 - i), df * f * (1 - f), dg]


def _normalize(v: Tensor, scale: Tensor, epsilon: float) -> _Norm:
    centred = v - v.mean(-1, keepdim=True)
    deviation = torch.sqrt((centred**2).mean(-1, keepdim=True) + epsilon)
    return _Norm(centred / deviation, deviation, scale)


def _before_norm(step: _Forward, gate: int, dz: Tensor) -> Tensor:
    return step.norms[gate].value_gradient(dz) if step.norms else dz


def _limit_gradient(d: Tensor, value: Tensor, clip: float | None) -> Tensor:
    """Return d where the value was inside ±clip, else 0."""
    return d if clip is None else torch.where(value.abs() <= clip, d, torch.zeros_like(d))


def _blend_gradients(d: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the gradients of the old and of the new in share * old + (1 - share) * new."""
    return (torch.zeros_like(d), d) if share is None else (share * d, (1 - share) * d)
