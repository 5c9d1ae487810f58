"""The network of a translator: whole sequences against single steps, against plain torch, and against padding."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from lstmkit import InputError
from lstmkit.language.neural.network import precision_note
from lstmkit.language.translate.network import Shape, TranslationNetwork, TranslatorSettings
from lstmkit.language.translate.search import NetworkSearched
from lstmkit.nn import CELLS
from lstmkit.sequences import FrameLayer, FrameLayerSettings, Padded

SMALL = TranslatorSettings(embedding_size=6, hidden_size=8, label_smoothing=0.0)
V, END, UNKNOWN = 13, 1, 0
SOURCE, TARGET = torch.tensor([4, 1, 6, 3]), torch.tensor([5, 2, 0, 3])


def network_of(settings: TranslatorSettings = SMALL, shape: Shape | None = None) -> TranslationNetwork:
    torch.manual_seed(0)
    return TranslationNetwork(settings, shape or Shape(V, END, UNKNOWN)).eval()


def batch(lengths: torch.Tensor, symbols: int = V, longer: int = 0) -> Padded:
    generator = torch.Generator().manual_seed(int(lengths.sum()))
    ids = torch.zeros(int(lengths.max()) + longer, len(lengths), dtype=torch.int64)
    for column, length in enumerate(lengths.tolist()):
        ids[:length, column] = torch.randint(2, symbols, (length,), generator=generator)
    return Padded(ids, lengths)


def log_probs_by_steps(network: TranslationNetwork, source: Padded, target: Padded) -> list[float]:
    """Return what single steps say of the tokens of each sentence, sentence by sentence."""
    found = []
    with torch.no_grad():
        for column in range(len(source.lengths)):
            own = source.lengths[column : column + 1]
            alone = Padded(source.values[: int(own), column : column + 1], own)
            model = NetworkSearched(network, network.read(alone))
            context = model.begin(1)
            ids = [*target.values[: int(target.lengths[column]), column].tolist(), END]
            for token in ids:
                found.append(float(model.next_log_probs(context)[0, token]))
                context = model.advance(context, torch.tensor([token]))
    return found


def by_sentence(network: TranslationNetwork, source: Padded, target: Padded) -> list[float]:
    """Return what whole sequences say of the same tokens, in the same order."""
    rows = network.target_log_probs(source, target)
    true = torch.arange(int(target.lengths.max()) + 1).unsqueeze(1) <= target.lengths
    placed = torch.full(true.shape, float("nan"))
    placed[true] = rows
    return [
        float(v) for column in range(len(target.lengths)) for v in placed[: int(target.lengths[column]) + 1, column]
    ]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", ["multiplicative", "none"])
def test_whole_sequences_say_what_single_steps_say(cell, attention):
    network = network_of(dataclasses.replace(SMALL, cell=cell, attention=attention, encoder_layers=2))
    source, target = batch(SOURCE), batch(TARGET)
    steps, whole = log_probs_by_steps(network, source, target), by_sentence(network, source, target)
    assert len(steps) == int(TARGET.sum()) + len(TARGET)
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(steps), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 3])
def test_additive_attention_and_other_depths_too(layers):
    network = network_of(dataclasses.replace(SMALL, attention="additive", decoder_layers=layers, decoder_cell="gru"))
    source, target = batch(SOURCE), batch(TARGET)
    whole, steps = by_sentence(network, source, target), log_probs_by_steps(network, source, target)
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(steps), rtol=1e-4, atol=1e-5)


def test_loss_equals_that_of_the_same_network_in_plain_torch():
    """One sentence, layer by layer with torch's own modules and the equations of the pages."""
    network = network_of().double()
    source, target = batch(torch.tensor([5])), batch(torch.tensor([4]))
    H = SMALL.hidden_size
    vectors = functional.embedding(source.values, network.embedding.weight)
    encoder = nn.LSTM(6, H, bidirectional=True).double()
    encoder.load_state_dict(network.encoder[0].state_dict())
    memory, _ = encoder(vectors)
    last = torch.cat([memory[-1, :, :H], memory[0, :, H:]], 1)
    begun = torch.tanh(functional.linear(last, network.bridge.weight, network.bridge.bias)).view(2, 2, 1, H)
    ids = target.values[:, 0].tolist()
    inputs = functional.embedding(torch.tensor([[END], *[[token] for token in ids]]), network.embedding.weight)
    first, second = nn.LSTM(6, H).double(), nn.LSTM(3 * H, H).double()
    first.load_state_dict(network.decoder[0].state_dict())
    second.load_state_dict(network.decoder[1].state_dict())
    below, _ = first(inputs, (begun[0, 0][None], begun[0, 1][None]))
    asked = functional.linear(below, network.attention.query_projection.weight)[:, 0] / (2 * H) ** 0.5
    shares = torch.softmax(asked @ memory[:, 0].T, 1)
    found = (shares @ memory[:, 0]).unsqueeze(1)
    above, _ = second(torch.cat([below, found], 2), (begun[1, 0][None], begun[1, 1][None]))
    read = torch.cat([above, found, inputs], 2)
    readout = torch.tanh(functional.linear(read, network.readout.weight, network.readout.bias))[:, 0]
    logits = functional.linear(readout, network.embedding.weight, network.softmax.bias)
    expected = functional.cross_entropy(logits, torch.tensor([*ids, END]))
    torch.testing.assert_close(network.loss(source, target), expected, rtol=1e-10, atol=0)
    torch.testing.assert_close(network.weights(source, target)[0], shares, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru", "mogrifier"])
def test_input_feeding_says_in_training_what_single_steps_of_a_search_say(cell):
    """And of sentences together, whose hypotheses a search keeps in another order, and leaves out."""
    network = network_of(dataclasses.replace(SMALL, cell=cell, input_feeding=True, decoder_layers=3))
    source, target = batch(SOURCE), batch(TARGET)
    whole, steps = by_sentence(network, source, target), log_probs_by_steps(network, source, target)
    torch.testing.assert_close(torch.tensor(whole), torch.tensor(steps), rtol=1e-4, atol=1e-5)
    rows, tokens = torch.tensor([1, 0, 4, 4, 7, 6]), torch.arange(2, 10)
    model = NetworkSearched(network, network.read(source))
    with torch.no_grad():
        first = model.advance(model.begin(2), tokens)
        some = model.advance(model.chosen(first, rows, 2), tokens[rows])
        every = model.advance(first, tokens)
    torch.testing.assert_close(model.next_log_probs(some), model.next_log_probs(every)[rows], rtol=1e-4, atol=1e-5)


def test_what_is_fed_is_what_plain_torch_would_feed():
    """One sentence, step by step by torch's own cells: the readout stands behind the vector of the next token."""
    network = network_of(dataclasses.replace(SMALL, input_feeding=True)).double()
    source, target = batch(torch.tensor([5])), batch(torch.tensor([4]))
    H, read = SMALL.hidden_size, network.read(source)
    first, second = nn.LSTMCell(12, H).double(), nn.LSTMCell(3 * H, H).double()
    for cell, layer in ((first, network.decoder[0]), (second, network.decoder[1])):
        cell.load_state_dict({name.removesuffix("_l0"): own for name, own in layer.state_dict().items()})
    (below, above), fed = ([s[0] for s in own] for own in read.state[:2]), torch.zeros(1, 6).double()
    logits = []
    for token in [END, *target.values[:, 0].tolist()]:
        vector = network.embedding.weight[token : token + 1]
        below = first(torch.cat([vector, fed], 1), below)
        asked = below[0] @ network.attention.query_projection.weight.T / (2 * H) ** 0.5
        found = torch.softmax(asked @ read.memory.values[0].T, 1) @ read.memory.values[0]
        above = second(torch.cat([below[0], found], 1), above)
        fed = torch.tanh(network.readout(torch.cat([above[0], found, vector], 1)))
        logits.append(fed @ network.embedding.weight.T + network.softmax.bias)
    expected = functional.cross_entropy(torch.cat(logits), torch.tensor([*target.values[:, 0].tolist(), END]))
    torch.testing.assert_close(network.loss(source, target), expected, rtol=1e-10, atol=0)


def test_dropout_between_layers_is_that_of_a_whole_sequence_with_input_feeding_too():
    """Layers that hand on what they read unchanged show it: a unit is there at every step, or at none."""
    how = dataclasses.replace(SMALL, input_feeding=True, input_dropout=0.0, hidden_dropout=0.5, output_dropout=0.0)
    network, seen = network_of(how).train(), []
    step = network.decoder[1].step
    network.decoder[1].step = lambda value, state: (seen.append(value[:, : SMALL.hidden_size]), step(value, state))[1]
    network.loss(batch(SOURCE), batch(TARGET))
    dropped = torch.stack(seen) == 0
    assert len(seen) == int(TARGET.max()) + 1 and 0.3 < float(dropped[0].float().mean()) < 0.7
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))


