"""`LSTMCell`: one step of any member of the family, as a module."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter

from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_1, NOT_NEGATIVE, whole
from lstmkit.recurrence import Call, Cell
from lstmkit.recurrence.backends import check_backend_name, run
from lstmkit.recurrence.call import state_tensors
from lstmkit.recurrence.cell import NO_MASKS, Sizes, State
from lstmkit.recurrence.cells import cell_named


class LSTMCell(torch.nn.Module):
    """One step of one layer; parameter names are those of torch.nn.LSTMCell, and then the cell's own.

    Letters: B batch, I input, H hidden, P output width (`proj_size` if positive, else H).

    input_size, hidden_size, bias, device, dtype    as in torch.nn.LSTMCell
    cell        a name, such as "peephole", or settings, such as ALstm(lags=(7, 1)); the plain LSTM by default
    proj_size   width of the recurrent projection, or 0 for none
    backend     name of the backend that must run every call, or None for the fastest that can
    Raises      InputError if there is no such cell or backend, or the cell has no projection
    Source      each cell names its own
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        cell: str | Cell = "lstm",
        proj_size: int = 0,
        backend: str | None = None,
    ) -> None:
        check_backend_name(backend)
        super().__init__()
        input_size = whole("LSTMCell: input_size", input_size, NOT_NEGATIVE)
        hidden_size = whole("LSTMCell: hidden_size", hidden_size, AT_LEAST_1)
        proj_size = whole("LSTMCell: proj_size", proj_size, NOT_NEGATIVE)
        self.input_size, self.hidden_size, self.bias, self.backend = input_size, hidden_size, bias, backend
        self.cell = cell_named(cell)
        self.sizes = Sizes(input_size, hidden_size, proj_size or hidden_size, bias)
        reason = self.cell.unsupported(self.sizes, NO_MASKS)
        if reason:
            raise InputError(f"LSTMCell: {reason}")
        self._names = tuple(self.cell.weight_shapes(self.sizes))
        for name, shape in self.cell.weight_shapes(self.sizes).items():
            self.register_parameter(name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fill the parameters afresh: as the cell's source says, else uniform in ±1/√H."""
        with torch.no_grad():
            self.cell.initialize({name: getattr(self, name) for name in self._names}, self.sizes)

    def extra_repr(self) -> str:
        """Return the sizes and the cell."""
        return f"{self.input_size}, {self.hidden_size}, cell={self.cell}"

    def forward(self, input: Tensor, state: State | Tensor | None = None) -> tuple[Tensor, State | Tensor]:
        """Advance by one step.

        input    (B, I), or (I,) for one sequence
        state    what `cell.states` names, each (B, width), or (width,) for one sequence; zeros if None; for cells of
                 one state the tensor alone, too, which is then returned as one
        Returns  the output (B, P) and the state after the step, shaped like the input and the state
        Raises   InputError for wrong shapes or another number of states
        """
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        widths = self.cell.state_widths(self.sizes)
        tensors = state_tensors(self.cell, state)
        if tensors is None:
            given: State = tuple(x.new_zeros(x.shape[0], width) for width in widths)
        else:
            given = tensors if batched else tuple(s.unsqueeze(0) for s in tensors)
        wanted = [(x.shape[0], width) for width in widths]
        if input.dim() not in (1, 2) or x.shape[-1] != self.input_size or [tuple(s.shape) for s in given] != wanted:
            raise InputError(
                f"LSTMCell: input and state must be (B, {self.input_size}) and {', '.join(self.cell.states)} of widths "
                f"{', '.join(map(str, widths))}; got {tuple(input.shape)} and {[tuple(s.shape) for s in tensors or ()]}"
            )
        weights = tuple(getattr(self, name) for name in self._names)
        one_step = Call(
            cell=self.cell,
            x=x.unsqueeze(0),
            state=tuple(s.unsqueeze(0) for s in given),
            weights=weights,
            hidden=self.hidden_size,
            output=self.sizes.output,
            bias=self.bias,
        )
        out = run(one_step, self.backend)
        y, after = out.y.squeeze(0), tuple(s.squeeze(0) for s in out.state)
        if not batched:
            y, after = y.squeeze(0), tuple(s.squeeze(0) for s in after)
        return y, after[0] if isinstance(state, Tensor) else after
