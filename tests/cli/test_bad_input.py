"""Whatever is wrong with the input ends in one line, exit code 2, and a disk as it was before."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

Run = Callable[..., "Ran"]  # noqa: F821


def rows_of(prices: pl.DataFrame, row: int, value: object) -> list[list[object]]:
    rows = [[str(d), y] for d, y in prices.iter_rows()]
    rows[row][1] = value
    return rows


def write(path: Path, rows: list[list[object]], head: str = "Date,Close") -> Path:
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


FILES = {
    "missing": (None, "no such file"),
    "empty": (b"", "the file is empty"),
    "spaces": (b" \n \n", "the file is empty"),
    "binary": (bytes(range(256)), "a binary file (a zero byte at offset 0); a CSV or Parquet file is needed"),
    "latin": (
        b"Date,Pr\xe9\n1,2\n",
        "not UTF-8 text (byte 0xe9 at offset 7); save it as UTF-8 (Excel: CSV UTF-8; Linux: iconv -f WINDOWS-1252 -t "
        "UTF-8)",
    ),
    "gzip": (gzip.compress(b"Date,Close\n1,2\n")[:-6], "not a readable gzip file; it is damaged or cut short"),
    "parquet": (b"PAR1 and nothing more", "not a readable Parquet file; it is damaged or cut short"),
    "header": (b"Date,Close\n", "has a header but no rows"),
    "ragged": (
        b"Date,Close\n1,2\n3,4,5\n",
        "row 2 has 3 fields where the header has 2; put quotes around a value that holds the delimiter",
    ),
}


@pytest.mark.parametrize("command", [["forecast"], ["backtest"]])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_read(complain: Callable[..., str], kind: str, command: list[str]) -> None:
    content, message = FILES[kind]
    if content is not None:
        Path("a.csv").write_bytes(content)
    assert complain(*command, "a.csv") == f"a.csv: {message}"


def test_a_folder_instead_of_a_file(complain: Callable[..., str]) -> None:
    Path("folder").mkdir()
    assert complain("forecast", "folder") == "folder: is a folder, not a file"


def test_the_wrong_delimiter(complain: Callable[..., str], prices: pl.DataFrame) -> None:
    prices.write_csv("a.csv", separator=";")
    message = complain("forecast", "a.csv", "--delimiter", "|")
    assert message.endswith("if the columns are separated by ';', pass --delimiter ';'")
    assert "is not one plain character" in complain("forecast", "a.csv", "--delimiter", ";;")


def test_the_delimiter_that_the_message_names_works(lstm: Run, prices: pl.DataFrame, tmp_path: Path) -> None:
    prices.write_csv(tmp_path / "a.csv", separator="\t")
    ran = lstm("forecast", tmp_path / "a.csv", "--out", tmp_path / "out", "--delimiter", ";")
    assert ran.err.endswith(r"pass --delimiter '\t'" + "\n")
    assert lstm("forecast", tmp_path / "a.csv", "--out", tmp_path / "out", "--delimiter", r"\t").code == 0


def test_a_column_that_is_not_there(complain: Callable[..., str], prices_csv: Path) -> None:
    message = complain("forecast", prices_csv, "--target", "close")
    assert message == "no column 'close'; did you mean 'Close'? (columns: 'Date', 'Close')"


def test_text_in_the_target_column(complain: Callable[..., str], prices: pl.DataFrame) -> None:
    write(Path("a.csv"), rows_of(prices, 49, "closed"))
    message = complain("forecast", "a.csv", "--target", "Close")
    assert message == "column 'Close', row 50: 'closed' is not a number"


def test_missing_values(complain: Callable[..., str], lstm: Run, prices: pl.DataFrame) -> None:
    rows = rows_of(prices, 49, "")
    rows[60][1] = "NA"
    write(Path("a.csv"), rows)
    where = f"2 of 160 values are missing, first at {rows[49][0]}"
    message = complain("forecast", "a.csv", "--target", "Close")
    assert message == (f"column 'Close': {where}; pass --missing mask, drop, previous or interpolate")
    done = {
        "mask": "left missing",
        "drop": "dropped",
        "previous": "filled with the value before",
        "interpolate": "filled along",
    }
    for how, words in done.items():
        ran = lstm("forecast", "a.csv", "--target", "Close", "--missing", how, "--out", how, "--horizon", 2)
        assert ran.code == 0
        assert f"{where}: {words}" in ran.err


def test_duplicate_times(complain: Callable[..., str], lstm: Run, prices: pl.DataFrame) -> None:
    rows = rows_of(prices, 0, 1.0)
    write(Path("a.csv"), rows + rows[40:42])
    message = complain("forecast", "a.csv")
    assert message == (f"column 'Close': 2 duplicate times, first {rows[40][0]}; drop them or pass --duplicates last")
    ran = lstm("forecast", "a.csv", "--duplicates", "last", "--out", "out", "--horizon", 2)
    assert ran.code == 0
    assert "2 rows with a duplicate time: kept the last" in ran.err


def test_unsorted_times_are_sorted_and_it_is_said(lstm: Run, prices: pl.DataFrame, tmp_path: Path) -> None:
    prices.write_csv(tmp_path / "a.csv")
    prices.sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "b.csv")
    for name in "ab":
        ran = lstm("forecast", tmp_path / f"{name}.csv", "--out", tmp_path / name, "--horizon", 2)
        assert ran.code == 0
        assert ("rows were out of time order: sorted" in ran.err) == (name == "b")
    assert (tmp_path / "a/backtest.csv").read_bytes() == (tmp_path / "b/backtest.csv").read_bytes()


def test_irregular_times(complain: Callable[..., str], prices: pl.DataFrame) -> None:
    prices.filter(pl.int_range(pl.len()) % 8 > 2).write_csv("a.csv")
    message = complain("forecast", "a.csv")
    assert "irregular times: " in message
    assert "the largest gap is " in message and "--missing mask leaves the missing ones missing" in message


def test_a_constant_series(complain: Callable[..., str], prices: pl.DataFrame) -> None:
    prices.with_columns(pl.lit(7.5).alias("Close")).write_csv("a.csv")
    assert complain("forecast", "a.csv") == "column 'Close': every value is 7.5; a constant series needs no forecast"


def test_infinite_values(complain: Callable[..., str], prices: pl.DataFrame) -> None:
    rows = rows_of(prices, 3, "inf")
    write(Path("a.csv"), rows)
    assert complain("forecast", "a.csv") == f"column 'Close': infinite value at {rows[3][0]}; correct or remove the row"


@pytest.mark.parametrize("command", ["forecast", "backtest"])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--horizon", 0, "horizon must be at least 1; got 0"),
        ("--horizon", -3, "horizon must be at least 1; got -3"),
        ("--context", 0, "context must be at least 2; got 0"),
        ("--context", -1, "context must be at least 2; got -1"),
        ("--model", "oracle", "model must be one of lstm, seq2seq, deepar, esrnn, segrnn, slstm; got 'oracle'"),
        ("--level", 100, "levels must be from 1 to 99.99 percent; got 100"),
        ("--level", 0.9, "levels must be from 1 to 99.99 percent; got 0.9; write 90 for 90 %"),
        ("--level", 99.999, "levels must be from 1 to 99.99 percent; got 99.999"),
        ("--season", 1, "seasons must be at least 2; got 1"),
        ("--freq", "fortnight", "frequency 'fortnight' is not known; use one of s, min, h, D, B, W, MS"),
        ("--freq", "h", "--freq h "),
        ("--missing", "guess", "missing must be one of refuse, mask, drop, previous, interpolate; got 'guess'"),
        ("--duplicates", "guess", "duplicates must be one of refuse, first, last, mean, sum; got 'guess'"),
        ("--backend", "abacus", "abacus"),
        ("--horizon", "abc", "unable to parse string as an integer; got 'abc'"),
        ("--no-such-option", 1, "No such option: --no-such-option"),
    ],
)
def test_option_values(
    complain: Callable[..., str], prices_csv: Path, command: str, option: str, value: object, message: str
) -> None:
    if (option, value) == ("--freq", "h"):
        prices_csv.write_text("t,y\n" + "".join(f"2024-01-01 00:{k:02d},{k}\n" for k in range(60)))
        message = (
            "column 'y': steps of one hour do not fit: 2024-01-01 00:01:00 follows 2024-01-01 by less than one hour"
        )
    assert message in complain(command, prices_csv, option, value)


def test_a_share_given_in_percent(complain: Callable[..., str], prices_csv: Path) -> None:
    assert (
        complain("forecast", prices_csv, "--test", 20) == "test must be between 0 and 1; got 20.0; write 0.2 for 20 %"
    )
    said = complain("forecast", prices_csv, "--set", "validation=12.5")
    assert said == "validation must be between 0 and 0.5; got 12.5; write 0.125 for 12.5 %"


@pytest.mark.parametrize("test", [0, 1, -0.5])
def test_the_share_of_the_test_part(complain: Callable[..., str], prices_csv: Path, test: float) -> None:
    assert complain("forecast", prices_csv, "--test", test).startswith("test must be between 0 and 1; got ")


def test_an_unknown_recipe(complain: Callable[..., str], prices_csv: Path) -> None:
    assert complain("forecast", prices_csv, "--recipe", "cake") == "recipe must be tutorial; got 'cake'"


def test_a_series_too_short_for_the_tutorial(complain: Callable[..., str], prices_csv: Path) -> None:
    message = complain("forecast", prices_csv, "--recipe", "tutorial")
    assert message == "the tutorial needs at least 306 rows; the series has 160"


def test_no_file_and_no_command(complain: Callable[..., str]) -> None:
    assert complain("forecast") == "Missing argument 'FILE'."
    assert complain("foretell") == "No such command 'foretell'. Did you mean 'forecast'?"


@pytest.mark.parametrize(
    ("horizon", "context", "test"), [(5, None, 0.2), (3, 10, 0.1), (1, 30, 0.5), (8, 4, 0.3), (2, None, 0.6)]
)
def test_the_rows_said_to_be_needed_are_enough_and_one_fewer_is_not(
    complain: Callable[..., str], lstm: Run, horizon: int, context: int | None, test: float
) -> None:
    path, rows = Path("a.csv"), np.random.default_rng(0).normal(size=400).cumsum()
    options = ["--horizon", horizon, "--test", test, "--out", "out"]
    options += [] if context is None else ["--context", context]
    write(path, [[y] for y in rows[:6]], "y")
    message = complain("forecast", path, *options)
    needed = int(message.split(" at least ")[1].split(" ")[0])
    write(path, [[y] for y in rows[: needed - 1]], "y")
    assert f"at least {needed} rows in all for " in complain("forecast", path, *options)
    write(path, [[y] for y in rows[:needed]], "y")
    assert lstm("forecast", path, *options).code == 0


@pytest.mark.parametrize("out", ["file/sub", "file", "/proc/nope"])
def test_a_folder_that_cannot_be_written_to(complain: Callable[..., str], prices_csv: Path, out: str) -> None:
    Path("file").write_text("here")
    message = complain("forecast", prices_csv, "--out", out)
    assert message.startswith(f"{out}: ")
    assert message.endswith("choose another --out")


@pytest.mark.parametrize("out", ["file/sub.csv", "none/rows.csv", "/proc/nope.csv"])
def test_a_file_that_cannot_be_written(complain: Callable[..., str], prices_csv: Path, out: str) -> None:
    Path("file").write_text("here")
    message = complain("backtest", prices_csv, "--horizon", 1, "--windows", 2, "--out", out)
    assert message.startswith((f"{out}: there is no folder '", f"{out}: cannot be written ("))


def test_a_result_is_only_replaced_when_forced(complain: Callable[..., str], lstm: Run, prices_csv: Path) -> None:
    assert lstm("forecast", prices_csv, "--out", "out", "--horizon", 2).code == 0
    message = complain("forecast", prices_csv, "--out", "out", "--horizon", 3)
    assert message == "out: already holds a result (forecast.csv); choose another --out, or --force to replace it"
    complain("forecast", "none.csv", "--out", "out", "--force")
    assert lstm("forecast", prices_csv, "--out", "out", "--horizon", 3, "--force").code == 0
    assert json.loads(Path("out/summary.json").read_text())["horizon"] == 3
    assert json.loads(Path("out/model/config.json").read_text())["params"]["horizon"] == 3
    assert sorted(os.listdir("out")) == ["backtest.csv", "forecast.csv", "model", "report.html", "summary.json"]


@pytest.fixture
def model(lstm: Run, prices_csv: Path, tmp_path: Path) -> Path:
    assert lstm("forecast", prices_csv, "--out", tmp_path / "out", "--horizon", 2, "--context", 20).code == 0
    return tmp_path / "out" / "model"


def test_a_forecast_file_is_only_replaced_when_forced(
    complain: Callable[..., str], lstm: Run, model: Path, prices_csv: Path
) -> None:
    Path("next.csv").write_text("mine")
    message = complain("predict", model, prices_csv, "--out", "next.csv")
    assert message == "next.csv: exists already; choose another --out, or --force to replace it"
    assert complain("backtest", prices_csv, "--out", "next.csv") == message
    assert lstm("predict", model, prices_csv, "--out", "next.csv", "--force").code == 0
    assert Path("next.csv").read_text().startswith("Date,mean")


def test_models_that_cannot_be_used(
    complain: Callable[..., str], model: Path, prices_csv: Path, prices: pl.DataFrame
) -> None:
    assert complain("predict", "none", prices_csv) == "none: no such model folder"
    prices.rename({"Close": "Price"}).write_csv("other.csv")
    assert complain("predict", model, "other.csv") == "no column 'Close' (columns: 'Date', 'Price')"
    prices.tail(19).write_csv("short.csv")
    assert complain("predict", model, "short.csv") == "column 'Close': 19 rows; the model needs 20 to forecast from"
    config, weights = model / "config.json", model / "model.safetensors"
    content, settings = weights.read_bytes(), config.read_text()
    weights.write_bytes(content[:100])
    message = complain("predict", model, prices_csv)
    assert message == f"{weights}: has 100 of {len(content)} bytes; the file is truncated"
    weights.write_bytes(content)
    config.write_text(json.dumps(json.loads(settings) | {"format": 7}))
    assert "in model format 7; this lstmkit reads up to 1: upgrade it" in complain("predict", model, prices_csv)
    config.write_text(settings[:50])
    assert "the file is damaged" in complain("predict", model, prices_csv)


def test_an_output_in_a_folder_that_is_not_there_is_said_before_the_work(
    complain: Callable[..., str], prices_csv: Path
) -> None:
    message = complain("backtest", prices_csv, "--out", "none/rows.csv", "--set", "max_epochs=1")
    assert message == "none/rows.csv: there is no folder 'none'; make it first, or choose another --out"


def test_what_cannot_be_traded_on_is_said_before_the_work(
    complain: Callable[..., str], prices: pl.DataFrame, prices_csv: Path
) -> None:
    prices.with_columns(pl.col("Close") - 100).write_csv("below.csv")
    for command in ("forecast", "backtest"):
        assert " is no price; leave out --cost" in complain(command, "below.csv", "--cost", 10)
        assert complain(command, prices_csv, "--cost", -1) == (
            "cost must be at least 0 and below 10000 basis points; got -1.0"
        )
    assert complain("backtest", prices_csv, "--cost", 10, "--windows", 19) == (
        "--cost: 19 test windows are too few to trade on; give more rows or test on more of them, so that there are "
        "20, or leave it out"
    )
