"""Emissions searched as they come: the same whatever the chunks, final words stay, utterances end by rule."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from test_decoding_joint import HEADS, NAMES, heard

from lstmkit import InputError
from lstmkit.speech import score_texts, word_ngrams
from lstmkit.speech.decoding import Decoder, DecodingSettings
from lstmkit.speech.decoding.beam import BeamSearch
from lstmkit.speech.listening.stream import EndPoints, RecognizerStream

SECONDS = 0.03


class Given:
    """Emissions that are known beforehand: a frame for each sample."""

    block = 1

    def __init__(self, emissions: Mapping[str, np.ndarray]) -> None:
        self.emissions, self.at = emissions, 0
        self.told: list[tuple[str, int]] = []

    def accept(self, samples: np.ndarray) -> Mapping[str, np.ndarray]:
        begin, self.at = self.at, self.at + len(samples)
        return {name: own[begin : self.at] for name, own in self.emissions.items()}

    def finish(self) -> Mapping[str, np.ndarray]:
        return self.accept(np.zeros(2))

    def remember(self) -> None:
        self.told.append(("remember", self.at))

    def forget(self) -> None:
        self.told.append(("forget", self.at))


def talk(parts: list[tuple[str, int]], noise: float) -> dict[str, np.ndarray]:
    """Return emissions of sentences, each after so many frames of silence."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in HEADS}
    for number, (text, silence) in enumerate(parts):
        own = heard(text.split(), number, noise) if text else {}
        for name, rows in found.items():
            width = 1 + len(HEADS[name].symbols)
            quiet = np.full((silence, width), -9.0, np.float32)
            quiet[:, 0] = -0.001
            rows += [quiet, own[name]] if text else [quiet]
    return {name: np.concatenate(rows) for name, rows in found.items()}


def decoder() -> Decoder:
    lm = word_ngrams(["bad dad", "each head", "face a beach", "gab"], order=2)
    return Decoder(HEADS, SECONDS, NAMES, lm, settings=DecodingSettings(language=0.3))


def run(emissions: Mapping[str, np.ndarray], chunks: list[int], ends: EndPoints | None = None):
    """Return the segments, and the partial results after every chunk."""
    stream = RecognizerStream(Given(emissions), decoder(), ends)
    segments, partials = [], []
    for size in chunks:
        ended = stream.accept(np.zeros(size))
        segments += ended
        partials.append((len(segments), stream.partial))
    return segments + stream.finish(), partials


PARTS = [("bad dad", 5), ("each head face", 40), ("gab a", 10), ("", 100), ("beach", 0), ("", 60)]


@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_chunks_change_nothing_and_final_words_stay(noise):
    emissions = talk(PARTS, noise)
    total = len(emissions["word"]) - 2
    whole, _ = run(emissions, [total])
    generator = np.random.default_rng(0)
    for _ in range(4):
        sizes = []
        while sum(sizes) < total:
            sizes.append(min(int(generator.integers(0, 30)), total - sum(sizes)))
        found, partials = run(emissions, sizes)
        assert found == whole
        before: dict[int, tuple[str, ...]] = {}
        for number, partial in partials:
            assert partial.final[: len(before.get(number, ()))] == before.get(number, ())
            before[number] = partial.final
        for number, final in before.items():
            if number < len(whole):
                assert tuple(word.text for word in whole[number].words)[: len(final)] == final


def test_utterances_end_after_silence():
    emissions = talk(PARTS, 0.3)
    segments, partials = run(emissions, [1] * (len(emissions["word"]) - 2))
    assert [segment.text for segment in segments] == ["bad dad", "each head face gab a", "beach"]
    for segment in segments:
        assert all(segment.start <= word.start < word.end <= segment.end for word in segment.words)
        assert segment.end - segment.words[-1].end <= 0.8 + 2 * SECONDS
    assert any(partial.tentative for _, partial in partials) and any(partial.final for _, partial in partials)
    whole, _ = run(emissions, [len(emissions["word"])], EndPoints(after=5, before=5, longest=500))
    assert [segment.text for segment in whole] == ["bad dad each head face gab a beach"]


def test_silence_alone_ends_nothing_and_long_talk_is_cut():
    nothing = talk([("", 500)], 0.0)
    assert run(nothing, [500])[0] == []
    long = talk([(" ".join(["bad dad"] * 60), 0)], 0.3)
    segments, _ = run(long, [len(long["word"])], EndPoints(longest=6.0))
    assert all(segment.end - segment.start <= 6.0 + SECONDS for segment in segments) and len(segments) > 3
    with pytest.raises(InputError, match="EndPoints: after must be more than 0; got 0"):
        EndPoints(after=0)


def test_a_long_utterance_is_understood_by_all_heads_in_parts():
    generator = np.random.default_rng(4)
    said = [("bad dad", "each head", "face a beach", "gab")[k] for k in generator.integers(0, 4, 40)]
    emissions = talk([(text, 7) for text in said], 2.0)
    frames = len(emissions["word"])
    assert frames * SECONDS > 15
    ends = EndPoints(before=60, after=5, longest=60)
    (segment,), partials = run(emissions, [10] * (frames // 10), ends)
    truth = [" ".join(said)]
    alone = BeamSearch(decoder().judges.searched["word"])
    alone.accept(emissions["word"])
    found = (segment.text, decoder().decode(emissions).text, " ".join(alone.best()[0].words))
    streamed, whole, one_head = (score_texts(truth, [text]).wer for text in found)
    assert streamed <= whole + 0.02 and streamed < one_head
    final = [partial.final for _, partial in partials]
    assert all(after[: len(before)] == before for before, after in itertools.pairwise(final))
    assert any(len(one) > 20 for one in final)
    starts = [word.start for word in segment.words]
    assert starts == sorted(starts) and segment.end == pytest.approx(frames * SECONDS)


@pytest.mark.parametrize("chunks", [[1], [7], [400]])
def test_what_was_heard_while_nobody_spoke_is_forgotten_at_the_same_frames(chunks: list[int]) -> None:
    emissions = talk([("", 170), ("bad dad", 20), ("", 140), ("beach", 0), ("", 30)], 0.3)
    network = Given(emissions)
    stream, frames = RecognizerStream(network, decoder()), len(emissions["word"])
    for _ in range(-(-frames // chunks[0])):
        stream.accept(np.zeros(min(chunks[0], frames - network.at)))
    stream.finish()
    assert network.told[:2] == [("forget", 80), ("forget", 160)]  # 2.4 s each
    (first, second) = (at for what, at in network.told if what == "remember")
    spoken = first - 27  # 0.8 s after the last word
    assert 180 < spoken < second - 27 and ("forget", first + 80) in network.told
