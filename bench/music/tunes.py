"""Folk tunes by their kind: how well they are foreseen, beside Kneser-Ney, and what is composed: is it music?

python -m bench.music.tunes [--epochs 24] [--count 200] [--keep FOLDER]

Split by families of related tunes. The test tunes are scored once; 200 composed tunes stand beside them, measured by
the same means: whether they parse, their bars, an n-gram classifier of styles that knows nothing of the network, notes
in a row that are in a training tune, and figures of melody.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bench.machine import ROOT, header, write
from lstmkit.language.ngrams import NGramModel
from lstmkit.music import Composer, Tune, Wish, read_abc, read_music, uneven_bars, write_abc
from lstmkit.music.events import encode
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.judgement import compare
from lstmkit.music.learning import SETTINGS
from lstmkit.music.related import Known, divided, melody
from lstmkit.music.tune import lengths_of_bars

RUN = 32
STYLES = {"jigs": "jig", "reels": "reel", "waltzes": "waltz", "hpps": "hornpipe"}
"""Those of which there are enough to be told apart."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LSTMKIT_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    tunes = read_music(Path(given.data) / "nottingham_abc" / "ABC_cleaned").tunes
    tunes = [replace(tune, style=STYLES.get(tune.style, tune.style)) for tune in tunes]
    rest, test = divided(tunes, 0.1, 0)
    train, valid = divided(rest, 0.08, 0)
    packages = {name: version(name) for name in ("lstmkit", "torch", "numpy")}
    lines = header(f"Folk tunes of Nottingham: {len(train)} to learn from, {len(valid)} to choose the best pass, "
                   f"{len(test)} to score; one thread", packages)  # fmt: skip
    lines += ["", f"{'':28}{'bits a character':>17}{'nats an event':>15}{'minutes':>9}"]
    settings = replace(SETTINGS, epochs=given.epochs)
    composer, minutes = _fitted(settings, train, valid)
    if given.keep:
        composer.save(given.keep, force=True)
    found = compare(composer, test)
    plain = [[replace(tune, style="") for tune in part] for part in (train, valid, test)]
    without, more = _fitted(settings, *plain[:2])
    bare = compare(without, plain[2])
    rows = [("LSTM, style first", found, "lstm", minutes), ("LSTM, without style", bare, "lstm", more)]
    rows += [("Kneser-Ney of order 6", found, "ngram", 0.0), ("both, style first", found, "mixture", 0.0)]
    for name, own, by, took in rows:
        lines.append(f"{name:28}{own.bits_per_character(by):17.4f}{own.nats_per_event(by):15.4f}{took:9.1f}")
    share = 100 * (1 - found.nats["lstm"] / found.nats["ngram"])
    ends = [100 * end / found.nats_per_event("ngram") for end in (found.low, found.high)]
    lines.append(f"LSTM below Kneser-Ney by {share:.1f} %, 95 % interval {ends[0]:.1f} to {ends[1]:.1f} %; "
                 f"{found.unknown} of {found.events} events unknown")  # fmt: skip
    print("\n".join(lines), flush=True)
    lines += ["", *_music(composer, train, test, given.count)]
    write("tunes.txt", lines)


def _fitted(settings, train: list[Tune], valid: list[Tune]) -> tuple[Composer, float]:
    began = time.process_time()
    composer = Composer(settings).fit(train, valid, on_epoch=_told)
    return composer, (time.process_time() - began) / 60


def _told(record) -> None:
    print(f"{record.epoch:4} {record.train_loss:8.4f} {record.valid_loss:8.4f} {record.seconds:6.1f} s", flush=True)


def _music(composer: Composer, train: list[Tune], test: list[Tune], count: int) -> list[str]:
    """Return the table of what is composed beside what people made."""
    told = [tune for tune in test if tune.style in STYLES.values()]
    judges, known = Judges(train), Known(train)
    wishes = [told[k % len(told)] for k in range(count)]
    sets: dict[str, list[Tune]] = {f"held-out tunes ({len(told)})": told}
    for name, hold in ((f"composed, bars held ({count})", True), (f"composed freely ({count})", False)):
        began, found = time.perf_counter(), []
        for seed, like in enumerate(wishes):
            bars = sum(not apart for *_, apart in lengths_of_bars(like)) if hold else None
            bars = max(8, min(48, 8 * round((bars or 16) / 8))) if hold else None
            wish = Wish(like.style, str(like.key), str(like.metre), bars, hold=hold)
            found += [one.tune for one in composer.compose(wish, seed=seed)]
        print(name, f"{(time.perf_counter() - began) / count:.2f} s a tune", flush=True)
        sets[name] = found
    measures = (
        ("parses and comes back, %", lambda t: 100.0 * (read_abc(write_abc([t])).tunes[0].notes == t.notes)),
        ("all bars right, %", lambda t: 100.0 * (not uneven_bars(t))),
        ("style named by n-grams, %", lambda t: 100.0 * (judges.style(t) == t.style)),
        ("ends on the tonic, %", lambda t: 100.0 * (t.notes[-1].pitch % 12 == t.key.pitch_class)),
        (f"a run of {RUN} notes known, %", lambda t: 100.0 * (known.longest_run(t) >= RUN)),
        ("longest known run, notes", lambda t: float(known.longest_run(t))),
        ("notes", lambda t: float(len(t.notes))),
        ("notes of the key, %", lambda t: 100 * float(np.mean([n.pitch % 12 in t.key.scale for n in t.notes]))),
        ("pitch-class entropy, bits", _entropy),
        ("mean interval, half tones", lambda t: float(np.mean([abs(step) for step, _ in melody(t)] or [0]))),
        ("bars that occur again, %", _again),
    )
    lines = [f"{'':28}" + "".join(f"{name:>30}" for name in sets)]
    for name, measure in measures:
        cells = [np.array([measure(tune) for tune in own]) for own in sets.values()]
        lines.append(f"{name:28}" + "".join(f"{c.mean():20.1f} ± {1.96 * c.std() / len(c) ** 0.5:7.1f}" for c in cells))
    lines.append("± is half of a 95 % interval of the mean over tunes")
    return lines


class Judges:
    """Names the style of a tune: the Kneser-Ney model of one style's training tunes that foresees it best."""

    def __init__(self, train: list[Tune]) -> None:
        self._tokens = EventTokens.learnt([encode(tune).tokens for tune in train])
        self._models, self._prior = {}, Counter(tune.style for tune in train)
        for style in STYLES.values():
            text = np.concatenate([self._ids(tune) for tune in train if tune.style == style])
            self._models[style] = NGramModel.fit(text, len(self._tokens.symbols), 4, self._tokens.end)

    def _ids(self, tune: Tune) -> np.ndarray:
        """Return what is heard and its bars: not the head, which says the style."""
        return np.append(self._tokens.ids_of(encode(tune).tokens[3:]), self._tokens.end).astype(np.int32)

    def style(self, tune: Tune) -> str:
        ids = self._ids(tune)
        return max(self._models, key=lambda one: float(self._models[one].token_log_probs(ids).sum()))


def _entropy(tune: Tune) -> float:
    shares = np.bincount([note.pitch % 12 for note in tune.notes], minlength=12) / len(tune.notes)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def _again(tune: Tune) -> float:
    """Return the share of bars whose notes are those of another bar of the tune."""
    bars = Counter()
    for onset, length, _ in lengths_of_bars(tune):
        bars[tuple((n.onset - onset, n.pitch) for n in tune.notes if onset <= n.onset < onset + length)] += 1
    return 100 * sum(count for count in bars.values() if count > 1) / max(1, sum(bars.values()))


if __name__ == "__main__":
    main()
