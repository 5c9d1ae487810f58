"""Every operator of torch that can be written as ONNX gives torch's numbers in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lstmkit import InputError
from lstmkit.onnx.graph import Graph
from lstmkit.onnx.operators import WRITERS
from lstmkit.onnx.trace import trace, write_program


def everything(x: Tensor, w: Tensor) -> list[Tensor]:
    """Use every operator; x (B, 6), w (4, 6)."""
    p, parts = x.abs() + 0.5, x.chunk(3, dim=-1)
    left, middle, right = torch.split(x, [1, 2, 3], dim=1)
    first, second, *_ = w.unbind()
    pairs = x.unflatten(-1, (3, 2))
    return [
        *(torch.sigmoid(x), torch.tanh(x), torch.exp(x), torch.log(p), -x, torch.sqrt(p), torch.relu(x)),
        *(functional.logsigmoid(9 * x), torch.softmax(x, -1), torch.softmax(x, dim=0)),
        *(
            x * p,
            x * 3,
            x / p,
            x / 3,
            p**2,
            x + p,
            x + 2,
            torch.add(x, p, alpha=3),
            x - p,
            torch.sub(x, p, alpha=2),
            1 - x,
        ),
        *(torch.maximum(x, p), torch.minimum(x, p), x.clamp(-0.3, 0.4), x.clamp(max=0), x.clamp(min=0.1)),
        *(torch.where(x > 0, x, p), torch.where(x >= p, p, x), torch.where(x < 0, x, 0.5), torch.where(x <= 0, x, p)),
        *(torch.where(torch.relu(x) == 0, x, p), torch.where((x > -1).all(-1, keepdim=True), x, p)),
        *(x.sum(-1), x.sum(1, keepdim=True), x.mean(-1), p.mean((0, 1))),
        *(functional.linear(x, w), functional.linear(x, w, w[:, 0]), x @ w.transpose(0, 1), x.permute(1, 0)),
        *(
            functional.layer_norm(x, (6,)),
            functional.layer_norm(x, (6,), first),
            functional.layer_norm(x, (6,), first, second),
        ),
        *(
            torch.einsum("bkd,gd->bgk", pairs, w[:, :2]),
            pairs.flatten(1),
            pairs.sum(-1),
            x.reshape(-1, 2),
            x.view(-1, 3, 2),
        ),
        *(parts[1], left, middle, right, x[:, 1:4:2], x[:, 2], x[:, [4, 0, 0]], x[:, -1], first - second),
        *(x[:, None, :], x.unsqueeze(-1), x[:, :1].squeeze(1), torch.cat((p, x), dim=-1)),
        *(torch.zeros_like(x), torch.ones_like(x), torch.full_like(x, 2.5), x.new_full((x.shape[0], 2), 0.5)),
        *(x.new_zeros(x.shape[:1]), x.new_ones((2, 3)), x.clone(), x.detach(), torch.tensor(2.0) * x),
    ]


def write(function, dtype, x, w):
    """Return the model of a function of x, whose batch is open, and w."""
    graph = Graph(np.dtype(dtype))
    program = trace(function, [x, w], ["B", ""])
    outputs = [graph.op("Identity", name) for name in write_program(graph, program, ["x", "w"])]
    described = [[graph.value("x", ("B", 6)), graph.value("w", (4, 6))], [graph.value(name, None) for name in outputs]]
    main = onnx.helper.make_graph(graph.nodes, "operators", *described, graph.constants)
    return program, onnx.helper.make_model(main, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_every_operator_equals_torch(onnx_runtime, dtype):
    torch.manual_seed(2)
    w = torch.randn(4, 6, dtype=dtype)
    program, model = write(everything, w.numpy().dtype, torch.randn(4, 6, dtype=dtype), w)
    used = {
        str(n.target).split(".")[1] if "." in str(n.target) else n.target.__name__
        for n in program.graph.nodes
        if n.op == "call_function"
    }
    assert set(WRITERS) <= used
    for B in (2, 10):
        x = torch.randn(B, 6, dtype=dtype)
        found = onnx_runtime(model, {"x": x.numpy(), "w": w.numpy()})
        for k, (value, expected) in enumerate(zip(found.values(), everything(x, w), strict=True)):
            assert value.shape == expected.shape, k
            np.testing.assert_allclose(value, expected.numpy(), rtol=2e-6, atol=2e-6, err_msg=f"result {k}")


def test_an_operator_without_translation_is_named():
    x, w = torch.randn(3, 6), torch.randn(4, 6)
    with pytest.raises(InputError, match=r"torch's operator aten\.cumsum\.default has no translation to ONNX"):
        write(lambda x, w: [x.cumsum(0)], np.float32, x, w)
