"""How many tokens a second does a training step of the word model read, against the same model in plain PyTorch?

Two layers of 256 on vectors of 256, tied softmax over 33,278 words, no dropout, the state carried; a step is forward,
backward, clipping and AdamW (fused, for both). Losses and gradients are compared before anything is timed; contestants
alternate; medians of `--rounds` steps with the range. Writes bench/results/language-throughput-THREADS.txt.

    python -m bench.language.throughput --threads 2
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.machine import header, write
from lstmkit.language.neural import LanguageNetwork, LanguageSettings

V, SIZE, LAYERS = 33_278, 256, 2
SHAPES = ((20, 35), (32, 64), (64, 70))
CLIP = 0.5


class Plain(nn.Module):
    """The model as one writes it in PyTorch."""

    def __init__(self, low: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, SIZE)
        self.recurrent = nn.LSTM(SIZE, SIZE, LAYERS)
        self.output = nn.Linear(SIZE, V)
        self.output.weight = self.embedding.weight
        self.low = low

    def loss(self, ids: Tensor, targets: Tensor, state: object) -> tuple[Tensor, object]:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
            hidden, after = self.recurrent(self.embedding(ids), state)
            logits = self.output(hidden).flatten(0, 1)
        return functional.cross_entropy(logits.float(), targets.flatten()), tuple(s.detach() for s in after)


class Ours(nn.Module):
    """The model of lstmkit."""

    def __init__(self, precision: str) -> None:
        super().__init__()
        how = LanguageSettings(
            embedding_size=SIZE,
            hidden_size=SIZE,
            num_layers=LAYERS,
            input_dropout=0.0,
            hidden_dropout=0.0,
            output_dropout=0.0,
            precision=precision,
        )
        self.network = LanguageNetwork(V, how)

    def loss(self, ids: Tensor, targets: Tensor, state: object) -> tuple[Tensor, object]:
        loss, _, after = self.network.loss(ids, targets, state)
        return loss, after

    def take(self, plain: Plain) -> None:
        """Copy the weights of the plain model."""
        own = self.network
        with torch.no_grad():
            own.embedding.weight.copy_(plain.embedding.weight)
            own.softmax.bias.copy_(plain.output.bias)
            for k, layer in enumerate(own.layers):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(layer, f"{name}_l0").copy_(getattr(plain.recurrent, f"{name}_l{k}"))


def check(ours: Ours, plain: Plain, ids: Tensor, targets: Tensor) -> str:
    """Return how far losses and the gradient of the embedding are apart; raise AssertionError if they are."""
    losses, gradients = [], []
    for model, weight in ((ours, ours.network.embedding.weight), (plain, plain.embedding.weight)):
        loss, _ = model.loss(ids, targets, None)
        gradients.append(torch.autograd.grad(loss, weight)[0])
        losses.append(loss.item())
    apart = float((gradients[0] - gradients[1]).norm() / gradients[1].norm())
    assert abs(losses[0] - losses[1]) < 1e-4 * losses[1] and apart < 1e-4, (losses, apart)
    return f"losses {losses[0]:.5f} and {losses[1]:.5f}, gradients of the embedding apart by {apart:.1e} of their norm"


def measure(shape: tuple[int, int], rounds: int) -> list[str]:
    """Return the rows of a shape."""
    B, T = shape
    torch.manual_seed(0)
    plain, low = Plain(False), Plain(True)
    low.load_state_dict(plain.state_dict())
    models: dict[str, nn.Module] = {
        "lstmkit, float32": Ours("float32"),
        "PyTorch, float32": plain,
        "lstmkit, bfloat16": Ours("bfloat16"),
        "PyTorch, bfloat16 autocast": low,
    }
    for model in models.values():
        if isinstance(model, Ours):
            model.take(plain)
    share = 1 / np.arange(1, V + 1)
    text = np.random.default_rng(0).choice(V, (T + 1, B), p=share / share.sum())
    ids, targets = torch.from_numpy(text[:-1]), torch.from_numpy(text[1:])
    rows = [f"{B} rows of {T} tokens: {check(models['lstmkit, float32'], plain, ids, targets)}"]
    optimizers = {name: torch.optim.AdamW(m.parameters(), lr=1e-4, fused=True) for name, m in models.items()}
    states: dict[str, object] = dict.fromkeys(models)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 2):
        for name, model in models.items():
            begin = time.perf_counter()
            loss, states[name] = model.loss(ids, targets, states[name])
            optimizers[name].zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizers[name].step()
            if number >= 2:
                seconds[name].append(time.perf_counter() - begin)
    median = {name: statistics.median(s) for name, s in seconds.items()}
    for name, taken in seconds.items():
        rival = "PyTorch, float32" if "float32" in name else "PyTorch, bfloat16 autocast"
        times = f"{median[rival] / median[name]:.2f}x" if name.startswith("lstmkit") else ""
        spread = f"{1e3 * min(taken):.0f} to {1e3 * max(taken):.0f}"
        rows.append(f"  {name:<28}{B * T / median[name]:>9,.0f}{1e3 * median[name]:>9.0f}{spread:>16}{times:>8}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    lines = header(
        f"Training steps of the word model, {given.threads} thread(s)",
        {"torch": torch.__version__, "numpy": np.__version__},
    )
    lines += ["", f"  {'':<28}{'tokens/s':>9}{'ms':>9}{'ms, range':>16}{'':>8}"]
    for shape in SHAPES:
        lines += measure(shape, given.rounds)
    write(f"language-throughput-{given.threads}.txt", lines)


if __name__ == "__main__":
    main()
