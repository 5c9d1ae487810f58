"""The LSTM, and the forms of it that keep its gates: peephole, coupled, layer-normalised, projected, zoned out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional, init

from lstmkit.errors import InputError
from lstmkit.ranges import MORE_THAN_0, check_fields
from lstmkit.recurrence.cell import NO_MASKS, Cell, Masks, Sizes, State, Weights, blend, masked, rows

Coupled = Literal["input", "forget"] | None
Norm = Literal["ba", "gates"] | None


class Gates(NamedTuple):
    """The gates of one step, each (B, H).

    input, forget, output  i, f and o, between 0 and 1
    candidate              g, what the input gate lets into the cell, between -1 and 1
    cell                   c after the step
    """

    input: Tensor
    forget: Tensor
    output: Tensor
    candidate: Tensor
    cell: Tensor


@dataclass(frozen=True)
class Lstm(Cell):
    """Settings of the LSTM with gates i, f, g, o.

    With σ the logistic function, a = W x + R h + b the pre-activations of all gates, and * elementwise:

        i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)
        c' = f * c + i * g
        h' = o * tanh(c')

    peephole    the gates see the cell: a_i += p_i * c, a_f += p_f * c, a_o += p_o * c'
    coupled     one gate for two: "input" keeps the input gate, f = 1 - i; "forget" keeps the forget gate, i = 1 - f.
                The gates are then three, in the order kept, g, o
    layer_norm  "ba": a = LN(R h) + LN(W x) + b over all gates together, each with its scale and shift, and
                h' = o * tanh(LN(c')); the cell that is carried on is not normalised.
                "gates": a_k = LN(W x + R h + peephole) for every gate k by itself, times a scale; then the bias
    clip        every full pre-activation is limited to ±clip, as ONNX Runtime does; the cell is not; or None
    epsilon     added to the variance in the layer norms
    Raises      InputError if `coupled`, `layer_norm`, `clip` or `epsilon` is none of these
    Source      Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000; peephole: Gers & Schmidhuber 2000;
                coupled: Greff et al. 2017 and TensorFlow Lite; projection: Sak, Senior & Beaufays 2014; layer norm:
                Ba, Kiros & Hinton 2016 and TensorFlow Lite; zoneout: Krueger et al. 2017; dropout on the candidate:
                Semeniuta, Severyn & Barth 2016; on the state: Gal & Ghahramani 2016
    """

    peephole: bool = False
    coupled: Coupled = None
    layer_norm: Norm = None
    clip: float | None = None
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Check every value."""
        if self.coupled not in (None, "input", "forget"):
            raise InputError(f"Lstm: coupled must be None, 'input' or 'forget'; got {self.coupled!r}")
        if self.layer_norm not in (None, "ba", "gates"):
            raise InputError(f"Lstm: layer_norm must be None, 'ba' or 'gates'; got {self.layer_norm!r}")
        check_fields(self, {"clip": MORE_THAN_0, "epsilon": MORE_THAN_0}, "Lstm")

    @property
    def name(self) -> str:
        """The name in CELLS, or one made of the settings that differ from the plain LSTM."""
        parts = {
            "peephole": self.peephole,
            "coupled" if self.coupled == "input" else "coupled-forget": self.coupled is not None,
            "layer-norm" if self.layer_norm == "ba" else "layer-norm-gates": self.layer_norm is not None,
            "clip": self.clip is not None,
        }
        return "-".join(part for part, used in parts.items() if used) or "lstm"

    @property
    def plain(self) -> bool:
        """Whether this is torch's LSTM."""
        return not (self.peephole or self.coupled or self.layer_norm or self.clip)

    @property
    def gates(self) -> int:
        """How many gates have weights."""
        return 3 if self.coupled else 4

    def weight_shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Return torch's names and shapes, then those of the peepholes and of the layer norms."""
        G, H, P = self.gates * sizes.hidden, sizes.hidden, sizes.output
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (G, sizes.inputs), "weight_hh": (G, P)}
        if sizes.bias:
            shapes |= {"bias_ih": (G,), "bias_hh": (G,)}
        if sizes.projected:
            shapes["weight_hr"] = (P, H)
        if self.peephole:
            shapes["weight_peephole"] = (self.gates - 1, H)
        if self.layer_norm == "ba":
            shapes |= {"norm_x_weight": (G,), "norm_x_bias": (G,), "norm_h_weight": (G,), "norm_h_bias": (G,)}
            shapes |= {"norm_c_weight": (H,), "norm_c_bias": (H,)}
        if self.layer_norm == "gates":
            shapes["norm_weight"] = (G,)
        return shapes

    def unsupported(self, sizes: Sizes, masks: Masks) -> str:
        """Return "" unless the output is wider than the cell."""
        return "" if sizes.output <= sizes.hidden else "the output of an LSTM cannot be wider than its cell"

    def initialize(self, weights: Weights, sizes: Sizes) -> None:
        """Fill weights as torch does; layer norms begin as the identity."""
        super().initialize({name: w for name, w in weights.items() if not name.startswith("norm")}, sizes)
        for name, weight in weights.items():
            if name.startswith("norm"):
                init.ones_(weight) if name.endswith("weight") else init.zeros_(weight)

    def forget_rows(self, hidden: int) -> slice | None:
        """Return the forget gate's rows; without one of its own (f = 1 - i), None."""
        if self.coupled:
            return slice(0, hidden) if self.coupled == "forget" else None
        return slice(hidden, 2 * hidden)

    def inputs(self, x: Tensor, weights: Weights) -> Tensor:
        """Return W x + b (..., GH); in the form "gates" without b, which comes after the norm."""
        a = functional.linear(x, weights["weight_ih"])
        if self.layer_norm == "ba":
            a = _norm(a, weights["norm_x_weight"], weights["norm_x_bias"], self.epsilon)
        return a if self.layer_norm == "gates" else _biased(a, weights)

    def step(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> tuple[Tensor, State]:
        """Advance by one step; the equations are in the class's description."""
        gates = self.gate_values(inputs, state, weights, masks)
        inner = gates.cell
        if self.layer_norm == "ba":
            inner = _norm(inner, weights["norm_c_weight"], weights["norm_c_bias"], self.epsilon)
        out = gates.output * torch.tanh(inner)
        if "weight_hr" in weights:
            out = functional.linear(out, weights["weight_hr"])
        h = blend(state[0], out, masks.zoneout_h)
        return h, (h, gates.cell)

    def gate_values(self, inputs: Tensor, state: State, weights: Weights, masks: Masks = NO_MASKS) -> Gates:
        """Return the gates of a step, and the cell after it; arguments as those of `step`."""
        h, c = state
        _check_sizes(self, inputs, state, weights)
        recurrent = functional.linear(masked(h, masks.state), weights["weight_hh"])
        if self.layer_norm == "ba":
            recurrent = _norm(recurrent, weights["norm_h_weight"], weights["norm_h_bias"], self.epsilon)
        *early, a_o = rows(inputs + recurrent, self.gates)
        if self.peephole:
            early = [a + p * c for a, p in zip(early[:-1], weights["weight_peephole"], strict=False)] + early[-1:]
        i, f, g = self._activate(early, weights)
        c = blend(c, f * c + i * masked(g, masks.candidate), masks.zoneout_c)
        if self.peephole:
            a_o = a_o + weights["weight_peephole"][-1] * c
        return Gates(i, f, torch.sigmoid(self._limit(self._finish(a_o, weights, self.gates - 1))), g, c)

    def _activate(self, early: list[Tensor], weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
        """Return i, f, g from the pre-activations that stand before the output gate's."""
        a = [self._limit(self._finish(part, weights, k)) for k, part in enumerate(early)]
        g = torch.tanh(a[-1])
        if self.coupled == "input":
            i = torch.sigmoid(a[0])
            return i, 1 - i, g
        if self.coupled == "forget":
            f = torch.sigmoid(a[0])
            return 1 - f, f, g
        return torch.sigmoid(a[0]), torch.sigmoid(a[1]), g

    def _finish(self, a: Tensor, weights: Weights, gate: int) -> Tensor:
        """Return the pre-activation of gate number `gate`: normalised by itself and biased in the form "gates"."""
        if self.layer_norm != "gates":
            return a
        H = a.shape[-1]
        at = slice(gate * H, (gate + 1) * H)
        a = functional.layer_norm(a, (H,), weights["norm_weight"][at], None, self.epsilon)
        return a + (weights["bias_ih"] + weights["bias_hh"])[at] if "bias_ih" in weights else a

    def _limit(self, value: Tensor) -> Tensor:
        return value if self.clip is None else value.clamp(-self.clip, self.clip)

    def step_gradients(
        self, inputs: Tensor, state: State, weights: Weights, masks: Masks, dy: Tensor, dstate: State
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """Return the step's gradients, derived by hand; a name with d is the gradient by what follows.

        Source  the chain rule on the equations above; plain and peephole: Greff et al. 2017; layer norm: Ba, Kiros &
                Hinton 2016
        """
        _, c = state
        step = _forward(self, inputs, state, weights, masks)
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
        dz_o = _limit_gradient(do * step.o * (1 - step.o), step.z[-1], self.clip)
        da_o = _before_norm(step, -1, dz_o)
        if self.peephole:
            dc_new = dc_new + weights["weight_peephole"][-1] * da_o

        # c' = z * c + (1 - z) * (f * c + i * g * mask)
        dc, dfresh = _blend_gradients(dc_new, masks.zoneout_c)
        dc = dc + dfresh * step.f
        dz = [
            _limit_gradient(d, z, self.clip) for d, z in zip(_early(self, step, masks, dfresh, c), step.z, strict=False)
        ]
        da = [_before_norm(step, k, d) for k, d in enumerate(dz)] + [da_o]
        if self.peephole:
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


def _norm(value: Tensor, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(value, (value.shape[-1],), scale, shift, epsilon)


def _biased(a: Tensor, weights: Weights) -> Tensor:
    return a + (weights["bias_ih"] + weights["bias_hh"]) if "bias_ih" in weights else a


def _check_sizes(cell: Lstm, inputs: Tensor, state: State, weights: Weights) -> None:
    h, c = state
    P, H, G = h.shape[-1], c.shape[-1], cell.gates
    w_hh, w_hr = weights["weight_hh"], weights.get("weight_hr")
    projection = (H, H) if w_hr is None else tuple(w_hr.shape)
    if inputs.shape[-1] != G * H or w_hh.shape != (G * H, P) or projection != (P, H):
        raise ValueError(
            f"{cell.name} step: inputs {tuple(inputs.shape)}, h {tuple(h.shape)}, c {tuple(c.shape)}, weight_hh "
            f"{tuple(w_hh.shape)} and weight_hr {None if w_hr is None else tuple(w_hr.shape)} do not belong to one "
            f"layer; expected (B, {G}H), (B, P), (B, H), ({G}H, P) and (P, H), or P = H without weight_hr"
        )


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