def test_padding_is_neither_read_nor_learnt_from():
    network = network_of().double()
    plain = network.loss(batch(SOURCE), batch(TARGET))
    source, target = batch(SOURCE, longer=3), batch(TARGET, longer=2)
    for side in (source, target):
        beyond = torch.arange(len(side.values)).unsqueeze(1) >= side.lengths
        side.values[beyond] = 7
    network.zero_grad()
    loss = network.loss(source, target)
    torch.testing.assert_close(loss, plain, rtol=1e-12, atol=0)


@pytest.mark.parametrize("change", [{"weight_drop": 0.2}, {"input_feeding": True}])
def test_every_weight_is_learnt_and_dropouts_are_of_training_alone(change):
    how = dataclasses.replace(
        SMALL, word_dropout=0.2, zoneout=0.1, recurrent_dropout=0.1, label_smoothing=0.1, **change
    )
    network = network_of(how).train()
    torch.manual_seed(1)
    first = network.loss(batch(SOURCE), batch(TARGET))
    first.backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())
    assert not torch.equal(first, network.loss(batch(SOURCE), batch(TARGET)))
    network.eval()
    assert torch.equal(network.loss(batch(SOURCE), batch(TARGET)), network.loss(batch(SOURCE), batch(TARGET)))


def test_bfloat16_is_of_training_alone():
    none = {"input_dropout": 0.0, "hidden_dropout": 0.0, "output_dropout": 0.0}
    plain, low = (network_of(dataclasses.replace(SMALL, precision=p, **none)) for p in ("float32", "bfloat16"))
    source, target = batch(torch.tensor([6, 5, 6, 6])), batch(torch.tensor([5, 6, 4, 6]))
    assert torch.equal(plain.target_log_probs(source, target), low.target_log_probs(source, target))
    losses = [network.train().loss(source, target) for network in (plain, low)]
    torch.testing.assert_close(losses[1], losses[0], rtol=0.02, atol=0)  # bfloat16 has three digits
    assert torch.equal(*losses) == bool(precision_note("bfloat16"))  # float32 where there is no bfloat16
    known, found = (
        torch.autograd.grad(loss, list(own.parameters())) for loss, own in zip(losses, (plain, low), strict=True)
    )
    for ours, theirs in zip(found, known, strict=True):
        assert ours.dtype == torch.float32 and (ours - theirs).norm() <= 0.05 * theirs.norm() + 1e-3


