"""A recogniser that learnt a toy language writes down recordings, short, long, and as they come."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

import soundfile
from toys import FEATURES, LEXICON, RATE, SMALL, corpus, spoken, texts  # after the skip: it writes sound

from lstmkit.errors import InputError, NotFittedError
from lstmkit.speech import Recognizer, frames_of, read_manifest, score_texts
from lstmkit.speech.decoding import DecodingSettings, Hotwords
from lstmkit.speech.listening import EndPoints, RecognizerStream, Session, Transcriber
from lstmkit.speech.listening.detector import SpeechDetector

FRONTS = {"stack": {}, "convolution": {"front": "convolution", "filters": 24, "reach": 3}}


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoken")


@pytest.fixture(scope="module")
def learnt(where: Path) -> Recognizer:
    return Recognizer(SMALL, FEATURES).fit(corpus(where, 64, 1), LEXICON)


@pytest.fixture(scope="module")
def streaming(where: Path) -> Recognizer:
    how = dataclasses.replace(SMALL, streaming=True)
    return Recognizer(how, FEATURES).fit(corpus(where, 64, 1), LEXICON)


def talk(seed: int, count: int, pause: float) -> tuple[np.ndarray, list[str]]:
    """Return sentences of one voice with pauses of so many seconds after each, and what they are."""
    said, noise = texts(count, seed), np.random.default_rng(seed)
    parts = []
    for number, text in enumerate(said):
        parts += [spoken(text, 1.0, number), 0.003 * noise.normal(size=round(pause * RATE))]
    return np.concatenate(parts).astype(np.float32), said


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("normalise", ["speaker", "features"])
def test_a_stream_hears_what_the_whole_recording_says_bit_for_bit_whatever_the_chunks(where, front, normalise):
    how = dataclasses.replace(SMALL, streaming=True, epochs=1, normalise=normalise, **FRONTS[front])
    model = Recognizer(how, FEATURES).fit(corpus(where, 16, 3), LEXICON)
    for text in ("do", "do re mi fa re"):
        sound = spoken(text, 1.0, 3)[:-77]
        whole = model.emissions(sound)[0]
        first = None
        for chunk in (10**6, 100, 1777):
            stream = model.stream()
            parts = [stream.accept(sound[k : k + chunk]) for k in range(0, len(sound), chunk)] + [stream.finish()]
            found = {name: np.concatenate([part[name] for part in parts]) for name in whole}
            first = first or found
            for name, values in whole.items():
                np.testing.assert_allclose(found[name], values, atol=1e-4)
                np.testing.assert_array_equal(found[name], first[name])


def test_short_recordings_are_written_down_by_all_heads(learnt, where):
    corpus(where, 24, 2)
    manifest = read_manifest(where / "list-2.csv")
    writer = Transcriber(learnt)
    found = [writer.transcribe(one.audio) for one in manifest.utterances]
    assert score_texts([one.text for one in manifest.utterances], [one.text for one in found]).wer < 0.05
    assert all(0 <= word.start < word.end <= one.seconds + 0.05 for one in found for word in one.words)
    assert all(0 < word.confidence <= 1 for one in found for word in one.words)
    assert all(one.segments[0].alternatives[0].text == one.text for one in found)


def test_a_long_recording_is_cut_at_pauses_and_its_times_are_those_of_the_file(learnt, where):
    sound, said = talk(7, 40, 0.4)
    soundfile.write(where / "long.flac", sound, RATE)
    writer = Transcriber(learnt)
    found = writer.transcribe(where / "long.flac")
    assert found.seconds == pytest.approx(len(sound) / RATE)
    assert len(found.segments) >= 2 and max(one.end - one.start for one in found.segments) < 20.1
    assert score_texts([" ".join(said)], [found.text]).wer < 0.05
    starts = [word.start for word in found.words]
    assert starts == sorted(starts) and starts[-1] > found.seconds - 3
    part = writer.transcribe(where / "long.flac", start=10.0, end=14.0)
    assert all(9.9 <= word.start < word.end <= 14.1 for word in part.words) and part.words


def test_a_streaming_network_writes_the_same_live_as_from_the_file(streaming, where):
    sound, said = talk(8, 6, 1.0)
    soundfile.write(where / "talk.flac", sound, RATE)
    sound = soundfile.read(where / "talk.flac", dtype="float32")[0]
    writer = Transcriber(streaming)
    whole = writer.transcribe(where / "talk.flac")
    assert len(whole.segments) == len(said)
    assert score_texts(said, [one.text for one in whole.segments]).wer < 0.15
    generator = np.random.default_rng(0)
    for _ in range(2):
        edges = np.sort(generator.integers(0, len(sound), 70))
        partials = []
        live = tuple(writer.listen(np.split(sound, edges), told=partials.append))
        assert live == whole.segments
        assert any(partial.tentative for partial in partials)
    few = list(writer.stream(EndPoints(after=30.0, before=30.0, longest=60.0)).accept(sound))
    assert few == []


def test_a_long_silence_is_not_taken_for_the_speaker(where):
    how = dataclasses.replace(SMALL, streaming=True)
    model = Recognizer(how, FEATURES).fit(corpus(where, 64, 1), LEXICON)
    room = 0.003 * np.random.default_rng(3).normal(size=30 * RATE).astype(np.float32)
    for silence in (np.zeros(30 * RATE, np.float32), room):
        network = model.stream()
        stream = RecognizerStream(network, Transcriber(model).decoder)
        before = float(network.heard.frames[0])
        assert stream.accept(silence) == []
        assert 0 <= float(network.heard.frames[0]) - before <= 2.4 / 0.01 + how.stack  # not of 30 s
        found = [*stream.accept(talk(11, 4, 1.2)[0]), *stream.finish()]
        assert found and float(network.heard.frames[0]) - before > 300


def test_a_network_that_reads_both_ways_hears_utterances_when_they_have_ended(learnt):
    sound, said = talk(9, 5, 1.2)
    quiet = 0.003 * np.random.default_rng(0).normal(size=2 * RATE).astype(np.float32)
    blocks = np.split(np.concatenate([quiet, sound]), range(500, len(sound), 3000))
    found = list(Transcriber(learnt).listen(blocks))
    assert len(found) == len(said) and score_texts(said, [one.text for one in found]).wer < 0.15
    with pytest.raises(InputError, match="stream: this network reads recordings from both ends"):
        Transcriber(learnt).stream()


def test_what_was_heard_before_makes_a_speaker_comparable(learnt):
    """A session's statistics are those of all that was heard, as the recogniser takes those of a named speaker."""
    sounds = [spoken("do fa mi", 0.8, 1), spoken("re", 0.8, 2)]
    session = Session()
    frames = [frames_of(sound, learnt.features) for sound in sounds]
    session.heard(frames[0])
    moments = session.heard(frames[1])
    both = np.concatenate(frames).astype(np.float64)
    assert float(moments.frames[0]) == len(both)
    np.testing.assert_allclose(moments.mean[0].numpy(), both.mean(axis=0))
    np.testing.assert_allclose(moments.square[0].numpy(), (both**2).mean(axis=0))


