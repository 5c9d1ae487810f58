"""The search over words, and exact scores, against every alignment there is."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.speech import word_ngrams
from lstmkit.speech.decoding.beam import EVERYTHING, BeamSearch, BeamSettings
from lstmkit.speech.decoding.forward import ctc_scores, slot_scores, times
from lstmkit.speech.decoding.hotwords import Hotwords
from lstmkit.speech.decoding.words import ClosedWords, OpenWords, Weighing


def emissions_of(seed: int, frames: int, units: int, spread: float = 2.0) -> np.ndarray:
    """Return logarithms of probabilities drawn at random."""
    drawn = np.random.default_rng(seed).normal(0, spread, (frames, 1 + units))
    return (drawn - np.log(np.exp(drawn).sum(axis=1, keepdims=True))).astype(np.float32)


def by_alignments(emissions: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the probability of every row of units, by adding up every alignment."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        units = tuple(unit for unit, _ in itertools.groupby(path) if unit)
        found[units] += float(np.exp(emissions[np.arange(len(path)), path].astype(np.float64).sum()))
    return found


def language_of(words: tuple[str, ...], lm, weight: float, bonus: float) -> float:
    """Return what words count beside their sound."""
    context, total = lm.begin(), 0.0
    ids = [lm.tokens.symbols.index(word) for word in words]
    for token in ids:
        total += float(lm.next_log_probs(context)[token])
        context = lm.advance(context, token)
    return weight * (total + float(lm.next_log_probs(context)[lm.tokens.end])) + bonus * len(words)


SPELLINGS = {"ab": [(1, 2)], "a": [(1,)], "bc": [(2, 3), (3, 2)], "see": [(3,)], "sea": [(3,)], "bb": [(2, 2)]}
LM = word_ngrams(["ab a", "bc see ab", "sea bc", "a a bb", "see sea"], order=2)


def derivations(spellings, gap=None, most=4):
    """Yield rows of words with every row of units that spells them."""
    for count in range(most + 1):
        for words in itertools.product(spellings, repeat=count):
            for parts in itertools.product(*(spellings[word] for word in words)):
                row: tuple[int, ...] = ()
                for place, part in enumerate(parts):
                    row += ((gap,) if gap is not None and place else ()) + part
                yield words, row


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_is_wide_enough_finds_every_words_and_its_exact_score(seed):
    emissions = emissions_of(seed, 5, 3)
    every, sound = by_alignments(emissions), defaultdict(float)
    for words, row in derivations(SPELLINGS, most=5):
        sound[words] += every.get(row, 0.0)
    search = BeamSearch(ClosedWords(SPELLINGS, weighing=Weighing(LM, 0.7, -0.4)), EVERYTHING)
    search.accept(emissions[:2])  # in any pieces
    search.accept(emissions[2:])
    found = {one.words: one for one in search.best(1 << 20)}
    assert set(found) == {words for words, p in sound.items() if p > 0}
    for words, one in found.items():
        assert one.sound == pytest.approx(np.log(sound[words]), abs=1e-6)
        assert one.language == pytest.approx(language_of(words, LM, 0.7, -0.4), abs=1e-4)
    scores = [one.score for one in search.best(1 << 20)]
    assert scores == sorted(scores, reverse=True)


def test_a_gap_stands_between_words_and_may_be_said_twice():
    emissions = emissions_of(5, 5, 3)
    spellings = {"a": [(1,)], "ab": [(1, 2)], "b": [(2,)]}
    sound = defaultdict(float)
    for row, p in by_alignments(emissions).items():
        words = tuple("".join("ab "[unit - 1] for unit in row).split())
        if all(word in spellings for word in words):
            sound[words] += p
    search = BeamSearch(ClosedWords(spellings, gap=3), EVERYTHING)
    search.accept(emissions)
    found = {one.words: one.sound for one in search.best(1 << 20)}
    assert found == pytest.approx({words: np.log(p) for words, p in sound.items()}, abs=1e-6)


@pytest.mark.parametrize("marks", [False, True])
def test_words_of_an_open_vocabulary_are_spelled(marks):
    symbols = ("▁a", "b", "▁b") if marks else ("a", "b", " ")
    emissions = emissions_of(6, 5, 3)
    sound = defaultdict(float)
    for row, p in by_alignments(emissions).items():
        sound[tuple("".join(symbols[unit - 1] for unit in row).replace("▁", " ").split())] += p
    lm = word_ngrams(["a ab", "b", "ab b a"], order=2)
    weighing = Weighing(lm, 0.5, 0.3)
    words = OpenWords(symbols, begins="▁", weighing=weighing) if marks else OpenWords(symbols, 3, weighing=weighing)
    search = BeamSearch(words, EVERYTHING)
    search.accept(emissions)
    found = {one.words: one for one in search.best(1 << 20)}
    assert {words: one.sound for words, one in found.items()} == pytest.approx(
        {words: np.log(p) for words, p in sound.items()}, abs=1e-6
    )
    known = ("ab", "a")
    assert found[known].language == pytest.approx(language_of(known, lm, 0.5, 0.3), abs=1e-5)
    unknown = float(lm.next_log_probs(lm.begin())[lm.tokens.unknown])
    end = float(lm.next_log_probs(lm.advance(lm.begin(), lm.tokens.unknown))[lm.tokens.end])
    assert found[("bb",)].language == pytest.approx(0.5 * (unknown + end) + 0.3, abs=1e-5)


def test_what_was_said_before_is_told_to_the_language_model_and_the_hotwords():
    emissions = emissions_of(3, 4, 3)
    before = ("sea", "ab")
    weighing = Weighing(LM, 0.7, -0.4, Hotwords({"ab a": 2.0}))
    search = BeamSearch(ClosedWords(SPELLINGS, weighing=weighing), EVERYTHING, before)
    search.accept(emissions)
    end = 0.7 * float(LM.next_log_probs(context_of(("sea", "ab")))[LM.tokens.end])
    known = language_of(before, LM, 0.7, -0.4) - end
    for last in (True, False):
        for one in search.best(1 << 20, last):
            whole = language_of((*before, *one.words), LM, 0.7, -0.4)
            if not last:
                whole -= 0.7 * float(LM.next_log_probs(context_of((*before, *one.words)))[LM.tokens.end])
            # Half of the phrase has been earned before; it is taken back where another word follows, or none.
            hot = 2.0 * occurrences(("ab", *one.words), ("ab", "a")) - 1.0
            hot += (not last) * 1.0 * ((*before, *one.words)[-1] == "ab")
            assert one.language == pytest.approx(whole - known + hot, abs=1e-4)


def context_of(words: tuple[str, ...]):
    context = LM.begin()
    for word in words:
        context = LM.advance(context, LM.tokens.symbols.index(word))
    return context


def test_a_narrow_beam_gives_up_little():
    lm = word_ngrams(["ab a", "bc see ab", "sea bc", "a a bb", "see sea"], order=3)
    best, narrow = [], []
    for seed in range(12):
        emissions = emissions_of(seed, 8, 3, 3.0)
        for kept, settings in ((best, BeamSettings(400, -np.inf, np.inf)), (narrow, BeamSettings(16))):
            search = BeamSearch(ClosedWords(SPELLINGS, weighing=Weighing(lm, 0.7, 0.0)), settings)
            search.accept(emissions)
            kept.append(search.best()[0])
    assert sum(a.words == b.words for a, b in zip(best, narrow, strict=True)) >= 11
    assert all(b.score <= a.score + 1e-6 for a, b in zip(best, narrow, strict=True))


def test_what_is_settled_stays_and_begins_the_result():
    lengths = []
    for seed in range(5):
        emissions = emissions_of(seed, 30, 3, 4.0)
        search = BeamSearch(ClosedWords(SPELLINGS, weighing=Weighing(LM, 0.7, 0.0)), BeamSettings(8))
        settled = [()]
        for frame in emissions:
            search.accept(frame[None])
            settled.append(search.settled())
            assert settled[-1][: len(settled[-2])] == settled[-2]
        assert search.best()[0].words[: len(settled[-1])] == settled[-1]
        lengths.append(len(settled[-1]))
    assert max(lengths) > 3


def test_nothing_said_is_no_words():
    search = BeamSearch(ClosedWords(SPELLINGS))
    assert [one.words for one in search.best(3)] == [()]
    quiet = np.log(np.array([[0.97, 0.01, 0.01, 0.01]] * 20, np.float32))
    search.accept(quiet)
    assert search.best()[0].words == ()


@pytest.mark.parametrize("frames", [1, 4, 6])
def test_scores_of_rows_of_units_are_sums_over_alignments(frames):
    emissions = emissions_of(frames, frames, 3)
    every = by_alignments(emissions)
    rows = [row for count in range(5) for row in itertools.product((1, 2, 3), repeat=count)]
    found = ctc_scores(emissions, rows)
    expected = np.array([every.get(row, 0.0) for row in rows])
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-6, atol=1e-300)
    assert np.isneginf(found[expected == 0]).all()


def test_scores_beyond_what_numbers_can_be_are_logarithms():
    emissions = np.full((20, 3), -200.0, np.float32)
    emissions[:, 0] = 0.0
    # Ten units one after the other, each alone in a frame, and blanks where they need not be said.
    expected = 10 * -200.0
    assert ctc_scores(emissions, [(1, 2) * 5])[0] == pytest.approx(expected, abs=20)


def test_several_ways_to_say_a_word_are_summed():
    emissions = emissions_of(3, 6, 3)
    every = by_alignments(emissions)
    slots = [SPELLINGS["bc"], SPELLINGS["a"]]
    assert slot_scores(emissions, [slots])[0] == pytest.approx(np.log(every[2, 3, 1] + every[3, 2, 1]), abs=1e-6)
    assert np.isneginf(slot_scores(emissions, [[()]])[0])


def test_times_are_those_of_the_best_alignment():
    for seed in range(6):
        emissions = emissions_of(seed, 7, 3)
        slots = [SPELLINGS["bc"], SPELLINGS["a"], [(1, 2)]]
        best, path = max(
            (float(emissions[np.arange(7), path].sum()), path)
            for path in itertools.product(range(4), repeat=7)
            if tuple(u for u, _ in itertools.groupby(path) if u) in {(2, 3, 1, 1, 2), (3, 2, 1, 1, 2)}
        )
        spans, count = [], 0
        groups = [(unit, len(list(own))) for unit, own in itertools.groupby(path)]
        at = 0
        for unit, length in groups:
            if unit:
                spans.append((at, at + length))
                count += 1
            at += length
        expected = [(spans[0][0], spans[1][1]), spans[2], (spans[3][0], spans[4][1])]
        assert times(emissions, slots) == expected, best
    assert times(emissions[:3], slots) is None
    assert times(emissions, []) == []


def occurrences(words: tuple[str, ...], phrase: tuple[str, ...]) -> int:
    return sum(words[k : k + len(phrase)] == phrase for k in range(len(words)))


def test_hotwords_add_their_score_for_every_time_that_they_occur():
    phrases = {"a a": 2.0, "a": 0.5, "see sea see": 3.0, "sea see": 1.0, "bb": -1.5}
    hotwords = Hotwords(phrases)
    for words in itertools.product(SPELLINGS, repeat=4):
        state, total = 0, 0.0
        for word in words:
            expected = hotwords.expected(state)
            lost = hotwords.taken_back(state)
            state, earned = hotwords.step(state, word)
            assert earned == pytest.approx(expected.get(word, lost))
            assert earned <= hotwords.most + 1e-9
            total += earned
        total += hotwords.taken_back(state)
        assert total == pytest.approx(sum(score * occurrences(words, tuple(p.split())) for p, score in phrases.items()))


@pytest.mark.parametrize("closed", [True, False])
def test_hotwords_in_the_search_change_what_they_should(closed):
    emissions = emissions_of(1, 6, 4 if not closed else 3)
    symbols = ("a", "b", "c", " ")

    def run(hotwords, settings=EVERYTHING):
        weighing = Weighing(bonus=0.1, hotwords=hotwords)
        words = ClosedWords(SPELLINGS, weighing=weighing) if closed else OpenWords(symbols, 4, weighing=weighing)
        search = BeamSearch(words, settings)
        search.accept(emissions)
        return search

    wide = EVERYTHING if closed else BeamSettings(3000)
    plain = {one.words: one for one in run(None, wide).best(1 << 20)}
    phrase = ("ab", "a") if closed else ("b", "ab")
    hot = {one.words: one for one in run(Hotwords({" ".join(phrase): 4.0}), wide).best(1 << 20)}
    assert sum(occurrences(words, phrase) for words in hot)
    for words, one in hot.items():
        assert one.sound == pytest.approx(plain[words].sound, abs=1e-6 if closed else 1e-3)
        assert one.language == pytest.approx(plain[words].language + 4.0 * occurrences(words, phrase), abs=1e-5)
    first = run(Hotwords({" ".join(phrase): 30.0}), BeamSettings(16, -20.0)).best()[0]
    assert occurrences(first.words, phrase)


def test_searches_of_the_same_words_do_not_meet_and_leave_nothing_behind():
    """Two that go on in turn find what each finds alone, and words that were spelled are forgotten."""
    lm = word_ngrams(["a ab", "b", "ab b a"], order=2)
    words = OpenWords(("a", "b", " "), 3, weighing=Weighing(lm, 0.5, hotwords=Hotwords({"a b": 1.0})))
    given = [emissions_of(seed, 12, 3) for seed in (1, 2)]
    alone = []
    for emissions in given:
        search = BeamSearch(words)
        search.accept(emissions)
        alone.append(search.best(5))
    both = [BeamSearch(words), BeamSearch(words)]
    for frame in range(12):
        for search, emissions in zip(both, given, strict=True):
            search.accept(emissions[frame : frame + 1])
    assert [search.best(5) for search in both] == alone
    assert words.child(0, 1) == 1  # the first node: nothing has been spelled in it


def test_states_are_forgotten_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("lstmkit.speech.decoding.words.KEPT", 12)
    emissions = emissions_of(1, 10, 3, 3.0)
    few = BeamSearch(ClosedWords(SPELLINGS, weighing=Weighing(LM, 0.7)))
    few.accept(emissions)
    monkeypatch.undo()
    many = BeamSearch(ClosedWords(SPELLINGS, weighing=Weighing(LM, 0.7)))
    many.accept(emissions)
    assert few.best(5) == many.best(5)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(InputError, match="hotwords: 1 words cannot be written by this model, first 'zoo'"):
        ClosedWords(SPELLINGS, weighing=Weighing(hotwords=Hotwords({"zoo": 1.0})))
    with pytest.raises(InputError, match="hotwords: 1 words cannot be written by this model, first 'zoo'"):
        OpenWords(("o", " "), 2, weighing=Weighing(hotwords=Hotwords({"zoo": 1.0})))
