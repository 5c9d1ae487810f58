"""How fast is a translator beside the same network in plain PyTorch: a training step, and a beam over sentences?

Two sizes of the network as `lstm language translate train` builds it, on batches of like lengths as Multi30k has them
(drawn at random: 6 to 30 tokens). The plain network is what one writes: `nn.LSTM` on packed sequences, attention by
`bmm`, cross-entropy with label smoothing over all tokens; its search follows a beam sentence by sentence, `nn.LSTM`
step by step. Weights are the same. Losses and gradients are compared before anything is timed, and translations that
are the same are counted; contestants alternate; medians with the range. A training step is also taken in bfloat16: by
`precision=bfloat16`, and by the plain network under autocast, which leaves packed sequences in float32. Writes
bench/results/translate-speed-THREADS.txt.

    python -m bench.translate.speed --threads 2
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bench.machine import header, write
from lstmkit.language.neural.network import precision_note
from lstmkit.language.translate.network import Shape, TranslationNetwork, TranslatorSettings
from lstmkit.language.translate.search import SearchSettings, write_sequences
from lstmkit.language.translate.search.beam import length_divisor
from lstmkit.results.summary import versions
from lstmkit.sequences import Padded, Ragged

V, END = 8000, 1
SIZES = ((256, 320), (128, 128))
BATCH, SMOOTHING = 64, 0.1
PLAIN = "plain PyTorch"


class Plain(nn.Module):
    """The network as one writes it in PyTorch."""

    def __init__(self, how: TranslatorSettings, low: bool = False) -> None:
        super().__init__()
        self.low = low
        E, H = how.embedding_size, how.hidden_size
        self.embedding = nn.Embedding(V, E)
        self.encoder = nn.LSTM(E, H, bidirectional=True)
        self.bridge = nn.Linear(2 * H, 4 * H)
        self.below, self.above = nn.LSTM(E, H), nn.LSTM(3 * H, H)
        self.query = nn.Linear(H, 2 * H, bias=False)
        self.readout = nn.Linear(3 * H + E, E)
        self.output = nn.Linear(E, V)
        self.output.weight = self.embedding.weight
        self.H = H

    def take(self, ours: TranslationNetwork) -> None:
        """Copy the weights of ours."""
        pairs = [(self.encoder, ours.encoder[0]), (self.below, ours.decoder[0]), (self.above, ours.decoder[1])]
        for own, other in pairs:
            own.load_state_dict(other.state_dict())
        for own, other in ((self.bridge, ours.bridge), (self.readout, ours.readout)):
            own.load_state_dict(other.state_dict())
        with torch.no_grad():
            self.embedding.weight.copy_(ours.embedding.weight)
            self.query.weight.copy_(ours.attention.query_projection.weight)
            self.output.bias.copy_(ours.softmax.bias)

    def read(self, source: Padded) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """Return memory (B, S, 2H), padding (B, S), and the states of both layers of the decoder."""
        packed = pack_padded_sequence(self.embedding(source.values), source.lengths, enforce_sorted=False)
        steps, (last, _) = self.encoder(packed)
        memory, _ = pad_packed_sequence(steps)
        begun = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1))).view(-1, 2, 2, self.H)
        states = [(begun[:, k, 0][None].contiguous(), begun[:, k, 1][None].contiguous()) for k in range(2)]
        padding = torch.arange(len(memory)) >= source.lengths[:, None]
        return memory.transpose(0, 1), padding, states

    def attend(self, value: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        scores = torch.bmm(self.query(value.transpose(0, 1)), memory.transpose(1, 2)) / (2 * self.H) ** 0.5
        return torch.bmm(scores.masked_fill(padding[:, None], -torch.inf).softmax(2), memory).transpose(0, 1)

    def loss(self, source: Padded, target: Padded) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
            return self._loss(source, target)

    def _loss(self, source: Padded, target: Padded) -> Tensor:
        memory, padding, states = self.read(source)
        ends = torch.full_like(target.values[:1], END)
        vectors, lengths = self.embedding(torch.cat([ends, target.values])), target.lengths + 1
        value, _ = pad_packed_sequence(
            self.below(pack_padded_sequence(vectors, lengths, enforce_sorted=False), states[0])[0]
        )
        found = self.attend(value, memory, padding)
        both = pack_padded_sequence(torch.cat([value, found], 2), lengths, enforce_sorted=False)
        above, _ = pad_packed_sequence(self.above(both, states[1])[0])
        logits = self.output(torch.tanh(self.readout(torch.cat([above, found, vectors], 2))))
        true = torch.cat([target.values, ends])
        true[target.lengths, torch.arange(len(lengths))] = END
        true[torch.arange(len(true))[:, None] >= lengths] = -100
        return functional.cross_entropy(logits.flatten(0, 1), true.flatten(), label_smoothing=SMOOTHING)

    def translate(self, ids: Tensor, width: int, most: int) -> list[int]:
        """Return the best translation of one sentence by a beam, hypotheses side by side."""
        memory, padding, states = self.read(Padded(ids[:, None], torch.tensor([len(ids)])))
        states = [tuple(s.expand(-1, width, -1).contiguous() for s in own) for own in states]
        memory, padding = memory.expand(width, -1, -1), padding.expand(width, -1)
        total = torch.tensor([0.0, *[-torch.inf] * (width - 1)])
        written, tokens, finished = torch.empty(width, 0, dtype=torch.int64), torch.full((width,), END), []
        for step in range(most + 1):
            vectors = self.embedding(tokens)[None]
            value, first = self.below(vectors, states[0])
            found = self.attend(value, memory, padding)
            above, second = self.above(torch.cat([value, found], 2), states[1])
            logits = self.output(torch.tanh(self.readout(torch.cat([above, found, vectors], 2))))[0]
            scores = total[:, None] + logits.log_softmax(1)
            ranked, places = scores.flatten().topk(2 * width)
            parents, chosen = places // V, places % V
            for rank in range(width):
                if chosen[rank] == END and ranked[rank] > -torch.inf:
                    score = float(ranked[rank]) / length_divisor(step + 1, 1.0)
                    finished.append((score, written[parents[rank]].tolist()))
            if step == most or len(finished) >= width:
                break
            on = (chosen != END).nonzero()[:width, 0]
            total, parents, tokens = ranked[on], parents[on], chosen[on]
            written = torch.cat([written[parents], tokens[:, None]], 1)
            states = [tuple(s[:, parents] for s in own) for own in (first, second)]
        return max(finished)[1] if finished else written[int(total.argmax())].tolist()


def batch(rows: int, generator: np.random.Generator) -> tuple[Padded, Padded]:
    """Return sentences of about equal length, 6 to 30 tokens, and their translations."""
    length = int(generator.integers(6, 29))
    sides = []
    for _ in range(2):
        lengths = generator.integers(length, length + 3, rows)
        sides.append(Ragged.of([generator.integers(2, V, n).astype(np.int32) for n in lengths]).batch(np.arange(rows)))
    return sides[0], sides[1]


def check(ours: TranslationNetwork, plain: Plain, source: Padded, target: Padded) -> str:
    """Return how far losses and gradients are apart; raise AssertionError if they are."""
    losses, gradients = [], []
    for model in (ours, plain):
        loss = model.loss(source, target)
        gradients.append(torch.autograd.grad(loss, model.embedding.weight)[0])
        losses.append(float(loss.detach()))
    apart = float((gradients[0] - gradients[1]).norm() / gradients[1].norm())
    assert abs(losses[0] - losses[1]) < 1e-4 * losses[1] and apart < 1e-3, (losses, apart)
    return f"losses {losses[0]:.5f} and {losses[1]:.5f}, gradients of the embedding apart by {apart:.1e} of their norm"


class Clock:
    """Seconds since it was made, by the wall and of the processor: where others share the cores, the two differ."""

    def __init__(self) -> None:
        self._begun = (time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._begun[0], time.process_time() - self._begun[1]


def spread(seconds: list[tuple[float, float]]) -> str:
    wall, work = zip(*seconds, strict=True)
    return (
        f"{statistics.median(wall):.3f} s ({min(wall):.3f} to {max(wall):.3f}), of processor time "
        f"{statistics.median(work):.3f} s ({min(work):.3f} to {max(work):.3f})"
    )


def steps(models: dict[str, nn.Module], rounds: int) -> list[str]:
    """Return the rows of a training step: forward, backward, clipping and AdamW."""
    generator = np.random.default_rng(0)
    optimizers = {name: torch.optim.AdamW(m.parameters(), lr=1e-4, fused=True) for name, m in models.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    for number in range(rounds + 1):
        pairs = batch(BATCH, generator)
        for name, model in models.items():
            clock = Clock()
            optimizers[name].zero_grad()
            model.loss(*pairs).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizers[name].step()
            if number:
                seconds[name].append(clock.read())
    rows = [f"  {name:<24} {spread(own)}" for name, own in seconds.items()]
    plain = seconds[PLAIN]
    for name, own in seconds.items():
        if name != PLAIN:
            wall, work = (statistics.median(b[k] / a[k] for a, b in zip(own, plain, strict=True)) for k in range(2))
            rows.append(f"  {PLAIN} takes {wall:.2f} times as long as {name}, {work:.2f} times the processor time")
    return rows


def searches(ours: TranslationNetwork, plain: Plain, count: int) -> list[str]:
    """Return the rows of translating sentences with a beam of 5: all of ours, and a part of them by the plain loop."""
    generator = np.random.default_rng(1)
    ids = Ragged.of([generator.integers(2, V, n).astype(np.int32) for n in generator.integers(6, 30, count)])
    how = SearchSettings(width=5, times=1.0, more=1)
    clock = Clock()
    found = [best[0].tokens.tolist() for best in write_sequences([ours], ids, how)]
    wall, work = clock.read()
    part, same = max(1, count // 10), 0
    clock = Clock()
    with torch.inference_mode():
        for row in range(part):
            one = torch.from_numpy(ids[row].astype(np.int64))
            same += plain.translate(one, 5, how.limit(len(one))) == found[row]
    loop, looped = (seconds * count / part for seconds in clock.read())
    return [
        f"  lstmkit, {count:,} sentences together: {wall:.1f} s, of processor time {work:.1f} s",
        f"  plain PyTorch, one after the other: {loop:.1f} s, of processor time {looped:.1f} s (from {part:,} of them, "
        f"{same:,} translated the same): {loop / wall:.1f} times as long, {looped / work:.1f} times the processor time",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--sentences", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    title = f"A translator beside plain PyTorch, vocabulary {V:,}, {given.threads} threads"
    lines = header(title, versions())
    for E, H in SIZES:
        torch.manual_seed(0)
        none = dict.fromkeys(("input_dropout", "hidden_dropout", "output_dropout"), 0.0)
        how = TranslatorSettings(embedding_size=E, hidden_size=H, label_smoothing=SMOOTHING, **none)
        ours, plain, lower = TranslationNetwork(how, Shape(V, END, 0)), Plain(how), Plain(how, low=True)
        low = TranslationNetwork(replace(how, precision="bfloat16"), Shape(V, END, 0))
        low.load_state_dict(ours.state_dict())
        for own in (plain, lower):
            own.take(ours)
        lines += ["", f"embedding {E}, hidden {H}"]
        lines += [f"  {check(ours, plain, *batch(BATCH, np.random.default_rng(2)))}"]
        lines += searches(ours, plain, given.sentences)
        lines += [f"  a training step of {BATCH} pairs:"]
        lines += [f"  {note}"] if (note := precision_note("bfloat16")) else []
        models = {"lstmkit": ours.train(), "lstmkit, bfloat16": low.train(), PLAIN: plain, f"{PLAIN}, autocast": lower}
        lines += steps(models, given.rounds)
    write(f"translate-speed-{given.threads}.txt", lines)


if __name__ == "__main__":
    main()
