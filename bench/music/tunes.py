"""Folk tunes by their kind: how well they are foreseen, beside Kneser-Ney, and what is composed: is it music?

python -m bench.music.tunes [--epochs 16] [--count 200] [--keep FOLDER [--only style | plain] | --load FOLDER]

Split by families of related tunes. The test tunes are scored once; 200 composed tunes stand beside them, measured by
the same means: whether they parse, their bars, an n-gram classifier of styles that knows nothing of the network, notes
in a row that are in a training tune, figures of melody, and a classifier that tries to tell both apart. Chords are put
to tunes whose own are known.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bench.machine import ROOT, header, write
from lstmkit.music import Composer, Tune, read_music
from lstmkit.music.events import encode
from lstmkit.music.judgement import compare
from lstmkit.music.learning import SETTINGS
from lstmkit.music.likeness import StyleJudge, companions, told_apart
from lstmkit.music.likeness.comparison import measures_of
from lstmkit.music.related import divided
from lstmkit.music.tune import holding

HARMONISED = 15
"""Tunes to which chords are put: each takes some seconds."""
STYLES = {"jigs": "jig", "reels": "reel", "waltzes": "waltz", "hpps": "hornpipe"}
"""Those of which there are enough to be told apart."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LSTMKIT_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="folder for the models, with style and without")
    parser.add_argument("--only", choices=["style", "plain"], help="train one of them, and stop")
    parser.add_argument("--load", type=Path, help="such a folder, in place of the trainings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tunes = read_music(Path(given.data) / "nottingham_abc" / "ABC_cleaned").tunes
    tunes = [replace(tune, style=STYLES.get(tune.style, tune.style)) for tune in tunes]
    rest, test = divided(tunes, 0.1, 0)
    train, valid = divided(rest, 0.08, 0)
    packages = {name: version(name) for name in ("lstmkit", "torch", "numpy")}
    lines = header(f"Folk tunes of Nottingham: {len(train)} to learn from, {len(valid)} to choose the best pass, "
                   f"{len(test)} to score; one thread", packages)  # fmt: skip
    lines += ["", f"{'':28}{'bits a character':>17}{'nats an event':>15}"]
    plain = [[replace(tune, style="") for tune in part] for part in (train, valid, test)]
    models = {}
    for name, parts in (("style", (train, valid)), ("plain", plain[:2])):
        if given.load:
            models[name] = Composer.load(given.load / name)
        elif given.only in (None, name):
            models[name] = _fitted(replace(SETTINGS, epochs=given.epochs), *parts)
            if given.keep:
                models[name].save(given.keep / name, force=True)
    if given.only:
        return
    composer, without = models["style"], models["plain"]
    found = compare(composer, test)
    bare = compare(without, plain[2])
    rows = [("LSTM, style first", found, "lstm"), ("LSTM, without style", bare, "lstm")]
    rows += [("Kneser-Ney of order 6", found, "ngram"), ("both, style first", found, "mixture")]
    for name, own, by in rows:
        lines.append(f"{name:28}{own.bits_per_character(by):17.4f}{own.nats_per_event(by):15.4f}")
    share = 100 * (1 - found.nats["lstm"] / found.nats["ngram"])
    ends = [100 * end / found.nats_per_event("ngram") for end in (found.low, found.high)]
    lines.append(f"LSTM below Kneser-Ney by {share:.1f} %, 95 % interval {ends[0]:.1f} to {ends[1]:.1f} %; "
                 f"{found.unknown} of {found.events} events unknown")  # fmt: skip
    lines.append(f"what a style can add: {_most_added(train):.4f} nats an event at most, its entropy where "
                 f"metre and mode are known")  # fmt: skip
    print("\n".join(lines), flush=True)
    lines += ["", *_music(composer, train, test, given.count)]
    write("tunes.txt", lines)


def _fitted(settings, train: list[Tune], valid: list[Tune]) -> Composer:
    began = time.process_time()
    composer = Composer(settings).fit(train, valid, on_epoch=_told)
    print(f"{(time.process_time() - began) / 60:.1f} minutes of the processor", flush=True)
    return composer


def _most_added(tunes: list[Tune]) -> float:
    """Return the entropy of the style given metre and mode, for each event of a tune."""
    sure = Counter((str(tune.metre), tune.key.mode, tune.style) for tune in tunes)
    heads = Counter((str(tune.metre), tune.key.mode) for tune in tunes)
    nats = -sum(count * np.log(count / heads[metre, mode]) for (metre, mode, _), count in sure.items())
    return float(nats / sum(len(encode(tune).tokens) - 2 for tune in tunes))  # without the head, with the end


def _told(record) -> None:
    print(f"{record.epoch:4} {record.train_loss:8.4f} {record.valid_loss:8.4f} {record.seconds:6.1f} s", flush=True)


def _music(composer: Composer, train: list[Tune], test: list[Tune], count: int) -> list[str]:
    """Return the table of what is composed beside what people made."""
    told = [tune for tune in test if tune.style in STYLES.values()]
    measures, judge = measures_of(train), StyleJudge([tune for tune in train if tune.style in STYLES.values()])
    measures["style named by n-grams, %"] = lambda tune: 100 * float(judge.name(tune) == tune.style)
    sets: dict[str, list[Tune]] = {f"held-out tunes ({len(told)})": told}
    for name, hold in ((f"composed, bars held ({count})", True), (f"composed freely ({count})", False)):
        began, found = time.perf_counter(), []
        for seed in range(-(-count // len(told))):
            found += companions(composer, told, min(len(told), count - len(found)), hold, 1000 * seed)[1]
        print(name, f"{(time.perf_counter() - began) / count:.2f} s a tune", flush=True)
        sets[name] = found
    lines = [f"{'':34}" + "".join(f"{name:>30}" for name in sets)]
    for name, measure in measures.items():
        cells = [np.array([measure(tune) for tune in own]) for own in sets.values()]
        lines.append(f"{name:34}" + "".join(f"{c.mean():20.1f} ± {1.96 * c.std() / len(c) ** 0.5:7.1f}" for c in cells))
    apart = [told_apart(told, own[: len(told)]) for own in list(sets.values())[1:]]
    said = [f"{100 * one.share:.1f} ({100 * one.low:.1f} to {100 * one.high:.1f})" for one in apart]
    lines.append(f"{'told from held-out tunes, %':34}{'':>30}" + "".join(f"{one:>30}" for one in said))
    lines.append("± is half of a 95 % interval of the mean over tunes; 50 % told would be indistinguishable")
    return lines + _harmonised(composer, told)


def _harmonised(composer: Composer, tunes: list[Tune]) -> list[str]:
    """Return how often a tune gets the chords that people put to it, a quarter note each."""
    rows = {}
    with_chords = [tune for tune in tunes if tune.chords][:HARMONISED]
    for by in ("lstm", "ngram"):
        rows[by] = [_same_chords(tune, composer.harmonise(tune, seed=1, by=by)[0].tune) for tune in with_chords]
    rows["the tonic always"] = [
        _same_chords(tune, replace(tune, chords=((Fraction(0), _tonic(tune)),))) for tune in with_chords
    ]
    lines = [
        "",
        f"chords put to {len(with_chords)} held-out tunes: share of quarter notes with the chord that people chose",
    ]
    for name, own in rows.items():
        lines.append(f"{name:34}{100 * np.mean(own):20.1f} ± {100 * 1.96 * np.std(own) / len(own) ** 0.5:7.1f}")
    return lines


def _tonic(tune: Tune) -> str:
    return tune.key.tonic + ("m" if tune.key.mode == "minor" else "")


def _same_chords(tune: Tune, other: Tune) -> float:
    beats = [Fraction(k, 4) for k in range(int(tune.end * 4)) if Fraction(k, 4) >= tune.chords[0][0]]
    return float(np.mean([holding(tune.chords, at, "") == holding(other.chords, at, "") for at in beats]))


if __name__ == "__main__":
    main()
