"""How fast is a training step of the text classifier, against the same network in plain PyTorch with packed sequences?

Texts of SST-2 in random batches, both directions, max pooling; the plain network has the same weights. Its answers and
gradients are compared before anything is timed; contestants alternate; medians of `--rounds` steps with the spread. A
step is forward, backward and AdamW. "sorted" is how the classifier trains: batches of texts of about equal length;
these differ much in length, so texts a second and the ratio are taken over all steps together.

Prints the result; it is kept by sending it to a file:

    python -m bench.language.classify_throughput > bench/results/classify_throughput.txt
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.machine import ROOT, header
from lstmkit.classification.network import SequenceNetwork
from lstmkit.language.classify import ClassifierSettings
from lstmkit.language.classify.network import Shape, text_network
from lstmkit.language.classify.table import Columns, open_table, read_rows
from lstmkit.language.text.rows import encode_texts, joined
from lstmkit.language.vocabulary import Words
from lstmkit.sequences import Examples, LengthBatches, Padded


class Plain(nn.Module):
    """The network as one writes it in PyTorch, with the weights of ours."""

    def __init__(self, network: SequenceNetwork, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(network.encoder.embedding.num_embeddings, width)
        self.recurrent = nn.LSTM(width, hidden, bidirectional=True)
        self.head = nn.Sequential(*(type(m)(m.in_features, m.out_features) if isinstance(m, nn.Linear) else type(m)()
                                    for m in network.head if not isinstance(m, nn.Dropout)))  # fmt: skip
        self.embedding.load_state_dict(network.encoder.embedding.state_dict())
        self.recurrent.load_state_dict(network.encoder.recurrent.state_dict())
        linear = [m for m in network.head if isinstance(m, nn.Linear)]
        for own, given in zip((m for m in self.head if isinstance(m, nn.Linear)), linear, strict=True):
            own.load_state_dict(given.state_dict())

    def forward(self, texts: Padded) -> Tensor:
        packed = pack_padded_sequence(self.embedding(texts.values), texts.lengths, enforce_sorted=False)
        hidden, lengths = pad_packed_sequence(self.recurrent(packed)[0])
        padding = torch.arange(len(hidden)).unsqueeze(1) >= lengths
        return self.head(hidden.masked_fill(padding.unsqueeze(2), -torch.inf).max(dim=0).values)


def sentences(folder: Path) -> tuple[Examples, Words]:
    rows = read_rows(open_table(folder / "glue" / "sst2" / "alps_train.tsv.gz")[0], Columns(), labelled=True)
    texts = [text for text in rows.texts[0] if text.strip()]
    words = Words.learn([joined(texts, True)], "auto", min_count=1)
    targets = torch.tensor(
        [int(label) for text, label in zip(rows.texts[0], rows.labels or (), strict=True) if text.strip()]
    )
    return Examples((encode_texts(words, texts, True),), targets), words


def stepper(
    network: nn.Module, answer: Callable[[Padded], Tensor], clock: Callable[[], float] = time.perf_counter
) -> Callable[[Padded, Tensor], float]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def step(texts: Padded, targets: Tensor) -> float:
        begun = clock()
        optimizer.zero_grad()
        functional.cross_entropy(answer(texts), targets).backward()
        optimizer.step()
        return 1e3 * (clock() - begun)

    return step


def check(network: SequenceNetwork, plain: nn.Module, texts: Padded, targets: Tensor) -> None:
    """Make sure that both compute the same."""
    for model, scores in ((network, network((texts,))[0]), (plain, plain(texts))):
        model.zero_grad()
        functional.cross_entropy(scores, targets).backward()
    torch.testing.assert_close(network((texts,))[0], plain(texts), rtol=1e-4, atol=1e-5)
    ours, theirs = network.encoder.recurrent.weight_hh_l0.grad, plain.recurrent.weight_hh_l0.grad
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def measure(rows: Examples, words: Words, hidden: int, batch: int, rounds: int) -> list[str]:
    torch.manual_seed(0)
    settings = ClassifierSettings(hidden_size=hidden, word_dropout=0.0, embedding_dropout=0.0, dropout=0.0)
    shape = Shape(len(words.symbols), words.unknown, words.end, 2, 1, settings.embedding_size)
    network = text_network(settings, shape)
    plain = Plain(network, settings.embedding_size, hidden)
    batches = LengthBatches(rows.lengths(), batch, seed=0)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    (first,), targets = rows.batch(shuffled[:batch]), rows.targets[shuffled[:batch]]
    check(network, plain, first, targets)
    ours, theirs = stepper(network, lambda texts: network((texts,))[0]), stepper(plain, plain)
    times: dict[str, list[float]] = {"lstmkit, sorted": [], "lstmkit": [], "torch, packed": [], "torch, sorted": []}
    chosen = np.random.default_rng(1).choice(len(batches) - 1, rounds, replace=False)
    for item in range(rounds):
        drawn, near = shuffled[item * batch : (item + 1) * batch], batches.rows(int(chosen[item])).numpy()
        (random,), truth = rows.batch(drawn), rows.targets[drawn]
        (alike,), own = rows.batch(near), rows.targets[near]
        times["lstmkit"].append(ours(random, truth))
        times["torch, packed"].append(theirs(random, truth))
        times["lstmkit, sorted"].append(ours(alike, own))
        times["torch, sorted"].append(theirs(alike, own))
    lines = [
        f"hidden {hidden} each way, embedding {settings.embedding_size}, batch {batch}, {len(words.symbols):,} words"
    ]
    for name, found in times.items():
        low, high = np.quantile(found, (0.1, 0.9))
        ratio = sum(times["torch, packed"]) / sum(found)
        rate = 1e3 * batch * rounds / sum(found)
        middle = statistics.median(found)
        lines.append(f"  {name:18}{middle:8.1f} ms ({low:.1f} to {high:.1f}){rate:9,.0f} texts/s{ratio:7.2f}x")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows, words = sentences(Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data"))
    title = f"A training step on SST-2 sentences, {given.threads} thread(s), {given.rounds} rounds, median (10 to 90 %)"
    print("\n".join([*header(title, {"torch": torch.__version__}), ""]), flush=True)
    for hidden, batch in ((128, 32), (128, 128), (256, 64)):
        print("\n".join(measure(rows, words, hidden, batch, given.rounds)), flush=True)


if __name__ == "__main__":
    main()
