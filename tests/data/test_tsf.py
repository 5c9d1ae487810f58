"""Files of the Monash archive: what they hold, and one line for what is wrong with them."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lstmkit import InputError
from lstmkit.data import Frequency, TableSettings, read_file, read_source, read_table
from lstmkit.data.tsf import FREQUENCIES, parse_tsf

TEXT = """# about the data
@relation shops
@attribute series_name string
@attribute area numeric
@attribute start_timestamp date
@frequency monthly
@horizon 4
@missing true
@equallength false

@data
T1:7.5:2020-11-01 00-00-00:1,2.5,?,-3e1
T2:8:2021-01-01 06-00-00:4,5
"""


def test_a_row_per_series_and_step() -> None:
    file = parse_tsf(TEXT, "a.tsf")
    expected = pl.DataFrame(
        {
            "series_name": ["T1"] * 4 + ["T2"] * 2,
            "area": [7.5] * 4 + [8.0] * 2,
            "time": [
                *(datetime(2020, 11, 1), datetime(2020, 12, 1), datetime(2021, 1, 1), datetime(2021, 2, 1)),
                *(datetime(2021, 1, 1, 6), datetime(2021, 2, 1, 6)),
            ],
            "value": [1.0, 2.5, np.nan, -30, 4, 5],
        }
    )
    assert_frame_equal(file.frame, expected)
    assert (file.frequency, file.horizon, file.missing) == (Frequency("M"), 4, True)


def test_without_a_start_or_a_frequency_there_is_no_time() -> None:
    for line in ("@frequency monthly", "@attribute start_timestamp date"):
        text = TEXT.replace(line + "\n", "")
        if "start" in line:
            text = text.replace(":2020-11-01 00-00-00", "").replace(":2021-01-01 06-00-00", "")
        file = parse_tsf(text, "a.tsf")
        assert "time" not in file.frame.columns
        assert file.frame["value"].to_list()[4:] == [4, 5]
    assert file.frame.columns == ["series_name", "area", "value"]


@pytest.mark.parametrize("name", ["a.tsf", "a.tsf.gz"])
def test_a_file_becomes_series(tmp_path: Path, name: str) -> None:
    content = TEXT.replace("?", "3").encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    table = read_table(read_file(tmp_path / name), TableSettings("value", "time", "series_name", static=("area",)))
    assert table.ids == ("T1", "T2")
    assert table.values.tolist() == [1, 2.5, 3, -30, 4, 5]
    assert str(table.frequency) == "M"
    assert table.covariates.numbers.tolist() == [[7.5], [8.0]]


def test_every_frequency_of_the_archive_dates_its_rows() -> None:
    for word, frequency in FREQUENCIES.items():
        file = parse_tsf(TEXT.replace("monthly", word), "a.tsf")
        times = file.frame["time"].to_numpy()[:4]
        assert (frequency.steps(times) == 1).all()
        assert file.frequency == frequency


WRONG = {
    "no data": (TEXT[TEXT.index("@data") :], "", ": no line @data"),
    "a line before": ("@data", "T0:1,2\n@data", ", line 11: 'T0:1,2' stands before @data"),
    "no series": (TEXT[TEXT.index("T1") :], "", ": no series after @data"),
    "frequency": ("monthly", "fortnightly", ": @frequency fortnightly is not known; use one of 4_seconds, minutely, "),
    "attribute": ("area numeric", "area", ", line 4: '@attribute area' is not @attribute NAME string, numeric or date"),
    "too few": ("T2:8:", "T2:", ", line 13: 2 attributes before the values, not 3"),
    "number": ("T2:8:", "T2:big:", ", line 13: area 'big' is not a number"),
    "value": ("4,5", "4,five", ", line 13: 'five' is not a number"),
    "no value": ("4,5", "4,", ", line 13: '' is not a number"),
    "date": (
        "2021-01-01 06-00-00",
        "2021",
        ", line 13: start_timestamp '2021' is not a time such as 2010-07-01 00-30-00",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_is_not_as_the_format_has_it(tmp_path: Path, kind: str) -> None:
    old, new, message = WRONG[kind]
    assert TEXT.count(old) == 1
    path = tmp_path / "a.tsf"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_file(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_the_archive_s_sample(data: Path) -> None:
    path = data / "ts_classic" / "monash_sample.tsf"
    table = read_table(read_file(path), TableSettings("value", "time", "series_name"))
    assert len(table) == 299
    assert str(table.frequency) == "W"
    last = path.read_text().splitlines()[-1].split(":")
    assert table.ids[-1] == last[0]
    own = [float(v) for v in last[-1].split(",")]
    assert table.values[table.offsets[-2] :].tolist() == own
    assert parse_tsf(path.read_text(), "").horizon == 8


def test_the_name_of_a_series_is_its_id(tmp_path: Path) -> None:
    (tmp_path / "a.tsf").write_text(TEXT)
    table = read_source(tmp_path / "a.tsf", TableSettings("value", missing="mask"))
    assert (table.columns.id, table.ids) == ("series_name", ("T1", "T2"))
    assert "a file of the Monash archive: 'series_name' names its series" in table.notes
    assert parse_tsf(TEXT.replace("T2:", "T1:"), "a.tsf").id is None
    assert parse_tsf(TEXT.replace("series_name", "shop"), "a.tsf").id is None
