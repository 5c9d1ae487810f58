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
        """Return the step's gradients, derived by hand."""
        from lstmkit.recurrence.cells.lstm_gradients import lstm_step_gradients

        return lstm_step_gradients(self, inputs, state, weights, masks, dy, dstate)


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
