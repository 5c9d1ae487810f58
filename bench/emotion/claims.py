"""Is what is said of the kinds of LSTM so? Networks that differ in one thing, on the emotions of EmoDB.

    python -m bench.emotion.claims [--seeds 1] [--first 0] [--only NAME ...] [--tell]

Every configuration learns from nine speakers, two of whom say when it was best, and tells the emotions of the tenth: of
the recordings as they are, and with white noise 20, 10 and 0 dB below them. Configurations share everything but what
their names say. Each of them, a seed and a speaker are a row of bench/results/emotion-claims.csv, written as soon as it
is known; what is there is not trained again, so that a later call goes on, or adds seeds. `--tell` trains nothing.

Compared are the mean recalls (UAR) of two configurations over the seeds and speakers that both have told; of the 95 %
interval, speakers are drawn, with all their recordings of all seeds. Writes bench/results/emotion-claims.txt.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.classification.sequences import said
from bench.emotion.emodb import ARCHIVE, FRAMES, SETTINGS, folder, listed, rows_of
from bench.machine import RESULTS, header, write
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.sequence_classifier import VALID_SHARE
from lstmkit.classification.classifier.yardsticks import FUNCTIONALS
from lstmkit.classification.functionals import FunctionalsModel
from lstmkit.classification.labels import Coding
from lstmkit.classification.metrics import Difference, class_difference, confusion, mean_recall
from lstmkit.classification.reading import Labelled
from lstmkit.recurrence.cells.alstm import ALstm
from lstmkit.recurrence.cells.names import CELLS
from lstmkit.results.bootstrap import gain_interval, ratio_interval
from lstmkit.sequences import Ragged, one_group_out
from lstmkit.speech.emotion import EmotionClassifier

KEPT, TOLD = RESULTS / "emotion-claims.csv", "emotion-claims.txt"
COMMON: dict[str, Any] = {**SETTINGS, "ensemble": 1, "final_fit": False}
"""Of all configurations: one network, kept as it was when the validation speakers were told best."""
CELLS.setdefault("alstm-1", ALstm(lags=(1,)))
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "A-LSTM": {"cell": "alstm"},
    "one direction": {"bidirectional": False},
    "last state": {"pooling": "last"},
    "mean": {"pooling": "mean"},
    "two layers": {"num_layers": 2},
    "plain RNN": {"cell": "rnn"},
    "LSTM of 65 units": {"hidden_size": 65},
    "A-LSTM, mean": {"cell": "alstm-mean"},
    "three layers": {"num_layers": 3},
    "half the data": {},
    "a quarter of the data": {},
    "A-LSTM, half the data": {"cell": "alstm"},
    "A-LSTM, a quarter of the data": {"cell": "alstm"},
    "A-LSTM, lags 1": {"cell": "alstm-1"},
    "one direction, as many numbers": {"bidirectional": False, "hidden_size": 105},
}
"""Settings by what a configuration is called; the first ones are measured first. Beside them are functionals with
logistic regression, in the folds of the first seed."""
SHARES = {"half the data": 0.5, "a quarter of the data": 0.25}
"""Of the recordings that are learnt from, of each class, by how a name ends."""
CLEAN, NOISES = "clean", (20, 10, 0)
"""Decibels from the noise to the voice, over a recording."""
AT = (1, 2, 4, 8, 12, 16, 20)
"""Epochs after which the mean recall of the validation speakers is kept."""
PAIRS: tuple[tuple[str, str, str], ...] = (
    ("A-LSTM is better than the LSTM of the same size", "A-LSTM", "LSTM"),
    ("A-LSTM is better than an LSTM of no fewer numbers", "A-LSTM", "LSTM of 65 units"),
    ("its attention over earlier states is better than their mean", "A-LSTM", "A-LSTM, mean"),
    ("the earlier states are what helps: lags 5, 3, 1 against 1 alone", "A-LSTM", "A-LSTM, lags 1"),
    ("two directions are better than one", "LSTM", "one direction"),
    ("two directions are better than one of as many numbers", "LSTM", "one direction, as many numbers"),
    ("two layers are better than one", "two layers", "LSTM"),
    ("three layers are better than one", "three layers", "LSTM"),
    ("attention over the steps is better than the last state", "LSTM", "last state"),
    ("attention over the steps is better than their mean", "LSTM", "mean"),
    ("an LSTM is better than a plain recurrent network", "LSTM", "plain RNN"),
    ("an LSTM is better than functionals with logistic regression", "LSTM", FUNCTIONALS),
    ("A-LSTM is better with half the data", "A-LSTM, half the data", "half the data"),
    ("A-LSTM is better with a quarter of the data", "A-LSTM, a quarter of the data", "a quarter of the data"),
)
"""What is claimed, the configuration that shall be better, and the other."""

TOLD_GAIN = 5.5
"""Of the A-LSTM over the LSTM in % of the LSTM's score, as Tao & Liu 2018 have it on IEMOCAP."""
STEADIER = (("A-LSTM", "LSTM"), ("LSTM", "plain RNN"), ("LSTM", "one direction"), ("LSTM", FUNCTIONALS))
"""From which noise shall take less, and from which more."""
SOONER = (("A-LSTM", "LSTM"), ("LSTM", "plain RNN"))
"""Which shall have learnt more after few epochs, and than which."""

