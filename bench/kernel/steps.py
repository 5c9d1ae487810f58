"""How long does one streaming step take: `layer.step`, torch.nn.LSTM on one step, torch.nn.LSTMCell?

One sequence at a time, no gradients, float32, one thread. Outputs are compared before anything is timed; contestants
alternate, 200 steps a turn. Writes bench/results/steps.txt.

    python -m bench.kernel.steps
"""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from bench.kernel.clock import alternate
from bench.machine import header, write
from lstmkit.nn import LSTM

STEPS = 200
SHAPES = ((1, 1, 50, 2), (1, 1, 50, 1), (1, 64, 64, 2), (1, 256, 256, 1), (8, 1, 50, 2))  # B, I, H, K
State = tuple[torch.Tensor, ...]


@torch.no_grad()
def measure(B: int, I: int, H: int, K: int) -> str:  # noqa: E741
    torch.manual_seed(0)
    ours = LSTM(I, H, K).eval()
    theirs = torch.nn.LSTM(I, H, K).eval()
    theirs.load_state_dict(ours.state_dict())
    cells = [torch.nn.LSTMCell(H if k else I, H) for k in range(K)]
    for k, cell in enumerate(cells):
        for name, value in cell.named_parameters():
            value.copy_(getattr(ours, f"{name}_l{k}"))
    x = torch.randn(STEPS, B, I)
    parts = list(x)

    def stream() -> torch.Tensor:
        state: State | None = None
        for part in parts:
            y, state = ours.step(part, state)
        return y

    def layer() -> torch.Tensor:
        state: tuple[torch.Tensor, torch.Tensor] | None = None
        for part in parts:
            y, state = theirs(part[None], state)
        return y[0]

    def torch_cells() -> torch.Tensor:
        states: list[State] = [(torch.zeros(B, H), torch.zeros(B, H))] * K
        for part in parts:
            y = part
            for k, cell in enumerate(cells):
                states[k] = cell(y, states[k])
                y = states[k][0]
        return y

    runs: dict[str, Callable[[], torch.Tensor]] = {"step": stream, "nn.LSTM": layer, "nn.LSTMCell": torch_cells}
    for run in runs.values():
        torch.testing.assert_close(run(), stream(), rtol=1e-4, atol=1e-5)
    times = alternate(runs, seconds=4.0)
    micro = {name: [1e3 * value / STEPS for value in t] for name, t in times.items()}
    shape = f"B {B}, I {I}, H {H}, K {K}"
    return f"{shape:24}" + "".join(f"{m:9.1f} [{low:.1f}, {high:.1f}]".ljust(28) for m, low, high in micro.values())


def main() -> None:
    torch.set_num_threads(1)
    lines = [*header("One streaming step, microseconds", {"torch": torch.__version__}), ""]
    lines.append(f"{'':24}{'   lstmkit step':28}{'   torch.nn.LSTM':28}{'   torch.nn.LSTMCell':28}")
    for shape in SHAPES:
        lines.append(measure(*shape))
        print(lines[-1], flush=True)
    write("steps.txt", lines)


if __name__ == "__main__":
    main()
