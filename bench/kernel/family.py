"""What does each member of the family cost, beside the plain LSTM, a loop in Python, and torch where it has it?

A training step (forward and backward) in float32 on unequal and on equal lengths. Every cell's output and gradients are
compared with the reference's before anything is timed; contestants alternate. Writes bench/results/family.txt.

    python -m bench.kernel.family
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import torch

from bench.kernel.clock import alternate
from bench.machine import header, write
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library

SHAPES = ((60, 32, 1, 50), (60, 32, 64, 64), (100, 32, 64, 128), (60, 32, 256, 256))  # T, B, I, H
CELLS: dict[str, dict[str, object]] = {
    "lstm": {},
    "peephole": {"cell": "peephole"},
    "coupled": {"cell": "coupled"},
    "coupled-forget": {"cell": "coupled-forget"},
    "zoneout h, c": {"zoneout": 0.1},
    "weight-drop": {"weight_drop": 0.5},
    "locked state": {"locked_dropout": (0.0, 0.2, 0.0)},
    "recurrent dropout": {"recurrent_dropout": 0.2},
    "alstm": {"cell": "alstm"},
    "alstm-mean": {"cell": "alstm-mean"},
    "layer-norm": {"cell": "layer-norm"},
    "layer-norm-gates": {"cell": "layer-norm-gates"},
    "mogrifier": {"cell": "mogrifier"},
    "slstm": {"cell": "slstm"},
    "projection": {},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
}


def step(lstm: LSTM, x: torch.Tensor, lengths: torch.Tensor | None) -> list[torch.Tensor]:
    """Run forward and backward; return the output and the gradients of the weights."""
    torch.manual_seed(0)  # both contestants draw the same masks
    lstm.zero_grad()
    y, _ = lstm(x, lengths=lengths)
    y.square().sum().backward()
    return [y.detach(), *(p.grad for p in lstm.parameters() if p.grad is not None)]


def build(name: str, I: int, H: int, backend: str) -> LSTM:  # noqa: E741
    torch.manual_seed(1)
    options = CELLS[name] | ({"proj_size": H // 2} if name == "projection" else {})
    return LSTM(I, H, backend=backend, **options)  # type: ignore[arg-type]


def check(contestants: dict[str, LSTM], name: str, x: torch.Tensor, lengths: torch.Tensor | None) -> None:
    """Compare all but the plain LSTM with the reference in float64; no one may be much further off than the loop is.

    A layer norm of one input divides by what may be next to nothing: there float32 is far off, whoever computes.
    """
    exact = build(name, x.shape[2], contestants["loop"].hidden_size, "reference").double()
    exact.load_state_dict(contestants["loop"].state_dict())
    truth = step(exact, x.double(), lengths)
    loops = step(contestants["loop"], x, lengths)
    for key, contestant in contestants.items():
        for ours, loop, wanted in (
            zip(step(contestant, x, lengths), loops, truth, strict=True) if key != "plain" else ()
        ):
            allowed = max(1e-4 * float(wanted.abs().max()), 4 * float((loop - wanted).abs().max()))
            assert (ours - wanted).abs().max() <= allowed, (name, key)


def measure(name: str, shape: tuple[int, int, int, int], ragged: bool, seconds: float) -> str:
    T, B, I, H = shape  # noqa: E741
    torch.manual_seed(0)
    x = torch.randn(T, B, I)
    lengths = torch.randint(T // 5, T + 1, (B,)) if ragged else None
    contestants = {"plain": build("lstm", I, H, "native"), "native": build(name, I, H, "native")}
    contestants["loop"] = build(name, I, H, "reference")
    if name in ("lstm", "projection", "gru", "rnn"):
        contestants["torch"] = build(name, I, H, "torch")
    check(contestants, name, x, lengths)

    def runner(lstm: LSTM) -> Callable[[], object]:
        return lambda: step(lstm, x, lengths)

    # In pairs: whoever runs after the loop finds memory and caches as the loop left them.
    plain = alternate({key: runner(contestants[key]) for key in ("plain", "native")}, seconds / 2)
    others = {key: lstm for key, lstm in contestants.items() if key != "plain"}
    times = alternate({key: runner(lstm) for key, lstm in others.items()}, seconds)
    native = times["native"].median
    cells = [f"{name:20}", f"{plain['native']!s:28}", f"{plain['native'].median / plain['plain'].median:8.2f}"]
    cells.append(f"{times['loop'].median / native:8.1f}")
    cells.append(f"{times['torch'].median / native:8.2f}" if "torch" in times else " " * 8)
    return "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    library, why_not = load_library()
    assert library is not None, why_not
    lines = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for shape in SHAPES:
            for ragged in (False, True):
                T, B, I, H = shape  # noqa: E741
                kind = "lengths 20 to 100 %" if ragged else "equal lengths"
                lines += ["", f"T {T}, B {B}, I {I}, H {H}, {kind}, {threads} thread{'s' * (threads > 1)}"]
                lines.append(f"{'':20}{'   training step, ms':28}{'/ plain':>8}{'loop /':>8}{'torch /':>8}")
                for name in CELLS:
                    lines.append(measure(name, shape, ragged, options.seconds))
                    print(lines[-1], flush=True)
    head = header("Training step of every member of the family", {"torch": torch.__version__})
    head.append(f"target    {library.lstmkit_target().decode()}, OMP_WAIT_POLICY=PASSIVE")
    head.append("/ plain: times the plain LSTM's; loop /: the loop in Python over it; torch /: torch's own over it")
    write("family.txt", [*head, *lines])


if __name__ == "__main__":
    main()
