"""A translator: it learns, translates, goes on where it was interrupted, and is the same after it was loaded."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from parallel import SMALL, WORDS, lines, translated

from damage import check_all
from lstmkit import InputError
from lstmkit.errors import NotFittedError
from lstmkit.language.neural.network import precision_note
from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate import Manner, SearchSettings, Translator
from lstmkit.language.translate.reading.lines import Lines
from lstmkit.language.writing import SamplingSettings

TINY = dataclasses.replace(SMALL, embedding_size=4, hidden_size=4, epochs=2)


def right(model: Translator, own: Lines, search: SearchSettings | None = None) -> float:
    found = model.translate(own.source, search)
    return sum(a == b for a, b in zip(found, own.target, strict=True)) / len(own)


def test_a_small_language_is_learnt_with_its_order(translator):
    assert right(translator, lines(100, 2)) > 0.9
    assert right(translator, lines(100, 2), SearchSettings(width=1)) > 0.8


def test_attention_finds_the_words_that_belong_together(translator):
    own = lines(40, 3)
    good = total = 0
    for text, found in zip(own.source, translator.search(own.source, Manner(SearchSettings())), strict=True):
        count = len(text.split())
        if found[0].text == translated(text):
            total += count
            good += sum(i + j == count - 1 for i, j in found[0].links)
            assert found[0].attention.shape == (count, count)
            np.testing.assert_allclose(found[0].attention.sum(1), 1, rtol=1e-5)
    assert total > 50 and good > 0.8 * total


def test_translations_do_not_depend_on_what_else_is_translated(translator):
    own = lines(30, 4).source
    together = translator.translate(own)
    assert [translator.translate(text)[0] for text in own] == together
    assert translator.translate([*own[::-1], ""]) == [*together[::-1], ""]


def test_blank_lines_stay_blank_and_long_ones_are_translated_in_parts(translator):
    assert translator.sides_.longest == 6
    first, second = "the red dog runs now here", "the old cat"
    found = translator.search([f"{first} {second}", "  "], Manner(SearchSettings()))
    whole = found[0][0]
    assert whole.text == f"{translated(first)} {translated(second)}" and whole.attention is None
    assert [own < 6 for own, _ in whole.links] == [other < 6 for _, other in whole.links]  # part to part
    assert found[1][0].text == "" and found[1][0].ended
    assert len(translator.translate(" ".join(["dog"] * 10_000))[0].split()) > 5_000


def test_several_translations_prefixes_and_copies(translator):
    found = translator.search(["the red zebra"], Manner(SearchSettings(best=4)))[0]
    assert len(found) == 4 and [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert len({one.text for one in found}) == 4
    assert all(text.startswith("katze haus") for text in translator.translate(["the dog", "a"], prefix="katze haus"))


def test_several_translators_answer_as_one(translator):
    own = lines(10, 6).source
    one, two = (translator.search(own, Manner(SearchSettings()), also) for also in ((), (translator, translator)))
    for alone, together in zip(one, two, strict=True):
        assert alone[0].text == together[0].text
        assert alone[0].log_prob == pytest.approx(together[0].log_prob, rel=1e-4)
        np.testing.assert_allclose(alone[0].attention, together[0].attention, rtol=1e-4, atol=1e-6)
    other = Translator("word", TINY).fit_lines(lines(30), lines(5, 1))
    with pytest.raises(InputError, match="model 2: has other vocabularies than the first"):
        translator.search(own, Manner(SearchSettings()), [other])


def test_what_is_drawn_is_the_same_for_the_same_seed(translator):
    own = lines(20, 5).source
    hot = SamplingSettings(temperature=3.0)
    one, two = (translator.sample(own, hot, seed) for seed in (1, 2))
    assert one == translator.sample(own, hot, 1) and one != two
    assert translator.sample(own, SamplingSettings(temperature=0.0)) == translator.translate(own, SearchSettings(1))


@pytest.mark.parametrize("unit", ["word", "character", "subword"])
@pytest.mark.parametrize("joint", [True, False])
def test_a_loaded_model_translates_as_before(unit, joint, tmp_path):
    if unit == "subword":
        pytest.importorskip("sentencepiece", reason="the extra text is not installed")
    how = dataclasses.replace(TINY, sampling=0.2 if unit == "subword" else 0.0)
    model = Translator(unit, how, VocabularySettings(), joint, True, seed=3)
    model.fit_lines(lines(60), lines(10, 1))
    model.save(tmp_path / "model")
    loaded = Translator.load(tmp_path / "model")
    own = lines(10, 2)
    assert loaded.translate(own.source) == model.translate(own.source)
    assert loaded.loss(own) == model.loss(own) and repr(loaded) == repr(model)
    assert loaded.history_ == model.history_ and loaded.sides_.joint == joint
    assert loaded.sides_.otherwise(own.target) == model.sides_.otherwise(own.target)


def test_every_damage_to_a_folder_is_answered_in_a_line(tmp_path):
    Translator("word", TINY, joint=False).fit_lines(lines(40), lines(5, 1)).save(tmp_path / "model")

    def use() -> None:
        model = Translator.load(tmp_path / "model")
        assert np.isfinite(model.loss(lines(5, 1)))
        model.translate(["x"], SearchSettings(2, times=1.0, more=1))

    found = check_all(tmp_path / "model", use)
    needed = ("unit", "settings", "vocabulary", "joint", "lowercase", "seed", "target", "history", "trained_on")
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(
        line for name, line in found.items() if name.startswith(("network.", "shares.")) and name.endswith("NaN")
    )


class StoppedError(Exception):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("sampling", [0.0, 0.3])
def test_an_interrupted_training_goes_on_bit_for_bit(sampling, tmp_path):
    unit = "word"
    if sampling:
        pytest.importorskip("sentencepiece", reason="the extra text is not installed")
        unit = "subword"
    how = dataclasses.replace(TINY, epochs=4, sampling=sampling, input_dropout=0.2, word_dropout=0.1, average=0.9)
    words = VocabularySettings()

    def stop(record):
        if record.epoch == 2:
            raise StoppedError

    def fitted(**given):
        return Translator(unit, how, words).fit_lines(lines(60), lines(10, 1), **given)

    whole, path = fitted(), tmp_path / "checkpoint"
    with pytest.raises(StoppedError):
        fitted(on_epoch=stop, checkpoint=path)
    resumed = fitted(checkpoint=path, resume=True)
    for name, own in whole.network_.state_dict().items():
        assert torch.equal(own, resumed.network_.state_dict()[name]), name
    with pytest.raises(InputError, match="the interrupted run had"):
        Translator(unit, dataclasses.replace(how, hidden_dropout=0.1), words).fit_lines(
            lines(60), lines(10, 1), checkpoint=path, resume=True
        )


def test_pairs_may_come_as_lists_or_as_files(tmp_path):
    own = lines(60)
    for name, texts in (("a", own.source), ("b", own.target)):
        (tmp_path / name).write_text("\n".join(texts) + "\n")
    by_files = Translator("word", TINY).fit(tmp_path / "a", str(tmp_path / "b"))
    by_lists = Translator("word", TINY).fit(own.source, own.target)
    assert by_files.history_[-1].valid_loss == by_lists.history_[-1].valid_loss
    assert by_files.trained_on_ == 57
    with pytest.raises(InputError, match="one is a file, the other is none"):
        Translator("word", TINY).fit(tmp_path / "a", own.target)


def test_pairs_that_are_too_long_are_left_out():
    own = lines(40)
    long = Lines([*own.source, "dog " * 300], [*own.target, "hund"])
    model = Translator("word", TINY).fit_lines(long, lines(5, 1))
    assert (model.left_out_, model.trained_on_) == (1, 40)
    with pytest.raises(InputError, match="every pair has a side of more than 1 words"):
        Translator("word", dataclasses.replace(TINY, longest=1)).fit_lines(own, lines(5, 1))


def test_what_cannot_be_used_is_said():
    with pytest.raises(NotFittedError):
        Translator().translate("a")
    with pytest.raises(InputError, match="unit 'letter' is not one of"):
        Translator("letter")
    with pytest.raises(InputError, match=r"sampling 0.1 is for sub-words"):
        Translator("word", dataclasses.replace(TINY, sampling=0.1))
    with pytest.raises(InputError, match="2 pairs are too few to hold back"):
        Translator("word", TINY).fit(["a", "b"], ["c", "d"])
    with pytest.raises(InputError, match="joint must be True or False"):
        Translator(joint="yes")


def test_texts_that_are_none_are_refused(translator):
    with pytest.raises(InputError, match="text 2 must be a string; got int"):
        translator.translate(["a", 3])
    assert set(WORDS.values()) <= set(translator.sides_.target.symbols)


def test_a_processor_without_bfloat16_is_said():
    note = precision_note("bfloat16")
    with pytest.warns(UserWarning, match=note) if note else nullcontext():
        Translator("word", dataclasses.replace(TINY, precision="bfloat16", epochs=1)).fit(["a b"] * 20, ["b a"] * 20)