def test_frames_are_read_as_ids_are():
    """A network of frames that are one-hot says what one of ids says whose vectors are one-hot."""
    how, shape = dataclasses.replace(SMALL, embedding_size=V), Shape(V, END, UNKNOWN, source=V)
    ids = network_of(how, shape)
    layer = FrameLayer(FrameLayerSettings(normalise="none"), V, marks=False)
    frames = TranslationNetwork(how, Shape(V, END, UNKNOWN), layer).eval()
    with torch.no_grad():
        ids.source.weight.copy_(torch.eye(V))
    frames.load_state_dict({name: own for name, own in ids.state_dict().items() if not name.startswith("source")})
    source, target = batch(SOURCE), batch(TARGET)
    one_hot = Padded(functional.one_hot(source.values, V).double(), source.lengths)
    torch.testing.assert_close(frames.loss(one_hot, target), ids.loss(source, target), rtol=1e-5, atol=0)


def test_frames_may_become_longer_or_shorter_in_training():
    layer = FrameLayer(FrameLayerSettings(differences=(1,), stretch=0.9, convolution=3, filters=5), 4, marks=True)
    network = TranslationNetwork(SMALL, Shape(V, END, UNKNOWN), layer).train()
    frames = Padded(torch.randn(20, 3, 4), torch.tensor([20, 15, 6]))
    assert any(len(network.read(frames).memory.values[0]) != 20 for _ in range(10))
    assert len(network.eval().read(frames).memory.values[0]) == 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attention": "dot"}, "attention must be one of additive, multiplicative, none"),
        ({"decoder_cell": "gur"}, "cell must be one of"),
        ({"input_feeding": True, "attention": "none"}, "input_feeding True does not go with attention none; leave out"),
        ({"input_feeding": True, "weight_drop": 0.2}, "input_feeding True does not go with weight_drop 0.2; leave out"),
        ({"input_dropout": 1.0}, "input_dropout must be at least 0 and below 1"),
    ],
)
def test_settings_are_checked(change, words):
    with pytest.raises(InputError, match=words):
        dataclasses.replace(SMALL, **change)


def test_a_small_text_gets_small_batches_and_more_epochs():
    how = TranslatorSettings()
    assert (how.batch_for(29_000), how.batch_for(3_000), how.batch_for(10)) == (64, 30, 8)
    assert how.epochs_for(29_000) == 20 and how.epochs_for(3_000) == 40 and how.epochs_for(10**6) == 10