Ints = NDArray[np.int64]


class Voices(NamedTuple):
    """The recordings, as they are and with noise.

    rows   as they are
    noisy  the frames of the same recordings by what is done to them
    """

    rows: Labelled
    noisy: dict[str, Ragged]


def conditions() -> list[str]:
    return [CLEAN, *(f"{snr} dB" for snr in NOISES)]


def voices() -> Voices:
    """Read the recordings, and make frames of them with noise."""
    emotion = EmotionClassifier(SequenceSettings(**COMMON), FRAMES)
    rows = rows_of(folder() / "emodb", emotion)
    noisy = {f"{snr} dB": rows_of(folder() / "emodb", emotion, snr).frames for snr in NOISES}
    return Voices(rows, {CLEAN: rows.frames, **noisy})


def truths(where: Path) -> dict[str, str]:
    """Return the emotions of each speaker's recordings, each a letter, in the order of the recordings."""
    with zipfile.ZipFile(where / ARCHIVE) as file:
        table = listed(Path(name) for name in file.namelist() if name.endswith(".wav"))
    return dict(table.group_by("speaker", maintain_order=True).agg(pl.col("label").str.join()).iter_rows())


def some(rows: Labelled, share: float, seed: int) -> Labelled:
    """Return a share of the rows of every class."""
    labels, generator = np.array(rows.labels), np.random.default_rng(seed)
    places = [generator.permutation(np.flatnonzero(labels == name)) for name in np.unique(labels)]
    return rows.select(np.sort(np.concatenate([own[: max(2, round(share * len(own)))] for own in places])))


def letters(answers: NDArray[np.float64], classes: tuple[str, ...]) -> str:
    """Return the classes that are answered, each a letter."""
    return "".join(classes[place] for place in answers.argmax(axis=1))


def told(name: str, seed: int, own: Voices, learnt: Ints, tested: Ints) -> dict[str, Any]:
    """Return the row of a configuration, a seed and a speaker."""
    begun = time.process_time()
    settings = SequenceSettings(**{**COMMON, **CONFIGURATIONS.get(name, {})})
    classifier = EmotionClassifier(settings, FRAMES, seed).unfitted()
    training, validation = classifier.validating(own.rows.select(learnt), VALID_SHARE)
    training = some(training, next((share for end, share in SHARES.items() if name.endswith(end)), 1.0), seed)
    recalls: list[str] = []
    if name == FUNCTIONALS:
        coding = Coding.learn(training.labels or [], "label", "classes", False)
        targets = [coding.targets(part.labels or [], "a") for part in (training, validation)]
        given = (training.frames, targets[0], validation.frames, targets[1], coding.outputs, settings.features)
        model, numbers, classes = FunctionalsModel.fit(*given), 0, coding.classes
        answers = model.answers
    else:
        classifier.fit_rows(training, validation)
        numbers, classes = sum(p.numel() for p in classifier.network_.parameters()), classifier.coding_.classes
        answers = classifier.answers_of
        losses = {record.epoch: record.valid_loss for record in classifier.history_}
        recalls = [f"{100 * (1 - losses[epoch]):.1f}" for epoch in AT if epoch in losses]
    row = {"configuration": name, "seed": seed, "speaker": (own.rows.groups or [])[tested[0]], "numbers": numbers}
    row |= {key: letters(answers(frames.select(tested)), classes) for key, frames in own.noisy.items()}
    return row | {"curve": " ".join(recalls), "minutes": round((time.process_time() - begun) / 60, 2)}


def kept() -> pl.DataFrame:
    """Return the rows that were measured."""
    columns = {"configuration": pl.String, "seed": pl.Int64, "speaker": pl.String, "numbers": pl.Int64}
    columns |= dict.fromkeys([*conditions(), "curve"], pl.String) | {"minutes": pl.Float64}
    return pl.read_csv(KEPT, schema=columns) if KEPT.exists() else pl.DataFrame(schema=columns)


def keep(row: dict[str, Any]) -> None:
    """Add a row, all of it or nothing."""
    frame = kept()
    found = pl.concat([frame, pl.DataFrame([row], schema=frame.schema)]).sort("configuration", "seed", "speaker")
    beside = KEPT.with_suffix(".part")
    found.write_csv(beside)
    beside.replace(KEPT)


