"""How good is the recogniser on AN4, learnt from audio, with words, phones and characters trained together?

Settings are chosen on training speakers that are held back, the same as for the hidden Markov model; this is all that
is read. `--test` learns from all training speakers and reads the test part: once, when the settings stand.

Writes bench/results/speech/an4.txt, or with --test an4-test.txt; the models and emissions lie in a folder of --keep:

    taskset -c 1 python -m bench.speech.ctc --seeds 3
    taskset -c 1 python -m bench.speech.ctc --streaming
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from bench.machine import header, write
from bench.speech import an4
from lstmkit.cli.parameters import given_settings
from lstmkit.speech import Manifest, Recognizer, RecognizerSettings, SpeechScore
from lstmkit.speech.recordings import Recordings, read_recordings
from lstmkit.training import EpochRecord


def told(record: EpochRecord) -> None:
    print(
        f"  epoch {record.epoch:>3}  {time.process_time() / 60:6.1f} CPU minutes  loss {record.train_loss:8.3f}  unit "
        f"errors {100 * record.valid_loss:6.2f} %",
        flush=True,
    )


def row(name: str, score: SpeechScore) -> str:
    low, high = score.interval
    counts = " ".join(f"{score.counts[kind]:>3}" for kind in ("substituted", "deleted", "inserted"))
    return (
        f"  {name:<24} {100 * score.wer:>7.2f} {100 * low:>6.2f} to {100 * high:<6.2f} {100 * score.cer:>6.2f} "
        f"{100 * score.sentences:>9.1f}   {counts}"
    )


def kept(model: Recognizer, recordings: Recordings, folder: Path, name: str) -> None:
    """Save a model, and what it hears in recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / name, force=True)
    arrays = {}
    for number, own in enumerate(model.emissions_of(recordings)):
        arrays |= {f"{number:04d}/{head}": values for head, values in own.items()}
    symbols = {f"symbols/{head}": np.array(own.symbols) for head, own in model.units_.items()}
    beside = {
        "texts": np.array(recordings.texts),
        "speakers": np.array(recordings.speakers),
        "names": np.array(recordings.names),
    }
    np.savez_compressed(
        folder / f"{name}.npz", seconds_per_frame=model.seconds_per_frame, **arrays, **symbols, **beside
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", action="store_true", help="learn from all training speakers and read the test part")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--streaming", action="store_true")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, help="folder for models and emissions")
    parser.add_argument("--name", default="an4")
    given = parser.parse_args()
    own = {"streaming": True} if given.streaming else {}
    settings = RecognizerSettings(**given_settings(RecognizerSettings, given.set, "a recogniser", own))
    versions = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "kaldi-native-fbank")}
    lines = header("AN4 by the recogniser, one thread", versions)
    name = f"{given.name}{'-streaming' if given.streaming else ''}{'-test' if given.test else ''}"
    with tempfile.TemporaryDirectory() as where:
        training = an4.part("train", Path(where))
        learnt, tried = an4.divided(training)
        if given.test:
            learnt, tried = training, an4.part("test", Path(where))
        model = Recognizer(settings)
        parts: list[Manifest] = [learnt, tried]
        taught, asked = (read_recordings(part, model.features) for part in parts)
    lines += [
        "",
        f"Learnt from {len(learnt):,} recordings of {len(learnt.speakers)} speakers, scored on {len(tried):,} of "
        f"{len(tried.speakers)} others.",
        f"{settings}",
        "",
        f"  {'':<24} {'WER':>7} {'95 % interval':^16} {'CER':>6} {'sentences':>9}   sub del ins",
    ]
    for seed in range(given.first, given.first + given.seeds):
        model = Recognizer(settings, seed=seed)
        begun = time.process_time()
        model.fit_recordings(taught, None if given.test else asked, an4.lexicon(), on_epoch=told)
        minutes = (time.process_time() - begun) / 60
        begun = time.process_time()
        found = model.emissions_of(asked)
        factor = (time.process_time() - begun) / (len(asked.frames.values) * model.features.shift / 1000)
        assert len(found) == len(asked)
        for head in ("word", "character"):
            if head in model.units_:
                lines.append(row(f"seed {seed}, {head}s, greedy", model.score_recordings(asked, head)))
        size = sum(p.numel() for p in model.network_.parameters()) / 1e6
        lines.append(
            f"  {minutes:.1f} CPU minutes, {size:.2f} M parameters, "
            f"{model.history_[-1].epoch} epochs; network {factor:.4f} of real time; {len(model.left_out_)} left out"
        )
        print("\n".join(lines[-3:]), flush=True)
        if given.keep:
            kept(model, asked, given.keep, f"{name}-{seed}")
    write(f"speech/{name}.txt", lines)


if __name__ == "__main__":
    main()
