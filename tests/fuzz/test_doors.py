"""Damaged input at every door: taken, or refused in one line; no traceback, no hang, no memory without bound.

The inputs are the same at every run. `make fuzz` draws others, for as long as it is told.
"""

from __future__ import annotations

from typing import Any

import pytest
from doors import DOORS
from hypothesis import given, settings

INPUTS = {
    "csv": 700,
    "arpa": 1500,
    "checkpoint": 200,
    "study": 25,
    "command": 40,
    "python": 400,
    "onnx": 1500,
    "lists": 200,
    "ready": 400,
    "pairs": 300,
    "translator": 300,
    "captions": 300,
    "captioner": 300,
    "films": 120,
    "bodies": 400,
}
"""Some seconds of every door; 700 of those that are not named."""


@pytest.mark.parametrize("name", DOORS)
def test_what_comes_through_a_door_is_taken_or_refused_in_one_line(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = DOORS[name].open(tmp_path_factory.mktemp(name))
    answers = set()

    @settings(max_examples=INPUTS.get(name, 700))
    @given(DOORS[name].inputs)
    def try_input(given: Any) -> None:
        answers.add(run(given))

    try_input()
    assert answers == {True, False}  # nothing is learnt from a door that takes all or nothing