def measure(own: Voices, names: Iterable[str], seeds: Iterable[int]) -> None:
    """Train what is not there."""
    for seed in seeds:
        for name in names:
            if name == FUNCTIONALS and seed:
                continue  # there is nothing by chance in it but who validates
            there = kept().filter((pl.col("configuration") == name) & (pl.col("seed") == seed))["speaker"].to_list()
            for speaker, learnt, tested in one_group_out(own.rows.groups or []):
                if speaker not in there:
                    row = told(name, seed, own, learnt, tested)
                    keep(row)
                    print(f"seed {seed}, {name}, speaker {speaker}: {row['minutes']} minutes", flush=True)


def sequences(frame: pl.DataFrame, column: str, truth: dict[str, str], classes: str) -> tuple[Ints, Ints, list[str]]:
    """Return the truth, what was told, and the speaker, of every recording of every row."""
    speakers = [name for name in frame["speaker"] for _ in truth[name]]
    texts = "".join(truth[name] for name in frame["speaker"]), "".join(frame[column])
    true, found = (np.array([classes.index(letter) for letter in text], np.int64) for text in texts)
    return true, found, speakers


class Sums(NamedTuple):
    """What was measured, and the truth of each speaker's recordings, as letters."""

    frame: pl.DataFrame
    truth: dict[str, str]
    classes: str

    def recall(self, rows: pl.DataFrame, column: str = CLEAN) -> float:
        """Return the mean recall of rows together, in %."""
        true, found, _ = sequences(rows, column, self.truth, self.classes)
        return 100 * float(mean_recall(confusion(true, found, len(self.classes))))

    def whole(self, name: str) -> pl.DataFrame:
        """Return the rows of the seeds in which a configuration told all speakers."""
        own = self.frame.filter(pl.col("configuration") == name)
        return own.filter(pl.len().over("seed") == len(self.truth)).sort("seed", "speaker")

    def pair(self, first: str, second: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of two configurations in the seeds that both have told."""
        a, b = self.whole(first), self.whole(second)
        if FUNCTIONALS in (first, second):  # the same in every seed
            a, b = _every(a, b) if first == FUNCTIONALS else a, _every(b, a) if second == FUNCTIONALS else b
        seeds = pl.col("seed").is_in(sorted(set(a["seed"]) & set(b["seed"])))
        return a.filter(seeds).sort("seed", "speaker"), b.filter(seeds).sort("seed", "speaker")

    def gain(self, first: str, second: str) -> tuple[Difference, int] | None:
        """Return how much better one is than another, in points, and of how many seeds; None without both."""
        a, b = self.pair(first, second)
        if not len(a):
            return None
        true, one, speakers = sequences(a, CLEAN, self.truth, self.classes)
        other = sequences(b, CLEAN, self.truth, self.classes)[1]
        number = np.unique(np.array(speakers), return_inverse=True)[1]
        found = class_difference(true, one, other, len(self.classes), "uar", groups=number)
        return Difference(100 * found.value, 100 * found.low, 100 * found.high), a["seed"].n_unique()

    def steadier(self, first: str, second: str, column: str) -> tuple[Difference, int] | None:
        """Return how many points less noise takes from one than from another; as `gain`."""
        a, b = self.pair(first, second)
        if not len(a):
            return None
        own, other = self._tables(a, column), self._tables(b, column)
        value = self._change(own.sum(axis=0)) - self._change(other.sum(axis=0))
        return Difference(value, *gain_interval(own, other, self._change)), a["seed"].n_unique()

    def sooner(self, first: str, second: str, epoch: int) -> tuple[Difference, int] | None:
        """Return how much better one tells the validation speakers after so many epochs; folds are drawn; as `gain`."""
        a, b = self.pair(first, second)
        if not len(a):
            return None
        gains = [curve(x)[epoch] - curve(y)[epoch] for x, y in zip(a["curve"], b["curve"], strict=True)]
        places = np.unique(a["speaker"].to_numpy(), return_inverse=True)[1]
        sums, sizes = np.bincount(places, gains), np.bincount(places)
        return Difference(float(np.mean(gains)), *ratio_interval(sums, sizes)), a["seed"].n_unique()

    def _tables(self, frame: pl.DataFrame, column: str) -> NDArray[np.float64]:
        """Return for each speaker what was taken for what without and with noise, (U, 2 K K)."""
        count = len(self.classes)
        found = []
        for (_,), own in frame.group_by("speaker", maintain_order=True):
            pairs = (sequences(own, key, self.truth, self.classes)[:2] for key in (CLEAN, column))
            found.append(np.concatenate([confusion(*pair, count).ravel() for pair in pairs]))
        return np.array(found)

    def _change(self, sums: NDArray[np.float64]) -> float:
        """Return the mean recall with noise minus that without, in points."""
        clean, noisy = mean_recall(sums.reshape(2, len(self.classes), len(self.classes)))
        return 100 * float(noisy - clean)


def curve(text: str) -> dict[int, float]:
    """Return the mean recall of the validation speakers by epoch."""
    return dict(zip(AT, map(float, text.split()), strict=False))


def _every(own: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of one seed for each seed of another configuration."""
    seeds = other["seed"].unique().sort()
    return pl.concat([own.with_columns(seed=pl.lit(seed, pl.Int64)) for seed in seeds]) if len(own) else own


def word(gain: Difference) -> str:
    """Return what an interval says of a claim that the first is better."""
    return "confirmed" if gain.low > 0 else "refuted" if gain.high < 0 else "not shown either way"


def lines_of(own: Sums) -> list[str]:
    """Return the tables."""
    lines = [f"{'mean recall, %':34}{'seeds':>6}{'numbers':>9}" + "".join(f"{key:>8}" for key in conditions())]
    for name in (*CONFIGURATIONS, FUNCTIONALS):
        rows = own.whole(name)
        if len(rows):
            recalls = "".join(f"{own.recall(rows, key):8.1f}" for key in conditions())
            lines.append(f"{name:34}{rows['seed'].n_unique():6}{rows['numbers'][0] or '':>9}{recalls}")
        else:
            lines.append(f"{name:34}  not measured yet")
    lines += ["", "claim: mean recalls, their difference in points, 95 % interval (speakers drawn), seeds, verdict"]
    for claim, first, second in PAIRS:
        recalls = " against ".join(f"{own.recall(rows):.1f}" for rows in own.pair(first, second) if len(rows))
        lines.append(f"{claim}: {f'{recalls}; ' if recalls else ''}{_said(own.gain(first, second))}")
    lines.append(f"A-LSTM is better than the LSTM of the same size by {TOLD_GAIN} % of its recall: {_relative(own)}")
    lines += ["", "noise takes less from the first: points, 95 % interval, seeds, verdict"]
    for first, second in STEADIER:
        for column in conditions()[1:]:
            lines.append(f"{first} than {second}, {column}: {_said(own.steadier(first, second, column))}")
    lines += ["", f"mean recall of the validation speakers, %, after {', '.join(map(str, AT))} epochs"]
    for name in CONFIGURATIONS:
        curves = [curve(text) for text in own.whole(name)["curve"]]
        if curves:
            there = [epoch for epoch in AT if all(epoch in one for one in curves)]
            lines.append(f"{name:34}" + "".join(f"{np.mean([one[k] for one in curves]):7.1f}" for k in there))
    lines += [
        "",
        "the first has learnt more: recall of validation speakers, points, 95 % interval (folds drawn), seeds, verdict",
    ]
    for first, second in SOONER:
        for epoch in AT[:3]:
            lines.append(f"{first} than {second}, {epoch} epochs: {_said(own.sooner(first, second, epoch))}")
    return lines


def _said(found: tuple[Difference, int] | None) -> str:
    if found is None:
        return "not measured yet"
    gain, seeds = found
    return f"{gain.value:+.1f}, {gain.low:+.1f} to {gain.high:+.1f}, {seeds}: {word(gain)}"


def _relative(own: Sums) -> str:
    """Return whether the gain of the A-LSTM can be as large as its authors'."""
    found = own.gain("A-LSTM", "LSTM")
    if found is None:
        return "not measured yet"
    recall = own.recall(own.pair("A-LSTM", "LSTM")[1])
    value, low, high = (100 * part / recall for part in (found[0].value, found[0].low, found[0].high))
    verdict = "confirmed" if low >= TOLD_GAIN else "refuted" if high < TOLD_GAIN else "not shown either way"
    return f"{value:+.1f} %, {low:+.1f} to {high:+.1f} %, {found[1]}: {verdict}"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", action="append", metavar="NAME", choices=(*CONFIGURATIONS, FUNCTIONALS))
    parser.add_argument("--tell", action="store_true", help="train nothing")
    asked = parser.parse_args()
    if not asked.tell:
        names = asked.only or (*CONFIGURATIONS, FUNCTIONALS)
        measure(voices(), names, range(asked.first, asked.first + asked.seeds))
    truth = truths(folder() / "emodb")
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "kaldi-native-fbank")}
    lines = header("Kinds of LSTM on EmoDB, four emotions, one speaker left out, one thread", versions)
    lines.append(f"common settings: {said(SequenceSettings(**COMMON))}; {FRAMES}")
    frame = kept()
    lines += [f"{frame['minutes'].sum():.0f} processor minutes in all", ""]
    write(TOLD, [*lines, *lines_of(Sums(frame, truth, "".join(sorted(set("".join(truth.values()))))))])


if __name__ == "__main__":
    main()
