"""A message is one line, however much of a file it quotes."""

from __future__ import annotations

import pickle

import pytest

from lstmkit.errors import LONGEST, InputError, ModelFolderError


def test_a_message_of_several_lines_becomes_one() -> None:
    assert str(InputError("a.csv: wrong:\n\tthis\r\nand that")) == "a.csv: wrong: \tthis and that"


@pytest.mark.parametrize("kind", [InputError, ModelFolderError])
def test_a_long_message_keeps_its_place_and_its_fix(kind: type[InputError]) -> None:
    error = kind(f"a.csv: column 'x', row 7: {'9' * 10**6!r} is no number; drop the row")
    assert len(str(error)) <= LONGEST
    assert str(error).startswith("a.csv: column 'x', row 7: '999")
    assert str(error).endswith("999' is no number; drop the row")
    assert "999 [... 999,0" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_short_message_is_left_as_it_is() -> None:
    message = "x" * LONGEST
    assert str(InputError(message)) == message
