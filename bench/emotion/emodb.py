"""Four emotions of the Berlin database, each speaker told by a network that has not heard them, beside functionals.

    python -m bench.emotion.emodb FOLDER [--seeds 5] [--folds 10] [--units speaker] [--set NAME=VALUE ...]

FOLDER holds emodb_wav.zip. Every fold of every seed learns from nine speakers, of whom some say when to
stop, and is scored on the tenth. Recall is the mean of the classes; what stands at the end is over all recordings.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from bench.machine import header
from lstmkit.classification.classifier import SequenceClassifier, SequenceSettings
from lstmkit.classification.classifier.sequence_classifier import VALID_SHARE
from lstmkit.classification.classifier.yardsticks import Divided, Told, judged, tell
from lstmkit.classification.labels import Coding
from lstmkit.classification.reading import Labelled
from lstmkit.classification.verdict import judge
from lstmkit.cli.parameters import given_settings
from lstmkit.sequences import one_group_out
from lstmkit.speech.emotion import EmotionClassifier, VoiceSettings
from lstmkit.speech.emotion.classifier import USUAL
from lstmkit.speech.emotion.clips import read_clips

WOMEN = ("08", "09", "13", "14", "16")
WEIGHTS = {"speaker": 0.3, "gender": 0.6}
"""Of the further labels, as Tao & Liu 2018 have them."""


def rows_of(folder: Path, emotion: EmotionClassifier) -> Labelled:
    """Return the recordings as sequences of frames, with speaker and gender beside the emotion."""
    with tempfile.TemporaryDirectory() as inner:
        with zipfile.ZipFile(folder / "emodb_wav.zip") as file:
            file.extractall(inner)
        files = sorted(Path(inner).rglob("*.wav"))
        speakers = [path.name[:2] for path in files]
        table = pl.DataFrame(
            {
                "audio": [str(path) for path in files],
                "id": [path.stem for path in files],
                "label": [path.name[5] for path in files],
                "speaker": speakers,
                "gender": ["f" if name in WOMEN else "m" for name in speakers],
            }
        )
        return emotion.rows(read_clips(table), "label")


def fold(emotion: EmotionClassifier, rows: Labelled, learnt: np.ndarray, tested: np.ndarray, coding: Coding) -> Told:
    """Return what a network and the yardstick say of a speaker that they have not heard."""
    own: SequenceClassifier = emotion.unfitted()
    training, validation = own.validating(rows.select(learnt), VALID_SHARE)
    own.fit_rows(training, validation, cut=True)
    return tell(own, Divided(training, validation, rows.select(tested)), coding, near=False)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--units", default="speaker")
    parser.add_argument("--beside", action="store_true", help="learn speaker and gender beside the emotion")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = SequenceSettings(**{**USUAL, **given_settings(SequenceSettings, asked.set, "a classifier of sequences")})
    beside = WEIGHTS if asked.beside else None
    frames = VoiceSettings(normalise=asked.units)
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "kaldi-native-fbank")}
    print("\n".join(header("Emotion, EmoDB, one speaker left out", versions)))
    print(f"units: {asked.units}; beside: {beside}; {settings}")
    start = time.process_time()
    rows = rows_of(asked.folder, EmotionClassifier(settings, frames, 0, beside))
    coding = Coding.learn(rows.labels or [], "label", "classes", False)
    print(f"{len(rows)} recordings, frames in {time.process_time() - start:.1f} processor seconds")
    for seed in range(asked.seeds):
        emotion, told = EmotionClassifier(settings, frames, seed, beside), list[Told]()
        start = time.process_time()
        for name, learnt, tested in list(one_group_out(rows.groups or []))[: asked.folds]:
            told.append(fold(emotion, rows, learnt, tested, coding))
            scores = judged(told[-1:], coding, "uar")[0].scores
            recalls = ", ".join(f"{who} {100 * own['uar']:.1f} %" for who, own in scores.items())
            print(f"seed {seed}, speaker {name}: {recalls}", flush=True)
        evaluation = judged(told, coding, "uar")[0]
        verdict = judge(evaluation, unit="recording")
        print(f"seed {seed}: {verdict.headline} {verdict.detail} {time.process_time() - start:.0f} processor seconds")


if __name__ == "__main__":
    main()
