"""Four emotions of the Berlin database, each speaker told by a network that has not heard them, beside functionals.

    python -m bench.emotion.emodb [--seeds 5] [--folds 10] [--units speaker] [--set NAME=VALUE ...]

Every fold of every seed learns from nine speakers, of whom some say when to stop, and is scored on the tenth. Recall is
the mean of the classes; what stands at the end of a seed is over all recordings. Beside it, from the functionals of the
yardstick, a linear and an RBF support vector machine of scikit-learn, whose C is chosen by speakers within the nine.

With ten folds and the usual settings bench/results/emotion.txt is written.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from sklearn.impute import SimpleImputer
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bench.machine import ROOT, header, write
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.sequence_classifier import VALID_SHARE
from lstmkit.classification.classifier.yardsticks import Told, judged, over_folds
from lstmkit.classification.evaluation import MODEL
from lstmkit.classification.functionals import functionals
from lstmkit.classification.labels import Coding
from lstmkit.classification.reading import Labelled
from lstmkit.classification.verdict import judge
from lstmkit.cli.parameters import given_settings
from lstmkit.results import Run
from lstmkit.results.watcher import Nobody
from lstmkit.sequences import one_group_out
from lstmkit.speech.emotion import EmotionClassifier, VoiceSettings
from lstmkit.speech.emotion.classifier import USUAL
from lstmkit.speech.emotion.clips import read_clips

FRAMES = VoiceSettings(normalise="speaker")
"""All recordings of a speaker are there, so that they are put into the speaker's units."""
SETTINGS = {**USUAL, "ensemble": 3, "epochs": 20}
"""Three networks in every fold: left to itself, it would have one or three, by a few recordings more or less. Of
validation speakers, networks of 61 epochs told as much after 4 to 16 epochs as ever (84 to 85 %), after 61 less."""
ARCHIVE = "emodb_wav.zip"
WOMEN = ("08", "09", "13", "14", "16")
WEIGHTS = {"speaker": 0.3, "gender": 0.6}
"""Of the further labels, as Tao & Liu 2018 have them."""

STRENGTHS = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0]
"""Of the support vector machines, C."""


def folder() -> Path:
    return Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")


def rows_of(where: Path, emotion: EmotionClassifier, snr: float | None = None) -> Labelled:
    """Return the recordings as sequences of frames, with speaker and gender beside the emotion.

    snr  decibels from white noise to the mean power of the recording, which hears it; None adds none
    """
    with tempfile.TemporaryDirectory() as inner:
        with zipfile.ZipFile(where / ARCHIVE) as file:
            file.extractall(inner)
        table = listed(Path(inner).rglob("*.wav"))
        if snr is not None:
            add_noise([Path(name) for name in table["audio"]], snr)
        return emotion.rows(read_clips(table), "label")


def listed(files: Iterable[Path]) -> pl.DataFrame:
    """Return the table of recordings, in their order: their names say speaker and emotion."""
    found = sorted(files)
    speakers = [path.name[:2] for path in found]
    return pl.DataFrame(
        {
            "audio": [str(path) for path in found],
            "id": [path.stem for path in found],
            "label": [path.name[5] for path in found],
            "speaker": speakers,
            "gender": ["f" if name in WOMEN else "m" for name in speakers],
        }
    )


def add_noise(files: Sequence[Path], snr: float) -> None:
    """Write recordings anew, with white noise, the same in every call."""
    generator = np.random.default_rng(0)
    for path in files:
        samples, rate = soundfile.read(path)
        spread = np.sqrt((samples**2).mean() / 10 ** (snr / 10))
        noisy = samples + spread * generator.standard_normal(len(samples))
        soundfile.write(path, noisy, rate, subtype="FLOAT")