def test_hotwords_and_settings_reach_the_search(learnt):
    sound = spoken("do re", 1.0, 5)
    hot = Transcriber(learnt, hotwords=Hotwords({"mi": 60.0}), settings=DecodingSettings(least=-60.0, margin=1000))
    assert "mi" in hot.transcribe(sound).text.split()
    with pytest.raises(InputError, match="hotwords: 1 words cannot be written by this model, first 'sol'"):
        Transcriber(learnt, hotwords=Hotwords({"sol": 1.0}))


def test_what_cannot_be_written_down_is_refused(learnt):
    with pytest.raises(NotFittedError, match="Recognizer: not fitted yet; call fit first"):
        Transcriber(Recognizer(SMALL, FEATURES))
    with pytest.raises(InputError, match="the recording: samples must be finite numbers in one row, 8,000 a second"):
        Transcriber(learnt).transcribe(np.full(800, np.nan))
    with pytest.raises(InputError, match="the detector of speech hears 16,000 samples a second, this recogniser 8,000"):
        Transcriber(learnt).transcribe(spoken("do", 1.0, 1), detector=SpeechDetector.__new__(SpeechDetector))


def test_where_nobody_speaks_nothing_is_written(learnt):
    noise = 0.1 * np.random.default_rng(0).normal(size=4 * RATE)
    for sound in (np.zeros(10), np.zeros(2 * RATE), noise, 0.2 * np.sin(np.arange(2 * RATE))):
        found = Transcriber(learnt).transcribe(sound)
        assert found.text == "" and found.seconds == len(sound) / RATE
