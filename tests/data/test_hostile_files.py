"""Files made to break a reader: each ends in one line, in bounded memory, and polars' panics are told as one, too."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError
from lstmkit.data import TableSettings, read_file, read_source, read_table
from lstmkit.data import read as reading
from lstmkit.data.content import read_blocks
from lstmkit.data.mapped import read_mapped
from lstmkit.forecasting.models import MODELS
from lstmkit.language.ngrams import read_arpa
from lstmkit.language.text.reading import read_pieces

SMALL = MODELS["lstm"].Settings(hidden_size=4, max_epochs=1, steps_per_epoch=1)


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        call()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def told(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return complaint(lambda: read_file(path)).removeprefix(f"{path}: ")


def test_carriage_returns_alone_end_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"t,y\r1,2\r3,4\r")
    assert read_file(path).rows() == [("1", "2"), ("3", "4")]


def test_a_carriage_return_within_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert told(path, b"t,y\rz\n1,2\n").startswith("the header cannot be read (new-line character seen")


def test_a_field_longer_than_pythons_csv_takes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"t,y\n" + b"x" * 200_000 + b",4\n")
    assert read_file(path)["t"].str.len_chars().to_list() == [200_000]
    assert told(path, b"t," + b"x" * 200_000 + b"\n1,2\n").startswith("the header cannot be read (field larger than")
    assert told(path, b"t," + b"x" * 2_000 + b"\n1,2\n") == (
        "a column has a name of 2,000 characters; 1,000 are allowed"
    )
    assert told(path, b"t,y\n" + b"x" * 200_000 + b",4,5\n") == "not a readable CSV file"


def test_very_many_columns(tmp_path: Path) -> None:
    names = ",".join(f"c{k}" for k in range(30_000)).encode()
    assert told(tmp_path / "a.csv", names + b"\n") == "30,000 columns; a table may have 20,000: leave some out"


def test_an_id_of_a_megabyte_among_many(tmp_path: Path) -> None:
    rows = [("x" * 2**20 if s == 500 else f"s{s}", k, k) for s in range(1000) for k in range(3)]
    frame = pl.DataFrame(rows, schema=["id", "t", "y"], orient="row")
    words = "id column 'id', row 1501: an id of 1,048,576 characters; the longest may have 1,000"
    assert complaint(lambda: read_table(frame, TableSettings("y", "t", "id"))) == words
    frame.write_parquet(tmp_path / "a.parquet")
    assert complaint(lambda: read_mapped(tmp_path / "a.parquet", TableSettings("y", "t", "id"))) == words


def test_one_long_id_does_not_widen_the_others() -> None:
    draw = np.random.default_rng(0)
    ids = [name for s in range(60) for name in [f"s{s}" if s else "x" * 1000] * 170]
    frame = pl.DataFrame({"id": ids, "y": draw.normal(size=len(ids))})
    forecaster = Forecaster(40, context=5, settings=SMALL).fit(frame, target="y", time="row", id="id")
    tracemalloc.start()
    forecast = forecaster.predict()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert forecast["id"].to_list()[:41] == ["x" * 1000] * 40 + ["s1"]
    assert peak < 5e6  # 4 bytes a character of 60 * 40 ids, each as wide as the longest, would be 9.6 million


def test_a_gzip_file_that_unpacks_to_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.data.content.MOST_UNPACKED", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"t,y\n" + b"1,2\n" * (1 << 20), 9))
    words = f"{path}: unpacks to more than 100 times its size, which no text does; unpack it first, if it is meant to"
    blocks = read_blocks(path)
    assert sum(len(block) for block in itertools.islice(blocks, 2)) == 1 << 20
    assert complaint(lambda: next(blocks)) == words
    assert complaint(lambda: read_file(path)) == words
    text = tmp_path / "a.txt.gz"
    text.write_bytes(path.read_bytes())
    assert complaint(lambda: list(read_pieces(text))) == words.replace("a.csv.gz", "a.txt.gz")
    arpa = tmp_path / "a.arpa.gz"
    arpa.write_bytes(path.read_bytes())
    assert complaint(lambda: read_arpa(arpa)) == words.replace("a.csv.gz", "a.arpa.gz")


def test_more_than_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "free_memory", lambda: 4000)
    told_of = told(tmp_path / "a.csv", b"t,y\n" + b"1,2\n" * 999)
    assert told_of.startswith("more than 0.0 GiB, a quarter of the free memory; write it as Parquet")
    monkeypatch.setattr(reading, "free_memory", lambda: 40_000)
    pl.DataFrame({"y": [1.0] * 9999}).write_parquet(tmp_path / "a.parquet")
    assert "9,999 rows of 1 columns do not fit into memory" in complaint(lambda: read_file(tmp_path / "a.parquet"))


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device(name: str) -> None:
    assert complaint(lambda: read_file(name)) == f"{name}: a device, not a file"


def test_a_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"y\n" + b"".join(b"%d\n" % k for k in range(9))))
    writer.start()
    table = read_source(pipe, TableSettings("y"))
    writer.join()
    assert table.values.tolist() == list(range(9))


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000])
def test_a_name_that_is_too_long(name: str) -> None:
    assert "File name too long" in complaint(lambda: read_file(name))


@pytest.mark.parametrize("change", [slice(0, 60), slice(200, 260), slice(900, 1000)], ids=str)
def test_parquet_with_a_stretch_of_other_bytes(
    tmp_path: Path, change: slice, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"t": range(300), "y": [float(k % 7) for k in range(300)]}).write_parquet(path, compression="snappy")
    whole = path.read_bytes()
    for byte in (0, 47, 127, 255):
        damaged = bytearray(whole)
        damaged[change] = bytes([byte]) * len(damaged[change])
        path.write_bytes(b"PAR1" + damaged[4:])
        with contextlib.suppress(InputError):  # some can be read all the same
            read_file(path)
        with contextlib.suppress(InputError):
            read_source(path, TableSettings("y", "t"))
    assert capfd.readouterr().err == ""


def test_a_panic_of_polars_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    far = pl.Series("t", [2**62, 2**62 + 1, 2**62 + 2]).cast(pl.Datetime("us", "Europe/Rome"))
    frame = pl.DataFrame({"t": far, "y": [1.0, 2.0, 4.0]})
    assert "\n" not in complaint(lambda: read_table(frame, TableSettings("y", "t")))
    assert capfd.readouterr().err == ""


def test_what_others_write_to_stderr_meanwhile_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    from lstmkit.data.faults import polars_faults

    with polars_faults("no"):
        os.write(2, b"mine\n")
    assert capfd.readouterr().err == "mine\n"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("0" * 5000, "is not a number"),
        ("1_000", "is not a number"),
        ("१२", "is not a number"),
        ("1e999999", "infinite value"),
    ],
)
def test_numbers_that_python_or_polars_read_otherwise(kind: str, words: str) -> None:
    frame = pl.DataFrame({"y": ["1", "2", kind, "4"]})
    assert kind.startswith("0") or words in complaint(lambda: read_table(frame, TableSettings("y")))


def test_lazy_tables_are_computed() -> None:
    frame = pl.DataFrame({"y": [1.0, 2.0, 4.0]})
    assert read_table(frame.lazy(), TableSettings("y")).values.tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.Series([1.0]), "a table is needed (polars, pandas or pyarrow); got Series; make a table of it with its"),
        ({"y": [1.0]}, "a table is needed (polars, pandas or pyarrow); got dict"),
        (None, "a table is needed (polars, pandas or pyarrow); got NoneType"),
        ("a.csv", "a table is needed (polars, pandas or pyarrow); got str"),
    ],
)
def test_what_is_no_table(table: object, words: str) -> None:
    assert complaint(lambda: Forecaster(2).fit(table)).startswith(words)


def test_pandas_names_of_columns() -> None:
    pd = pytest.importorskip("pandas")
    values = np.arange(12.0).reshape(6, 2)
    settings = TableSettings("y")
    twice = pd.DataFrame(values, columns=["y", "y"])
    assert "names a column more than once" in complaint(lambda: read_table(twice, settings))
    assert complaint(lambda: TableSettings.of(0)) == "target must be the name of a column as text, or several; got 0"
    numbered = pd.DataFrame(values)
    assert read_table(numbered, TableSettings("0")).values.tolist() == values[:, 0].tolist()
    complex_ = pd.DataFrame({"y": values[:, 0] * 1j})
    assert complaint(lambda: read_table(complex_, settings)).startswith("column 'y' mixes values of several types")
