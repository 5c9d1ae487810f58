"""Pairs of texts: do attention between the two texts, or beginning with a language model, earn their place?

Pairs are captions of MSVD: of the same clip (1), or of two clips that share words, the nearest by TF-IDF (0), so that
words in common tell little. Clips are divided before pairs are drawn. Variants, beside TF-IDF with logistic regression:

- now: the classifier as it is, [u; v; |u - v|; u * v] of max-pooled texts
- attention: each word beside what it attends to in the other text, [a; b; |a - b|; a * b], one layer, pooled by maximum
  and mean (after Parikh et al. 2016, on the outputs of the encoder)
- ESIM: the same with a second recurrent layer before the pooling (Chen et al. 2017)
- each of them begun with a word model of the captions and of Multi30k's English, trained for 1.5 minutes

Writes bench/results/classify-pairs.txt.

    python -m bench.language.pairs
"""

from __future__ import annotations

import gzip
import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does

import numpy as np
import torch
from torch import nn

from bench.machine import ROOT, header, write
from lstmkit.classification.network import Answer, SequenceNetwork, head
from lstmkit.language import LanguageModel, LanguageSettings, VocabularySettings
from lstmkit.language.classify import TextClassifier
from lstmkit.language.classify import network as networks
from lstmkit.language.classify.baselines import evaluate
from lstmkit.language.classify.table import Columns, Rows
from lstmkit.nn import LSTM
from lstmkit.results.summary import versions
from lstmkit.sequences import Padded

DIVISION = {"training": slice(0, 1150), "validation": slice(1150, 1300), "test": slice(1300, 1550)}
EACH = 2
"""Pairs of a clip that belong together, and as many that do not."""
NEAREST = 4
"""Captions of other clips among which a wrong partner is drawn."""
COLUMNS = Columns("first", "label", "second")


class Attending(SequenceNetwork):
    """Both texts word by word, each word beside its counterpart in the other."""

    second: LSTM | None = None

    def __init__(self, settings: Any, shape: networks.Shape) -> None:
        super().__init__(networks.TextEncoder(settings, shape), settings, shape.outputs, shape.sides)
        H = settings.hidden_size
        self.beside = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(4 * self.encoder.width, H), nn.ReLU())
        self.composed(H)
        width = 4 * (H if self.second is None else 2 * H)
        self.head = head(settings, width, shape.outputs)

    def composed(self, size: int) -> None:
        """Add what stands between attention and pooling."""

    def forward(self, sides: tuple[Padded, ...]) -> Answer:
        steps = [
            self.encoder.recurrent(self.encoder.steps(t).values, lengths=t.lengths)[0].transpose(0, 1) for t in sides
        ]
        inside = [torch.arange(len(t.values)) < t.lengths[:, None] for t in sides]
        scores = steps[0] @ steps[1].transpose(1, 2) / steps[0].shape[2] ** 0.5
        others = [
            scores.masked_fill(~inside[1][:, None, :], -1e9).softmax(2) @ steps[1],
            scores.masked_fill(~inside[0][:, :, None], -1e9).softmax(1).transpose(1, 2) @ steps[0],
        ]
        pooled = []
        for own, other, kept, text in zip(steps, others, inside, sides, strict=True):
            found = self.beside(torch.cat([own, other, (own - other).abs(), own * other], 2))
            if self.second is not None:
                found = self.second(found.transpose(0, 1), lengths=text.lengths)[0].transpose(0, 1)
            pooled.append(found.masked_fill(~kept[:, :, None], -1e9).amax(1))
            pooled.append((found * kept[:, :, None]).sum(1) / text.lengths[:, None].clamp(min=1))
        return Answer(self.head(torch.cat(pooled, 1)), (), (None, None))


class Esim(Attending):
    """With a second recurrent layer."""

    def composed(self, size: int) -> None:
        self.second = LSTM(size, size, bidirectional=True)


VARIANTS: dict[str, Callable[..., SequenceNetwork]] = {
    "now": networks.text_network,
    "attention": Attending,
    "ESIM": Esim,
}


