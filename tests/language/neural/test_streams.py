"""Windows of a text: every token is predicted once from the one before it, and the state goes on where it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit import InputError
from lstmkit.language.neural.streams import Reader, Streams

END = 99


@pytest.mark.parametrize(("columns", "window", "first"), [(1, 4, 4), (3, 4, 4), (3, 4, 1), (3, 5, 2), (10, 7, 3)])
def test_every_token_of_a_row_is_predicted_from_the_one_before(columns, window, first):
    text = np.arange(31, dtype=np.int32)
    streams = Streams(text, columns, window, END)
    row = 31 // columns
    seen = [[] for _ in range(columns)]
    for number in range(len(streams)):
        ids, targets = streams.read(*streams.span(number, first))
        assert ids.dtype == targets.dtype == torch.int64 and ids.shape == targets.shape
        for c in range(columns):
            for before, token in zip(ids[:, c].tolist(), targets[:, c].tolist(), strict=True):
                assert before == (END if token == 0 else token - 1)
                seen[c].append(token)
    for c in range(columns):
        expected = list(range(c * row, (c + 1) * row))
        assert seen[c] == expected[: len(seen[c])]
        assert len(seen[c]) > row - window if first < window else len(seen[c]) == row


def test_a_text_on_disk_is_read_where_it_lies(tmp_path):
    text = np.arange(1000, dtype=np.int32)
    text.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", dtype=np.int32, mode="r")
    for one, other in zip(Streams(mapped, 4, 9, END).read(9, 18), Streams(text, 4, 9, END).read(9, 18), strict=True):
        assert torch.equal(one, other)


def test_a_text_shorter_than_its_rows_is_refused():
    with pytest.raises(InputError, match=r"text of 2 tokens: too short for 3 columns"):
        Streams(np.arange(2, dtype=np.int32), 3, 4, END)


def test_the_state_is_kept_from_window_to_window_and_dropped_elsewhere():
    reader = Reader(Streams(np.arange(100, dtype=np.int32), 2, 10, END))
    torch.manual_seed(0)
    reader.read(0)
    reader.state = ("carried",)
    reader.read(1)
    assert reader.state == ("carried",)
    reader.read(3)
    assert reader.state is None, "window 2 was left out"
    reader.state = ("carried",)
    reader.restart()
    reader.read(4)
    assert reader.state is None, "a round begins"


def test_each_pass_cuts_at_other_places():
    reader = Reader(Streams(np.arange(1000, dtype=np.int32), 2, 50, END))
    torch.manual_seed(0)
    lengths = {len(reader.read(0)[0]) for _ in range(30) if reader.restart() is None}
    assert len(lengths) > 10 and max(lengths) <= 50 and min(lengths) >= 1
