"""The hidden Markov model: its paths, densities and search against trying everything, and learning end to end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.errors import NotFittedError
from lstmkit.language.ngrams import NGramPredictor
from lstmkit.sequences import Ragged
from lstmkit.speech import HmmRecogniser, HmmSettings, Lexicon, SearchSettings, score_texts, word_ngrams
from lstmkit.speech.hmm.alignment import transcript_graph
from lstmkit.speech.hmm.decoding import WordNetwork
from lstmkit.speech.hmm.mixtures import Mixtures, reestimated, single, split
from lstmkit.speech.paths import START, best_paths

SILENCE = np.array([0])
WORDS = {"a": [np.array([1]), np.array([2, 3])], "b": [np.array([3, 1])]}
STAY = np.array([0.6, 0.5, 0.7, 0.4], np.float32)


def by_trying(words: list[str], scores: np.ndarray) -> tuple[float, list[int]]:
    """Return the best score and states of a transcript, over all pronunciations, silences and durations."""
    best = (-np.inf, [])
    for spoken in itertools.product(*(WORDS[w] for w in words)):
        for silences in itertools.product([0, 1], repeat=len(words) + 1):
            chain = [0] * silences[0]
            for own, quiet in zip(spoken, silences[1:], strict=True):
                chain += [*own.tolist(), *[0] * quiet]
            for cuts in itertools.combinations(range(1, len(scores)), len(chain) - 1):
                bounds = [0, *cuts, len(scores)]
                states = [s for s, (b, e) in zip(chain, itertools.pairwise(bounds), strict=True) for _ in range(e - b)]
                score = sum(scores[t, s] for t, s in enumerate(states))
                lasts = [(s, e - b - 1) for s, (b, e) in zip(chain, itertools.pairwise(bounds), strict=True)]
                score += sum(n * np.log(STAY[s]) for s, n in lasts) + sum(np.log1p(-STAY[s]) for s, _ in lasts[:-1])
                best = max(best, (score, states))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_paths_are_the_best_of_all(seed):
    generator = np.random.default_rng(seed)
    told, scores = [["a", "b"], ["b"], ["a"]], [generator.normal(0, 3, (T, 4)).astype(np.float32) for T in (7, 5, 6)]
    graphs = [transcript_graph(words, WORDS, SILENCE) for words in told]
    found = best_paths(graphs, [own[:, g.states] for own, g in zip(scores, graphs, strict=True)], STAY)
    for words, own, graph, path in zip(told, scores, graphs, found, strict=True):
        assert path is not None
        nodes, begins = path
        assert graph.states[nodes].tolist() == by_trying(words, own)[1]
        assert begins.tolist() == [1, *(np.diff(nodes) != 0).astype(int)]


def test_what_is_too_long_for_its_frames_has_no_path():
    graph = transcript_graph(["b", "b"], WORDS, SILENCE)
    scores = np.zeros((3, len(graph.states)), np.float32)
    assert best_paths([graph], [scores], STAY) == [None]
    assert START in graph.before[0]


def test_densities_are_those_of_normal_distributions():
    generator = np.random.default_rng(0)
    mixtures = Mixtures(
        generator.normal(size=(2, 3, 4)).astype(np.float32),
        generator.uniform(0.5, 2, (2, 3, 4)).astype(np.float32),
        np.log(np.array([[0.2, 0.3, 0.5], [1, 0, 0]], np.float32) + np.float32(1e-30)),
    )
    frames = generator.normal(size=(5, 4)).astype(np.float32)
    density = np.exp(-0.5 * (frames[:, None, None] - mixtures.means) ** 2 / mixtures.variances)
    density = (density / np.sqrt(2 * np.pi * mixtures.variances)).prod(axis=3)
    expected = np.log((density * np.exp(mixtures.log_weights)).sum(axis=2))
    np.testing.assert_allclose(mixtures.scores(frames, np.array([0, 1])), expected, rtol=1e-4)
    np.testing.assert_allclose(mixtures.scores(frames, np.array([1])), expected[:, 1:], rtol=1e-4)


def test_splitting_and_learning_find_two_heaps():
    generator = np.random.default_rng(1)
    frames = np.concatenate([generator.normal(-3, 0.5, (300, 2)), generator.normal(3, 1, (100, 2))]).astype(np.float32)
    states = np.zeros(400, np.int64)
    mixtures = single(frames, states, 2)
    np.testing.assert_allclose(mixtures.means[0, 0], frames.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(mixtures.variances[0, 0], frames.var(axis=0), rtol=1e-3)
    before = mixtures.scores(frames, np.array([0])).mean()
    mixtures = split(mixtures, states, 2)
    for _ in range(10):
        mixtures = reestimated(mixtures, frames, states)
        after = mixtures.scores(frames, np.array([0])).mean()
        assert after >= before - 1e-4  # never less likely
        before = after
    order = np.argsort(mixtures.means[0, :, 0])
    np.testing.assert_allclose(
        mixtures.means[0, order], [frames[:300].mean(axis=0), frames[300:].mean(axis=0)], atol=0.02
    )
    np.testing.assert_allclose(np.exp(mixtures.log_weights[0, order]), [0.75, 0.25], atol=0.01)
    assert np.isinf(mixtures.log_weights[1, 1])  # a state without frames is not split


def best_words(scores: np.ndarray, lm: NGramPredictor, weight: float, bonus: float) -> list[str]:
    """Return the words of the best path of up to three words, by trying them."""
    found = []
    for count in (1, 2, 3):
        for words in itertools.product("ab", repeat=count):
            score, _ = by_trying(list(words), scores)
            context, total = lm.begin(), 0.0
            for word in words:
                token = lm.tokens.symbols.index(word)
                total += float(lm.next_log_probs(context)[token])
                context = lm.advance(context, token)
            total += float(lm.next_log_probs(context)[lm.tokens.end])
            # Leaving the last state is part of the search, and the same for every last state here.
            found.append((score + weight * total + bonus * count, list(words)))
    return max(found)[1]


@pytest.mark.parametrize("seed", range(6))
def test_the_search_finds_the_best_words(seed, monkeypatch):
    monkeypatch.setattr(f"{__name__}.STAY", np.full(4, 0.5, np.float32))
    scores = np.random.default_rng(seed).normal(0, 3, (6, 4)).astype(np.float32)
    lm = word_ngrams(["a b a", "b a", "a a b b", "b"], order=2)
    network = WordNetwork(WORDS, SILENCE, STAY, lm)
    found = network.search(scores, SearchSettings(language=1.5, bonus=-0.5, beam=1e4))
    assert [one.word for one in found] == best_words(scores, lm, 1.5, -0.5)
    bounds = [(one.begin, one.end) for one in found]
    assert all(begin < end for begin, end in bounds)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(bounds)) and bounds[-1][1] <= 6


LEXICON = Lexicon({"ma": (("M", "A"),), "am": (("A", "M"),), "so": (("S", "O"), ("O", "S"))})
CENTRES = {"": (0, 0), "M": (4, 0), "A": (0, 4), "S": (-4, 0), "O": (0, -4)}


def speech(seed: int, count: int, several: bool = True) -> tuple[Ragged, list[str]]:
    """Return frames of sentences whose phones lie in different places, and the sentences.

    several  whether words are spoken in all their ways, or only in the first
    """
    generator = np.random.default_rng(seed)
    sequences, texts = [], []
    for _ in range(count):
        words = generator.choice(["ma", "am", "so"], generator.integers(1, 5)).tolist()
        spoken = [""]
        for word in words:
            own = LEXICON.words[word]
            spoken += [*own[generator.integers(len(own)) if several else 0], *[""] * generator.integers(2)]
        spoken.append("")
        lengths = generator.integers(5, 12, len(spoken))
        means = np.repeat([CENTRES[phone] for phone in spoken], lengths, axis=0)
        sequences.append(means + generator.normal(0, 0.7, means.shape))
        texts.append(" ".join(words))
    return Ragged.of(sequences, 2, dtype=np.float32), texts


@pytest.mark.parametrize("lexicon", [LEXICON, None], ids=["phones", "words"])
def test_words_that_were_never_heard_by_a_model_are_recognised(lexicon):
    frames, texts = speech(0, 60, lexicon is not None)
    told: list[str] = []
    settings = HmmSettings(mixtures=2, rounds=3, word_frames=3.0)
    model = HmmRecogniser(settings).fit(frames, texts, lexicon, told=told.append)
    assert model.left_out_ == [] and len(told) == 12
    likely = [float(line.split(": ")[1].split()[0]) for line in told]
    assert likely[-1] > likely[0]
    tried, truths = speech(1, 20, lexicon is not None)
    found = model.transcribe(tried, word_ngrams(texts, lexicon, 1), search=SearchSettings(language=2.0))
    assert score_texts(truths, [" ".join(w.word for w in own) for own in found]).wer < 0.05


def test_a_word_lasts_as_long_as_it_is_said_and_not_the_silence_around_it():
    lm = word_ngrams(["a", "b", "a b"], order=1)
    network = WordNetwork({"a": [np.array([1, 2])], "b": [np.array([3])]}, SILENCE, STAY, lm)
    said = np.array([0, 0, 1, 1, 2, 0, 0, 0, 3, 3, 1, 2, 2, 0, 0])
    scores = np.where(said[:, None] == np.arange(4), 0, -50).astype(np.float32)
    found = network.search(scores, SearchSettings(language=1.0))
    assert found == [("a", 2, 5), ("b", 8, 10), ("a", 10, 13)]


def test_statistics_of_a_speaker_undo_what_the_microphone_did():
    frames, texts = speech(0, 60)
    model = HmmRecogniser(HmmSettings(mixtures=1, rounds=3)).fit(frames, texts, LEXICON, ["x"] * 60)
    tried, _ = speech(1, 20)
    moved = Ragged(3 * tried.values + 50, tried.offsets)
    lm = word_ngrams(texts, LEXICON, 1)
    found = [model.transcribe(own, lm, ["y"] * 20, SearchSettings(language=2.0)) for own in (tried, moved)]
    assert found[0] == found[1]


def test_recordings_that_are_too_short_for_their_text_are_left_out():
    frames, texts = speech(0, 20)
    short = Ragged.of([np.zeros((4, 2))], 2, dtype=np.float32)
    model = HmmRecogniser(HmmSettings(mixtures=1, rounds=1)).fit(frames.joined(short), [*texts, "ma am so"], LEXICON)
    assert model.left_out_ == [20]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ma"], "hidden Markov model: 2 recordings, 1 texts; give one for each"),
        (["ma", "oh"], "1 words of the transcripts have no pronunciation: 'oh'"),
        (["ma " * 50, "am " * 50], "every recording is too short for what is said in it"),
    ],
)
def test_what_cannot_be_learnt_is_refused(texts, message):
    with pytest.raises(InputError, match=message):
        HmmRecogniser().fit(speech(0, 2)[0], texts, LEXICON)


def test_nothing_is_recognised_before_it_was_learnt():
    with pytest.raises(NotFittedError, match="HmmRecogniser: not fitted yet; call fit first"):
        HmmRecogniser().transcribe(speech(0, 2)[0], word_ngrams(["ma"], LEXICON))
    with pytest.raises(InputError, match="HmmSettings: mixtures must be at least 1"):
        HmmSettings(mixtures=0)
