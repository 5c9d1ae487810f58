"""Doors of model folders, checkpoints, studies, the command line and Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from limits import accepted, run_command
from mutations import VALUES, damaged, damaged_json, damaged_tensors
from small_seeds import SEEDS, SMALL, arguments, checkpoint_of, model_folder, sealed, studies
from table_doors import Run, check_series

from lstmkit import Forecaster
from lstmkit.cli import main
from lstmkit.data import TableSettings, read_table
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.classify import TextClassifier
from lstmkit.language.judgement.scoring import score_lines
from lstmkit.language.suggestions import Suggester


def folder_door(kind: str, use: Callable[[Path], None]) -> Callable[[Path], Run]:
    """Return the door for model folders of a kind: damaged configs, tensors and bytes, sealed again or not."""

    def open_door(folder: Path) -> Run:
        whole = model_folder(folder, kind)
        config = json.loads((whole / "config.json").read_text())
        weights = (whole / "model.safetensors").read_bytes()
        broken = folder / f"broken-{kind}"

        def run(given: Any) -> bool:
            what, how = given
            shutil.rmtree(broken, ignore_errors=True)
            broken.mkdir()
            changed, tensors = config, weights
            if what in ("config", "both"):
                changed = damaged_json(config, how)
            if what in ("tensors", "both"):
                tensors = damaged_tensors(weights, how)
            if what == "header":
                tensors = damaged(weights[:2000], how) + weights[2000:]
            if isinstance(changed, dict):
                changed = sealed(changed, tensors)
            text = json.dumps(changed).encode("utf-8", "surrogatepass")
            (broken / "config.json").write_bytes(damaged(text, how) if what == "bytes" else text)
            (broken / "model.safetensors").write_bytes(damaged(tensors, how) if what == "raw" else tensors)
            return accepted(lambda: use(broken))

        return run

    return open_door


def use_forecaster(path: Path) -> None:
    """Load a forecaster, forecast from what it remembers and from a table."""
    forecaster = Forecaster.load(path)
    found = forecaster.predict()
    numbers = found.select("mean", "median").to_numpy()
    assert np.isfinite(numbers).all(), "a forecast is not finite"
    forecaster.predict(pl.read_csv(SEEDS / "panel.csv", schema_overrides={"shop": pl.String}, try_parse_dates=True))


def use_language(path: Path) -> None:
    """Load a language model, score a line and suggest by each of its predictors."""
    model = LanguageModel.load(path)
    for predictor in model.predictors().values():
        list(score_lines(predictor, ["the cat sees\n"]))
        Suggester(predictor).suggest("the ")


def use_classifier(path: Path) -> None:
    """Load a classifier, and ask it."""
    TextClassifier.load(path).predict(pl.DataFrame({"sentence": ["good film", ""]}))


def open_checkpoint(folder: Path) -> Run:
    """Checkpoints: damaged, sealed again or not, and continued."""
    whole, fit, seal = checkpoint_of(folder)
    path = folder / "damaged.safetensors"

    def run(given: Any) -> bool:
        what, how = given
        path.write_bytes(damaged(whole, how) if what == "raw" else seal(whole, what, how))
        return accepted(lambda: fit(path))

    return run


def open_study(folder: Path) -> Run:
    """Trials of a tuning: damaged bytes, and rows that say other things; asked for the next."""
    damage, use = studies(folder)

    def run(given: Any) -> bool:
        path = damage(*given)
        return accepted(lambda: use(path))

    return run


def open_commands(folder: Path) -> Run:
    """The command line, by words that were right before some were changed."""
    for path in SEEDS.iterdir():
        shutil.copy(path, folder)
    for kind in ("forecaster", "language", "classifier"):
        shutil.copytree(model_folder(folder, kind), folder / f"model-{kind}", dirs_exist_ok=True)

    def run(given: Any) -> bool:
        before = set(folder.iterdir())
        try:
            return run_command(main, arguments(*given), folder)
        finally:
            for path in set(folder.iterdir()) - before:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()

    return run


TEXTUAL = ("cell", "embedding_size", "hidden_size", "num_layers", "softmax", "window", "columns", "epochs", "patience")
TABULAR = ("target", "time", "id", "freq", "time_format", "missing", "duplicates", "future", "static", "short", "wide")
FORECASTING = ("horizon", "context", "model", "levels", "seasons", "seed", "settings", "backend", "cell", "ensemble")
PARAMETERS = {
    "forecaster": (Forecaster, {"horizon": 3}, FORECASTING),
    "language": (LanguageSettings, {}, TEXTUAL),
    "table": (TableSettings, {}, TABULAR),
}
"""Constructors, what they must be given, and what is drawn."""


LIKELY = (2, "gru", 0.1, (80,), "D", "mask", [7], "Close", "Date", "tied", "drop", 16, (90, 95), ("Close",))
"""Values that are right somewhere."""


def open_python(folder: Path) -> Run:
    """Arguments of Python's doors, of every type; a fit with what was accepted."""
    frame = pl.read_csv(SEEDS / "table.csv", try_parse_dates=True)

    def run(given: Any) -> bool:
        which, names, values = given
        make, least, allowed = PARAMETERS[which]
        chosen = {
            allowed[k % len(allowed)]: (VALUES + LIKELY * 2)[v % (len(VALUES) + 2 * len(LIKELY))]
            for k, v in zip(names, values, strict=False)
        }

        def call() -> None:
            made = make(**{**least, **chosen})
            if which == "table":
                check_series(read_table(frame, made))
            elif which == "forecaster" and not {"horizon", "context", "ensemble"} & chosen.keys():
                made.settings = made.settings or SMALL
                if made.model == "lstm":
                    assert np.isfinite(made.fit(frame).predict()["mean"].to_numpy()).all()

        return accepted(call)

    return run