def captions(folder: Path) -> list[list[str]]:
    """Return the captions of every clip, lower-cased, of 3 to 20 words."""
    with gzip.open(folder / "msvd_captions" / "training_label.json.gz", "rt") as file:
        clips = json.load(file) + json.loads((folder / "msvd_captions" / "testing_label.json").read_text())
    found = [{cleaned(text) for text in clip["caption"] if text.isascii()} for clip in clips]
    return [sorted(text for text in clip if 3 <= len(text.split()) <= 20) for clip in found]


def cleaned(text: str) -> str:
    return " ".join(text.lower().replace(".", " ").replace(",", " ").split())


def paired(clips: list[list[str]], draw: random.Random) -> Rows:
    """Return pairs of the captions of some clips, as many that belong together as not."""
    texts = [(clip, text) for clip, own in enumerate(clips) for text in own]
    owner = np.array([clip for clip, _ in texts])
    words = sorted({word for _, text in texts for word in text.split()})
    place = {word: k for k, word in enumerate(words)}
    matrix = np.zeros((len(texts), len(words)), np.float32)
    for row, (_, text) in enumerate(texts):
        np.add.at(matrix[row], [place[word] for word in text.split()], 1)
    matrix *= np.log(len(texts) / (matrix > 0).sum(0))
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    rows = []
    for clip, own in enumerate(clips):
        places = np.flatnonzero(owner == clip).tolist()
        for _ in range(EACH if len(own) > 1 else 0):
            one, other = draw.sample(places, 2)
            rows.append((texts[one][1], texts[other][1], "1"))
            one = draw.choice(places)
            near = np.argsort(np.where(owner == clip, -1, -(matrix @ matrix[one])))
            near = [k for k in near.tolist() if owner[k] != clip and not set(own) & set(clips[owner[k]])][:NEAREST]
            rows.append((texts[one][1], texts[draw.choice(near)][1], "0"))
    draw.shuffle(rows)
    first, second, labels = (list(column) for column in zip(*rows, strict=True))
    return Rows((first, second), labels)


def language_model(folder: Path, clips: list[list[str]]) -> LanguageModel:
    """Return a word model of the captions to learn from and of Multi30k's."""
    with gzip.open(folder / "multi30k" / "train.en.gz", "rt", encoding="utf-8") as file:
        lines = [text for clip in clips for text in clip] + [cleaned(line) for line in file]
    random.Random(1).shuffle(lines)
    how = LanguageSettings(embedding_size=128, hidden_size=128, minutes=1.5, columns=16, window=32)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "captions.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return LanguageModel(settings=how, vocabulary=VocabularySettings("space", 2), order=None).fit(path)


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    draw = random.Random(0)
    clips = captions(folder)
    draw.shuffle(clips)
    parts = {name: paired(clips[own], draw) for name, own in DIVISION.items()}
    start = language_model(folder, clips[DIVISION["training"]])
    lines = header("Pairs of texts: captions of the same clip or not (MSVD), one thread", versions())
    lines += [", ".join(f"{len(rows):,} pairs for {name}" for name, rows in parts.items()), ""]
    lines += [f"{'':<12}{'start':>7}{'seed':>6}{'epochs':>8}{'accuracy':>10}{'Matthews':>10}{'TF-IDF':>9}"]
    seed = 0
    for begun in (None, start):
        for name, kind in VARIANTS.items():
            with patch.object(networks, "text_network", kind):
                classifier = TextClassifier(seed=seed)
                classifier.fit_rows(parts["training"], parts["validation"], COLUMNS, begun)
                found = evaluate(classifier, *parts.values())
            own, tfidf = found.scores["model"], found.scores["tfidf"]["accuracy"]
            line = f"{name:<12}{'yes' if begun else 'no':>7}{seed:>6}{classifier.history_[-1].epoch:>8}"
            lines.append(line + f"{own['accuracy']:>10.3f}{own['matthews']:>10.3f}{tfidf:>9.3f}")
            print(lines[-1], flush=True)
    write("classify-pairs.txt", lines)


if __name__ == "__main__":
    main()
