"""One call of a recurrence, as a value: everything a backend needs, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class LstmCall:
    """A stack of LSTM layers applied to a batch of sequences.

    Letters: B batch, T time, I input, H hidden, P width of the output (H, or `proj_size`), K layers, D directions.

    x              (T, B, I) time-major input; rows beyond a sequence's length are padding and never read
    h0             (K * D, B, P) initial output state
    c0             (K * D, B, H) initial cell state
    weights        for each layer and direction in torch's order: w_ih (4H, I or D * P), w_hh (4H, P),
                   then b_ih and b_hh (4H) if `bias`, then w_hr (P, H) if the layer is projected
    lengths        (B,) int64 on the CPU, or None when every sequence fills all T steps
    dropout        probability of zeroing an element between layers; used only when `training`
    """

    x: Tensor
    h0: Tensor
    c0: Tensor
    weights: tuple[Tensor, ...]
    lengths: Tensor | None
    num_layers: int
    bidirectional: bool
    bias: bool
    projected: bool
    dropout: float
    training: bool

    @property
    def directions(self) -> int:
        """1, or 2 if bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def weights_per_direction(self) -> int:
        """How many tensors of `weights` belong to one direction of one layer."""
        return 2 + 2 * self.bias + self.projected


@dataclass(frozen=True, slots=True)
class LstmOutput:
    """What a backend returns.

    y              (T, B, D * P); zero where a sequence has ended
    h              (K * D, B, P) state after each sequence's last step (its first, in the backward direction)
    c              (K * D, B, H)
    """

    y: Tensor
    h: Tensor
    c: Tensor
