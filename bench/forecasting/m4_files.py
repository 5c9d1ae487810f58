"""The M4 competition's CSV files: a row a series, padded with empty cells, without times."""

from pathlib import Path

import polars as pl


def read_m4(path: Path) -> pl.DataFrame:
    """Return the columns "id" and "value", a row per series and step, in the order of the file.

    path  of a file such as Hourly-train.csv or Hourly-train.csv.gz: first the id, then the values
    """
    wide = pl.read_csv(path, infer_schema=False)
    first, *others = wide.columns
    long = wide.select(pl.col(first).alias("id"), pl.concat_list(others).list.drop_nulls().alias("value"))
    return long.explode("value").with_columns(pl.col("value").cast(pl.Float64))
