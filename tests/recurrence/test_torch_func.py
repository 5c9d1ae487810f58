"""torch.func on layers that the native kernel runs: maps, gradients of samples, gradients of gradients, ensembles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap
from torch.utils._pytree import tree_map

from lstmkit.errors import InputError
from lstmkit.nn import CELLS, LSTM
from lstmkit.recurrence.kernels import kernel_refusal
from lstmkit.recurrence.library import load_library

NATIVE = [name for name, cell in CELLS.items() if not kernel_refusal(cell)]
LENGTHS = torch.tensor([7, 0, 2, 5])

pytestmark = pytest.mark.skipif(load_library()[0] is None, reason=load_library()[1] or "there is a library")
torchs_own_warning = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
every_cell = pytest.mark.parametrize("cell", NATIVE)


def pair(cell: str, layers: int = 2) -> tuple[LSTM, LSTM]:
    """Return the same layer on the native backend and on the reference, in float64."""
    torch.manual_seed(0)
    ours, theirs = (
        LSTM(3, 4, layers, bidirectional=True, cell=cell, dtype=torch.float64, backend=backend)
        for backend in ("native", "reference")
    )
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def looped(function: Callable[..., Any], *arguments: Tensor) -> Any:
    """Return what vmap promises: the function of each sample, stacked."""
    results = [function(*(a[k] for a in arguments)) for k in range(arguments[0].shape[0])]
    return tree_map(lambda *parts: torch.stack(parts), *results)


def parameters(layer: LSTM) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in layer.named_parameters()}


def loss(layer: LSTM) -> Callable[..., Tensor]:
    """Return a loss of parameters and input that sees the output and the final state."""

    def function(weights: dict[str, Tensor], x: Tensor, lengths: Tensor | None = LENGTHS) -> Tensor:
        y, state = functional_call(layer, weights, (x,), {"lengths": lengths})
        return y.square().sum() + state[0].sum()

    return function


def samples(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*shape, dtype=torch.float64)


@every_cell
@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "lengths"])
def test_vmap_equals_a_loop(cell, lengths, axis):
    ours, theirs = pair(cell)
    x = samples(6, 7, 4, 3)
    mapped = vmap(lambda x: ours(x, lengths=lengths), in_dims=axis)(x.movedim(0, axis))
    torch.testing.assert_close(mapped, looped(lambda x: theirs(x, lengths=lengths), x))


@every_cell
def test_vmap_over_states_equals_a_loop(cell):
    ours, theirs = pair(cell)
    x = samples(7, 4, 3)
    with torch.no_grad():
        _, state = theirs(x)
    state = tuple(
        torch.stack([s, 0.5 * s]) if name != "phase" else torch.stack([s, s])
        for name, s in zip(ours.cell.states, state, strict=True)
    )
    torch.testing.assert_close(vmap(lambda *s: ours(x, s))(*state), looped(lambda *s: theirs(x, s), *state))


@every_cell
def test_gradients_through_vmap_equal_those_of_a_loop(cell):
    ours, theirs = pair(cell)
    x = samples(6, 7, 4, 3)
    mapped = vmap(lambda x: ours(x, lengths=LENGTHS)[0])(x).square().sum()
    known = looped(lambda x: theirs(x, lengths=LENGTHS)[0], x).square().sum()
    torch.testing.assert_close(
        torch.autograd.grad(mapped, list(ours.parameters())), torch.autograd.grad(known, list(theirs.parameters()))
    )


@every_cell
def test_grad_equals_autograd(cell):
    ours, theirs = pair(cell)
    x = samples(7, 4, 3)
    value = theirs(x, lengths=LENGTHS)
    known = torch.autograd.grad(value[0].square().sum() + value[1][0].sum(), list(theirs.parameters()))
    torch.testing.assert_close(tuple(grad(loss(ours))(parameters(ours), x).values()), known)


@every_cell
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "lengths"])
@pytest.mark.parametrize("wanted", [0, 1], ids=["weights", "input"])
def test_gradients_of_samples_equal_a_loop(cell, wanted, lengths):
    ours, theirs = pair(cell)
    x, weights = samples(5, 7, 4, 3), parameters(ours)
    mapped = vmap(grad(loss(ours), argnums=wanted), (None, 0, None))(weights, x, lengths)
    torch.testing.assert_close(mapped, looped(lambda x: grad(loss(theirs), argnums=wanted)(weights, x, lengths), x))


@every_cell
def test_the_gradient_of_a_map_equals_a_loop(cell):
    ours, theirs = pair(cell)
    x, weights = samples(5, 7, 4, 3), parameters(ours)
    mapped = grad(lambda w: vmap(loss(ours), (None, 0))(w, x).sum())(weights)
    torch.testing.assert_close(mapped, grad(lambda w: looped(lambda x: loss(theirs)(w, x), x).sum())(weights))


@every_cell
def test_an_ensemble_equals_its_members(cell):
    members = [pair(cell)[0] for _ in range(3)]
    for member in members:
        member.reset_parameters()
    weights, _ = stack_module_state(members)
    x = samples(3, 7, 4, 3)
    run = vmap(lambda w, x: functional_call(members[0], w, (x,), {"lengths": LENGTHS})[0])
    known = torch.stack([member(x, lengths=LENGTHS)[0] for member, x in zip(members, x, strict=True)])
    torch.testing.assert_close(run(weights, x), known)
    detached = {name: w.detach() for name, w in weights.items()}
    gradients = vmap(grad(loss(members[0])))(detached, x)
    for k, member in enumerate(members):
        own = grad(loss(member))(parameters(member), x[k])
        torch.testing.assert_close({name: g[k] for name, g in gradients.items()}, own)


@torchs_own_warning
@every_cell
def test_derivatives_of_higher_order_equal_the_references(cell):
    ours, theirs = pair(cell, layers=1)
    x = samples(2, 2, 3)

    def scalar(layer: LSTM) -> Callable[[Tensor], Tensor]:
        return lambda x: layer(x)[0].square().sum()

    known = hessian(scalar(theirs))(x)
    torch.testing.assert_close(jacrev(jacrev(scalar(ours)))(x), known)
    torch.testing.assert_close(jacrev(lambda x: ours(x)[0])(x), jacrev(lambda x: theirs(x)[0])(x))

    def second(layer: LSTM) -> Callable[[Tensor], Tensor]:
        return grad(lambda x: grad(scalar(layer))(x).square().sum())

    many = samples(3, 2, 2, 3)
    known = looped(second(theirs), many)
    torch.testing.assert_close(vmap(second(ours))(many), known)

    def of_map(x: Tensor) -> Tensor:
        return vmap(lambda x: ours(x)[0])(x).square().sum()

    torch.testing.assert_close(grad(lambda x: grad(of_map)(x).square().sum())(many), known)


@torchs_own_warning
def test_forward_mode_goes_through_the_reference_and_says_so():
    ours, theirs = pair("lstm")
    free = LSTM(3, 4, 2, bidirectional=True, dtype=torch.float64)
    free.load_state_dict(theirs.state_dict())
    x, tangent = samples(2, 7, 4, 3)
    reason = "it has no forward-mode derivative"
    with pytest.raises(InputError, match=reason):
        jvp(lambda x: ours(x)[0], (x,), (tangent,))
    found = jvp(lambda x: free(x)[0], (x,), (tangent,))
    torch.testing.assert_close(found, jvp(lambda x: theirs(x)[0], (x,), (tangent,)))
    step = 1e-6
    numeric = (theirs(x + step * tangent)[0] - theirs(x - step * tangent)[0]) / (2 * step)
    torch.testing.assert_close(found[1], numeric, rtol=1e-6, atol=1e-8)
    with torch.autograd.forward_ad.dual_level():
        explanation = free.explain(torch.autograd.forward_ad.make_dual(x, tangent))
    assert explanation.chosen == "reference"
    assert dict(explanation.reasons)["native"].startswith(reason)


@pytest.mark.parametrize("backend", ["native", None])
def test_functional_call_runs_the_weights_it_is_given_and_leaves_the_layers_own(backend):
    torch.manual_seed(0)
    layer, other, x = LSTM(3, 4, backend=backend), LSTM(3, 4), torch.randn(6, 4, 3)
    before = layer(x)[0]
    found = functional_call(layer, dict(other.named_parameters()), (x,))[0]
    torch.testing.assert_close(found, other(x)[0])
    double = {name: p.double() for name, p in layer.named_parameters()}
    assert functional_call(layer, double, (x.double(),))[0].dtype == torch.float64
    assert torch.equal(layer(x)[0], before)


@pytest.mark.parametrize("training", [False, True])
def test_masks_are_drawn_for_each_sample(training):
    torch.manual_seed(0)
    layer = LSTM(3, 4, zoneout=0.2, locked_dropout=0.1, recurrent_dropout=0.2, backend="native").train(training)
    y = vmap(lambda x: layer(x)[0], randomness="different")(torch.ones(6, 7, 4, 3))
    spread = (y - y[:1]).abs().amax((1, 2, 3))
    assert bool((spread[1:] > 0).all()) == training
