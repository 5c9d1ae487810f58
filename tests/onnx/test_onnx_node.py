"""One-node ONNX LSTM models: ONNX's own cases, and random ones against ONNX Runtime."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from onnx.backend.test.case.node import _NodeTestCases

from lstmkit import InputError
from lstmkit.onnx import run_node

RUNTIME_TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}
"""Float32 against float32: ONNX Runtime's activations are rational approximations."""

importlib.import_module("onnx.backend.test.case.node.lstm")  # the public loader makes the cases of every operator
NODE_CASES = {case.name: case for case in _NodeTestCases if "lstm" in case.name}


@pytest.mark.parametrize("name", sorted(NODE_CASES))
def test_cases_of_onnx(name):
    """Source: the package onnx (Apache-2.0), onnx.backend.test; constant weights, tolerance as stated there."""
    case = NODE_CASES[name]
    for inputs, outputs in case.data_sets:
        graph = case.model.graph
        found = run_node(case.model, dict(zip((i.name for i in graph.input), inputs, strict=True)))
        assert list(found) == [o.name for o in graph.output]
        for value, expected in zip(found.values(), outputs, strict=True):
            np.testing.assert_allclose(value, expected, rtol=case.rtol, atol=case.atol)


def test_all_six_cases_of_onnx_are_there():
    assert len(NODE_CASES) == 6


def random_inputs(roles="", *, T=7, B=5, inputs=3, H=6, D=1):
    """Draw X, W, R and the inputs whose letters are in `roles`: b bias, l lengths, s states, p peepholes."""
    draw = np.random.default_rng(0)
    shapes = {"X": (T, B, inputs), "W": (D, 4 * H, inputs), "R": (D, 4 * H, H)}
    shapes |= {"B": (D, 8 * H)} if "b" in roles else {}
    shapes |= {"initial_h": (D, B, H), "initial_c": (D, B, H)} if "s" in roles else {}
    shapes |= {"P": (D, 3 * H)} if "p" in roles else {}
    given = {role: draw.normal(size=shape).astype(np.float32) for role, shape in shapes.items()}
    shortest = 1 if "s" in roles else 0
    return given | ({"sequence_lens": np.array([T, shortest, 3, 1, T - 1], np.int32)} if "l" in roles else {})


def assert_equals_runtime(node_model, onnx_runtime, given, **attributes):
    model = node_model(given, **attributes)
    expected, found = onnx_runtime(model, given), run_node(model, given)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == expected[name].dtype
        np.testing.assert_allclose(value, expected[name], **RUNTIME_TOLERANCE, err_msg=name)


@pytest.mark.parametrize("roles", ["", "b", "s", "p", "l", "bslp"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_inputs_and_directions_equal_onnx_runtime(node_model, onnx_runtime, direction, roles):
    given = random_inputs(roles, D=2 if direction == "bidirectional" else 1)
    assert_equals_runtime(node_model, onnx_runtime, given, hidden_size=6, direction=direction)


@pytest.mark.parametrize("roles", ["", "b", "bslp"])
@pytest.mark.parametrize("attributes", [{"clip": 0.4}, {"input_forget": 1}, {"clip": 0.4, "input_forget": 1}], ids=str)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_clip_and_coupled_gates_equal_onnx_runtime(node_model, onnx_runtime, direction, attributes, roles):
    given = random_inputs(roles, D=2 if direction == "bidirectional" else 1)
    assert_equals_runtime(node_model, onnx_runtime, given, hidden_size=6, direction=direction, **attributes)


def test_clip_leaves_the_cell_alone(node_model, onnx_runtime):
    """Open input and forget gates add up a cell far beyond the clip."""
    given = random_inputs("b", T=40)
    given["B"][:] = 2.0
    given["X"][:], given["R"][:] = 0.0, 0.0
    assert abs(onnx_runtime(node_model(given, hidden_size=6, clip=0.9), given)["Y_c"]).min() > 1.5
    assert_equals_runtime(node_model, onnx_runtime, given, hidden_size=6, clip=0.9)


def test_an_empty_sequence_keeps_its_initial_state(node_model, onnx_runtime):
    """ONNX does not say what the final state of no steps is; ONNX Runtime says zero, lstmkit the initial state."""
    given = random_inputs("sl")
    given["sequence_lens"][1] = 0
    expected, found = onnx_runtime(node_model(given, hidden_size=6), given), run_node(node_model(given), given)
    np.testing.assert_allclose(found["Y"], expected["Y"], **RUNTIME_TOLERANCE)
    for name, initial in (("Y_h", "initial_h"), ("Y_c", "initial_c")):
        assert not expected[name][:, 1].any()
        np.testing.assert_array_equal(found[name][:, 1], given[initial][:, 1])
        others = [0, 2, 3, 4]
        np.testing.assert_allclose(found[name][:, others], expected[name][:, others], **RUNTIME_TOLERANCE)


def test_layout_1_is_layout_0_with_the_batch_first(node_model):
    """ONNX Runtime refuses layout 1, and ONNX's own case has one step: so against our own layout 0."""
    given = random_inputs("bslp", D=2)
    first = {role: given[role].swapaxes(0, 1) for role in ("X", "initial_h", "initial_c")}
    expected = run_node(node_model(given, direction="bidirectional"), given)
    found = run_node(node_model(given | first, direction="bidirectional", layout=1), given | first)
    np.testing.assert_array_equal(found["Y"], expected["Y"].transpose(2, 0, 1, 3))
    np.testing.assert_array_equal(found["Y_h"], expected["Y_h"].swapaxes(0, 1))
    np.testing.assert_array_equal(found["Y_c"], expected["Y_c"].swapaxes(0, 1))


def test_initializers_need_not_be_given(node_model):
    from onnx import numpy_helper

    given = random_inputs("b")
    model = node_model(given)
    model.graph.initializer.extend(numpy_helper.from_array(given[role], role) for role in ("W", "R", "B"))
    np.testing.assert_array_equal(run_node(model, {"X": given["X"]})["Y"], run_node(model, given)["Y"])


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"activations": ["Sigmoid", "Relu", "Tanh"]}, "activations must be Sigmoid, Tanh, Tanh; got Sigmoid, Relu"),
        ({"activation_alpha": [0.1]}, "activation_alpha is given"),
        ({"activation_beta": [0.1]}, "activation_beta is given"),
        ({"direction": "sideways"}, "direction must be one of forward, reverse, bidirectional; got 'sideways'"),
        ({"direction": "bidirectional"}, "direction bidirectional needs 2, W has 1"),
        ({"clip": -1.0}, "clip must be positive; got -1.0"),
        ({"hidden_size": 7}, "hidden_size is 7, but R has 6 units"),
        ({"layout": 2}, "layout must be 0 or 1; got 2"),
        ({"input_forget": 2}, "input_forget must be 0 or 1; got 2"),
        ({"zoneout": 0.5}, "unknown attribute zoneout"),
    ],
    ids=str,
)
def test_what_is_refused_is_named(node_model, attributes, words):
    given = random_inputs()
    with pytest.raises(InputError, match=words):
        run_node(node_model(given, **attributes), given)


def test_missing_inputs_and_wrong_shapes_are_named(node_model):
    given = random_inputs("b")
    with pytest.raises(InputError, match=r"input 'B' of the node \(B\) is not given"):
        run_node(node_model(given), {role: array for role, array in given.items() if role != "B"})
    with pytest.raises(InputError, match=r"B must have shape \(1, 48\)"):
        run_node(node_model(given), given | {"B": given["B"][:, :-1]})
