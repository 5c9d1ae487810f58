"""The LSTM and its forms: values by scalar loops and by torch, gradients by autograd, forms that reduce to others."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.recurrence.cell import NO_MASKS, Masks, Sizes
from lstmkit.recurrence.cells.lstm import Lstm

EXACT = {"rtol": 1e-10, "atol": 1e-12}
CLIP = 0.6
FORMS = [
    Lstm(peephole=peephole, coupled=coupled, layer_norm=layer_norm, clip=clip, epsilon=1e-3)
    for peephole, coupled, layer_norm, clip in itertools.product(
        (False, True), (None, "input", "forget"), (None, "ba", "gates"), (None, CLIP)
    )
]
MASK_NAMES = tuple(field.name for field in dataclasses.fields(Masks))
EVERY_MASK = tuple(itertools.chain.from_iterable(itertools.combinations(MASK_NAMES, n) for n in range(5)))

SECOND = pytest.param(torch.autograd.gradgradcheck, marks=pytest.mark.slow)
"""Second derivatives are autograd's own of the same operations."""

every_form = pytest.mark.parametrize("cell", FORMS, ids=lambda cell: cell.name)
every_bias = pytest.mark.parametrize("bias", [False, True], ids=["no-bias", "bias"])
every_output = pytest.mark.parametrize("P", [5, 2], ids=["not-projected", "projected"])


class Step(NamedTuple):
    """One step of a cell with random numbers everywhere."""

    x: Tensor
    state: tuple[Tensor, Tensor]
    weights: dict[str, Tensor]
    masks: Masks


def draw_masks(used: tuple[str, ...], B: int, H: int, P: int, dtype: torch.dtype) -> Masks:
    """Draw masks of ones, zeros and numbers between; those of h are as wide as h, those of c and g as wide as c."""
    width = {"zoneout_h": P, "zoneout_c": H, "candidate": H, "state": P}
    draw = {name: torch.rand(B, width[name], dtype=dtype).mul(2).sub(0.5).clamp(0, 1) for name in MASK_NAMES}
    return Masks(**{name: draw[name] * (1 if name.startswith("zoneout") else 1.25) for name in used})


def draw_step(
    cell: Lstm, B: int, H: int, P: int, bias: bool, used: tuple[str, ...] = (), dtype: torch.dtype = torch.float64
) -> Step:
    torch.manual_seed(B + 10 * H + 100 * P)
    shapes = cell.weight_shapes(Sizes(3, H, P, bias))
    weights = {name: torch.randn(shape, dtype=dtype) * 0.8 for name, shape in shapes.items()}
    x, h, c = (torch.randn(B, width, dtype=dtype) for width in (3, P, H))
    return Step(x, (h, c), weights, draw_masks(used, B, H, P, dtype))


# --- values -----------------------------------------------------------------------------------------------------------


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def dot(row: Any, vector: list[float]) -> float:
    return math.fsum(w * v for w, v in zip(row, vector, strict=True))


