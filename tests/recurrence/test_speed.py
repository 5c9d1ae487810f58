"""The table from which a backend is chosen says what was measured, and the choice follows it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lstmkit.nn import LSTM
from lstmkit.recurrence.backends import NATIVE
from lstmkit.recurrence.speed import FASTER, place_of, slower_than_torch

RESULTS = Path(__file__).parents[2] / "bench" / "results"
LINE = re.compile(r"(training|inference) +(float\d\d) +T +(\d+), B +(\d+), I +(\d+), H +(\d+) .* ([\d.]+)$")
GRID = re.compile(r"T (\d+), B (\d+), I (\d+), H (\d+) +(training|inference) .* ([\d.]+)$")
LOSING = 0.95
"""Torch's time over the kernel's from which on the two count as equal: repeated measurements differ by as much."""


@pytest.mark.parametrize("file", sorted(RESULTS.glob("choice-*.txt")), ids=lambda file: file.stem)
def test_every_call_that_was_slower_than_torchs_is_left_to_it(file):
    lines = file.read_text().splitlines()
    target = next(line.split()[1].rstrip(",") for line in lines if line.startswith("target"))
    found = [match.groups() for line in lines if (match := LINE.match(line))]
    assert len(found) > 50
    for kind, dtype, *sizes, ratio in found:
        if float(ratio) < LOSING:
            assert slower_than_torch(target, kind, dtype, tuple(map(int, sizes))), (kind, dtype, sizes, ratio)


def test_the_grid_of_the_intel_machine_is_in_the_table():
    lines = (RESULTS / "grid-1.txt").read_text().splitlines()
    found = [match.groups() for line in lines if (match := GRID.match(line))]
    assert len(found) > 50
    for *sizes, kind, ratio in found:
        if float(ratio) < LOSING:
            assert slower_than_torch("avx512", kind, "float32", tuple(map(int, sizes))), (kind, sizes, ratio)


def test_sizes_belong_to_the_nearest_place():
    assert place_of(100, 5, 256, 256) == (100, 5, True, 256)
    assert place_of(50, 16, 8, 300) == (100, 32, False, 256)
    assert place_of(1, 0, 1, 1) == (20, 1, False, 16)
    for places in FASTER.values():
        for place in places:
            assert place_of(place.T, place.B, place.H if place.wide else 8, place.H) == place


PROGRAM = """
import torch
from lstmkit.nn import LSTM

def chosen(layer, T, B, dtype=torch.float32, **given):
    found = layer.explain(torch.zeros(T, B, layer.input_size, dtype=dtype), **given)
    return found.chosen, dict(found.reasons)["native"]

layer = LSTM(256, 256)
with torch.no_grad():
    print(*chosen(layer, 100, 5))
    print(*chosen(layer, 100, 5, lengths=[100, 90, 8, 7, 6]))
    print(*chosen(LSTM(256, 256, cell="peephole"), 100, 5))
    print(*chosen(LSTM(256, 256, backend="native"), 100, 5))
    print(*chosen(LSTM(64, 64), 100, 5))
    torch.set_num_threads(2)
    print(*chosen(layer, 100, 5))
print(*chosen(layer, 100, 5))
"""


def test_what_is_slower_on_avx2_goes_to_torch_with_the_reason():
    environment = os.environ | {"LSTMKIT_TARGET": "avx2"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("this machine has no avx2")
    reason = (
        "with avx2 torch is faster at inference in float32 of about this size: 1.08 times, as measured for T 100, B 5, "
        "I 256, H 256"
    )
    left, kept = f"torch {reason}", "native "
    assert done.stdout.splitlines() == [left, kept, kept, f"native {reason}", kept, left, kept]


LEFT = [
    p for (target, kind, _), places in FASTER.items() if (target, kind) == (NATIVE.target, "inference") for p in places
]


@pytest.mark.parametrize("place", LEFT[:1])
def test_what_is_left_to_torch_is_computed_by_torch_with_the_same_numbers(place):
    torch.manual_seed(0)
    I = place.H if place.wide else 8  # noqa: E741
    layer, x = LSTM(I, place.H), torch.randn(place.T, place.B, I)
    own = torch.nn.LSTM(I, place.H)
    own.load_state_dict(layer.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(layer(x), own(x), rtol=1e-5, atol=1e-5)
