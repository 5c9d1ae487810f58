"""Below one pass over a text: how many rows side by side, how many tokens of each a step?

Word models of WikiText-2, 5,000 words, default settings, one thread. Steps of all sizes are timed first, in turn, by
the time of the processor, and a line is fitted to their seconds. Then each shape gets as many steps as the
line allows in the time, so that what else runs on the machine decides nothing, and is scored on the first 8,192 tokens
of the validation part.

    python -m bench.language.budget [--seconds 12 40]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import numpy as np
import torch

from bench.machine import ROOT, header, write
from lstmkit.language import Corpus, LanguageSettings, VocabularySettings, read_corpus
from lstmkit.language.neural import LanguageNetwork
from lstmkit.language.neural.fitting import mean_loss, token_counts
from lstmkit.language.neural.streams import Reader, Streams
from lstmkit.results.summary import versions
from lstmkit.training import TrainSettings
from lstmkit.training.schedule import rate_factor

SHAPES = ((4, 32), (4, 64), (8, 64), (16, 64), (32, 64))
"""Rows, and tokens of each in a step."""
WORDS = 5000
VALIDATED = 8192
HOW = LanguageSettings()


class Steps:
    """A network and its steps."""

    def __init__(self, corpus: Corpus, columns: int, window: int) -> None:
        torch.manual_seed(0)
        self.network = LanguageNetwork(len(corpus.tokens.symbols), HOW).train()
        self.network.softmax.start_from(torch.from_numpy(token_counts(corpus.train, self.network.vocabulary)))
        self.reader = Reader(Streams(corpus.train, columns, window, corpus.tokens.end))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=HOW.learning_rate, weight_decay=HOW.weight_decay, fused=True
        )

    def step(self, number: int, rate: float = 1.0) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = HOW.learning_rate * rate
        ids, targets = self.reader.read(number % len(self.reader.streams))
        loss, _, self.reader.state = self.network.loss(ids, targets, self.reader.state)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), HOW.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()


def line(corpus: Corpus) -> tuple[float, float]:
    """Return the seconds of a step, and of a token in it."""
    contestants = [Steps(corpus, *shape) for shape in SHAPES]
    took: list[list[float]] = [[] for _ in SHAPES]
    for number in range(6):
        for one, own in zip(contestants, took, strict=True):
            begun = time.process_time()
            one.step(number)
            own.append(time.process_time() - begun)
    seconds = np.array([statistics.median(own[1:]) for own in took])
    tokens = np.array([columns * window for columns, window in SHAPES])
    fixed, per_token = np.linalg.lstsq(np.stack([1 / seconds, tokens / seconds], 1), np.ones(len(SHAPES)))[0]
    return float(fixed), float(per_token)


def trained(corpus: Corpus, columns: int, window: int, count: int) -> float:
    """Return the nats a token on validation after so many steps, the rate rising and falling as in any training."""
    one = Steps(corpus, columns, window)
    how = TrainSettings(1, 1, steps_per_epoch=count, schedule="cosine", warmup=min(HOW.warmup, count // 10))
    for number in range(count):
        one.step(number, rate_factor(how, number, count))
    one.network.eval()
    return mean_loss(one.network, corpus.valid[:VALIDATED], corpus.tokens.end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[12.0, 40.0])
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data") / "wikitext2"
    parts = [folder / f"{name}.txt.gz" for name in ("train", "valid", "test")]
    corpus = read_corpus(*parts, settings=VocabularySettings(max_size=WORDS))
    fixed, per_token = line(corpus)
    lines = header("Rows side by side in a short time, word model of WikiText-2, one thread", versions())
    lines += [f"{WORDS:,} words, {len(corpus.train):,} tokens in the text"]
    lines += [f"a step takes {1000 * fixed:.1f} ms and {1e6 * per_token:.0f} microseconds a token", ""]
    lines += [f"{'seconds':>8}{'rows':>6}{'window':>8}{'steps':>7}{'tokens':>9}{'perplexity':>12}"]
    for seconds in given.seconds:
        for columns, window in SHAPES:
            size = columns * window
            count = max(1, int(seconds / (fixed + per_token * size)))
            perplexity = math.exp(trained(corpus, columns, window, count))
            lines.append(f"{seconds:>8.0f}{columns:>6}{window:>8}{count:>7,}{count * size:>9,}{perplexity:>12.1f}")
            print(lines[-1], flush=True)
    write("language-budget.txt", lines)


if __name__ == "__main__":
    main()
