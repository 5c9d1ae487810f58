"""Suggestions against brute force; what a keystroke costs; keystrokes saved against a simulation letter by letter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from toy_predictor import Bigram

from lstmkit import InputError
from lstmkit.language.judgement.typing_aid import measure
from lstmkit.language.suggestions import Suggester, suggesting, word_search
from lstmkit.language.vocabulary import Characters, Subwords, Words
from lstmkit.language.writing import prompt as prompts

WORDS = Words(("the", "king", "<unk>", "<eos>", "kings", "Kingdom", "kin", "of", "sleeps", "NATO", ","), "space")
PROSE = Words(WORDS.symbols, "punctuation")


def brute_force(model: Bigram, last: int, prefix: str, k: int) -> list[tuple[str, float]]:
    """Return the k most likely words after a token among those that begin with `prefix`."""
    probabilities = np.exp(model.rows[last])
    special = {model.tokens.unknown, model.tokens.end}
    fits = [i for i, word in enumerate(model.tokens.symbols) if word.startswith(prefix) and i not in special]
    total = sum(probabilities[i] for i in fits)
    ranked = sorted(fits, key=lambda i: (-probabilities[i], i))[:k]
    return [(model.tokens.symbols[i], float(probabilities[i] / total)) for i in ranked]


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("prefix", ["", "k", "ki", "kin", "king", "kings", "of", "K"])
def test_suggestions_are_the_most_likely_words_that_begin_so(prefix, k):
    for seed in range(5):
        model = Bigram.random(WORDS, seed)
        found = Suggester(model, k).suggest(f"sleeps the {prefix}")
        expected = brute_force(model, 0, prefix, k)
        assert [one.text for one in found] == [word for word, _ in expected]
        np.testing.assert_allclose([one.probability for one in found], [p for _, p in expected], rtol=1e-5)


def test_at_the_beginning_and_after_a_line_the_context_is_that_of_the_model():
    model = Bigram.random(WORDS)
    for text, last in (("", -1), ("the king\n", WORDS.end), ("the king \n ", WORDS.end)):
        assert [one.text for one in Suggester(model).suggest(text)] == [w for w, _ in brute_force(model, last, "", 3)]


def test_the_unknown_word_and_the_end_of_a_line_are_never_suggested():
    table = np.full((12, 11), 0.01)
    table[:, [WORDS.unknown, WORDS.end]] = 0.455
    texts = [one.text for one in Suggester(Bigram(WORDS, table), 50).suggest("")]
    assert sorted(texts) == sorted(set(WORDS.symbols) - {"<unk>", "<eos>"})
    assert Suggester(Bigram(WORDS, table)).suggest("<un") == []


def test_equally_likely_words_come_in_the_order_of_the_vocabulary():
    found = Suggester(Bigram(WORDS, np.full((12, 11), 1 / 11)), 4).suggest("")
    assert [one.text for one in found] == ["the", "king", "kings", "Kingdom"]


def test_case_counts_where_a_word_begins_so_and_else_not():
    suggester = Suggester(Bigram.random(WORDS), 9)

    def words(text: str) -> set[str]:
        return {one.text for one in suggester.suggest(text)}

    assert words("K") == {"Kingdom"}
    assert words("k") == {"king", "kings", "kin"}
    assert words("n") == words("nat") == {"NATO"}
    assert words("KI") == {"KING", "KINGS", "KIN", "KINGDOM"}
    assert words("S") == {"Sleeps"}
    assert words("x") == set()


def test_another_letter_costs_nothing_a_word_one_step_and_going_back_nothing():
    model = Bigram.random(WORDS)
    suggester = Suggester(model)

    def cost(text: str) -> list[str]:
        model.asked.clear()
        suggester.suggest(text)
        return model.asked

    assert cost("") == ["next"]
    assert cost("t") == cost("th") == cost("the") == []
    assert cost("the ") == ["advance", "next"]
    assert cost("the k") == cost("the ki") == cost("the king") == []
    assert cost("the king ") == ["advance", "next"]
    assert cost("the king") == cost("the kin") == cost("the k") == cost("the ") == cost("th") == cost("") == []
    assert cost("of ") == ["advance", "next"]


@pytest.mark.parametrize("kept", [1, 2, 1000])
def test_a_text_that_jumps_gives_what_a_fresh_suggester_gives(kept, monkeypatch):
    monkeypatch.setattr(suggesting, "REMEMBERED", 2)
    monkeypatch.setattr(suggesting, "KEPT", kept)
    model = Bigram.random(WORDS)
    suggester = Suggester(model)
    generator = np.random.default_rng(0)
    words = [word for word in WORDS.symbols if word[0] != "<"]
    for _ in range(200):
        text = " ".join(generator.choice(words, generator.integers(1, 5)))
        text = text[: generator.integers(0, len(text) + 1)]
        allowed = [piece for piece in text.split(" ")[:-1] if piece in words]
        text = " ".join([*allowed, text.split(" ")[-1]])
        assert suggester.suggest(text) == Suggester(model).suggest(text)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(suggesting, "REMEMBERED", 3)
    monkeypatch.setattr(suggesting, "KEPT", 5)
    suggester = Suggester(Bigram.random(WORDS))
    for count in range(20):
        suggester.suggest("the " * count)
    assert len(suggester._trail._log_probs) == 3
    assert sorted(suggester._trail._contexts) == [0, 15, 16, 17, 18, 19]


@pytest.mark.parametrize(
    ("tokens", "text", "unfinished"),
    [
        (WORDS, "", ""),
        (WORDS, "the ", ""),
        (WORDS, "the\n", ""),
        (WORDS, "the ki", "ki"),
        (WORDS, "the king,", "king,"),
        (PROSE, "the king,", ""),
        (PROSE, "the (ki", "ki"),
        (PROSE, "the 'ki", "ki"),
        (PROSE, "don't", "don't"),
        (PROSE, "don't.", ""),
        (Characters.learn(["abc"]), "the king's", "king's"),
        (Characters.learn(["abc"]), "the (well-k", "well-k"),
        (Characters.learn(["abc"]), "the king,", ""),
        (Characters.learn(["abc"]), "the -", ""),
    ],
)
def test_the_beginning_of_a_word_is_told_from_a_finished_one(tokens, text, unfinished):
    assert Suggester(Bigram.random(tokens)).unfinished(text) == unfinished


MARKED = Words(
    ("the", "don't", "dog's", "well-known", "known", "o’clock", "well", "-", "'", "Paris", "<unk>", "<eos>"),  # noqa: RUF001
    "punctuation",
)


@pytest.mark.parametrize(
    ("text", "unfinished", "words"),
    [
        ("the don", "don", {"don't"}),
        ("the don'", "don'", {"don't"}),
        ("the don’", "don’", {"don’t"}),  # noqa: RUF001
        ("the don’t", "don’t", {"don’t"}),  # noqa: RUF001
        ("the o'", "o'", {"o'clock"}),
        ("the well-", "well-", {"well-known"}),
        ("the dog-kn", "dog-kn", {"dog-known"}),
        ("Do", "Do", {"Don't", "Dog's"}),
        ("DO", "DO", {"DON'T", "DOG'S"}),
        ("the pa", "pa", {"Paris"}),
        ("the the-", "", None),
    ],
)
def test_apostrophes_hyphens_and_capitals_are_written_as_they_were_typed(text, unfinished, words):
    suggester = Suggester(Bigram.random(MARKED), 20, allow_unknown=True)
    assert suggester.unfinished(text) == unfinished
    if words is not None:
        assert {one.text for one in suggester.suggest(text)} == words


def test_a_prompt_is_read_in_the_vocabularys_spelling():
    assert prompts.encode_prompt(MARKED, "The Don’t o'clock").tolist() == [0, 1, 5]  # noqa: RUF001
    assert prompts.encode_prompt(MARKED, "the\nDON'T\n").tolist() == [0, 11, 1, 11]
    with pytest.raises(InputError, match="a word unknown to the model: 'Dog'; use others"):
        prompts.encode_prompt(MARKED, "the Dog\nwell")


def test_unknown_words_are_refused_unless_they_are_allowed():
    model = Bigram.random(WORDS)
    with pytest.raises(InputError) as refused:
        Suggester(model).suggest("the emperor of Rome ki")
    assert str(refused.value) == (
        "the prompt has words unknown to the model: 'emperor', 'Rome'; use others, or pass --allow-unknown"
    )
    found = Suggester(model, allow_unknown=True).suggest("the emperor ")
    assert [one.text for one in found] == [word for word, _ in brute_force(model, WORDS.unknown, "", 3)]


def test_a_text_that_is_too_long_and_a_count_of_nothing_are_refused(monkeypatch):
    monkeypatch.setattr(prompts, "MAX_PROMPT", 10)
    with pytest.raises(InputError, match="the prompt has 11 tokens, at most 10 are read"):
        Suggester(Bigram.random(WORDS)).suggest("the " * 11)
    with pytest.raises(InputError, match="count must be at least 1; got 0"):
        Suggester(Bigram.random(WORDS), 0)


LETTERS = Characters(("a", "b", " ", "\n", "<unk>", "."))


def words_of_characters(model: Bigram, last: int, typed: str, longest: int) -> dict[str, float]:
    """Return the probability of every word over the letters a and b, given that one follows and begins as typed."""
    found = {}
    for size in range(1, longest + 1):
        for letters in itertools.product((0, 1), repeat=size):
            word = "".join(LETTERS.symbols[i] for i in letters)
            if word.startswith(typed):
                path = [last, *letters]
                log_prob = sum(model.rows[old, new] for old, new in itertools.pairwise(path))
                found[word] = np.exp(log_prob) * sum(np.exp(model.rows[letters[-1], end]) for end in (2, 3, 5))
    given = np.exp(model.rows[last, :2]).sum()
    if typed:
        path = [last, *LETTERS.encode(typed)]
        given = np.exp(sum(model.rows[old, new] for old, new in itertools.pairwise(path)))
    return {word: float(p / given) for word, p in found.items()}


@pytest.mark.parametrize("typed", ["", "a", "ab", "bba"])
@pytest.mark.parametrize("seed", range(6))
def test_words_of_characters_are_those_of_an_exhaustive_search(typed, seed):
    model = Bigram.random(LETTERS, seed, 1.0)
    expected = sorted(words_of_characters(model, 2, typed, 12).items(), key=lambda item: -item[1])[:3]
    found = Suggester(model).suggest(f"a {typed}")
    assert [one.text for one in found] == [word for word, _ in expected]
    np.testing.assert_allclose([one.probability for one in found], [p for _, p in expected], rtol=1e-5)


def test_words_of_characters_without_letters_to_follow_end_the_search():
    table = np.full((7, 6), 0.0)
    table[:, 2] = 1.0
    assert Suggester(Bigram(LETTERS, table)).suggest("b a")[0].text == "a"
    assert Suggester(Bigram(LETTERS, table)).suggest("b ") == []


class Pieces:
    """A vocabulary of sub-words in which each word has several cuts; encoding takes the longest piece."""

    unit = "subword"
    symbols = ("<unk>", "</s>", "▁a", "▁ab", "b", "a", "▁", "ab", ".", "▁b")
    unknown, end = 0, 1

    def encode(self, text: str, closed: bool = True) -> np.ndarray:
        ids = []
        for word in text.split():
            rest = "▁" + word
            while rest:
                piece = max((s for s in self.symbols[2:] if rest.startswith(s)), key=len)
                ids.append(self.symbols.index(piece))
                rest = rest[len(piece) :]
        return np.array(ids, dtype=np.int32)


def words_of_pieces(model: Bigram, last: int, typed: str, longest: int) -> dict[str, float]:
    """Return the probability of words by adding up all cuts into at most `longest` pieces."""
    openers, continuers, ends = (2, 3, 6, 9), (4, 5, 7), (1, 2, 3, 6, 8, 9)
    found: dict[str, float] = {}
    for size in range(1, longest + 1):
        for ids in itertools.product(openers, *[continuers] * (size - 1)):
            word = "".join(Pieces.symbols[i] for i in ids).removeprefix("▁")
            if word and word.startswith(typed):
                log_prob = sum(model.rows[old, new] for old, new in itertools.pairwise([last, *ids]))
                ended = sum(np.exp(model.rows[ids[-1], end]) for end in ends)
                found[word] = found.get(word, 0.0) + float(np.exp(log_prob) * ended)
    total = sum(found.values())
    return {word: p / total for word, p in found.items()}


@pytest.mark.parametrize("typed", ["", "a", "ab", "aba"])
@pytest.mark.parametrize("seed", range(4))
def test_words_of_sub_words_add_up_all_their_cuts(typed, seed, monkeypatch):
    """With a beam that drops nothing; words of more than eight pieces, which are not counted here, are very rare."""
    monkeypatch.setattr(word_search, "WIDTH", 1000)
    table = np.exp(np.random.default_rng(seed).normal(size=(11, 10)))
    table[:, [1, 8]] += 12
    table[:, 0] = 0
    model = Bigram(Pieces(), table / table.sum(axis=1, keepdims=True))
    expected = sorted(words_of_pieces(model, 2, typed, 8).items(), key=lambda item: -item[1])[:3]
    found = Suggester(model).suggest(f"a {typed}")
    assert [one.text for one in found] == [word for word, _ in expected]
    np.testing.assert_allclose([one.probability for one in found], [p for _, p in expected], rtol=word_search.TAIL)


def test_a_model_of_real_sub_words_suggests_whole_words():
    pytest.importorskip("sentencepiece", reason="sub-words need sentencepiece")
    words = ["king", "kings", "kingdom", "queen", "queens", "the", "of", "freedom", "walking", "walk", "walked"]
    generator = np.random.default_rng(0)
    lines = [" ".join(generator.choice(words, 12)) + "\n" for _ in range(300)]
    tokens = Subwords.learn(lines, 32)
    size = len(tokens.symbols)
    counts = np.full((size + 1, size), 1e-4)
    for line in lines:
        ids = tokens.encode(line)
        for old, new in itertools.pairwise([size, *ids]):
            counts[old, new] += 1
    model = Bigram(tokens, counts / counts.sum(axis=1, keepdims=True))
    assert {one.text for one in Suggester(model, 3).suggest("the que")} >= {"queen", "queens"}
    assert {one.text for one in Suggester(model, 2).suggest("freed")} == {"freedom"} or (
        Suggester(model, 2).suggest("freed")[0].text == "freedom"
    )
    for one in Suggester(model, 5).suggest("the "):
        assert one.text in words and 0 < one.probability <= 1


def simulate(model: Bigram, ids: np.ndarray, k: int) -> tuple[float, float, int, int]:
    """Type a text with a Suggester, letter by letter, and count."""
    tokens, suggester = model.tokens, Suggester(model, max(k, 3), allow_unknown=True)
    done, firsts, threes, used, without = "", [], [], 0, 0
    for token in ids:
        word = tokens.symbols[token]
        if token == tokens.end:
            done += "\n"
            continue
        if token != tokens.unknown:
            shown = [[one.text for one in suggester.suggest(done + word[:n])] for n in range(len(word))]
            firsts.append(word in shown[0][:1])
            threes.append(word in shown[0][:3])
            used += next((n + 1 for n, texts in enumerate(shown) if word in texts[:k]), len(word) + 1)
            without += len(word) + 1
        done += word + " "
    return float(np.mean(firsts)), float(np.mean(threes)), used, without


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_keystrokes_saved_are_those_of_typing_letter_by_letter(seed, k):
    model = Bigram.random(WORDS, seed)
    ids = np.random.default_rng(seed).integers(0, len(WORDS.symbols), 150).astype(np.int32)
    found = measure(model, ids, k)
    top1, top3, used, without = simulate(model, ids, k)
    assert (found.top1, found.top3, found.keystrokes, found.without) == (top1, top3, used, without)
    assert found.keystrokes_saved == pytest.approx(1 - used / without)
    assert 0 < found.keystrokes_saved < 1
    assert found.words == sum(ids != WORDS.unknown) - sum(ids == WORDS.end)
    assert found.milliseconds > 0


def test_keystrokes_by_hand():
    """With one suggestion: "the" is it at once, 1 for 4; "kings" comes after "kings" only: "king" is always likelier.

    So "kings" costs four letters before "kings" is alone left by its fifth, and that one, and its space: 6 for 6.
    """
    table = np.tile(np.array([40, 30, 1, 1, 2, 3, 4, 5, 6, 7, 1]) / 100, (12, 1))
    found = measure(Bigram(WORDS, table), np.array([0, 4, 2, 3], dtype=np.int32), k=1)
    assert (found.words, found.keystrokes, found.without) == (2, 1 + 6, 4 + 6)
    assert (found.top1, found.top3) == (0.5, 0.5)


def test_a_text_or_a_model_without_words_is_refused():
    with pytest.raises(InputError, match="the text has no word that the model knows"):
        measure(Bigram.random(WORDS), np.array([2, 3], dtype=np.int32))
    with pytest.raises(InputError, match="for a model of words; this is one of characters"):
        measure(Bigram.random(LETTERS), np.array([0], dtype=np.int32))
    with pytest.raises(InputError, match="count must be at least 1; got 0"):
        measure(Bigram.random(WORDS), np.array([0], dtype=np.int32), 0)