def normal(values: list[float], epsilon: float) -> list[float]:
    """Return the values with mean 0 and variance 1."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / math.sqrt(variance + epsilon) for v in values]


def scalar_step(cell: Lstm, step: Step, b: int) -> tuple[list[float], list[float]]:
    """Return h' and c' of sequence b by the papers' equations, one number at a time."""
    w = {name: weight.tolist() for name, weight in step.weights.items()}
    x, h, c = (t[b].tolist() for t in (step.x, *step.state))
    z_h, z_c, drop_g, drop_h = ([] if m is None else m[b].tolist() for m in step.masks.in_order())
    H, order = len(c), {None: "ifgo", "input": "igo", "forget": "fgo"}[cell.coupled]
    read = [a * m for a, m in zip(h, drop_h, strict=True)] if drop_h else h
    from_x, from_h = [dot(row, x) for row in w["weight_ih"]], [dot(row, read) for row in w["weight_hh"]]
    bias = [p + q for p, q in zip(w["bias_ih"], w["bias_hh"], strict=True)] if "bias_ih" in w else [0.0] * len(from_x)
    if cell.layer_norm == "ba":  # Ba, Kiros & Hinton 2016, equations 20 and 22
        for part, name in ((from_x, "norm_x"), (from_h, "norm_h")):
            triples = zip(normal(part, cell.epsilon), w[f"{name}_weight"], w[f"{name}_bias"], strict=True)
            part[:] = [n * scale + shift for n, scale, shift in triples]

    def gate(letter: str, seen: list[float]) -> list[float]:
        """Return a gate with its activation; `seen` is the cell that its peephole looks at."""
        first = order.index(letter) * H
        a = [from_x[first + k] + from_h[first + k] for k in range(H)]
        if cell.peephole and letter != "g":  # Gers & Schmidhuber 2000
            p = w["weight_peephole"]["".join(order.split("g")).index(letter)]
            a = [a[k] + p[k] * seen[k] for k in range(H)]
        if cell.layer_norm == "gates":  # TensorFlow Lite, with a peephole inside the norm
            a = [n * w["norm_weight"][first + k] for k, n in enumerate(normal(a, cell.epsilon))]
        a = [limit(a[k] + bias[first + k]) for k in range(H)]
        return [math.tanh(v) if letter == "g" else sigmoid(v) for v in a]

    def limit(v: float) -> float:
        return v if cell.clip is None else max(-cell.clip, min(cell.clip, v))

    g = gate("g", c)
    i = gate("i", c) if "i" in order else [1 - f for f in gate("f", c)]
    f = gate("f", c) if "f" in order else [1 - v for v in i]
    if drop_g:  # Semeniuta, Severyn & Barth 2016
        g = [v * m for v, m in zip(g, drop_g, strict=True)]
    c_new = [f[k] * c[k] + i[k] * g[k] for k in range(H)]
    if z_c:  # Krueger et al. 2017
        c_new = [z_c[k] * c[k] + (1 - z_c[k]) * c_new[k] for k in range(H)]
    o = gate("o", c_new)
    inner = c_new
    if cell.layer_norm == "ba":
        inner = [n * w["norm_c_weight"][k] + w["norm_c_bias"][k] for k, n in enumerate(normal(c_new, cell.epsilon))]
    h_new = [o[k] * math.tanh(inner[k]) for k in range(H)]
    if "weight_hr" in w:  # Sak, Senior & Beaufays 2014
        h_new = [dot(row, h_new) for row in w["weight_hr"]]
    if z_h:
        h_new = [z_h[k] * h[k] + (1 - z_h[k]) * h_new[k] for k in range(len(h))]
    return h_new, c_new


@every_form
@every_bias
@every_output
def test_a_step_equals_scalar_loops_over_the_papers_equations(cell, bias, P):
    for used in ((), *((name,) for name in MASK_NAMES), MASK_NAMES):
        step = draw_step(cell, 2, 5, P, bias, used)
        y, (h, c) = cell.step(cell.inputs(step.x, step.weights), step.state, step.weights, step.masks)
        expected = [scalar_step(cell, step, b) for b in range(2)]
        torch.testing.assert_close(h.tolist(), [e[0] for e in expected], **EXACT)
        torch.testing.assert_close(c.tolist(), [e[1] for e in expected], **EXACT)
        assert y is h


@every_bias
@every_output
def test_the_plain_step_is_torchs(bias, P):
    cell, theirs = Lstm(), torch.nn.LSTM(3, 5, bias=bias, proj_size=0 if P == 5 else P, dtype=torch.float64)
    step = draw_step(cell, 4, 5, P, bias)
    theirs.load_state_dict({f"{name}_l0": weight for name, weight in step.weights.items()}, strict=True)
    y, state = cell.step(cell.inputs(step.x, step.weights), step.state, step.weights)
    wanted_y, wanted_state = theirs(step.x[None], tuple(s[None] for s in step.state))
    torch.testing.assert_close(y, wanted_y[0], **EXACT)
    torch.testing.assert_close(state, tuple(s[0] for s in wanted_state), **EXACT)


def layer_norm(scale: Tensor, shift: Tensor | None) -> torch.nn.LayerNorm:
    norm = torch.nn.LayerNorm(len(scale), eps=1e-3, bias=shift is not None, dtype=torch.float64)
    norm.load_state_dict({"weight": scale} | ({} if shift is None else {"bias": shift}))
    return norm


