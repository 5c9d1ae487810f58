"""The gradient curves: against finite differences, against a closed form, and what must hold of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.errors import InputError
from lstmkit.explain import GradientCurve, GradientSettings, Variant, measure_gradients, parse_variants
from lstmkit.explain.gradients import in_words, jacobian_norms
from lstmkit.explain.report import _gradient_headline, gradient_rows
from lstmkit.nn import LSTM

SMALL = GradientSettings(hidden=6, steps=12, seeds=3)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm+1", "alstm", "peephole"])
def test_norms_are_those_of_finite_differences(name):
    torch.manual_seed(0)
    (variant,) = parse_variants(name)
    layer = variant.layer(2, 3, torch.float64)
    x = torch.randn(9, 2, dtype=torch.float64)
    step, expected = 1e-6, np.zeros(9)
    with torch.no_grad():
        for t in range(9):
            for k in range(2):
                change = torch.zeros_like(x)
                change[t, k] = step
                ends = [layer((x + sign * change)[:, None])[0][-1] for sign in (1, -1)]
                expected[8 - t] += float(((ends[0] - ends[1]) / (2 * step)).square().sum())
    np.testing.assert_allclose(jacobian_norms(layer, x), np.sqrt(expected), rtol=1e-6)


def test_without_recurrent_weights_the_gradient_is_the_product_of_the_forget_gates():
    torch.manual_seed(0)
    layer = LSTM(1, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        layer.weight_ih_l0[[0, 1, 3]] = 0.0  # constant gates: only the candidate sees the input
    i, f, _, o = (float(b) for b in (layer.bias_ih_l0 + layer.bias_hh_l0).detach())
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    x = torch.randn(20, 1, dtype=torch.float64)
    with torch.no_grad():
        _, (_, c) = layer(x[:, None])
    w, b = float(layer.weight_ih_l0[2].detach()), float((layer.bias_ih_l0 + layer.bias_hh_l0)[2].detach())
    candidate_slope = 1 - np.tanh(w * x[:, 0].numpy() + b) ** 2
    before = o * (1 - np.tanh(float(c)) ** 2) * i * abs(w)
    expected = before * candidate_slope[::-1] * f ** np.arange(20)
    np.testing.assert_allclose(jacobian_norms(layer, x), expected, rtol=1e-10)


def test_the_product_of_the_forget_gates_is_that_of_the_layer():
    (curve,) = measure_gradients([Variant("lstm", 1.0)], SMALL)
    torch.manual_seed(2)
    layer = LSTM(8, 6, dtype=torch.float64, forget_bias=1.0)
    x = torch.randn(114, 8, dtype=torch.float64)
    forget, h, c = [], torch.zeros(6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    for step in x:
        a = layer.weight_ih_l0 @ step + layer.bias_ih_l0 + layer.weight_hh_l0 @ h + layer.bias_hh_l0
        i, f, g, o = a.split(6)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        forget.append(torch.sigmoid(f).detach())
    assert curve.forget is not None
    for d in range(12):
        product = torch.stack([torch.ones(6, dtype=torch.float64), *forget[114 - d :]]).prod(0)
        assert curve.forget[2, d] == pytest.approx(float(product.square().mean().sqrt()), rel=1e-10)


def test_a_known_decay_is_read_off():
    falling = np.outer([1.0, 3.0, 2.0], 0.5 ** np.arange(40))
    curve = GradientCurve(Variant("rnn"), falling, None)
    assert curve.half == 2  # 2 ** -1 is a half, and not below it
    assert curve.far == 10  # 2 ** -10 is the first below a thousandth
    assert in_words(curve) == "RNN: half is lost after 2 steps; a thousandth is left after 10 steps."
    level = GradientCurve(Variant("rnn"), np.ones((2, 5)), None)
    assert (level.half, level.far, level.left) == (None, None, 1.0)
    assert in_words(level) == (
        "RNN: the gradient does not stay below a half; 1 is left after 4 steps, the furthest looked at."
    )


def test_words_table_and_headline_say_the_same_of_a_curve_that_falls_fast_and_then_hardly():
    norms = np.concatenate([[1.0, 0.4], np.linspace(0.3, 0.18, 150)])[None]
    curve = GradientCurve(Variant("lstm", 3.0), norms, None)
    assert in_words(curve) == (
        "LSTM, forget bias 3: half is lost after 1 step; 0.18 is left after 151 steps, the furthest looked at."
    )
    assert gradient_rows([curve]) == [("LSTM, forget bias 3", "1", "2.9e-01", "2.6e-01", "2.2e-01", "beyond 151")]
    fast = GradientCurve(Variant("rnn"), 0.5 ** np.arange(40)[None], None)
    assert _gradient_headline([curve, fast]) == (
        "Of the gradient at distance 0. RNN: a thousandth is left after 10 steps. "
        "LSTM, forget bias 3: 0.18 is left after 151 steps, the furthest looked at."
    )


def test_outputs_worked_in_parts_give_the_same_norms(monkeypatch):
    torch.manual_seed(0)
    layer, x = Variant("lstm", 1.0).layer(2, 7, torch.float64), torch.randn(9, 2, dtype=torch.float64)
    whole = jacobian_norms(layer, x)
    monkeypatch.setattr("lstmkit.explain.gradients.AT_ONCE", 3 * 9 * 7)
    np.testing.assert_allclose(jacobian_norms(layer, x), whole, rtol=1e-12)


def test_a_gradient_that_comes_back_is_not_yet_a_thousandth():
    norms = np.array([[1.0, 1e-4, 1e-2, 1e-4, 1e-5]])
    assert GradientCurve(Variant("alstm"), norms, None).far == 3


def test_a_forget_bias_carries_the_gradient_further():
    curves = measure_gradients(parse_variants("rnn,lstm,lstm+1,lstm+3"), GradientSettings(16, 60, 3))
    left = [curve.left for curve in curves]
    assert left == sorted(left)
    assert curves[0].norms.dtype == np.float64
    assert [curve.norms.shape for curve in curves] == [(3, 60)] * 4


def test_the_same_seeds_give_the_same_curves_and_leave_the_random_state():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = (measure_gradients([Variant("gru")], SMALL)[0].norms for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(first[:, 0])) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lstm,elman", "cell must be one of"),
        ("lstm+x", "cells: the forget bias of 'lstm+x' is not a number; write it like lstm+1"),
        ("lstm+nan", "LSTM: forget_bias must be a number of the layer's type; got nan"),
        ("lstm+inf", "LSTM: forget_bias must be a finite number; got inf"),
        ("lstm+1e300", "LSTM: forget_bias must be a number of the layer's type; got 1e+300"),
        ("rnn+1", "LSTM: rnn has no forget gate of its own, which forget_bias= could set"),
        ("lstm,gru,lstm", "cells: 'lstm' is there twice; name each once"),
        (" , ", "cells: no cell is named; write them with commas, such as rnn,gru,lstm+1"),
    ],
)
def test_cells_that_cannot_be_read_are_refused(text, message):
    with pytest.raises(InputError) as caught:
        parse_variants(text)
    assert str(caught.value).startswith(message)


def test_cells_are_read_with_their_forget_bias():
    assert parse_variants("rnn, lstm+1,lstm+0.5") == (Variant("rnn"), Variant("lstm", 1.0), Variant("lstm", 0.5))
    assert [v.name for v in parse_variants("rnn, lstm+1,lstm+0.5")] == ["rnn", "lstm+1", "lstm+0.5"]


@pytest.mark.parametrize(("field", "value"), [("hidden", 0), ("steps", 1), ("seeds", 0)])
def test_settings_are_checked(field, value):
    with pytest.raises(InputError, match=f"^explain gradients: {field} must be at least"):
        GradientSettings(**{field: value})
