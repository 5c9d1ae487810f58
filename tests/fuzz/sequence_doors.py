"""Doors of labelled sequences: tables, .ts and .npz files, and model folders of their classifier."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit import SequenceClassifier
from lstmkit.classification.reading import Form, read_labelled

LONG = Form("kind", "walk", "t", missing="mask")
FORMS = {"long.csv": LONG, "wide.csv": Form("kind"), "own.ts": Form(), "own.npz": Form(missing="mask"), "a.npy": Form()}
"""What is damaged, and how it is read."""


def sequences() -> tuple[list[np.ndarray[Any, Any]], list[str]]:
    """Return a few sequences of two channels, and their labels."""
    generator = np.random.default_rng(0)
    return [generator.normal(size=(3 + k % 2, 2)).round(2) for k in range(8)], ["up", "down"] * 4


def whole(name: str) -> bytes:
    """Return a valid file."""
    found, labels = sequences()
    both = list(zip(found, labels, strict=True))
    if name == "long.csv":
        rows = [f"w{k},{t},{x},{y},{label}" for k, (own, label) in enumerate(both) for t, (x, y) in enumerate(own)]
        return "\n".join(["walk,t,x,y,kind", *rows]).encode()
    if name == "wide.csv":
        rows = [",".join(map(str, own[:3].T.ravel())) + f",{label}" for own, label in both]
        return "\n".join(["x_1,x_2,x_3,y_1,y_2,y_3,kind", *rows]).encode()
    if name == "own.ts":
        rows = [":".join(",".join(map(str, own[:, c])) for c in (0, 1)) + f":{label}" for own, label in both]
        return "\n".join(["@problemName a", "@timeStamps false", "@classLabel true up down", "@data", *rows]).encode()
    file = io.BytesIO()
    if name == "a.npy":
        np.save(file, np.stack([own[:3] for own in found]))
    else:
        offsets = np.concatenate([[0], np.cumsum([len(own) for own in found])])
        np.savez(file, values=np.concatenate(found), offsets=offsets, y=labels)
    return file.getvalue()


def open_sequences(folder: Path) -> Run:
    """Files of labelled sequences: what is read has finite numbers or gaps, and a label for each."""
    files = {name: whole(name) for name in FORMS}

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(files[name], how))

        def read() -> None:
            found = read_labelled(path, FORMS[name], labelled=not name.endswith(".npy"))
            assert not np.isinf(found.frames.values).any()
            assert len(found.frames) == len(found.ids) == len(found.labels or found.ids)
            assert (found.frames.lengths > 0).all()

        return accepted(read)

    return run


def use_sequence_classifier(path: Path) -> None:
    """Load a classifier of sequences, and ask it."""
    classifier = SequenceClassifier.load(path)
    found = classifier.predict_proba(sequences()[0])
    assert np.isfinite(found).all(), "a probability is not finite"
