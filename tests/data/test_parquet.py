"""Headers of Parquet files: those that are true, and lies on which polars would abort."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit.data import parquet

FRAME = pl.DataFrame(
    {
        "number": np.random.default_rng(0).normal(size=3000),
        "text": [f"x{k % 50}" for k in range(3000)],
        "lists": [[1, 2], [3], []] * 1000,
        "some": [None, 1, 2] * 1000,
        "none": [None] * 3000,
    }
)
WAYS: list[dict[str, Any]] = [
    {},
    {"row_group_size": 100, "compression": "uncompressed"},
    {"compression": "snappy", "statistics": False},
    {"use_pyarrow": True, "compression": "gzip"},
    {"use_pyarrow": True, "pyarrow_options": {"data_page_version": "2.0", "write_page_index": True}},
]


def written(way: dict[str, Any], frame: pl.DataFrame = FRAME) -> bytes:
    file = io.BytesIO()
    if way.get("use_pyarrow"):
        pytest.importorskip("pyarrow")
    options = way | ({"pyarrow_options": dict(way["pyarrow_options"])} if "pyarrow_options" in way else {})
    frame.write_parquet(file, **options)
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("rows", [0, 1, 3000])
def test_what_is_written_can_be_true(way: dict[str, Any], rows: int) -> None:
    assert parquet.can_be_true(written(way, FRAME.head(rows)))


def page_of(content: bytes) -> int:
    """Return where the first page of the first column begins: after the mark."""
    assert content[:4] == content[-4:] == parquet.MARK
    return 4


@pytest.mark.parametrize("value", [0xFF, 0x01, 0x7F])
def test_a_size_in_a_page_header_that_cannot_be(value: int) -> None:
    content = bytearray(written({"compression": "uncompressed"}))
    begin = page_of(bytes(content))
    assert content[begin : begin + 2] == b"\x15\x00"  # field 1, the kind of page: data
    assert content[begin + 2] == 0x15  # field 2, bytes of the page
    content[begin + 3 : begin + 5] = bytes([value, 0x01]) if value == 0xFF else bytes([0x80 | value, value & 1])
    assert not parquet.can_be_true(bytes(content))


def test_a_file_cut_off_or_with_another_end() -> None:
    content = written({})
    for wrong in (content[:-1], content[:-9], content[:11], b"", content[:-8] + b"\xff\xff\xff\x7fPAR1"):
        assert not parquet.can_be_true(wrong)


def test_any_footer_at_all_has_an_answer() -> None:
    content, draw = written({}), np.random.default_rng(1)
    length = int.from_bytes(content[-8:-4], "little")
    answers = []
    for _ in range(300):
        damaged = bytearray(content)
        for at in draw.integers(len(content) - 8 - length, len(content) - 8, 5):
            damaged[at] = draw.integers(256)
        answers.append(parquet.can_be_true(bytes(damaged)))
    assert not all(answers)


@pytest.mark.parametrize(
    "footer", [b"\x00", b"\x15\x00", b"\x4c", b"\x49\x1c\x00\x00", b"\x49\x19\x00\x00", b"\xff" * 9]
)
def test_a_footer_of_another_shape(footer: bytes) -> None:
    assert not parquet.can_be_true(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
