"""Small models, a checkpoint, a study and command lines: the valid inputs that are made rather than kept."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from mutations import ODD, Change, damaged, damaged_json, damaged_tensors, join_safetensors, split_safetensors

from lstmkit import Forecaster, SequenceClassifier
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.data import TableSettings, read_source
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.tuning import ask_of, tune
from lstmkit.forecasting.tuning.study import Study
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.classify import ClassifierSettings, TextClassifier
from lstmkit.language.translate import Translator, TranslatorSettings
from lstmkit.music import Composer, read_abc
from lstmkit.sequences import Ragged
from lstmkit.speech import FeatureSettings, Lexicon, Recognizer, RecognizerSettings
from lstmkit.speech.recordings import Recordings
from lstmkit.training.checkpoint import EMPTY
from lstmkit.training.schema import canonical
from lstmkit.video import ArraySettings, Captioner, CaptionSettings

SEEDS = Path(__file__).parent / "seeds"
SMALL = LstmSettings(hidden_size=2, max_epochs=1)


def model_folder(folder: Path, kind: str) -> Path:
    """Return a model folder of a kind, fitted in a moment, below `folder`."""
    path = folder / kind
    if not path.exists():
        FITTED[kind]().save(path)
    return path


def _forecaster() -> Any:
    panel = pl.read_csv(SEEDS / "panel.csv", schema_overrides={"shop": pl.String}, try_parse_dates=True)
    return Forecaster(2, settings=SMALL).fit(panel, "sold", id="shop", static="region")


def _language() -> Any:
    how = LanguageSettings(embedding_size=4, hidden_size=4, epochs=1, columns=4, window=20, patience=None)
    return LanguageModel("word", how, order=3).fit(SEEDS / "story.txt")


def _classifier() -> Any:
    return TextClassifier(ClassifierSettings(embedding_size=4, hidden_size=4, epochs=1)).fit(SEEDS / "rows.csv")


def _sequences() -> Any:
    tiny = SequenceSettings(hidden_size=2, head_size=2, epochs=1)
    return SequenceClassifier(tiny).fit(np.random.default_rng(0).normal(size=(10, 4, 2)), [0, 1] * 5)


def _recogniser() -> Any:
    short = RecognizerSettings(hidden_size=2, num_layers=1, streaming=True, lookahead=1, epochs=1)
    lexicon = Lexicon({"a": (("X",),), "b": (("Y", "X"), ("Y",))})
    return Recognizer(short, FeatureSettings(bins=4)).fit_recordings(noises(("a b", "b", "a")), lexicon=lexicon)


def _composer() -> Any:
    tiny = LanguageSettings(embedding_size=4, hidden_size=4, epochs=1, columns=1, window=8)
    text = "".join(f"X:{k}\nR:jig\nM:3/4\nL:1/4\nK:G\nGAB|dcB|A{k % 2 + 1}G||\n\n" for k in range(4))
    tunes = read_abc(text).tunes
    return Composer(tiny, order=2).fit(tunes, tunes)


def _translator() -> Any:
    least = TranslatorSettings(embedding_size=4, hidden_size=4, epochs=1)
    pairs = [" ".join(draw) for draw in (("a", "b", "c"), ("b", "a"), ("c", "c", "a", "b"))] * 10
    return Translator("word", least, joint=False).fit(pairs, pairs[::-1])


def _captioner() -> Any:
    random = np.random.default_rng(0)
    tables = [pl.DataFrame({"id": [f"clip{k}"] * 5, "a": random.normal(size=5), "b": [k % 2] * 5}) for k in range(12)]
    told = {f"clip{k}": [("it goes up", "it falls")[k % 2], "a line"] for k in range(12)}
    least = CaptionSettings(embedding_size=4, hidden_size=4, epochs=1)
    return Captioner(least, ArraySettings("id")).fit(pl.concat(tables), told)


FITTED: dict[str, Callable[[], Any]] = {
    "forecaster": _forecaster,
    "language": _language,
    "classifier": _classifier,
    "sequences": _sequences,
    "recogniser": _recogniser,
    "music": _composer,
    "translator": _translator,
    "captioner": _captioner,
}


def noises(texts: tuple[str, ...]) -> Recordings:
    """Return noise that is said to be speech."""
    generator = np.random.default_rng(0)
    frames = [generator.normal(size=(30, 4)).astype(np.float32) for _ in texts]
    return Recordings(Ragged.of(frames, 4, dtype=np.float32), tuple(map(str, range(len(texts)))), texts)


def sealed(config: dict[str, Any], weights: bytes) -> dict[str, Any]:
    """Return a config that vouches for other weights than it was written with, and for itself where it can."""
    config = {**config, "weights": {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}}
    config.pop("sha256", None)
    try:
        return config | {"sha256": hashlib.sha256(canonical(config)).hexdigest()}
    except ValueError:  # NaN in it, or half of a surrogate pair
        return config


def resealed(header: dict[str, Any], data: bytes) -> bytes:
    """Return a checkpoint that vouches for what it holds now."""
    header["__metadata__"]["sha256"] = EMPTY.decode()
    content = join_safetensors(header, data)
    return content.replace(EMPTY, hashlib.sha256(content).hexdigest().encode(), 1)


def checkpoint_of(folder: Path) -> tuple[bytes, Callable[[Path], None], Callable[[bytes, str, list[Change]], bytes]]:
    """Return a checkpoint after two epochs, what goes on from one, and what damages one with its checksum right."""
    table = read_source(SEEDS / "table.csv", TableSettings())
    path = folder / "checkpoint.safetensors"
    settings = dataclasses.replace(SMALL, max_epochs=3, patience=None)

    class Stop(Exception):  # noqa: N818
        pass

    def stop(record: Any) -> None:
        if record.epoch == 2:
            raise Stop

    with contextlib.suppress(Stop):
        Forecaster(2, settings=settings).fit_series(table, stop, path)
    whole = path.read_bytes()

    def go_on(path: Path) -> None:
        Forecaster(2, settings=settings).fit_series(table, None, path, True)

    def damage(content: bytes, what: str, how: list[Change]) -> bytes:
        header, data = split_safetensors(damaged_tensors(content, how) if what == "tensors" else content)
        if what == "progress":
            said = json.loads(header["__metadata__"]["lstmkit"])
            header["__metadata__"]["lstmkit"] = json.dumps(damaged_json(said, how))
        return resealed(header, bytes(data))

    return whole, go_on, damage


def studies(folder: Path) -> tuple[Callable[[bool, list[Change]], Path], Callable[[Path], None]]:
    """Return what damages a study of three trials, and what asks it for the next."""
    table = read_source(SEEDS / "table.csv", TableSettings())
    question = ask_of([Forecaster(2, settings=SMALL)], table, frozenset({"max_epochs", "hidden_size"}))
    path = folder / "tune.db"
    tune(question, path, 3)
    whole = path.read_bytes()
    broken = folder / "broken.db"

    def damage(raw: bool, how: list[Change]) -> Path:
        for side in folder.glob("broken.db*"):
            side.unlink()
        broken.write_bytes(damaged(whole, how) if raw else whole)
        if not raw:
            for change in how:
                _change_row(broken, change)
        return broken

    def use(path: Path) -> None:
        study = Study(path, question)
        study.trials()
        study.ask()

    return damage, use


def _change_row(path: Path, change: Change) -> None:
    """Put another value into a column of a table, empty or drop it."""
    with sqlite3.connect(path) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        if not names:
            return
        table = names[change.at % len(names)]
        columns = [row[1] for row in database.execute(f"pragma table_info('{table}')")]
        value = ODD[change.more // 6 % len(ODD)].encode("utf-8", "replace").decode()
        statement = (
            f"update '{table}' set '{columns[change.at // 7 % len(columns)]}' = ?",
            f"delete from '{table}'",
            f"drop table '{table}'",
        )[min(change.more % 6, 2) if change.more % 6 > 3 else 0]
        with contextlib.suppress(sqlite3.Error):
            database.execute(statement, (value,) if "?" in statement else ())
    database.close()


QUICK = ("--set", "hidden_size=2", "--set", "max_epochs=1", "--quiet", "--force")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("forecast", "table.csv", "--horizon", "2", "--cost", "5", *QUICK),
    ("forecast", "panel.csv", "--target", "sold", "--id", "shop", "--time", "day", "--static", "region", *QUICK),
    ("backtest", "table.csv", "--horizon", "2", "--windows", "3", "--set", "hidden_size=2", "--set", "max_epochs=1"),
    ("predict", "model-forecaster", "panel.csv", "--out", "p.csv"),
    ("predict", "model-forecaster", "panel.csv", "--paths", "3", "--json"),
    ("language", "score", "model-language", "story.txt"),
    ("language", "generate", "model-language", "--prompt", "the", "--count", "5", "--temperature", "0.7"),
    ("language", "suggest", "model-language", "the ki"),
    ("language", "arpa", "model-language", "out.arpa"),
    ("language", "classify", "predict", "model-classifier", "rows.csv"),
    ("language", "classify", "predict", "model-classifier", "a good film", "--json"),
    ("tune", "table.csv", "--horizon", "2", "--trials", "1", "--set", "hidden_size=2", "--set", "max_epochs=1"),
    ("doctor", "--help"),
    ("explain", "gates", "model-forecaster", "--out", "gates.html"),
)
OPTIONS = (
    "--target", "--time", "--id", "--freq", "--time-format", "--missing", "--duplicates", "--short", "--future",
    "--past", "--static", "--calendar", "--delimiter", "--level", "--season", "--seed", "--test", "--cell", "--model",
    "--context", "--json", "--baseline", "--resume", "--by", "--top-k", "--top-p", "--stop", "--lines", "--backend",
)  # fmt: skip
LONG = {"--horizon", "--trials", "--windows", "--count", "--samples", "--paths", "--context", "--ensemble"}
"""Options whose large values rightly take long."""


def arguments(which: int, how: list[tuple[int, int]]) -> list[str]:
    """Return a command line with some words replaced, dropped, or added."""
    words = list(COMMANDS[which % len(COMMANDS)])
    for at, more in how:
        place = 1 + at % max(1, len(words) - 1)
        odd = ODD[more // 4 % len(ODD)].replace("\x00", "").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        if more % 4 == 0:
            words[place:place] = [OPTIONS[at % len(OPTIONS)], odd]
        elif more % 4 == 1 and len(words) > place:
            del words[place]
        elif len(words) > place and _may_be(words[place - 1], words[place], odd):
            words[place] = odd if more % 4 == 2 else words[place] + odd
    return words


def _may_be(before: str, word: str, odd: str) -> bool:
    """Whether a word of a command line may be replaced by an odd one."""
    return not word.startswith("-") and not (before in LONG and odd.strip().isdigit())
