"""A recogniser learns a toy language, says what it cannot use, and is the same after an interruption and on disk."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

from toys import FEATURES, LEXICON, RATE, SMALL, corpus, spoken  # after the skip: it writes sound

from lstmkit.errors import InputError, ModelFolderError, NotFittedError
from lstmkit.speech import Lexicon, Recognizer, RecognizerSettings, read_audio, read_manifest, score_texts
from lstmkit.speech.decoding import Decoder, DecodingSettings
from lstmkit.training import EpochRecord

SHORT = dataclasses.replace(SMALL, epochs=3, layer_dropout=0.2, output_dropout=0.2, time_masks=1.0, band_masks=1)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("toys")


@pytest.fixture(scope="module")
def learnt(where: Path) -> Recognizer:
    return Recognizer(SMALL, FEATURES).fit(corpus(where, 64, 1), LEXICON, valid=corpus(where, 16, 2))


def test_all_heads_learn_the_toy_language(learnt: Recognizer, where: Path) -> None:
    assert list(learnt.units_) == ["word", "phone", "character"]
    assert learnt.history_[0].valid_loss > 0.5 > 0.2 > learnt.history_[-1].valid_loss
    held = read_manifest(where / "list-2.csv")
    truths, emissions = [str(one.text) for one in held.utterances], learnt.emissions(held)
    assert score_texts(truths, learnt.texts_of(emissions, "word")).wer < 0.1
    assert score_texts(truths, learnt.texts_of(emissions, "character")).cer < 0.2
    assert learnt.score(where / "list-2.csv").wer < 0.1


def test_a_network_that_reads_forwards_only_learns_it_too(where: Path) -> None:
    how = dataclasses.replace(SMALL, streaming=True)
    model = Recognizer(how, FEATURES).fit(corpus(where, 64, 1), LEXICON)
    assert model.score(where / "list-2.csv").wer < 0.2
    assert model.lookahead_ms == how.stack * how.lookahead * FEATURES.shift


def test_emissions_are_logarithms_of_probabilities_for_every_step(learnt: Recognizer) -> None:
    sound = spoken("do re", 1.0, 5)
    (found,) = learnt.emissions(sound)
    frames = 1 + (len(sound) - 200) // 80
    for name, values in found.items():
        assert values.dtype == np.float32
        assert values.shape == (-(-frames // 4), 1 + len(learnt.units_[name].symbols))
        np.testing.assert_allclose(np.exp(values.astype(float)).sum(axis=1), 1, atol=1e-5)
    assert learnt.seconds_per_frame == pytest.approx(0.04)


def test_what_is_heard_does_not_depend_on_what_stands_beside(learnt: Recognizer) -> None:
    sounds = [spoken(text, 1.0, 7) for text in ("do", "do re mi fa", "mi mi")]
    together = learnt.emissions(sounds)
    for own, sound in zip(together, sounds, strict=True):
        for name, values in learnt.emissions(sound)[0].items():
            np.testing.assert_allclose(own[name], values, atol=1e-4)


def test_a_speakers_other_recordings_matter_where_the_speaker_is_named(learnt: Recognizer) -> None:
    sounds = [spoken("do", 0.8, 1), spoken("fa re", 1.2, 2)]
    alone, named, apart = (learnt.emissions(sounds, who)[0]["word"] for who in (None, ["a", "a"], ["a", "b"]))
    assert np.abs(alone - named).max() > 1e-3
    np.testing.assert_allclose(alone, apart, atol=1e-4)


def test_a_model_read_again_hears_the_same(learnt: Recognizer, tmp_path: Path) -> None:
    learnt.save(tmp_path / "model")
    read = Recognizer.load(tmp_path / "model")
    sound = spoken("re mi", 1.0, 3)
    for name, values in learnt.emissions(sound)[0].items():
        np.testing.assert_array_equal(read.emissions(sound)[0][name], values)
    assert read.units_ == learnt.units_ and read.lexicon_ == LEXICON and read.decoding_ == learnt.decoding_
    assert read.transcribe(sound) == learnt.transcribe(sound)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_resumed_training_ends_with_the_same_bits(where: Path, tmp_path: Path, streaming: bool) -> None:
    source = corpus(where, 16, 3)
    model = Recognizer(dataclasses.replace(SHORT, streaming=streaming), FEATURES)

    def stop(record: EpochRecord) -> None:
        if record.epoch == 2:
            raise KeyboardInterrupt

    whole = model.fit(source, LEXICON).network_.state_dict()
    kept = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        model.fit(source, LEXICON, checkpoint=kept, on_epoch=stop)
    resumed = model.fit(source, LEXICON, checkpoint=kept, resume=True).network_.state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not kept.exists()


def test_a_checkpoint_of_other_recordings_is_refused(where: Path, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"

    def stop(record: EpochRecord) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Recognizer(SHORT, FEATURES).fit(corpus(where, 8, 4), LEXICON, checkpoint=kept, on_epoch=stop)
    with pytest.raises(InputError, match="the interrupted run had data"):
        Recognizer(SHORT, FEATURES).fit(corpus(where, 8, 5), LEXICON, checkpoint=kept, resume=True)


@pytest.mark.parametrize("cell", ["gru", "peephole", "mlstm"])
def test_any_cell_trains(where: Path, cell: str) -> None:
    how = dataclasses.replace(SHORT, cell=cell, epochs=1, units=("character",), front="convolution", filters=8)
    model = Recognizer(how, FEATURES).fit(corpus(where, 8, 4))
    assert np.isfinite(model.history_[-1].train_loss)
    assert model.emissions(spoken("do", 1.0, 0))[0]["character"].shape[0] > 5


def test_recordings_too_short_for_their_transcripts_are_named_and_left_out(where: Path, tmp_path: Path) -> None:
    source = corpus(where, 8, 4)
    head, first, *rest = source.read_text().splitlines()
    name = first.split(",")[0]
    changed = where / "long.csv"
    changed.write_text("\n".join([head, f"{name},{'do re mi fa ' * 20},s0", *rest]) + "\n")
    model = Recognizer(dataclasses.replace(SHORT, epochs=1), FEATURES).fit(changed, LEXICON)
    assert list(model.left_out_) == [name]
    (why,) = model.left_out_.values()
    assert "steps are needed for the transcript" in why
    changed.write_text(f"{head}\n{name},{'do re mi fa ' * 20},s0\n")
    with pytest.raises(InputError, match="no recording can be learnt from, first"):
        model.fit(changed, LEXICON)


def test_phones_alone_spell_no_words(where: Path) -> None:
    how = dataclasses.replace(SHORT, epochs=1, units=("phone",))
    with pytest.raises(InputError, match="phones need a lexicon"):
        Recognizer(how, FEATURES).fit(corpus(where, 8, 4))
    with pytest.raises(InputError, match="no pronunciation: 'fa'"):
        Recognizer(how, FEATURES).fit(
            corpus(where, 8, 4), Lexicon({k: v for k, v in LEXICON.words.items() if k != "fa"})
        )
    model = Recognizer(how, FEATURES).fit(corpus(where, 8, 4), LEXICON)
    model.lexicon_ = None
    with pytest.raises(InputError, match="phone spell no words by themselves"):
        model.transcribe(spoken("do", 1.0, 0))


def test_what_cannot_be_used_is_said_in_one_line(learnt: Recognizer, where: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="Recognizer: not fitted yet"):
        Recognizer().transcribe([])
    with pytest.raises(InputError, match="recording 1: samples must be finite numbers in one row"):
        learnt.transcribe(np.full(4000, np.nan))
    with pytest.raises(InputError, match=r"recording 1: .* shorter than a window"):
        learnt.transcribe(np.zeros(10, np.float32))
    with pytest.raises(InputError, match="speakers: 2 for 1 recordings"):
        learnt.transcribe([spoken("do", 1.0, 0)], ["a", "b"])
    with pytest.raises(InputError, match="features must have stack 1"):
        Recognizer(features=dataclasses.replace(FEATURES, stack=3))
    with pytest.raises(InputError, match="least_snr must not be above most_snr"):
        RecognizerSettings(least_snr=40)


def test_a_folder_that_does_not_agree_is_refused(learnt: Recognizer, tmp_path: Path) -> None:
    learnt.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    del config["sha256"]
    config["units"]["word"]["symbols"].append("so")
    path.write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="do not belong together"):
        Recognizer.load(tmp_path / "model")


def test_files_and_their_samples_are_heard_alike(learnt: Recognizer, where: Path) -> None:
    first = read_manifest(where / "list-2.csv").utterances[0]
    own, same = learnt.emissions([first.audio, read_audio(first.audio, FEATURES.rate)])
    np.testing.assert_allclose(own["word"], same["word"], atol=1e-5)


@pytest.mark.parametrize(("front", "normalise"), [("stack", "speaker"), ("convolution", "features")])
def test_a_stream_hears_what_the_whole_says_however_it_is_cut(where: Path, front: str, normalise: str) -> None:
    how = dataclasses.replace(SHORT, streaming=True, front=front, filters=8, normalise=normalise, units=("character",))
    model = Recognizer(how, FEATURES).fit(corpus(where, 8, 4))
    sound = spoken("do re mi", 1.0, 3)
    (whole,) = model.emissions(sound)
    for cuts in ([], [1, 300, 301, 2500], list(range(100, len(sound), 700))):
        stream = model.stream()
        parts = [stream.accept(piece)["character"] for piece in np.split(sound, cuts)]
        parts.append(stream.finish()["character"])
        np.testing.assert_allclose(np.concatenate(parts), whole["character"], atol=1e-4)


def test_a_stream_emits_a_step_once_it_has_heard_its_look_ahead(where: Path) -> None:
    how = dataclasses.replace(SHORT, streaming=True, units=("character",), epochs=1)
    model = Recognizer(how, FEATURES).fit(corpus(where, 8, 4))
    stream, sound = model.stream(), spoken("do re mi fa", 1.0, 3)
    frames = how.stack * (1 + how.lookahead)
    samples = round(RATE * (FEATURES.window + (frames - 1) * FEATURES.shift) / 1000)
    assert len(stream.accept(sound[: samples - 1])["character"]) == 0
    assert len(stream.accept(sound[samples - 1 : samples])["character"]) == 1
    assert model.lookahead_ms == how.stack * how.lookahead * FEATURES.shift


def test_a_network_of_both_directions_cannot_stream(learnt: Recognizer) -> None:
    assert learnt.lookahead_ms is None
    with pytest.raises(InputError, match="reads recordings from both ends"):
        learnt.stream()


def test_a_search_over_all_heads_finds_words_of_the_lexicon(learnt: Recognizer) -> None:
    decoder = learnt.decoder()
    (emissions,) = learnt.emissions(spoken("mi fa do", 1.0, 21))
    segment = decoder.decode(emissions)
    assert [word.text for word in segment.words] == ["mi", "fa", "do"]
    starts = [0.1 + 0.24 * k for k in range(3)]
    for word, start in zip(segment.words, starts, strict=True):
        assert abs(word.start - start) < 0.2


def test_a_head_that_does_not_count_finds_what_a_head_of_words_judges(learnt: Recognizer) -> None:
    emissions = learnt.emissions([spoken("mi fa do", 1.0, 21)])[0]
    heads = {name: head for name, head in learnt.decoder().heads.items() if name != "phone"}
    how = DecodingSettings(heads={"word": 1.0, "character": 0.0})
    found = Decoder(heads, learnt.seconds_per_frame, settings=how).decode(emissions)
    assert found.text == "mi fa do"


def test_a_streaming_network_knows_what_a_speaker_said_before_and_nothing_later(where: Path) -> None:
    how = dataclasses.replace(SHORT, streaming=True, units=("character",))
    model = Recognizer(how, FEATURES).fit(corpus(where, 8, 4))
    sounds = [spoken(text, 0.8, 3) for text in ("do re", "mi", "fa do")]
    named = [own["character"] for own in model.emissions(sounds, ["a", "b", "a"])]
    alone = [own["character"] for own in model.emissions(sounds)]
    np.testing.assert_allclose(named[0], alone[0], atol=1e-4)
    np.testing.assert_allclose(named[1], alone[1], atol=1e-4)
    assert np.abs(named[2] - alone[2]).max() > 1e-3
    stream, heard = model.stream(), []
    for sound in (sounds[0], sounds[2]):
        parts = [stream.accept(sound)["character"], stream.finish()["character"]]
        heard.append(np.concatenate(parts))
    np.testing.assert_allclose(heard[0], named[0], atol=1e-4)
    np.testing.assert_allclose(heard[1], named[2], atol=1e-4)
