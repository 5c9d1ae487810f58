"""Doors of tables, texts and ONNX files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from limits import accepted
from mutations import ODD, damaged
from small_seeds import SEEDS

from lstmkit.classification.labels import classes_of
from lstmkit.data import SeriesTable, TableSettings, read_source, read_table
from lstmkit.language import read_corpus
from lstmkit.language.classify.table import Columns, open_table, read_rows
from lstmkit.language.judgement.scoring import score_lines
from lstmkit.language.ngrams import NGramModel
from lstmkit.language.ngrams.arpa_predictor import arpa_predictor
from lstmkit.nn import LSTM
from lstmkit.onnx import export, load_lstm

Run = Callable[[Any], bool]


def seed(name: str) -> bytes:
    """Return one of the small valid inputs."""
    return (SEEDS / name).read_bytes()


def check_series(table: SeriesTable) -> None:
    """Hold what every table of series promises."""
    assert len(table.ids) == len(table.offsets) - 1 and table.offsets[-1] == len(table.values) == len(table.times)
    assert np.isfinite(table.values).all() or table.columns.missing == "mask"
    for begin, end in zip(table.offsets[:-1], table.offsets[1:], strict=True):
        assert (np.diff(table.times[begin:end]).astype(np.int64) > 0).all(), "times are not in order"


SHOPS = {"target": "sold", "id": "shop", "time": "day"}
SETTINGS = {
    "table.csv": (TableSettings("Close"), TableSettings("Close", "Date", freq="D", missing="drop", calendar=True)),
    "panel.csv": (
        TableSettings(**SHOPS, future=("promotion",), static=("region",), missing="mask", short="drop"),
        TableSettings(**SHOPS, past=("promotion",), missing="previous", duplicates="last"),
    ),
    "wide.csv": (TableSettings(wide=("a", "b"), missing="mask"), TableSettings("a", missing="interpolate")),
    "months.tsv": (TableSettings(), TableSettings(time_format="%Y-%m", time="month", duplicates="mean")),
    "numbers.csv": (TableSettings(), TableSettings("x", missing="mask", calendar=True)),
    "monthly.tsf": (TableSettings("value", id="series_name", missing="mask"), TableSettings(missing="drop")),
}
ALL_SETTINGS = tuple(settings for some in SETTINGS.values() for settings in some)


def table_door(names: tuple[str, ...]) -> Callable[[Path], Run]:
    """Return the door for files of series."""

    def open_door(folder: Path) -> Run:
        def run(given: Any) -> bool:
            at, which, how = given
            name = names[at]
            path = folder / name
            path.write_bytes(damaged(seed(name), how))
            delimiter = ";" if name == "wide.csv" else None
            settings = ALL_SETTINGS[which // 3 % len(ALL_SETTINGS)] if which % 3 == 0 else SETTINGS[name][which % 2]

            def read() -> None:
                check_series(read_source(path, settings, delimiter))

            return accepted(read)

        return run

    return open_door


def open_parquet(folder: Path) -> Run:
    """Damaged bytes of Parquet, and whole files of columns of every type."""
    path = folder / "a.parquet"
    frame = pl.read_csv(SEEDS / "panel.csv", try_parse_dates=True)
    whole = io.BytesIO()
    frame.write_parquet(whole)

    def run(given: Any) -> bool:
        settings, how, columns = given
        if how:
            path.write_bytes(damaged(whole.getvalue(), how))
        else:
            odd_frame(columns).write_parquet(path)
        return accepted(lambda: check_series(read_source(path, ALL_SETTINGS[settings])))

    return run


KINDS: dict[str, Callable[[np.random.Generator, int], pl.Series]] = {
    "date": lambda r, n: pl.Series(np.arange(n) + r.integers(-(10**6), 10**6)).cast(pl.Int32).cast(pl.Date),
    "us": lambda r, n: pl.Series(np.arange(n) * r.integers(1, 10**11) + r.integers(-(2**62), 2**62)).cast(pl.Datetime),
    "extreme": lambda r, n: pl.Series(r.choice([-(2**63), 2**63 - 1, 0, 2**53], n)).cast(pl.Datetime("ns")),
    "zone": lambda r, n: pl.Series(np.arange(n) * 3_600_000).cast(pl.Datetime("ms", "Europe/Berlin")),
    "integer": lambda r, n: pl.Series(r.integers(-(2**63), 2**63 - 1, n)),
    "row": lambda r, n: pl.Series(np.arange(n)),
    "unsigned": lambda r, n: pl.Series(r.integers(0, 2**64 - 1, n, np.uint64)),
    "float": lambda r, n: pl.Series(r.normal(size=n) * 10.0 ** float(r.integers(-300, 300))),
    "holes": lambda r, n: pl.Series([float(v) if v > 0 else None for v in r.normal(size=n)], dtype=pl.Float64),
    "infinite": lambda r, n: pl.Series(r.choice([np.inf, -np.inf, np.nan, 1e308, 0.0], n)),
    "text": lambda r, n: pl.Series([ODD[k].encode("utf-8", "replace").decode() for k in r.integers(0, len(ODD), n)]),
    "number": lambda r, n: pl.Series([str(v) for v in r.normal(size=n)]),
    "flag": lambda r, n: pl.Series(r.random(n) < 0.5),
    "category": lambda r, n: pl.Series(r.choice(["a", "b"], n)).cast(pl.Categorical),
    "list": lambda r, n: pl.Series([[1, 2]] * n, dtype=pl.List(pl.Int64)),
    "struct": lambda r, n: pl.Series([{"a": 1}] * n, dtype=pl.Struct({"a": pl.Int64})),
    "decimal": lambda r, n: pl.Series(r.integers(0, 99, n)).cast(pl.Decimal(20, 3)),
    "binary": lambda r, n: pl.Series([b"\xff"] * n, dtype=pl.Binary),
    "null": lambda r, n: pl.Series([None] * n, dtype=pl.Null),
    "duration": lambda r, n: pl.Series(np.arange(n)).cast(pl.Duration),
    "clock": lambda r, n: pl.Series(np.arange(n)).cast(pl.Time),
}  # fmt: skip
"""Columns of every type, some with extreme values, n rows each."""

USUAL = {
    "Date": "date", "Close": "float", "shop": "category", "day": "date", "sold": "number", "promotion": "row",
    "region": "category", "a": "float", "b": "holes", "x": "float", "month": "date",
}  # fmt: skip
"""Columns that the settings name, as they should be."""
NAMES = (*USUAL, "", "mean", "[/red]")


def odd_frame(given: Any) -> pl.DataFrame:
    """Return a table with the usual columns, but those that were drawn of another kind; some without any."""
    rows, number, kinds = given
    draw = np.random.default_rng(number)
    chosen = kinds if number % 4 == 0 else USUAL | kinds
    return pl.DataFrame({name: KINDS[kind](draw, rows).alias(name) for name, kind in chosen.items()})


def open_frames(folder: Path) -> Run:
    """Tables in memory, as polars, pandas and pyarrow have them."""

    def run(given: Any) -> bool:
        settings, kind, columns = given
        frame: Any = odd_frame(columns)
        try:
            frame = frame.to_pandas() if kind == "pandas" else frame.to_arrow() if kind == "arrow" else frame
        except pa.ArrowInvalid:  # pandas cannot hold it
            return False
        return accepted(lambda: check_series(read_table(frame, ALL_SETTINGS[settings])))

    return run


def open_text(folder: Path) -> Run:
    """Text of a language model: its vocabulary, its parts, its n-grams, its score."""

    def run(given: Any) -> bool:
        unit, how = given
        path = folder / "story.txt"
        path.write_bytes(damaged(seed("story.txt"), how))

        def read() -> None:
            corpus = read_corpus(path, unit=unit)
            model = NGramModel.fit(corpus.train, len(corpus.tokens.symbols), 2)
            assert np.isfinite(model.token_log_probs(corpus.train)).all()

        return accepted(read)

    return run


def open_rows(folder: Path) -> Run:
    """Tables of labelled texts."""

    def run(given: Any) -> bool:
        name, header, how = given
        path = folder / name
        path.write_bytes(damaged(seed(name), how))

        def read() -> None:
            columns = (
                Columns("sentence", "label", None, header) if header else Columns("column_1", "column_2", None, False)
            )
            rows = read_rows(open_table(path, header)[0], columns, labelled=True)
            assert rows.labels is not None and len(rows.labels) == len(rows.texts[0])
            classes_of(rows.labels, columns.label)

        return accepted(read)

    return run


def open_arpa(folder: Path) -> Run:
    """ARPA files, and what they say of a sentence."""
    path = folder / "a.arpa"
    whole = b'# lstmkit: {"unit": "word", "split": "space"}\n' + seed("small.arpa")

    def run(given: Any) -> bool:
        path.write_bytes(damaged(whole, given))

        def read() -> None:
            predictor = arpa_predictor(path)
            context = predictor.advance(predictor.begin(), 0)
            assert not np.isnan(predictor.next_log_probs(context)).any()
            assert all(score.perplexity > 0.998 for score in score_lines(predictor, ["the cat sees\n"]))

        return accepted(read)

    return run


def open_onnx(folder: Path) -> Run:
    """ONNX files that hold an LSTM."""
    path = folder / "a.onnx"
    export(LSTM(3, 4), path)
    whole = path.read_bytes()

    def run(given: Any) -> bool:
        path.write_bytes(damaged(whole, given))

        def read() -> None:
            layer = load_lstm(path)
            with torch.no_grad():
                layer(torch.zeros(2, 1, layer.input_size))

        return accepted(read)

    return run
