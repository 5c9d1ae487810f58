"""Damaged checkpoints: a flipped bit anywhere is found, and content that was made up ends in a line."""

from __future__ import annotations

import copy

import pytest
import torch

from damage import VALUES, changed, places, refused_in_a_line, rewrite_checkpoint, without
from lstmkit.errors import InputError
from lstmkit.training import Checkpoint

HOW = {"max_epochs": 3, "average": 0.9, "keep": 2}


@pytest.fixture
def checkpoint(training, tmp_path) -> Checkpoint:
    """A checkpoint with a moving average and two epochs kept."""
    made = Checkpoint(tmp_path / "checkpoint.safetensors", {"seed": 3})
    training().run(checkpoint=made, **HOW)
    return made


def _resume(training, checkpoint) -> str | None:
    return refused_in_a_line(lambda: training().run(checkpoint=checkpoint, resume=True, **HOW | {"max_epochs": 4}))


def test_a_flipped_bit_anywhere_is_found(training, checkpoint):
    whole = checkpoint.path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in [*range(0, header, 37), *range(header, len(whole), 101), len(whole) - 1]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        checkpoint.path.write_bytes(flipped)
        line = _resume(training, checkpoint)
        assert line is not None and "delete it to start again" in line, place
    checkpoint.path.write_bytes(whole)
    assert _resume(training, checkpoint) is None


def test_every_value_of_the_header_may_be_anything(training, checkpoint):
    whole = checkpoint.path.read_bytes()
    headers: list[dict] = []
    rewrite_checkpoint(checkpoint.path, lambda tensors, header: headers.append(copy.deepcopy(header)))
    for path in places(headers[0]):
        ways = [without(headers[0], path), *(changed(headers[0], path, value) for value in VALUES)]
        for way in ways:
            checkpoint.path.write_bytes(whole)
            rewrite_checkpoint(checkpoint.path, lambda tensors, header, way=way: (header.clear(), header.update(way)))
            line = _resume(training, checkpoint)
            assert line is not None or path[0] == "progress", (path, way)


def test_every_tensor_may_be_anything(training, checkpoint):
    whole = checkpoint.path.read_bytes()
    names: list[str] = []
    rewrite_checkpoint(checkpoint.path, lambda tensors, header: names.extend(tensors))
    assert {name.split(".")[0] for name in names} == {"model", "best", "optimizer", "average", "kept1", "rng"}
    ways = {
        "left out": lambda tensors, name: tensors.pop(name),
        "renamed": lambda tensors, name: tensors.update({name + "x": tensors.pop(name)}),
        "another": lambda tensors, name: tensors.update({"more." + name: tensors[name].clone()}),
        "wrapped": lambda tensors, name: tensors.update({name: tensors[name][None]}),
        "emptied": lambda tensors, name: tensors.update({name: tensors[name].reshape(-1)[:0]}),
        "float64": lambda tensors, name: tensors.update({name: tensors[name].double()}),
        "int64": lambda tensors, name: tensors.update({name: tensors[name].long()}),
        "zero": lambda tensors, name: tensors.update({name: torch.zeros_like(tensors[name])}),
    }
    for name in names:
        for way, change in ways.items():
            checkpoint.path.write_bytes(whole)
            rewrite_checkpoint(checkpoint.path, lambda tensors, header, n=name, change=change: change(tensors, n))
            line = _resume(training, checkpoint)
            assert line is not None or way == "zero", (name, way)


def test_a_checkpoint_of_other_epochs_is_refused(training, checkpoint):
    rewrite_checkpoint(checkpoint.path, lambda tensors, header: header["progress"].pop(0))
    with pytest.raises(InputError, match=r"holds other epochs \(.*\); delete it to start again"):
        training().run(checkpoint=checkpoint, resume=True, **HOW)