def test_the_norms_of_ba_are_torchs_layer_norms_around_torchs_linear_maps():
    cell = Lstm(layer_norm="ba", epsilon=1e-3)
    x, (h, c), w, _ = step = draw_step(cell, 4, 5, 5, True)
    norm_x, norm_h, norm_c = (layer_norm(w[f"norm_{k}_weight"], w[f"norm_{k}_bias"]) for k in "xhc")
    a = norm_x(x @ w["weight_ih"].T) + norm_h(h @ w["weight_hh"].T) + w["bias_ih"] + w["bias_hh"]
    i, f, g, o = a.split(5, dim=1)
    c_new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h_new = o.sigmoid() * norm_c(c_new).tanh()
    found = cell.step(cell.inputs(x, w), step.state, w)[1]
    torch.testing.assert_close(found, (h_new, c_new), **EXACT)


def test_the_norms_of_the_gates_are_torchs_layer_norms_a_gate():
    cell = Lstm(layer_norm="gates", epsilon=1e-3)
    x, (h, c), w, _ = draw_step(cell, 4, 5, 5, True)
    biases = (w["bias_ih"] + w["bias_hh"]).split(5)
    parts = zip((x @ w["weight_ih"].T + h @ w["weight_hh"].T).split(5, dim=1), w["norm_weight"].split(5), strict=True)
    i, f, g, o = (layer_norm(scale, None)(a) + b for (a, scale), b in zip(parts, biases, strict=True))
    c_new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    found = cell.step(cell.inputs(x, w), (h, c), w)[1]
    torch.testing.assert_close(found, (o.sigmoid() * c_new.tanh(), c_new), **EXACT)


# --- forms that reduce to others --------------------------------------------------------------------------------------


def after(cell: Lstm, step: Step, masks: Masks = NO_MASKS) -> tuple[Tensor, ...]:
    return cell.step(cell.inputs(step.x, step.weights), step.state, step.weights, masks)[1]


@every_form
def test_peepholes_of_zero_see_nothing(cell):
    with_peephole, without = dataclasses.replace(cell, peephole=True), dataclasses.replace(cell, peephole=False)
    step = draw_step(with_peephole, 3, 5, 5, True)
    seeing = after(with_peephole, step)
    step.weights["weight_peephole"].zero_()
    blind = after(with_peephole, step)
    del step.weights["weight_peephole"]
    torch.testing.assert_close(
        blind, after(without, step), **EXACT
    )  # gates at other places of a vector round otherwise
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(seeing, blind, strict=True))


@pytest.mark.parametrize("peephole", [False, True])
@pytest.mark.parametrize("kept", ["input", "forget"])
def test_coupled_gates_are_two_gates_with_opposite_weights(kept, peephole):
    """Because 1 - σ(a) = σ(-a)."""
    step = draw_step(Lstm(coupled=kept, peephole=peephole), 3, 5, 5, True)
    full = {}
    for name, weight in step.weights.items():
        one, rest = (weight[:1], weight[1:]) if name == "weight_peephole" else (weight[:5], weight[5:])
        full[name] = torch.cat([one, -one, rest] if kept == "input" else [-one, one, rest])
    coupled, both = after(Lstm(coupled=kept, peephole=peephole), step), Lstm(peephole=peephole)
    torch.testing.assert_close(coupled, after(both, step._replace(weights=full)), **EXACT)


@every_form
@every_output
def test_masks_at_their_ends_keep_the_state_or_change_nothing(cell, P):
    step = draw_step(cell, 3, 5, P, True)
    plain = after(cell, step)
    wide, narrow = torch.ones(3, 5, dtype=torch.float64), torch.ones(3, P, dtype=torch.float64)
    nothing = Masks(zoneout_h=0 * narrow, zoneout_c=0 * wide, candidate=wide, state=narrow)
    assert all(torch.equal(a, b) for a, b in zip(after(cell, step, nothing), plain, strict=True))
    kept = after(cell, step, Masks(zoneout_h=narrow, zoneout_c=wide))
    assert all(torch.equal(a, b) for a, b in zip(kept, step.state, strict=True))
    no_candidate = after(cell, step, Masks(candidate=0 * wide))[1]
    f = no_candidate / step.state[1]
    assert ((f > 0) & (f < 1)).all()  # c' = f * c
    unread = after(cell, step, Masks(state=0 * narrow))
    torch.testing.assert_close(unread, after(cell, step._replace(state=(0 * step.state[0], step.state[1]))), **EXACT)


