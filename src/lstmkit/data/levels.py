"""Columns with names of two levels, a ticker and a field each, as a long table: the ticker becomes an id."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lstmkit.data.series import free_name

TICKERS = ("ticker", "tickers", "symbol", "symbols", "asset", "assets", "id", "unique_id")
FIELDS = ("price", "prices", "attribute", "attributes", "field", "fields", "feature", "variable")
KNOWN_FIELDS = ("open", "high", "low", "close", "adj close", "adj_close", "volume", "dividends", "stock splits", "vwap")
"""Of prices; a level that holds some of these is that of fields."""


def ticker_level(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> int | None:
    """Return which of two levels tells series apart, None if neither evidently does.

    names  of the levels, "" where they have none
    pairs  the two names of each column
    """
    for level in (0, 1):
        other = {pair[1 - level].strip().lower() for pair in pairs}
        own = {pair[level].strip().lower() for pair in pairs}
        if names[level].strip().lower() in TICKERS or names[1 - level].strip().lower() in FIELDS:
            return level
        if other & set(KNOWN_FIELDS) and not own & set(KNOWN_FIELDS):
            return level
    return None


def stacked(
    frame: pl.DataFrame, index: Sequence[str], pairs: Sequence[tuple[str, str]], names: Sequence[str]
) -> tuple[pl.DataFrame, str | None]:
    """Return a table with a row per time and ticker, and the column of tickers.

    frame    the columns of the index, then a column for each pair
    Returns  None for the column if no level evidently tells series apart: then both names are joined
    """
    others = frame.columns[len(index) :]
    level = ticker_level(names, pairs)
    if level is None:
        joined = {column: " ".join(part for part in pair if part) for column, pair in zip(others, pairs, strict=True)}
        return frame.rename(joined), None
    id = free_name(names[level] or "Ticker", [*index, *(pair[1 - level] for pair in pairs)])
    fields = list(dict.fromkeys(pair[1 - level] for pair in pairs))
    parts = []
    for ticker in dict.fromkeys(pair[level] for pair in pairs):
        own = {pair[1 - level]: column for column, pair in zip(others, pairs, strict=True) if pair[level] == ticker}
        part = frame.select(*index, pl.lit(ticker).alias(id), *(pl.col(own[f]).alias(f) for f in fields if f in own))
        empty = pl.all_horizontal(pl.col(field).is_null() for field in fields if field in own)
        parts.append(part.filter(~empty))
    return pl.concat(parts, how="diagonal_relaxed").select(*index, id, *fields), id
