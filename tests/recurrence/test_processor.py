"""What is asked of the processor: the answer is what happens, and a call takes the path that can run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import textwrap

import pytest
import torch

from lstmkit.nn import LSTM
from lstmkit.recurrence.processor import lower_precision_refusal

NO_AVX512 = os.environ | {"DNNL_MAX_CPU_ISA": "AVX2"}
on_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="imitates a processor with AVX2")


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_answer_is_what_torchs_own_layer_does(dtype, gradients):
    layer, x = torch.nn.LSTM(5, 7), torch.randn(6, 3, 5)
    refusal = lower_precision_refusal(dtype, gradients)
    with torch.set_grad_enabled(gradients), torch.autocast("cpu", dtype):
        if refusal:
            assert refusal == f"oneDNN has no LSTM in {str(dtype)[6:]} for this processor"
            with pytest.raises(RuntimeError, match="could not create a primitive"):
                layer(x)
        else:
            assert layer(x)[0].dtype == dtype


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole", "alstm"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_runs_every_cell_on_every_processor(dtype, cell, gradients):
    torch.manual_seed(0)
    layer, x = LSTM(5, 7, cell=cell), torch.randn(6, 3, 5)
    known, _ = layer(x)
    with torch.set_grad_enabled(gradients), torch.autocast("cpu", dtype):
        y, _ = layer(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), known, rtol=0.02, atol=0.02)  # bfloat16 has three digits


def test_the_answer_does_not_depend_on_where_it_is_first_asked():
    program = """
        import torch
        from torch._subclasses import FakeTensorMode
        from lstmkit.recurrence.processor import lower_precision_refusal as refusal

        torch.set_default_dtype(torch.float64)
        with torch.device("meta"), FakeTensorMode(), torch.inference_mode(), torch.autocast("cpu", torch.float16):
            found = [refusal(t, g) for t in (torch.bfloat16, torch.float16) for g in (False, True)]
        print(found)
    """
    wanted = [lower_precision_refusal(t, g) for t in (torch.bfloat16, torch.float16) for g in (False, True)]
    assert _output(program, os.environ).strip() == str(wanted)


@on_x86
def test_without_bfloat16_our_kernel_takes_over_and_says_why():
    program = """
        import torch
        from lstmkit.nn import LSTM

        layer, x = LSTM(5, 7), torch.randn(6, 3, 5)
        with torch.autocast("cpu", torch.bfloat16):
            found = layer.explain(x)
            print(found.chosen, dict(found.reasons)["torch"], found.note, sep="\\n")
            layer(x)[0].float().sum().backward()
            try:
                LSTM(5, 7, backend="torch")(x)
            except ValueError as error:
                print(error)
            assert LSTM(5, 7, backend="torch")(x, lengths=[6, 5, 2])[0].dtype == torch.bfloat16
    """
    assert _output(program, NO_AVX512).splitlines() == [
        "native",
        "oneDNN has no LSTM in bfloat16 for this processor",
        "autocast is on: computed in torch.float32, returned in torch.bfloat16",
        "backend 'torch' cannot take this call: oneDNN has no LSTM in bfloat16 for this processor",
    ]


def _output(program: str, environment: os._Environ[str] | dict[str, str]) -> str:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