def test_the_rate_of_zoneout_gives_the_mean_of_its_masks():
    step, p = draw_step(Lstm(), 3, 5, 5, True), 0.3
    kept, new = (after(Lstm(), step, Masks(zoneout_c=torch.full((1, 5), v).double()))[1] for v in (1, 0))
    rate = after(Lstm(), step, Masks(zoneout_c=torch.full((1, 5), p, dtype=torch.float64)))[1]
    torch.testing.assert_close(rate, p * kept + (1 - p) * new, **EXACT)


@every_form
def test_a_mask_of_one_row_is_that_row_for_the_whole_batch(cell):
    step = draw_step(cell, 3, 5, 2, True)
    one = draw_masks(MASK_NAMES, 1, 5, 2, torch.float64)
    three = Masks(*(m.expand(3, -1) for m in one.in_order()))
    assert all(torch.equal(a, b) for a, b in zip(after(cell, step, one), after(cell, step, three), strict=True))


@every_form
def test_a_limit_matters_only_where_something_passes_it(cell):
    step = draw_step(cell, 3, 5, 5, True)
    unlimited = after(dataclasses.replace(cell, clip=None), step)
    assert (after(dataclasses.replace(cell, clip=CLIP), step)[0] - unlimited[0]).abs().max() > 1e-3
    torch.testing.assert_close(after(dataclasses.replace(cell, clip=100.0), step), unlimited, **EXACT)


# --- gradients --------------------------------------------------------------------------------------------------------


