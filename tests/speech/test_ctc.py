"""What a network of speech is made of: batches, targets, normalisation, augmentation, each by its own arithmetic."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from lstmkit.sequences import Padded, Ragged
from lstmkit.speech import Lexicon
from lstmkit.speech.ctc.augmentation import Bands, masked_bands, masked_times, stretched, with_noise
from lstmkit.speech.ctc.batches import StepBatches, batch_count
from lstmkit.speech.ctc.normalising import (
    Moments,
    SpeechNormalisation,
    moments_of,
    nobody,
    so_far,
    speaker_moments,
)
from lstmkit.speech.ctc.targets import Targets
from lstmkit.speech.decoding.greedy import greedy
from lstmkit.speech.units import learn_units, unknown_letters, usual_kinds

WORDS = [["a", "bee"], ["bee"], ["a", "a"]]
LEXICON = Lexicon({"a": (("AH",), ("EY",)), "bee": (("B", "IY"),), "eye": (("AY",),)})


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(3, 2, shape).astype(np.float32))


def test_every_epoch_has_all_utterances_in_as_many_batches_of_about_equal_size() -> None:
    lengths = np.random.default_rng(0).integers(50, 300, 200)
    batches = StepBatches(lengths, [None] * 200, 1500, 0.5, seed=3)
    seen = []
    for epoch in (1, 2):
        batches.begin(epoch)
        items = [batches.utterances(k) for k in range(len(batches))]
        assert sorted(row for own in items for (row,) in own) == list(range(200))
        sizes = [sum(lengths[row] for (row,) in own) for own in items]
        assert max(sizes) < 1500 + 300 and min(sizes) > 1500 - 350
        seen.append(items)
    assert seen[0] != seen[1]
    batches.begin(1)
    assert [batches.utterances(k) for k in range(len(batches))] == seen[0]


def test_short_or_few_utterances_make_small_batches() -> None:
    assert batch_count(np.full(850, 90), 1600) == round(850 * 90 / 1600)
    assert batch_count(np.full(2700, 14), 1600) == 2700 // 32
    assert batch_count(np.full(60, 30), 1600) == 60 // 4
    assert batch_count(np.full(3, 30), 1600) == 1


def test_a_long_utterance_takes_no_batch_from_the_others() -> None:
    batches = StepBatches(np.array([10, 10, 10, 5000]), [None] * 4, 100, 0.0, seed=0)
    items = [batches.utterances(k) for k in range(len(batches))]
    assert all(items) and sorted(row for own in items for (row,) in own) == [0, 1, 2, 3]


def test_an_utterance_is_followed_by_another_of_the_same_speaker() -> None:
    lengths, speakers = np.full(100, 10), ["a", "b", None, "lonely"] + ["a", "b", "c"] * 32
    lengths[0] = 20
    batches = StepBatches(lengths, speakers, 200, 0.5, seed=1)
    pairs = [own for k in range(len(batches)) for own in batches.utterances(k) if len(own) == 2]
    assert 20 < len(pairs) < 70
    assert all(first != second and speakers[first] == speakers[second] is not None for first, second in pairs)
    assert not any(own[0] in (2, 3) for own in pairs)


def test_units_say_what_is_said() -> None:
    assert learn_units("word", WORDS).symbols == ("a", "bee")
    letters = learn_units("character", WORDS)
    assert letters.symbols == (" ", "a", "b", "e")
    assert letters.encode(["a", "bee"]) == (2, 1, 3, 4, 4) and letters.encode(["c"]) is None
    assert letters.words((3, 4, 4, 1, 2)) == ["bee", "a"]
    assert letters.joined([(2,), (3, 4)]) == (2, 1, 3, 4)
    phones = learn_units("phone", WORDS, LEXICON)
    assert phones.symbols == ("AH|", "AY|", "B", "EY|", "IY|")
    assert phones.pronunciations(LEXICON)["bee"] == ((3, 5),)
    assert unknown_letters(letters, [["bee", "cd"]]).endswith("never told: 'c', 'd'")
    assert unknown_letters(letters, WORDS) == unknown_letters(phones, [["cd"]]) == ""
    assert usual_kinds(WORDS, LEXICON) == ("phone", "character")
    assert usual_kinds(WORDS * 4, None) == ("word", "character")


def test_subwords_spell_words() -> None:
    pytest.importorskip("sentencepiece")
    words = [["seven", "eleven"], ["even", "seventeen"]] * 5
    units = learn_units("subword", words, size=13)
    numbers = units.encode(["seven", "teen"])
    assert numbers is not None and min(numbers) >= 1 and max(numbers) <= 13
    assert units.words(numbers) == ["seven", "teen"]
    assert units.encode(["xylophone"]) is None


def test_a_transcript_needs_a_step_a_unit_and_blanks_between_equal_ones() -> None:
    units = {kind: learn_units(kind, WORDS, LEXICON) for kind in ("character", "phone")}
    targets = Targets([["bee"], ["a", "a"], ["nobody"]], units, LEXICON)
    assert targets.shortest(0) == 4 and targets.shortest(1) == 3
    assert [targets.known(row) for row in range(3)] == [True, True, False]


def test_the_pronunciation_that_was_heard_is_chosen() -> None:
    units = {"phone": learn_units("phone", WORDS, LEXICON)}
    targets = Targets([["bee", "a"], ["a"]], units, LEXICON)
    chosen = torch.zeros(targets.count, dtype=torch.int64)
    heard = [3, 5, 0, 4]  # B IY| blank EY|
    log_probs = torch.full((4, 6), 0.02).index_put((torch.arange(4), torch.tensor(heard)), torch.tensor(0.9)).log()
    targets.choose(0, log_probs, chosen)
    assert chosen.tolist() == [0, 1, 0]
    labels = targets.labels("phone", [(0, 1)], chosen)
    assert labels.values.tolist() == [3, 5, 4, 1] and labels.lengths.tolist() == [4]


def test_greedy_leaves_out_repeats_and_blanks() -> None:
    path = [0, 2, 2, 0, 2, 1, 1, 0]
    log_probs = np.log(np.eye(3, dtype=np.float32)[path] + 0.01)
    assert greedy(log_probs) == [(2, 1, 3), (2, 4, 5), (1, 5, 7)]
    assert greedy(log_probs[:0]) == []


def test_moments_leave_padding_out() -> None:
    values = normal(6, 2, 3)
    values[4:, 1] = 99
    found = moments_of(Padded(values, torch.tensor([6, 4])))
    np.testing.assert_allclose(found.mean[1], values[:4, 1].double().mean(dim=0))
    np.testing.assert_allclose(found.spread[1], values[:4, 1].double().std(dim=0, correction=0))


def test_a_speaker_is_normalised_by_all_that_he_says_shrunk_towards_the_utterance() -> None:
    first, second, other = normal(30, 2), normal(50, 2, seed=1) + 5, normal(20, 2, seed=2)
    frames = Ragged.of([own.numpy() for own in (first, second, other)], 2, dtype=np.float32)
    layer = SpeechNormalisation(2, "speaker", False, shrink=20)
    known = speaker_moments(frames, ["x", "x", None])
    found = layer(frames.batch(np.arange(3)), known)
    both = torch.cat([first, second]).double()
    weight = 20 / (20 + 80)
    mean = weight * first.double().mean(0) + (1 - weight) * both.mean(0)
    square = weight * first.double().square().mean(0) + (1 - weight) * both.square().mean(0)
    wanted = (first.double() - mean) / (square - mean.square()).sqrt()
    np.testing.assert_allclose(found[:30, 0], wanted, atol=1e-5)
    alone = (other.double() - other.double().mean(0)) / other.double().std(0, correction=0)
    np.testing.assert_allclose(found[:20, 2], alone, atol=1e-5)
    assert not found[30:, 0].any()


def test_while_streaming_no_frame_knows_a_later_one() -> None:
    layer = SpeechNormalisation(3, "speaker", True, shrink=10)
    layer.fit(normal(500, 3, seed=4).numpy())
    values, lengths = normal(40, 1, 3), torch.tensor([40])
    whole = layer(Padded(values, lengths), nobody(1, 3))
    changed = values.clone()
    changed[25:] += 100
    np.testing.assert_array_equal(layer(Padded(changed, lengths), nobody(1, 3))[:25], whole[:25])
    first, known = so_far(values[:17], layer.before(nobody(1, 3)))
    second, _ = so_far(values[17:], known)
    np.testing.assert_allclose(torch.cat([first, second]), whole, atol=1e-5)
    t = 9
    count = 10 + t + 1
    mean = (10 * layer.mean + values[: t + 1, 0].double().sum(0)) / count
    square = (10 * layer.square + values[: t + 1, 0].double().square().sum(0)) / count
    np.testing.assert_allclose(whole[t, 0], (values[t, 0].double() - mean) / (square - mean**2).sqrt(), atol=1e-5)


def test_stretched_bands_hear_the_frequencies_they_should() -> None:
    bands = Bands(80, 60.0, 7600.0)
    same = bands.places(torch.tensor([1.0]))
    np.testing.assert_allclose(same[0], np.arange(80), atol=1e-3)

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    centres = [700 * (math.exp((mel(60) + (k + 1) * (mel(7600) - mel(60)) / 81) / 1127) - 1) for k in range(80)]
    wanted = [(mel(1.1 * hertz) - mel(60)) / ((mel(7600) - mel(60)) / 81) - 1 for hertz in centres]
    np.testing.assert_allclose(bands.places(torch.tensor([1.1]))[0, :60], wanted[:60], atol=1e-3)
    assert (torch.diff(bands.places(torch.tensor([0.9, 1.1]))) >= 0).all()
    values, both = torch.arange(80.0).expand(5, 2, 80), bands.places(torch.tensor([1.0, 1.1]))
    np.testing.assert_allclose(stretched(values, both)[3], both, atol=1e-4)


def test_masks_hide_whole_runs_and_nothing_else() -> None:
    torch.manual_seed(0)
    values, lengths = torch.ones(60, 50, 20), torch.tensor([60] * 49 + [30])
    values[30:, 49] = 7
    found = masked_times(values, lengths, torch.tensor([1] * 48 + [0, 1]), width=12)
    hidden = (found == 0).all(dim=2)
    assert ((found == 0) == hidden.unsqueeze(2)).all()
    runs = [sum(1 for own, _ in itertools.groupby(hidden[:, b].tolist()) if own) for b in range(50)]
    assert max(runs) == 1 and not hidden[:, 48].any() and not hidden[30:, 49].any()
    assert 0 < hidden.sum(dim=0).max() <= 12
    bands = masked_bands(values, 2, 0.2)
    hidden = (bands[:30] == 0).all(dim=0)
    assert 0 < hidden.sum(dim=1).max() <= 8
    assert (bands[:, :49][:, :, :] == 0).any() and (bands[30:, 49][:, ~hidden[49]] == 7).all()


def test_noise_adds_energy_at_the_ratio_asked_for() -> None:
    torch.manual_seed(0)
    speech, noise = torch.full((50, 3, 4), 2.0), np.full((7, 4), -3.0, np.float32)
    found = with_noise(Padded(speech, torch.tensor([50, 50, 50])), Ragged.of([noise], 4, dtype=np.float32), 1.0, 10, 10)
    np.testing.assert_allclose(found.values, 2.0 + math.log(1 + 10**-1), atol=1e-5)
    same = with_noise(Padded(speech, torch.tensor([50, 50, 50])), Ragged.of([noise], 4, dtype=np.float32), 0.0, 10, 10)
    np.testing.assert_array_equal(same.values, speech)


def test_nobody_weighs_nothing() -> None:
    layer = SpeechNormalisation(2, "speaker", False, shrink=20)
    batch = Padded(normal(9, 1, 2), torch.tensor([9]))
    other = Moments(torch.zeros(1, dtype=torch.float64), *(torch.full((1, 2), 5.0, dtype=torch.float64),) * 2)
    np.testing.assert_array_equal(layer(batch, nobody(1, 2)), layer(batch, other))
