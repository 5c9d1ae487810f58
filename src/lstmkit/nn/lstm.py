"""`LSTM`: torch.nn.LSTM with lengths, and with a choice of backends underneath."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from lstmkit.errors import InputError
from lstmkit.recurrence.backends import Explanation, check_backend_name, explain_call, run, zero_state
from lstmkit.recurrence.call import LstmCall

State = tuple[Tensor, Tensor]
Lengths = Tensor | Sequence[int]


class LSTM(torch.nn.LSTM):
    """A drop-in for `torch.nn.LSTM` that also takes `lengths`.

    Constructor, parameter names, initialisation and state dict are torch's, so checkpoints load both ways. Letters:
    B batch, T time, I input, H hidden, P output width (`proj_size` if positive, else H), K layers, D directions.

    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype
                as in torch.nn.LSTM
    backend     name of the backend that must run every call, or None for the fastest that can; see `explain`
    Raises      InputError if there is no such backend; whatever torch.nn.LSTM raises for the rest
    Source      Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000; Sak, Senior & Beaufays 2014
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str | None = None,
    ) -> None:
        check_backend_name(backend)
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device=device,
            dtype=dtype,
        )
        self.backend = backend

    def forward(  # type: ignore[override]
        self, input: Tensor | PackedSequence, hx: State | None = None, *, lengths: Lengths | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run the whole stack over a batch of sequences.

        input    (T, B, I), or (B, T, I) if batch_first, or (T, I) unbatched, or a PackedSequence
        hx       (h0, c0): (K * D, B, P) and (K * D, B, H), without B if unbatched; zeros if None
        lengths  (B,) integers from 0 to T, or None for T each; steps at and after a sequence's length are padding:
                 they are never read, their outputs are zero, the final state is the one after the last true step, and
                 the backward direction starts there
        Returns  output, of the kind and layout of the input with last axis D * P, and (h, c), shaped like hx
        Raises   RuntimeError or ValueError as torch.nn.LSTM does for wrong shapes; InputError for wrong lengths
        """
        self._update_flat_weights()  # torch's checks look at these references, which functional_call leaves stale
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx, lengths)
        batched = input.dim() == 3
        call = self._call(input, hx, lengths)
        out = run(call, self.backend)
        y = out.y.transpose(0, 1) if self.batch_first and batched else out.y
        if batched:
            return y, (out.h, out.c)
        return y.squeeze(1), (out.h.squeeze(1), out.c.squeeze(1))

    def explain(self, input: Tensor, hx: State | None = None, *, lengths: Lengths | None = None) -> Explanation:
        """Say which backend would run `forward(input, hx, lengths=lengths)`, and why not a faster one."""
        return explain_call(self._call(input, hx, lengths), self.backend)

    def _forward_packed(
        self, packed: PackedSequence, hx: State | None, lengths: Lengths | None
    ) -> tuple[PackedSequence, State]:
        if lengths is not None:
            raise InputError("LSTM: a PackedSequence carries its own lengths; give it without lengths=")
        if hx is not None:
            if packed.sorted_indices is not None:
                self.check_forward_args(packed.data, self.permute_hidden(hx, packed.sorted_indices), packed.batch_sizes)
            else:
                self.check_forward_args(packed.data, hx, packed.batch_sizes)
            self._check_state_type(packed.data, hx)
        else:
            self.check_input(packed.data, packed.batch_sizes)
        x, own_lengths = pad_packed_sequence(packed)
        out = run(self._assemble(x, hx, own_lengths), self.backend)
        if packed.sorted_indices is None:
            repacked = pack_padded_sequence(out.y, own_lengths, enforce_sorted=True)
        else:
            sorted_lengths = own_lengths[packed.sorted_indices.cpu()]
            repacked = pack_padded_sequence(out.y.index_select(1, packed.sorted_indices), sorted_lengths)
        y = PackedSequence(repacked.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        return y, (out.h, out.c)

    def _call(self, input: Tensor, hx: State | None, lengths: Lengths | None) -> LstmCall:
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if hx is not None and (hx[0].dim() != input.dim() or hx[1].dim() != input.dim()):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {input.dim()}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        if batched:
            x = input.transpose(0, 1) if self.batch_first else input
        else:
            x = input.unsqueeze(1)
            hx = None if hx is None else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
            if lengths is not None:
                raise InputError("LSTM: lengths= needs a batch; the input is one sequence (T, I): cut it instead")
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        self._check_shapes(x, hx)
        return self._assemble(x, hx, None if lengths is None else _checked_lengths(lengths, x.shape[1], x.shape[0]))

    def _check_shapes(self, x: Tensor, hx: State | None) -> None:
        self.check_input(x, None)
        if hx is not None:
            states, B = self.num_layers * (2 if self.bidirectional else 1), x.shape[1]
            self.check_hidden_size(
                hx[0], (states, B, self.proj_size or self.hidden_size), "Expected hidden[0] size {}, got {}"
            )
            self.check_hidden_size(hx[1], (states, B, self.hidden_size), "Expected hidden[1] size {}, got {}")
            self._check_state_type(x, hx)

    @staticmethod
    def _check_state_type(x: Tensor, hx: State) -> None:
        for state in hx:  # here, because plain PyTorch would promote the cell state in silence
            if state.dtype != x.dtype and not torch.is_autocast_enabled(x.device.type):
                raise RuntimeError(
                    f"Input and hidden tensors are not the same dtype, found input tensor with {x.dtype} and hidden "
                    f"tensor with {state.dtype}"
                )

    def _assemble(self, x: Tensor, hx: State | None, lengths: Tensor | None) -> LstmCall:
        if hx is None:
            states = self.num_layers * (2 if self.bidirectional else 1)
            hx = zero_state(x, states, self.proj_size or self.hidden_size, self.hidden_size)
        return LstmCall(
            x=x,
            h0=hx[0],
            c0=hx[1],
            weights=tuple(getattr(self, name) for name in self._flat_weights_names),
            lengths=lengths,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            bias=self.bias,
            projected=self.proj_size > 0,
            dropout=self.dropout,
            training=self.training,
        )


def _checked_lengths(lengths: Lengths, B: int, T: int) -> Tensor:
    """Return lengths as an int64 tensor (B,) on the CPU; raise InputError unless each lies in 0..T."""
    given = torch.as_tensor(lengths).cpu()
    if given.dtype.is_floating_point or given.dtype.is_complex or given.dtype == torch.bool:
        raise InputError(f"LSTM: lengths must be integers; got {given.dtype}")
    if given.shape != (B,):
        raise InputError(f"LSTM: lengths must be one per sequence, shape ({B},); got shape {tuple(given.shape)}")
    if B and (int(given.min()) < 0 or int(given.max()) > T):
        bad = int(((given < 0) | (given > T)).nonzero()[0])
        raise InputError(
            f"LSTM: lengths must lie in 0..{T}, the steps of the input; sequence {bad} has {int(given[bad])}"
        )
    return given.to(torch.int64)