def step_and_gradients(cell: Lstm, step: Step) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Give name, gradient by hand and gradient by autograd of everything; None where autograd finds no use."""
    inputs = cell.inputs(step.x, step.weights).requires_grad_()
    leaves = {name: t.requires_grad_() for name, t in zip(("h", "c"), step.state, strict=True)}
    leaves |= {"inputs": inputs} | {name: w.requires_grad_() for name, w in step.weights.items()}
    y, after = cell.step(inputs, step.state, step.weights, step.masks)
    dy, dh, dc = (torch.randn_like(t) for t in (y, *after))
    expected = torch.autograd.grad((y, *after), tuple(leaves.values()), (dy, dh, dc), allow_unused=True)
    with torch.no_grad():
        by_hand = cell.step_gradients(inputs, step.state, step.weights, step.masks, dy, (dh, dc))
    found = {"inputs": by_hand[0], "h": by_hand[1][0], "c": by_hand[1][1]} | by_hand[2]
    used = {name for name, gradient in zip(leaves, expected, strict=True) if gradient is not None}
    assert found.keys() == used
    for name, gradient in zip(leaves, expected, strict=True):
        if gradient is not None:
            yield name, found[name], gradient


@every_form
@every_bias
@pytest.mark.parametrize(("H", "P"), [(1, 1), (5, 5), (5, 2)])
@pytest.mark.parametrize("B", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_gradients_by_hand_equal_autograds(cell, bias, H, P, B):
    for used in EVERY_MASK:
        for name, found, expected in step_and_gradients(cell, draw_step(cell, B, H, P, bias, used)):
            torch.testing.assert_close(
                found, expected, **EXACT, msg=lambda text, name=name, used=used: f"{name} with {used}: {text}"
            )


@every_form
def test_gradients_by_hand_know_masks_of_one_row(cell):
    step = draw_step(cell, 3, 5, 2, True)._replace(masks=draw_masks(MASK_NAMES, 1, 5, 2, torch.float64))
    for _, found, expected in step_and_gradients(cell, step):
        torch.testing.assert_close(found, expected, **EXACT)


@every_form
@pytest.mark.parametrize("function", [torch.autograd.gradcheck, SECOND])
def test_derivatives_of_the_step_are_right(cell, function):
    step = draw_step(cell, 2, 3, 2, True, MASK_NAMES)
    names = list(step.weights)

    def run(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        return after(cell, Step(x, (h, c), dict(zip(names, weights, strict=True)), step.masks), step.masks)

    assert function(run, tuple(t.requires_grad_() for t in (step.x, *step.state, *step.weights.values())))


@every_form
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_step_and_gradients_keep_every_floating_type(cell, dtype):
    step = draw_step(cell, 3, 5, 2, True, MASK_NAMES, dtype)
    y, after = cell.step(cell.inputs(step.x, step.weights), step.state, step.weights, step.masks)
    assert {t.dtype for t in (y, *after)} == {dtype}
    assert {found.dtype for _, found, _ in step_and_gradients(cell, step)} == {dtype}


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"coupled": "output"}, "coupled must be None, 'input' or 'forget'; got 'output'"),
        ({"layer_norm": "all"}, "layer_norm must be None, 'ba' or 'gates'; got 'all'"),
        ({"clip": 0.0}, "clip must be more than 0; got 0.0"),
        ({"clip": math.nan}, "clip must be more than 0; got nan"),
        ({"epsilon": -1e-5}, "epsilon must be more than 0; got -1e-05"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(InputError) as error:
        Lstm(**wrong)
    assert str(error.value) == f"Lstm: {message}"


def test_every_form_has_a_name_of_its_own():
    assert len({cell.name for cell in FORMS}) == len(FORMS)
    assert Lstm().name == "lstm"
    assert Lstm(peephole=True, coupled="forget").name == "peephole-coupled-forget"
    assert [cell.name for cell in FORMS if cell.plain] == ["lstm"]


@every_bias
@pytest.mark.parametrize("P", [5, 2])
def test_the_plain_forms_weights_have_torchs_names_shapes_and_order(bias, P):
    theirs = torch.nn.LSTM(3, 5, bias=bias, proj_size=0 if P == 5 else P).named_parameters()
    shapes = Lstm().weight_shapes(Sizes(3, 5, P, bias))
    assert list(shapes.items()) == [(name.removesuffix("_l0"), tuple(weight.shape)) for name, weight in theirs]


def test_the_state_is_as_wide_as_output_and_cell():
    assert Lstm().state_widths(Sizes(3, 5, 2, True)) == (2, 5)
    assert Lstm().states == ("h", "c")
    assert Lstm().unsupported(Sizes(3, 5, 2, True), NO_MASKS) == ""
    assert Lstm().unsupported(Sizes(3, 5, 6, True), NO_MASKS) == "the output of an LSTM cannot be wider than its cell"


def test_fresh_weights_are_torchs_and_norms_begin_as_the_identity():
    for cell in FORMS:
        sizes = Sizes(3, 4, 4, True)
        weights = {name: torch.full(shape, math.nan) for name, shape in cell.weight_shapes(sizes).items()}
        cell.initialize(weights, sizes)
        norms = {name: weights.pop(name) for name in list(weights) if name.startswith("norm")}
        assert all((w == (1 if name.endswith("weight") else 0)).all() for name, w in norms.items())
        assert all((w.abs() <= 0.5).all() and w.std() > 0.1 for w in weights.values())


def test_the_plain_initialization_has_torchs_numbers():
    torch.manual_seed(2)
    theirs = dict(torch.nn.LSTM(3, 5, proj_size=2).named_parameters())
    weights = {name.removesuffix("_l0"): torch.empty_like(w) for name, w in theirs.items()}
    torch.manual_seed(2)
    Lstm().initialize(weights, Sizes(3, 5, 2, True))
    assert all(torch.equal(weights[name.removesuffix("_l0")], w) for name, w in theirs.items())


@pytest.mark.parametrize(("coupled", "gate"), [(None, 1), ("forget", 0), ("input", None)])
def test_the_forget_rows_are_those_that_keep_the_cell(coupled, gate):
    cell, step = Lstm(coupled=coupled), draw_step(Lstm(coupled=coupled), 3, 5, 5, True)
    found = cell.forget_rows(5)
    assert found == (None if gate is None else slice(5 * gate, 5 * gate + 5))
    if found is not None:
        step.weights["bias_ih"][found] = 100.0
        c_old, c_new = step.state[1], after(cell, step)[1]
        g = c_new - c_old
        assert (g.abs() < 1).all() if coupled is None else torch.allclose(g, torch.zeros_like(g), atol=1e-12)


@pytest.mark.parametrize("wrong", ["inputs", "h", "c", "weight_hh", "weight_hr"])
def test_wrong_shapes_of_a_step_are_all_named(wrong):
    shapes = {"inputs": (2, 12), "h": (2, 2), "c": (2, 3), "weight_hh": (12, 2), "weight_hr": (2, 3)}
    shapes[wrong] = (*shapes[wrong][:-1], shapes[wrong][-1] + 1)
    t = {name: torch.zeros(shape) for name, shape in shapes.items()}
    weights = {name: t[name] for name in ("weight_hh", "weight_hr")}
    with pytest.raises(ValueError, match="do not belong to one layer") as error:
        Lstm().step(t["inputs"], (t["h"], t["c"]), weights)
    assert all(f"{name} {shape}" in str(error.value) for name, shape in shapes.items())
