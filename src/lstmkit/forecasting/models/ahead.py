"""What covariates known ahead add to a forecast."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AheadCovariates(nn.Module):
    """What the covariates known ahead add to the forecast of their step; it begins as nothing.

    inputs       covariates of a step, D
    hidden_size  of the state, H
    outputs      quantile levels, Q
    width        units that both are mixed in; None for H
    """

    def __init__(self, inputs: int, hidden_size: int, outputs: int, width: int | None = None) -> None:
        super().__init__()
        width = hidden_size if width is None else width
        self.steps = nn.Linear(inputs, width)
        self.state = nn.Linear(hidden_size, width, bias=False)
        self.head = nn.Linear(width, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, state: Tensor, ahead: Tensor) -> Tensor:
        """Return (..., P, Q) from a state (..., H) and the covariates of the steps ahead (..., P, D)."""
        mixed = torch.relu(self.steps(ahead) + self.state(state).unsqueeze(-2))
        added: Tensor = self.head(mixed)
        return added
