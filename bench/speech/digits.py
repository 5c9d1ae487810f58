"""How well are spoken digits told, by speakers that were heard and by one that never was? FSDD, two divisions.

Official: takes 5 to 49 of six speakers are learnt from, takes 0 to 4 scored. Strangers: all recordings of five speakers
are learnt from, all of the sixth scored, each speaker once. A clip is one word, and so a sequence with a class: the
network of `lstm classify` reads log-mel frames of it, beside a hidden Markov model of whole words on cepstra, with
bigrams learnt from the transcripts. Who speaks is not told: frames are normalised by recording, for nothing else is
known of a stranger. Connectionist temporal classification, which needs sentences, had 88.0 % in the official division.

Few settings were tried, on takes 5 to 24 alone: by new takes of the same speakers, and by one stranger (`--trial`,
which learns from takes 5 to 49, and writes nothing).

Writes bench/results/speech-digits.txt:

    python -m bench.speech.digits
    python -m bench.speech.digits --trial theo --trial lucas --set hidden_size=64
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from bench.machine import header, write
from bench.speech import an4
from lstmkit.classification.classifier import SequenceClassifier, SequenceSettings
from lstmkit.cli.parameters import given_settings
from lstmkit.speech import (
    FeatureSettings,
    HmmRecogniser,
    HmmSettings,
    SearchSettings,
    SpeechScore,
    Utterance,
    compare,
    frames_of_all,
    score_texts,
    word_ngrams,
)

CEPSTRA = FeatureSettings(rate=8_000, bins=23, cepstra=13, low=20.0, high=3_800.0)
MARKOV = HmmSettings(mixtures=8)
SEARCH = SearchSettings(language=8.0)
BANDS = FeatureSettings(rate=8_000, bins=40, low=60.0, high=3_800.0)
NETWORK = {"hidden_size": 64, "epochs": 15, "ensemble": 1, "stretch": 0.2, "noise": 0.1, "final_fit": False}
"""Settings of the network that are not the usual ones."""
FIRST = 5
"""Takes below this are the test part of the official division."""
RESULT = "speech-digits.txt"
HEAD = f"  {'':<12} {'network':>10} {'HMM':>8} {'difference':>11}  {'95 % interval':<17} {'CPU minutes':>12}"

Part = list[Utterance]


def recordings(where: Path) -> Part:
    """Unpack the recordings; their names say digit, speaker and take."""
    with zipfile.ZipFile(an4.folder().parent / "fsdd" / "fsdd_recordings.zip") as files:
        files.extractall(where)
    found = []
    for path in sorted(where.rglob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        found.append(Utterance(path.stem, path, digit, speaker))
    return found


def take(one: Utterance) -> int:
    return int(one.name.rsplit("_", 1)[1])


def scored(part: Part, said: Sequence[str]) -> SpeechScore:
    return score_texts([str(one.text) for one in part], said, [o.name for o in part], [o.speaker for o in part])


def markov(learnt: Part, tried: Part) -> SpeechScore:
    texts = [str(one.text) for one in learnt]
    model = HmmRecogniser(MARKOV).fit(frames_of_all(learnt, CEPSTRA), texts)
    found = model.transcribe(frames_of_all(tried, CEPSTRA), word_ngrams(texts, order=2), search=SEARCH)
    return scored(tried, [" ".join(word.word for word in own) for own in found])


def network(settings: SequenceSettings, seed: int, learnt: Part, tried: Part) -> SpeechScore:
    own, other = ([_centred(frames) for frames in _each(part)] for part in (learnt, tried))
    model = SequenceClassifier(settings, "classes", seed).fit(own, [str(one.text) for one in learnt])
    return scored(tried, [str(label) for label in model.predict(other)])


def _each(part: Part) -> list[NDArray[np.float64]]:
    frames = frames_of_all(part, BANDS)
    return [np.asarray(frames[row], np.float64) for row in range(len(frames))]


def _centred(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(frames - frames.mean(axis=0))


def row(name: str, settings: SequenceSettings, seed: int, learnt: Part, tried: Part) -> tuple[str, float, float]:
    """Return a line, and the shares of recordings that both understood."""
    begun = time.process_time()
    own = network(settings, seed, learnt, tried)
    between = time.process_time()
    other = markov(learnt, tried)
    minutes = (between - begun) / 60, (time.process_time() - between) / 60
    gain = compare(own, other)
    errors = ", ".join(f"{e.truth or '-'} as {e.found or '-'} {n}" for e, n in own.confusions(4))
    line = (
        f"  {name:<12} {100 * own.sentences:>10.2f} {100 * other.sentences:>8.2f} "
        f"{100 * (own.sentences - other.sentences):>+11.2f}  {100 * gain.low:+.2f} to {100 * gain.high:<+9.2f} "
        f"{minutes[0]:>5.1f} / {minutes[1]:.1f}   {errors}"
    )
    return line, own.sentences, other.sentences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trial", metavar="SPEAKER", action="append", help="leave this one out, and write nothing")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = SequenceSettings(
        **{**NETWORK, **given_settings(SequenceSettings, given.set, "a classifier of sequences")}
    )
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "kaldi-native-fbank")}
    lines = [
        *header("Spoken digits (FSDD) by a network and by a hidden Markov model, one thread", versions),
        "",
        f"Settings that are not the usual: {', '.join(f'{k}={v}' for k, v in NETWORK.items())}; seed {given.seed}.",
        "Recordings right, in %; the interval is of the difference of word errors, recordings drawn.",
        HEAD,
    ]
    with tempfile.TemporaryDirectory() as where:
        all_of = recordings(Path(where))
        late = [one for one in all_of if take(one) >= FIRST]
        if not given.trial:
            early = [one for one in all_of if take(one) < FIRST]
            lines.append(row("official", settings, given.seed, late, early)[0])
            write(RESULT, lines)
        kept, shares = late if given.trial else all_of, []
        for speaker in given.trial or sorted({str(one.speaker) for one in all_of}):
            parts = [one for one in kept if one.speaker != speaker], [one for one in kept if one.speaker == speaker]
            line, *both = row(speaker, settings, given.seed, *parts)
            shares.append(both)
            lines.append(line)
            mean = 100 * np.mean(shares, axis=0)
            last = f"  {'mean':<12} {mean[0]:>10.2f} {mean[1]:>8.2f} {mean[0] - mean[1]:>+11.2f}"
            if given.trial:
                print(f"{line}\n{last}", flush=True)
            else:
                write(RESULT, [*lines, last])


if __name__ == "__main__":
    main()