def machines(rows: Labelled, coding: Coding) -> list[str]:
    """Return a line for each support vector machine."""
    found = functionals(rows.frames)
    truth, speakers = np.asarray(coding.truth(rows.labels or [])), np.array(rows.groups)
    lines = []
    for kernel in ("linear", "rbf"):
        told = np.empty(len(rows), np.int64)
        for _, learnt, tested in one_group_out(rows.groups or []):
            model = make_pipeline(
                SimpleImputer(keep_empty_features=True), StandardScaler(), SVC(kernel=kernel, class_weight="balanced")
            )
            choose = GridSearchCV(model, {"svc__C": STRENGTHS}, scoring="balanced_accuracy", cv=GroupKFold(5))
            choose.fit(found[learnt], truth[learnt], groups=speakers[learnt])
            told[tested] = choose.predict(found[tested])
        uar = balanced_accuracy_score(truth, told)
        lines.append(f"support vector machine, {kernel}, of functionals: {100 * uar:.1f} %")
    return lines


def one_seed(emotion: EmotionClassifier, rows: Labelled, coding: Coding, folds: int) -> tuple[list[str], list[Told]]:
    """Return the lines of a seed, and what was told in each fold."""
    start, told, lines = time.process_time(), list[Told](), []
    run = Run(Nobody(), Path())  # nobody watches, and nothing is kept
    for name, learnt, tested in list(one_group_out(rows.groups or []))[:folds]:
        told += over_folds(emotion.unfitted(), rows, [(learnt, tested)], coding, VALID_SHARE, run, near=False)
        scores = judged(told[-1:], coding, "uar")[0].scores
        recalls = ", ".join(f"{who} {100 * own['uar']:.1f} %" for who, own in scores.items())
        lines.append(f"seed {emotion.seed}, speaker {name}: {recalls}")
        print(lines[-1], flush=True)
    minutes = (time.process_time() - start) / 60
    lines.append(f"seed {emotion.seed}: {verdict(told, coding)} {minutes:.1f} processor minutes")
    return lines, told


def recall(told: Sequence[Told], coding: Coding) -> float:
    """Return the mean recall of the network in %."""
    return 100 * float(judged(told, coding, "uar")[0].scores[MODEL]["uar"])


def verdict(told: Sequence[Told], coding: Coding) -> str:
    """Return what the network is beside the yardstick, speakers drawn with all that is told of them."""
    found = judge(judged(told, coding, "uar")[0], unit="answer")
    return f"{found.headline} {found.detail}"


def averaged(seeds: Sequence[Sequence[Told]]) -> list[Told]:
    """Return what networks of several seeds tell together; the yardstick's is that of the first seed."""
    return [
        dataclasses.replace(own[0], answers=own[0].answers | {MODEL: np.mean([o.answers[MODEL] for o in own], axis=0)})
        for own in zip(*seeds, strict=True)
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--units", default=FRAMES.normalise)
    parser.add_argument("--beside", action="store_true", help="learn speaker and gender beside the emotion")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = SequenceSettings(
        **{**SETTINGS, **given_settings(SequenceSettings, asked.set, "a classifier of sequences")}
    )
    beside = WEIGHTS if asked.beside else None
    frames = dataclasses.replace(FRAMES, normalise=asked.units)
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "kaldi-native-fbank")}
    lines = header("Emotion, EmoDB, four classes, one speaker left out, one thread", versions)
    lines.append(f"units: {asked.units}; beside: {beside}; {settings}")
    rows = rows_of(folder() / "emodb", EmotionClassifier(settings, frames, 0, beside))
    coding = Coding.learn(rows.labels or [], "label", "classes", False)
    whole = asked.folds >= len(set(rows.groups or [])) and not asked.set
    lines += ["", *machines(rows, coding), ""]
    print("\n".join(lines), flush=True)
    seeds: list[list[Told]] = []
    for seed in range(asked.first, asked.first + asked.seeds):
        own, told = one_seed(EmotionClassifier(settings, frames, seed, beside), rows, coding, asked.folds)
        lines, seeds = [*lines, *own], [*seeds, told]
        found = [recall(each, coding) for each in seeds]
        last = [
            f"mean recall of {len(found)} seeds {np.mean(found):.1f} % ({min(found):.1f} to {max(found):.1f})",
            f"all seeds: {verdict([one for each in seeds for one in each], coding)}",
            f"networks of all seeds averaged: {verdict(averaged(seeds), coding)}",
        ]
        if whole:
            write("emotion.txt", [*lines, "", *last])
        else:
            print("\n".join([own[-1], *last]), flush=True)


if __name__ == "__main__":
    main()
