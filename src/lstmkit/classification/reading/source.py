"""Which reader takes what a user has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lstmkit.classification.reading.arrays import of_arrays, of_numpy_file, of_ragged
from lstmkit.classification.reading.labelled import Form, Labelled, settled, texts_of
from lstmkit.classification.reading.tables import of_table
from lstmkit.classification.reading.ts_file import parse_ts
from lstmkit.data.content import free_memory, place_of, read_bytes
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.errors import InputError
from lstmkit.ranges import a_path, shown
from lstmkit.sequences import Ragged

SHARE = 0.25
"""Share of the free memory that a file may take."""
TABLES = (".csv", ".tsv", ".txt", ".tab", ".parquet", ".jsonl", ".csv.gz", ".tsv.gz")
"""Endings of the files of a folder that are sequences."""
NAMES = ("labels", "label", "targets", "target", "y")
"""What the table of labels in a folder may be called, before its ending."""
FILES = ("file", "filename", "path", "id", "name")
"""Columns that may name the file of a sequence."""


def read_labelled(
    source: Any,
    form: Form,
    labelled: bool = True,
    labels: Any = None,
    groups: Any = None,
    delimiter: str | None = None,
    decimal: str | None = None,
) -> Labelled:
    """Return the sequences that a user gives.

    source     path of a table, a .ts, .npz or .npy file, or a folder with a table a sequence and a table of labels; a
               table of polars, pandas or pyarrow; an array (N, T, C) or (N, T); or a list of arrays (T, C)
    form       how they lie in it
    labelled   whether labels are needed
    labels     of arrays
    groups     of arrays
    delimiter  between the columns of a text; None finds it
    decimal    before decimals in text; None finds it
    Raises     InputError with one line for whatever is wrong
    """
    if isinstance(source, str | Path):
        if labels is not None or groups is not None:
            raise InputError("a file holds its own labels and groups; name their columns by label and group")
        return settled(_of_path(a_path("the sequences", source), form, labelled, delimiter, decimal), labelled)
    if isinstance(source, np.ndarray | list | tuple):
        return settled(of_arrays(source, labels, groups, form), labelled)
    if isinstance(source, Iterable | pl.LazyFrame):
        frame = to_polars(source)
        return settled(of_table(*_with_labels(frame, labels, groups, form), labelled, decimal), labelled)
    raise InputError(f"sequences must be a path, a table, an array or a list of arrays; got {shown(source)}")


def _with_labels(frame: pl.DataFrame, labels: Any, groups: Any, form: Form) -> tuple[pl.DataFrame, Form]:
    """Return a table with labels and groups that were given beside it as columns."""
    for role, given in (("label", labels), ("group", groups)):
        if given is None:
            continue
        texts, _ = texts_of(given)
        if len(texts) != frame.height:
            raise InputError(f"{len(texts):,} {role}s for {frame.height:,} rows; give one for each")
        name = (form.label if role == "label" else form.group) or role
        form = dataclasses.replace(form, group=name) if role == "group" else form
        frame = frame.with_columns(pl.Series(name, texts))
    return frame, form


def _of_path(path: Path, form: Form, labelled: bool, delimiter: str | None, decimal: str | None) -> Labelled:
    if path.is_dir():
        return _of_folder(path, form, labelled, delimiter, decimal)
    if path.name.endswith((".npz", ".npy")):
        if not path.exists():
            raise InputError(f"{path}: no such file; check the name")
        return of_numpy_file(path, form, labelled)
    if path.name.endswith((".ts", ".ts.gz")):
        place = place_of(path)
        text = read_bytes(path, int(SHARE * free_memory())).decode("utf-8", "replace")
        sequences, labels, names = parse_ts(text, place)
        return of_ragged(Ragged.of(sequences, len(names)), labels, None, form, names)
    table = read_with_notes(path, delimiter, form.header)
    found = of_table(table.frame, form, labelled, decimal or table.decimal)
    return dataclasses.replace(found, notes=(*table.notes, *found.notes))


def _of_folder(folder: Path, form: Form, labelled: bool, delimiter: str | None, decimal: str | None) -> Labelled:
    """Return the sequences of a folder, a table each, and their labels from a table beside them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(TABLES))
    told = next((path for path in files if path.parent == folder and path.name.split(".")[0].lower() in NAMES), None)
    if labelled and told is None:
        raise InputError(f"{folder}: has no table of labels; add labels.csv with the columns file and {form.label}")
    sequences = [path for path in files if path != told]
    if not sequences:
        raise InputError(f"{folder}: holds no tables of sequences; a CSV each is needed")
    by_name: dict[str, dict[str, Any]] = {}
    whole = False
    if labelled and told is not None:
        by_name, whole = _told(told, form, delimiter)
    paths, names = (
        _named(folder, sequences, by_name) if labelled else (sequences, [_name(folder, p) for p in sequences])
    )
    inner = dataclasses.replace(form, id=None, group=None, layout="long")
    tables = [(path, read_with_notes(path, delimiter, form.header)) for path in paths]
    parts: list[Labelled] = []
    for path, table in tables:
        if parts and not set(inner.channels) <= set(table.frame.columns):
            missing = sorted(set(inner.channels) - set(table.frame.columns))
            raise InputError(f"{path}: has no column {missing[0]!r}, which the first file has; all have the same")
        parts.append(of_table(table.frame, inner, False, decimal or table.decimal))
        inner = parts[0].form
    frames = Ragged.of((part.frames.values for part in parts), len(inner.channels))
    kept = dataclasses.replace(form, channels=inner.channels, layout="long")
    labels = [by_name[name]["label"] for name in names] if labelled else None
    groups = [by_name[name]["group"] for name in names] if labelled and form.group is not None else None
    return Labelled(frames, names, labels, kept, groups, whole, None, parts[0].notes)


def _told(path: Path, form: Form, delimiter: str | None) -> tuple[dict[str, dict[str, Any]], bool]:
    """Return label and group by the name of a file, and whether labels are whole numbers."""
    frame = read_with_notes(path, delimiter).frame
    column = form.id or next((name for name in frame.columns if name.lower() in FILES), frame.columns[0])
    for name in (column, form.label, form.group):
        if name is not None and name not in frame.columns:
            raise InputError(f"{path}: has no column {name!r} (columns: {', '.join(frame.columns)})")
    names, (labels, whole) = texts_of(frame[column])[0], texts_of(frame[form.label])
    groups = labels if form.group is None else texts_of(frame[form.group])[0]
    return {n: {"label": a, "group": g} for n, a, g in zip(names, labels, groups, strict=True)}, whole


def _named(folder: Path, files: list[Path], by_name: dict[str, Any]) -> tuple[list[Path], list[str]]:
    """Return the file of every name in the table of labels, with or without its ending."""
    known = {
        key: path
        for path in files
        for key in (path.stem, path.name, _name(folder, path), str(path.relative_to(folder)))
    }
    for name in by_name:
        if name not in known:
            raise InputError(f"{folder}: the table of labels names {name!r}, which is no file there; correct it")
    return [known[name] for name in by_name], list(by_name)


def _name(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder)).split(".")[0]
