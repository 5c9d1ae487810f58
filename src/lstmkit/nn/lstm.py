"""`LSTM`: torch.nn.LSTM with lengths, every cell of the family, and a choice of backends underneath."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter, functional
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from lstmkit.errors import InputError
from lstmkit.nn.lengths import Lengths, checked_lengths, packed_like
from lstmkit.nn.regularization import Rates, Regularization, locked, rates
from lstmkit.nn.streaming import Stream, is_followed, lies_plainly
from lstmkit.ranges import Range, real
from lstmkit.recurrence import Call, Cell, Explanation, Output
from lstmkit.recurrence.backends import check_backend_name, choose, explain_call, in_autocast, run
from lstmkit.recurrence.call import state_tensors
from lstmkit.recurrence.cell import NO_MASKS, Sizes, State
from lstmkit.recurrence.cells import Lstm, cell_named


class LSTM(torch.nn.RNNBase):
    """A drop-in for `torch.nn.LSTM` that also takes `lengths`, other cells of the family, and their regularisers.

    Constructor, parameter names, initialisation and state dict are torch's, so checkpoints load both ways. It is no
    subclass of `torch.nn.LSTM`, which torch.compile refuses to look into, but of the class below. Letters: B batch,
    T time, I input, H hidden, P output width (`proj_size` if positive, else H), K layers, D directions.

    torch.compile and torch.export see one operator a call. Under autocast outputs and states have autocast's type, as
    with torch; where torch's own kernels do not run, they are computed in float32 first. torch.func.vmap joins the
    samples to the batch; it goes over them one by one where each has weights, or gradients of weights, of its own.
    Forward-mode derivatives go through the reference. Gradients may be differentiated again, in eager mode.

    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype
                as in torch.nn.LSTM
    cell        a name, such as "peephole", or settings, such as ALstm(lags=(7, 1)); the plain LSTM by default
    zoneout     probability that a unit keeps its old value: of h and c alike, or (of h, of c)
    weight_drop probability of dropping an entry of a recurrent matrix, drawn once a call
    locked_dropout     of the inputs of layers, the state, and the output alike, or of each: one mask a sequence
    recurrent_dropout  of the candidate at each step: recurrent dropout without memory loss
    forget_bias the forget gate's bias to begin with, b_ih and b_hh together; None: as torch initialises it
    backend     name of the backend that must run every call, or None for the fastest that can; see `explain`
    Raises      InputError if there is no such cell or backend, or a rate is no probability; whatever torch.nn.LSTM
                raises for the rest
    Source      Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000; Sak, Senior & Beaufays 2014; each
                cell and regulariser names its own; forget_bias: Jozefowicz, Zaremba & Sutskever 2015
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
        cell: str | Cell = "lstm",
        zoneout: Rates = 0.0,
        weight_drop: float = 0.0,
        locked_dropout: Rates = 0.0,
        recurrent_dropout: float = 0.0,
        forget_bias: float | None = None,
        backend: str | None = None,
    ) -> None:
        check_backend_name(backend)
        self.cell = cell_named(cell)
        if forget_bias is not None:
            own = dtype if dtype is not None and dtype.is_floating_point else torch.get_default_dtype()
            most = torch.finfo(own).max
            within = Range("must be a number of the layer's type", least=-most, most=most)
            forget_bias = real("LSTM: forget_bias", forget_bias, within)
        self.regularization = Regularization(
            rates("zoneout", zoneout, 2), weight_drop, rates("locked_dropout", locked_dropout, 3), recurrent_dropout
        )
        self._draws = self.regularization != Regularization()  # torch.compile cannot compare numbers it keeps open
        self.forget_bias = forget_bias
        self.backend = backend
        self._complete = False
        self.stream: Stream | None = None  # packed weights of step(); made by it, and never copied or saved
        super().__init__(
            "LSTM",
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
        self._check_cell()
        if not self._is_torchs:
            self._replace_parameters(device, dtype)
        self._complete = True
        if forget_bias is not None or not self._is_torchs:
            self.reset_parameters()

    @property
    def _is_torchs(self) -> bool:
        return isinstance(self.cell, Lstm) and self.cell.plain

    @property
    def directions(self) -> int:
        """1, or 2 if bidirectional."""
        return 2 if self.bidirectional else 1

    def _sizes(self, layer: int) -> Sizes:
        output = self.proj_size or self.hidden_size
        return Sizes(self.directions * output if layer else self.input_size, self.hidden_size, output, self.bias)

    def _check_cell(self) -> None:
        one = torch.empty(1, 1, 1)
        masks = self.regularization.masks(one, 1, 1, 1, training=True)
        reason = self.cell.unsupported(self._sizes(0), masks)
        if not reason and self.forget_bias is not None and self.cell.forget_rows(1) is None:
            reason = f"{self.cell.name} has no forget gate of its own, which forget_bias= could set"
        if not reason and self.forget_bias is not None and not self.bias:
            reason = "forget_bias= needs bias=True"
        if reason:
            raise InputError(f"LSTM: {reason}")

    def _replace_parameters(self, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        """Put the cell's own parameters in the place of torch's."""
        for name in self._flat_weights_names:
            delattr(self, name)
        self._all_weights = []
        for k in range(self.num_layers * self.directions):
            layer, suffix = k // self.directions, "_reverse" if k % self.directions else ""
            shapes = self.cell.weight_shapes(self._sizes(layer))
            self._all_weights.append([f"{name}_l{layer}{suffix}" for name in shapes])
            for name, shape in zip(self._all_weights[-1], shapes.values(), strict=True):
                self.register_parameter(name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._flat_weights = [getattr(self, name) for name in self._flat_weights_names]

    def reset_parameters(self) -> None:
        """Fill the parameters afresh: as the cell's source says, else uniform in ±1/√H; then the forget bias."""
        super().reset_parameters()
        if not self._complete:
            return  # torch's constructor calls this before the cell's own parameters are there
        for k, names in enumerate(self._all_weights):
            sizes = self._sizes(k // self.directions)
            weights = dict(zip(self.cell.weight_shapes(sizes), (getattr(self, name) for name in names), strict=True))
            with torch.no_grad():
                if not self._is_torchs:
                    self.cell.initialize(weights, sizes)
                if self.forget_bias is not None:
                    rows = self.cell.forget_rows(self.hidden_size)
                    weights.get("bias_hh", weights["bias_ih"])[rows] = 0.0  # of some cells there is one alone
                    weights["bias_ih"][rows] = self.forget_bias

    def flatten_parameters(self) -> None:
        """Lay torch's own weights out for cuDNN; other cells have nothing to lay out."""
        if self._is_torchs:
            super().flatten_parameters()

    def extra_repr(self) -> str:
        """Return what torch prints, and the cell and regularisers if they are not the plain ones."""
        text = super().extra_repr()
        text += "" if self._is_torchs else f", cell={self.cell}"
        return text + ("" if self.regularization == Regularization() else f", {self.regularization}")

    def forward(
        self, input: Tensor | PackedSequence, hx: State | Tensor | None = None, *, lengths: Lengths | None = None
    ) -> tuple[Tensor | PackedSequence, State | Tensor]:
        """Run the whole stack over a batch of sequences.

        input    (T, B, I), or (B, T, I) if batch_first, or (T, I) unbatched, or a PackedSequence
        hx       the initial state, for the plain LSTM (h0, c0): (K * D, B, P) and (K * D, B, H), for other cells what
                 `cell.states` names, a tuple, or for cells of one state the tensor alone, as torch.nn.GRU takes it;
                 without B if unbatched; zeros if None
        lengths  (B,) integers from 0 to T, or None for T each; steps at and after a sequence's length are padding:
                 they are never read, their outputs are zero, the final state is the one after the last true step, and
                 the backward direction starts there
        Returns  output, of the kind and layout of the input with last axis D * P, and the final state, shaped like hx:
                 a tuple, unless hx was a tensor
        Raises   RuntimeError or ValueError as torch.nn.LSTM does for wrong shapes; InputError for wrong lengths
        """
        given = state_tensors(self.cell, hx)
        if isinstance(input, PackedSequence):
            packed, final = self._forward_packed(input, given, lengths)
            return packed, final[0] if isinstance(hx, Tensor) else final
        if not isinstance(input, Tensor):
            raise InputError(f"LSTM: the input must be a tensor or a PackedSequence; got {type(input).__name__}")
        batched = input.dim() == 3
        out = self._run(self._call(input, given, lengths))
        y = out.y.transpose(0, 1) if self.batch_first and batched else out.y
        if not batched:
            y, out = y.squeeze(1), dataclasses.replace(out, state=tuple(s.squeeze(1) for s in out.state))
        return y, out.state[0] if isinstance(hx, Tensor) else out.state

    def step(self, x: Tensor, state: State | Tensor | None = None) -> tuple[Tensor, Any]:
        """Advance a stack of one direction by one step of a stream.

        Without gradients, on the CPU, a step is one call of the native library. Where that packs weights, every step
        compares them with those that were packed: whatever changed them, it is the weights as they are that count.

        x        (B, I)
        state    as `forward` takes it, each (K, B, width); zeros if None
        Returns  the output (B, P) and the state after the step; step by step equals `forward` to rounding
        Raises   InputError if the layer is bidirectional or x is no batch of single steps
        """
        given = state_tensors(self.cell, state)
        if not isinstance(x, Tensor):
            raise InputError(f"LSTM: step() takes a tensor; got {type(x).__name__}")
        if given is not None:
            found = self._fast_step(x, given)
            if found is not None:
                return found[0], found[1][0] if isinstance(state, Tensor) else found[1]
        if self.bidirectional:
            raise InputError("LSTM: step() needs a layer of one direction; the other begins at the end of a sequence")
        if x.dim() != 2:
            raise InputError(f"LSTM: step() takes one step of a batch, shape (B, I); got shape {tuple(x.shape)}")
        if given is None:
            widths = self.cell.state_widths(self._sizes(0))
            return self.step(x, tuple(x.new_zeros(self.num_layers, x.shape[0], width) for width in widths))
        call = self._assemble(x.unsqueeze(0), given, None)
        self.check_call(call)
        out = self._run(call)
        return out.y.squeeze(0), out.state[0] if isinstance(state, Tensor) else out.state

    def _fast_step(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """Advance by one step (B, I) without detours, or return None if this call needs them."""
        if torch.is_grad_enabled() or is_followed():
            return None
        weights, settings = self.current_weights(), self._step_settings()
        if self.stream is None or not self.stream.fits(weights, settings):
            if not self._streamable(weights, x, state):
                return None
            example = self._assemble(weights[0].new_zeros(1, 1, self.input_size), None, None, weights)
            self.stream = Stream(self._regularized(example), weights, settings)
        return self.stream.step(weights, x, state)

    def _streamable(self, weights: tuple[Tensor, ...], x: Tensor, state: State) -> bool:
        """Whether the native kernel would run a step on the weights as they lie, with nothing drawn at random."""
        if self.bidirectional or x.dim() != 2 or not all(lies_plainly(t) for t in (x, *weights)):
            return False
        if self.training and (self.draws or (self.dropout > 0 and self.num_layers > 1)):
            return False
        call = self._regularized(self._assemble(x.unsqueeze(0), state, None, weights))
        self.check_call(call)
        return choose(call, self.backend).name == "native"

    def _step_settings(self) -> tuple[object, ...]:
        """Return what a step depends on besides tensors."""
        sizes = (self.num_layers, self.bidirectional, self.input_size, self.hidden_size, self.proj_size, self.bias)
        return (self.training, self.dropout, *sizes, self.cell, self.regularization, self.backend)

    @property
    def draws(self) -> bool:
        """Whether anything is drawn at random inside the recurrence in training."""
        return self._draws

    def explain(
        self, input: Tensor, hx: State | Tensor | None = None, *, lengths: Lengths | None = None
    ) -> Explanation:
        """Say which backend would run `forward(input, hx, lengths=lengths)`, and why not a faster one."""
        call = self._call(input, state_tensors(self.cell, hx), lengths)
        with torch.random.fork_rng(devices=[]):
            return explain_call(self._regularized(call), self.backend)

    def _run(self, call: Call) -> Output:
        """Run a call with everything that is dropped around and between its layers."""
        if not self.draws and not (self.training and self.dropout > 0 and self.num_layers > 1):
            return run(call, self.backend)
        locked_input, _, locked_output = self.regularization.locked_dropout
        between = self.training and self.num_layers > 1 and (self.dropout > 0 or locked_input > 0)
        call = dataclasses.replace(call, x=locked(call.x, locked_input, self.training))
        call = self._regularized(call)
        out = self._run_layers(call) if between else run(call, self.backend)
        return dataclasses.replace(out, y=locked(out.y, locked_output, self.training))

    def _run_layers(self, call: Call) -> Output:
        """Run layer by layer, with dropout on what stands between them."""
        x, states = call.x, []
        for k in range(self.num_layers):
            out = run(call.layer(k, x), self.backend)
            states.append(out.state)
            x = out.y
            if k < self.num_layers - 1:
                x = functional.dropout(x, self.dropout)
                x = locked(x, self.regularization.locked_dropout[0], self.training)
        return Output(x, tuple(torch.cat(parts) for parts in zip(*states, strict=True)))

    def _regularized(self, call: Call) -> Call:
        """Return the call with masks drawn and weights dropped."""
        if not self.draws:
            return call
        states = self.num_layers * self.directions
        masks = self.regularization.masks(call.x, states, call.hidden, call.output, self.training)
        weights = self.regularization.dropped(tuple(self._flat_weights_names), call.weights, self.training)
        return dataclasses.replace(call, masks=masks, weights=weights)

    def _forward_packed(
        self, packed: PackedSequence, hx: State | None, lengths: Lengths | None
    ) -> tuple[PackedSequence, State]:
        if lengths is not None:
            raise InputError("LSTM: a PackedSequence carries its own lengths; give it without lengths=")
        x, own_lengths = pad_packed_sequence(packed)
        call = self._assemble(x, hx, own_lengths)
        self.check_call(call)
        out = self._run(call)
        return packed_like(packed, out.y, own_lengths), out.state

    def _call(self, input: Tensor, hx: State | None, lengths: Lengths | None) -> Call:
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if hx is not None and any(s.dim() != input.dim() for s in hx):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {input.dim()}-D but got "
                f"({', '.join(f'{s.dim()}-D' for s in hx)}) tensors"
            )
        if batched:
            x = input.transpose(0, 1) if self.batch_first else input
        else:
            x = input.unsqueeze(1)
            hx = None if hx is None else tuple(s.unsqueeze(1) for s in hx)
            if lengths is not None:
                raise InputError("LSTM: lengths= needs a batch; the input is one sequence (T, I): cut it instead")
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        ends = None if lengths is None else checked_lengths(lengths, x.shape[1], x.shape[0], "LSTM")
        call = self._assemble(x, hx, ends)
        self.check_call(call, fresh=hx is None)
        return call

    def check_call(self, call: Call, fresh: bool = False) -> None:
        """Raise as torch's own checks of a call, which look at references that functional_call leaves stale.

        fresh  the state was made here, as the layer is now: nothing to check
        """
        x, wanted = call.x, call.weights[0].dtype
        if x.dtype != wanted and not in_autocast(x):
            raise ValueError(
                f"RNN input dtype ({x.dtype}) does not match weight dtype ({wanted}). Convert input: "
                f"input.to({wanted}), or convert model: model.to({x.dtype})"
            )
        if x.shape[2] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[2]}"
            )
        if fresh:
            return
        widths, states = self.cell.state_widths(self._sizes(0)), self.num_layers * self.directions
        if len(call.state) != len(widths):
            raise InputError(
                f"LSTM: the state of {self.cell.name} is {', '.join(self.cell.states)}; got {len(call.state)} tensors"
            )
        for k, (state, width) in enumerate(zip(call.state, widths, strict=True)):
            if state.shape != (states, x.shape[1], width):
                self.check_hidden_size(state, (states, x.shape[1], width), f"Expected hidden[{k}] size {{}}, got {{}}")
            # Here, because plain PyTorch would promote a state in silence.
            if state.dtype != x.dtype and not in_autocast(x):
                raise RuntimeError(
                    f"Input and hidden tensors are not the same dtype, found input tensor with {x.dtype} and hidden "
                    f"tensor with {state.dtype}"
                )

    def current_weights(self) -> tuple[Tensor, ...]:
        """Return the weights as they are now: parameters, or what a parametrization or functional_call put there."""
        own = self._parameters
        return tuple([own[name] if name in own else getattr(self, name) for name in self._flat_weights_names])  # type: ignore[misc]

    def named_weights(self) -> dict[str, Tensor]:
        """Return `current_weights` by name, such as "weight_hh_l0_reverse"."""
        return dict(zip(self._flat_weights_names, self.current_weights(), strict=True))

    def _assemble(
        self, x: Tensor, hx: State | None, lengths: Tensor | None, weights: tuple[Tensor, ...] | None = None
    ) -> Call:
        sizes = self._sizes(0)
        if hx is None:
            states = self.num_layers * self.directions
            hx = tuple([x.new_zeros((states, x.shape[1], width)) for width in self.cell.state_widths(sizes)])
        return Call(
            cell=self.cell,
            x=x,
            state=tuple(hx),
            weights=self.current_weights() if weights is None else weights,
            hidden=sizes.hidden,
            output=sizes.output,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            bias=self.bias,
            lengths=lengths,
            masks=NO_MASKS,
        )
