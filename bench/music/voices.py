"""Chorales in four voices and 16ths: nats a step of all voices together, beside chains and Kneser-Ney.

python -m bench.music.voices [--seed 0] [--epochs N] [--test] [--keep FOLDER | --load FOLDER]

A step is four decisions: what soprano, bass, alto and tenor sing, in this order, each a key or a rest. Choices are made
on the validation part; --test reads the test part, once, with what was chosen. Of several networks in a folder each is
scored, and all together.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bench.machine import ROOT, header, write
from bench.music.trained import keep, kept, learnt
from lstmkit.language.ngrams import NGramModel
from lstmkit.music.frames.model import per_frame
from lstmkit.music.related import RUN, count_related
from lstmkit.music.rolls import read_voices, tune_of_parts
from lstmkit.music.voices import FirstOrderVoices, LastStep, VoiceModel, VoiceSettings, fit_voices
from lstmkit.music.voices.history import codes_of
from lstmkit.music.voices.learning import begun, room_of
from lstmkit.music.voices.network import order_of
from lstmkit.music.voices.relative import CODES
from lstmkit.results.bootstrap import ratio_interval

ORDERS = (5, 9, 13)
"""Of the n-grams: one, two and three steps back."""
NAMES = ("soprano", "alto", "tenor", "bass")


class KneserNey:
    """Counts what a voice sings after what was sung before it, in this step and the last ones, in all keys.

    pieces  (T, V) each, learnt in every transposition that keeps the voices within their keys, 13 at most
    """

    def __init__(self, pieces, order: int) -> None:
        spans = begun(pieces, VoiceSettings(), 0).spans
        texts = []
        for piece in pieces:
            low, high = room_of(codes_of(piece), spans, VoiceSettings().shift)
            texts += [self._text(np.where(piece < 0, piece, piece + by)) for by in range(low, high + 1)]
        self.end = piece.shape[1] * CODES
        self.model = NGramModel.fit(np.concatenate(texts), self.end + 1, order, self.end)

    def _text(self, piece) -> np.ndarray:
        """Return the voices of a piece as they are decided on, then its end."""
        voices = order_of(piece.shape[1])
        tokens = codes_of(piece)[:, voices].astype(np.int32) + CODES * np.arange(len(voices), dtype=np.int32)
        return np.append(tokens.ravel(), np.int32(len(voices) * CODES))

    def nats(self, pieces) -> list[np.ndarray]:
        """Return of each piece the nats of every step."""
        return [
            -self.model.token_log_probs(self._text(piece))[:-1].reshape(len(piece), -1).sum(axis=1) for piece in pieces
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LSTMKIT_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for the weights that were learnt")
    parser.add_argument("--load", type=Path, help="such a folder, in place of the trainings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pieces = read_voices(Path(given.data) / "jsb_chorales" / "Jsb16thSeparated.json.gz")
    parts = ["valid", *(["test"] if given.test else [])]
    settings = replace(VoiceSettings(), epochs=given.epochs)
    if given.keep:
        found = [learnt(fit_voices, pieces, settings, given.seed)]
        keep(*found[0], given.keep / f"voices-{given.seed}.pt")
    elif given.load:
        found = [kept(begun(pieces["train"], settings, 0), file) for file in sorted(given.load.glob("voices-*.pt"))]
    else:
        found = [learnt(fit_voices, pieces, settings, given.seed)]
    _report(pieces, parts, found)


def _report(pieces, parts: list[str], found) -> None:
    packages = {name: version(name) for name in ("lstmkit", "torch", "numpy")}
    lines = header("JSB chorales, four voices in 16ths: nats a step of all voices together; one thread", packages)
    known, scored = ([tune_of_parts(piece) for piece in pieces[part]] for part in ("train", "test"))
    related = count_related(scored, known)
    lines.append(
        f"{related} of {len(scored)} test pieces share a run of {RUN} notes, in any key, with one to learn from"
    )
    lines += [
        "step: the first of each piece left out, the mean of all others; a fifth: that by five;",
        "all: no step left out, the mean of the means of the pieces",
        "",
        f"{'':34}" + "".join(f"{part + ' ' + what:>14}" for part in parts for what in ("step", "a fifth", "all"))
        + f"{'numbers':>10}{'minutes':>9}",
    ]  # fmt: skip
    chains = [(kind.__name__, kind(pieces["train"])) for kind in (LastStep, FirstOrderVoices)]
    counted = {order: KneserNey(pieces["train"], order) for order in ORDERS}
    best = min(ORDERS, key=lambda order: per_frame(counted[order].nats(pieces["valid"])))
    chains.append((f"Kneser-Ney, order {best} of {', '.join(map(str, ORDERS))}", counted[best]))
    for name, chain in chains:
        lines.append(_line(name, chain, pieces, parts))
        print(lines[-1], flush=True)
    for model, (what, minutes) in found:
        numbers = sum(p.numel() for p in model.parameters())
        lines.append(_line(f"LSTM, {what}", model, pieces, parts) + f"{numbers:>10,}{minutes:>9.1f}")
    whole = VoiceModel.joined([model for model, _ in found])
    if len(found) > 1:
        lines.append(_line(f"LSTM, {len(found)} together", whole, pieces, parts))
    for part in parts:
        nats = np.concatenate([own[1:] for own in whole.voice_nats(pieces[part])])
        each = ", ".join(f"{name} {own:.3f}" for name, own in zip(NAMES, nats.mean(axis=0), strict=True))
        lines.append(f"of these on {part}: {each}; by the place in the quarter note: {_places(whole, pieces[part])}")
        name, chain = chains[-1]
        own, other = ([nats[1:].sum() for nats in by.nats(pieces[part])] for by in (whole, chain))
        gains = np.array(other) - np.array(own)
        low, high = ratio_interval(gains, np.array([len(piece) - 1 for piece in pieces[part]]))
        lines.append(f"gained over {name} on {part}: {low:.3f} to {high:.3f} nats a step (95 %, bootstrap of pieces)")
    write("voices-jsb_chorales.txt", lines)


def _places(model: VoiceModel, pieces) -> str:
    """Return the nats of the steps that begin quarter notes, and of the three others."""
    nats = model.nats(pieces)
    return ", ".join(f"{np.concatenate([own[place or 4 :: 4] for own in nats]).mean():.3f}" for place in range(4))


def _line(name: str, model, pieces, parts: list[str]) -> str:
    figures = []
    for part in parts:
        nats = model.nats(pieces[part])
        figures += [per_frame(nats), per_frame(nats) / 5, np.mean([own.mean() for own in nats])]
    return f"{name:34}" + "".join(f"{one:14.3f}" for one in figures)


if __name__ == "__main__":
    main()
