"""How well are spoken digits told, by speakers that were heard and by one that never was? FSDD, two divisions.

Official: takes 5 to 49 of six speakers are learnt from, takes 0 to 4 scored. Strangers: all recordings of five speakers
are learnt from, all of the sixth scored, each speaker once. A clip is one word, and so a sequence with a class: the
network of `lstm classify` reads cepstra of it, and beside every recording that it learns from copies as if spoken by
longer and shorter vocal tracts. A hidden Markov model of whole words on the same frames stands beside it, with bigrams
learnt from the transcripts. Who speaks is not told: frames are normalised by recording, for nothing else is known of a
stranger.

Few settings were tried, on takes 5 to 24 alone: by new takes of the same speakers, and by three of the strangers
(theo, lucas, george), so that three others say how it does where nothing was chosen. `--trial` learns from takes 5 to
49, leaves those named out, and writes nothing.

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
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch

from bench.machine import header, write
from bench.speech import an4
from lstmkit.classification.classifier import SequenceClassifier, SequenceSettings
from lstmkit.cli.parameters import given_settings
from lstmkit.sequences import Ragged
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
from lstmkit.speech.ctc.augmentation import Bands, stretched
from lstmkit.speech.features import Frames, cepstra_of
from lstmkit.speech.hmm.recogniser import prepared

CEPSTRA = FeatureSettings(rate=8_000, bins=23, cepstra=13, low=20.0, high=3_800.0)
MARKOV = HmmSettings(mixtures=8)
SEARCH = SearchSettings(language=8.0)
BANDS = FeatureSettings(rate=8_000, bins=23, low=20.0, high=3_800.0)
"""Of which the network's cepstra are made, when frequencies have been stretched."""
COPIES, TRACT = 4, 0.15
"""Of each recording that is learnt from, and how far the length of the vocal tract is from the speaker's at most."""
NETWORK = {"hidden_size": 96, "epochs": 8, "ensemble": 3, "differences": (), "final_fit": False}
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
    generator = np.random.default_rng(seed)
    voices = [voice for frames in _bands(learnt) for voice in (frames, *_copies(frames, generator))]
    each = [one for one in learnt for _ in range(1 + COPIES)]
    model = SequenceClassifier(settings, "classes", seed)
    # A recording and its copies are one group: none is both learnt from and validated on.
    model.fit(_read(voices), [str(one.text) for one in each], groups=[one.name for one in each])
    return scored(tried, [str(label) for label in model.predict(_read(_bands(tried)))])


def _bands(part: Part) -> list[Frames]:
    frames = frames_of_all(part, BANDS)
    return [frames[row] for row in range(len(frames))]


def _copies(frames: Frames, generator: np.random.Generator) -> list[Frames]:
    """Return frames of bands as if spoken by other vocal tracts."""
    factors = torch.from_numpy(generator.uniform(1 - TRACT, 1 + TRACT, COPIES).astype(np.float32))
    places = Bands(BANDS.bins, BANDS.low, BANDS.high).places(factors)
    found = stretched(torch.from_numpy(np.repeat(frames[:, None], COPIES, axis=1)), places)
    return [found[:, copy].numpy() for copy in range(COPIES)]


def _read(each: Iterable[Frames]) -> list[Frames]:
    """Return what the network reads, the same as the Markov model: cepstra with slopes, mean 0 and spread 1."""
    cepstra = Ragged.of((cepstra_of(bands, CEPSTRA.cepstra) for bands in each), CEPSTRA.cepstra, dtype=np.float32)
    found = prepared(cepstra)
    return [found[row] for row in range(len(found))]


def row(name: str, own: SpeechScore, other: SpeechScore, beside: str = "", speakers: bool = False) -> str:
    """Return a line: the network, the Markov model, and how sure the difference is."""
    gain = compare(own, other, speakers)
    return (
        f"  {name:<12} {100 * own.sentences:>10.2f} {100 * other.sentences:>8.2f} "
        f"{100 * (own.sentences - other.sentences):>+11.2f}  {100 * gain.low:+.2f} to {100 * gain.high:<+9.2f} {beside}"
    ).rstrip()


def both(name: str, settings: SequenceSettings, seed: int, learnt: Part, tried: Part) -> tuple[str, list[SpeechScore]]:
    """Return a line, and the scores of the network and of the Markov model."""
    begun = time.process_time()
    own = network(settings, seed, learnt, tried)
    between = time.process_time()
    other = markov(learnt, tried)
    minutes = (between - begun) / 60, (time.process_time() - between) / 60
    errors = ", ".join(f"{e.truth or '-'} as {e.found or '-'} {n}" for e, n in own.confusions(4))
    return row(name, own, other, f"{minutes[0]:>5.1f} / {minutes[1]:.1f}   {errors}"), [own, other]


def together(scores: Sequence[Sequence[SpeechScore]]) -> list[SpeechScore]:
    """Return the scores of the network and of the Markov model over the utterances of all divisions."""
    return [SpeechScore(tuple(u for one in own for u in one.utterances)) for own in zip(*scores, strict=True)]


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
        f"Each recording that is learnt from has {COPIES} copies of other vocal tracts, shorter or longer by {TRACT}.",
        "Recordings right, in %; the interval is of the difference, recordings drawn, of all strangers speakers.",
        HEAD,
    ]
    with tempfile.TemporaryDirectory() as where:
        all_of = recordings(Path(where))
        late = [one for one in all_of if take(one) >= FIRST]
        if not given.trial:
            early = [one for one in all_of if take(one) < FIRST]
            lines.append(both("official", settings, given.seed, late, early)[0])
            write(RESULT, lines)
        kept, scores = late if given.trial else all_of, list[list[SpeechScore]]()
        for speaker in given.trial or sorted({str(one.speaker) for one in all_of}):
            parts = [one for one in kept if one.speaker != speaker], [one for one in kept if one.speaker == speaker]
            line, own = both(speaker, settings, given.seed, *parts)
            scores.append(own)
            lines.append(line)
            last = [row("all of them", *together(scores), speakers=True)] if len(scores) > 1 else []
            if given.trial:
                print("\n".join([line, *last]), flush=True)
            else:
                write(RESULT, [*lines, *last])


if __name__ == "__main__":
    main()
