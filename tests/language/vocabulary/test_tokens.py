"""Vocabularies: what is learnt, encoded, shown again and refused."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.language.vocabulary import END, UNKNOWN, Characters, StoredTokens, Subwords, Tokens, Words, tokens_from
from lstmkit.language.vocabulary.splitting import find_split, join_words, lacks_spaces, splitter
from lstmkit.training.schema import checked

PROSE = 'He said: "It\'s 3.14, a well-known (old) value!" Then he left; nobody knew why...\n'
LINES = ["the cat sat on the mat\n", "\n", "the dog sat on the log\n", "a cat and a dog\n"]
NAMES = "Ada Bob Cid Dan Eve Fay Gus Hal Ida Joe Kim Lea Max Ned Ora Pam Quin Ray Sue Tom".split()  # noqa: SIM905


def small_subwords() -> Subwords:
    return Subwords.learn([f"{a} gave {b} a book about the sea\n" for a in NAMES for b in NAMES], 44)


# Words


def test_words_are_ranked_by_count_with_unknown_and_end_among_them():
    tokens = Words.learn(LINES)
    # twice or more: the 4, <eos> 4, a 2, cat 2, dog 2, sat 2, on 2; once, so unknown: mat, log, and
    assert tokens.symbols == ("the", END, UNKNOWN, "cat", "sat", "on", "dog", "a")
    assert (tokens.symbols[tokens.unknown], tokens.symbols[tokens.end]) == (UNKNOWN, END)


def test_encoding_words_equals_looking_each_up():
    tokens = Words.learn(LINES)
    text = "the cat saw\nthe\n\n mat  a\n"
    symbols = ["the", "cat", UNKNOWN, END, "the", END, END, UNKNOWN, "a", END]
    ids = tokens.encode(text)
    assert ids.dtype == np.int32
    assert [tokens.symbols[i] for i in ids] == symbols


@pytest.mark.parametrize(
    ("text", "closed", "ends"), [("a b", True, 1), ("a b", False, 0), ("a b\n", True, 1), ("", True, 0)]
)
def test_only_a_closed_text_gets_an_end_that_is_not_there(text: str, closed: bool, ends: int):
    for tokens in (Words.learn(LINES), small_subwords()):
        assert (tokens.encode(text, closed) == tokens.end).sum() == ends


def test_a_word_that_reads_eos_is_unknown_and_ends_no_line():
    tokens = Words.learn(["x x <eos> y y <eos>\n", "x y\n"])
    assert tokens.encode("x <eos> y", closed=False).tolist() == [
        tokens.symbols.index("x"),
        tokens.unknown,
        tokens.symbols.index("y"),
    ]
    counts = Counter(tokens.encode("x x <eos> y y <eos>\nx y\n").tolist())
    assert [counts[i] for i in range(4)] == [3, 3, 2, 2]
    assert tokens.symbols == ("x", "y", UNKNOWN, END)


def test_a_text_with_unknown_words_of_its_own_keeps_every_word():
    assert set(Words.learn(["a a <unk> b .\n"]).symbols) == {"a", "b", ".", UNKNOWN, END}


def test_a_last_line_without_end_counts_as_a_line():
    assert Words.learn(["x x\nz"], min_count=1).symbols == ("x", END, "z", UNKNOWN)


def test_rare_words_are_learnt_where_no_word_occurs_twice():
    assert set(Words.learn(["one two three\n"]).symbols) == {"one", "two", "three", UNKNOWN, END}


@pytest.mark.parametrize(("min_count", "max_size"), [(1, None), (3, None), (None, 20), (2, 7), (1, 3)])
@pytest.mark.parametrize("piece", [1, 1000])
def test_learnt_words_agree_with_a_plain_count(min_count: int | None, max_size: int | None, piece: int):
    draw = random.Random(4)
    lines = [" ".join(f"w{int(draw.expovariate(0.1))}" for _ in range(draw.randrange(9))) for _ in range(60)]
    text = "\n".join(lines) + "\n"
    pieces = [line + "\n" for line in lines] if piece == 1 else [text]
    tokens = Words.learn(pieces, "space", min_count, max_size)
    counts = Counter(text.split())
    kept = [word for word, count in counts.items() if count >= (min_count or 2)]
    kept = sorted(kept, key=lambda word: -counts[word])[: None if max_size is None else max_size - 2]
    frequency = {word: counts[word] for word in kept}
    frequency |= {UNKNOWN: counts.total() - sum(frequency.values()), END: len(lines)}
    assert set(tokens.symbols) == set(frequency)
    ranks = [frequency[symbol] for symbol in tokens.symbols]
    assert ranks == sorted(ranks, reverse=True)
    assert np.bincount(tokens.encode(text), minlength=len(ranks)).tolist() == ranks


def test_pieces_of_a_line_are_one_line():
    whole, cut = Words.learn(["a b c a b\n", "c"], "space"), Words.learn(["a b ", "c a ", "b\n", "c"], "space")
    assert whole == cut


def test_words_starting_with_a_prefix_agree_with_a_search_through_all():
    draw = random.Random(1)
    words = sorted({"".join(draw.choices("ab\U0010ffff<", k=draw.randrange(1, 6))) for _ in range(300)})
    draw.shuffle(words)
    tokens = Words((*words, UNKNOWN, END))
    for prefix in ("", "a", "ab", "b\U0010ffff", "\U0010ffff\U0010ffff", "<", "<unk", "abba", "c"):
        expected = sorted(word for word in words if word.startswith(prefix))
        found = tokens.words_starting_with(prefix)
        assert found.dtype == np.int32
        assert [tokens.symbols[i] for i in found] == expected


# Prose


def test_prose_is_cut_into_words_and_marks():
    found = splitter("punctuation")(PROSE)
    assert found == [
        *("He", "said", ":", '"', "It's", "3.14", ",", "a", "well-known", "(", "old", ")", "value", "!", '"'),
        *("Then", "he", "left", ";", "nobody", "knew", "why", ".", ".", "."),
    ]
    assert join_words(found, "punctuation") == PROSE.strip()


def test_vowel_signs_and_combining_accents_stay_in_their_word():
    words = ["हिन्दी", "e\u0301te\u0301", "می\u200cخواهم", "naïve"]  # noqa: RUF001
    assert splitter("punctuation")(", ".join(words)) == [part for word in words for part in (word, ",")][:-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("日本語は難しい。", "日 本 語 は 難 し い 。"),
        ("我有 3 只cats，很好", "我 有 3 只 cats ， 很 好"),  # noqa: RUF001
        ("ภาษาไทยที่", "ภ า ษ า ไ ท ย ที่"),
    ],
)
def test_a_script_without_spaces_is_cut_into_its_characters(text: str, words: str):
    found = splitter("punctuation")(text)
    assert found == words.split()
    assert join_words(found, "punctuation").replace(" ", "") == text.replace(" ", "")


def test_a_script_without_spaces_comes_back_as_it_was():
    text = "「日本」は、難しい。"
    assert join_words(splitter("punctuation")(text), "punctuation") == text


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("日本語は難しい。", True),
        ("the word 日本 means Japan", False),
        ("ภาษาไทย", True),
        ("123 !?", False),
        ("한국어 문장", False),
    ],
)
def test_scripts_without_spaces_are_told(text: str, lacks: bool):
    assert lacks_spaces(text) == lacks


def test_numbers_with_inner_marks_are_one_word():
    assert splitter("punctuation")("1,000,000 at 12:30, v2.x 5.") == [
        "1,000,000",
        "at",
        "12:30",
        ",",
        "v2",
        ".",
        "x",
        "5",
        ".",
    ]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        (PROSE, "punctuation"),
        ("he said , yes . no .\n", "space"),
        ("mr. x of the <unk> inc.\n", "space"),
        ("C:maj7 G:7 | A:min\n", "space"),
        ("the cat\nthe dog\n", "punctuation"),
        ('i don\'t know what the well-known "cat" did\n' + "the dog barked at it again\n" * 50, "punctuation"),
        ("Wait! What?\n", "punctuation"),
    ],
)
def test_the_split_is_found(text: str, split: str):
    assert find_split(text) == split
    assert Words.learn([text], min_count=1).split == split


def test_prose_comes_back_as_it_was():
    tokens = Words.learn([PROSE], min_count=1)
    assert tokens.split == "punctuation"
    assert tokens.decode(tokens.encode(PROSE + PROSE)) == PROSE + PROSE


# Characters


def test_characters_are_code_points_and_none_is_invented():
    text = "e\u0301\U0001f600\n\nab a"
    tokens = Characters.learn([text])
    assert sorted(tokens.symbols) == sorted({*text, UNKNOWN})
    ids = tokens.encode(text)
    assert ids.dtype == np.int32
    assert [tokens.symbols[i] for i in ids] == list(text)
    assert tokens.decode(ids) == text
    assert tokens.symbols[tokens.end] == "\n"
    assert tokens.encode("").size == 0


def test_unknown_characters_are_shown_as_the_replacement_character():
    tokens = Characters.learn(["ab\n"])
    assert tokens.encode("aXb")[1] == tokens.unknown
    assert tokens.decode(tokens.encode("aXb")) == "a\ufffdb"


def test_the_rarest_characters_are_left_out():
    tokens = Characters.learn(["aaaabbbc\n"], max_size=4)
    assert tokens.symbols == ("a", "b", "\n", UNKNOWN)


# Sub-words


def test_subwords_are_the_same_each_time_and_give_the_text_back():
    tokens, again = small_subwords(), small_subwords()
    assert (tokens.model, len(tokens.symbols)) == (again.model, 44)
    text = "Ada gave the book\n\nTom a sea\n"
    ids = tokens.encode(text)
    assert ids.dtype == np.int32
    assert (ids == tokens.end).sum() == 3
    assert tokens.decode(ids) == text
    pieces = [tokens.symbols[i] for i in ids if i != tokens.end]
    assert "".join(pieces).replace("▁", " ").split() == text.split()


def test_many_lines_at_once_are_the_lines_one_by_one():
    tokens = small_subwords()
    lines = ["Ada gave\n", "\n", "Ω Bob\n", "a sea"]
    joined = np.concatenate([tokens.encode(line) for line in lines])
    np.testing.assert_array_equal(tokens.encode("".join(lines)), joined)
    assert (joined == tokens.unknown).sum() == 1


@pytest.mark.parametrize("size", [8000, 5])
def test_a_size_the_text_cannot_have_names_one_it_can(size: int):
    lines = ["hello world the cat sat on the mat\n"] * 50
    with pytest.raises(InputError, match=rf"vocabulary size {size}: .*; choose at (most|least) \d+") as refused:
        Subwords.learn(lines, size)
    possible = int(str(refused.value).split()[-1])
    assert "\n" not in str(refused.value)
    assert len(Subwords.learn(lines, possible).symbols) == possible


def test_long_lines_are_learnt_from_too():
    words = " ".join(NAMES * 500)
    assert len(words) > 30_000
    assert "a" in "".join(Subwords.learn([words + "\n"], 50).symbols)


def test_without_sentencepiece_the_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(InputError, match=r"need the package sentencepiece: pip install 'lstmkit\[text\]'"):
        Subwords.learn(LINES, 20)


# All


@pytest.fixture(params=["space", "punctuation", "characters", "subwords"])
def tokens(request: pytest.FixtureRequest) -> Tokens:
    made = {
        "space": lambda: Words.learn(LINES),
        "punctuation": lambda: Words.learn([PROSE, *LINES], "punctuation"),
        "characters": lambda: Characters.learn(LINES),
        "subwords": small_subwords,
    }
    return made[request.param]()


def test_a_vocabulary_survives_json(tokens: Tokens):
    again = tokens_from(checked(json.loads(json.dumps(tokens.config())), StoredTokens))
    assert again == tokens
    assert (again.unit, again.symbols, again.unknown, again.end) == (
        *(tokens.unit, tokens.symbols, tokens.unknown, tokens.end),
    )
    np.testing.assert_array_equal(again.encode("the cat 'sat'\nx"), tokens.encode("the cat 'sat'\nx"))


def test_an_end_is_a_line_end_in_the_text(tokens: Tokens):
    one = tokens.encode("a", closed=False).tolist()
    assert tokens.decode([*one, tokens.end, tokens.end, *one]) == "a\n\na"
    assert tokens.decode([]) == ""


def test_a_vocabulary_that_is_nonsense_is_refused(tokens: Tokens):
    config = tokens.config()
    for wrong in ({"unit": "word2"}, {"symbols": config["symbols"][:2] * 2}, {"symbols": [1, 2, 3]}):
        with pytest.raises(InputError):
            tokens_from(checked(config | wrong, StoredTokens))
    with pytest.raises(InputError, match="missing required field `symbols`"):
        checked({"unit": tokens.unit}, StoredTokens)


@pytest.mark.parametrize("model", ["", "aGVsbG8=", "no base 64"])
def test_a_damaged_subword_model_is_refused(model: str):
    with pytest.raises(InputError, match=r"sentencepiece|base64"):
        tokens_from(StoredTokens("subword", ("<unk>", "</s>"), model=model))


@pytest.mark.parametrize(
    ("learn", "message"),
    [
        (lambda: Words.learn(LINES, max_size=2), "vocabulary size 2: words need at least 3, of which"),
        (lambda: Characters.learn(LINES, max_size=2), "vocabulary size 2: characters need at least 3, of which"),
        (lambda: Words.learn(LINES, split="spaces"), "split 'spaces' is not one of auto, space, punctuation"),
        (lambda: Words.learn(LINES, min_count=0), "min_count must be at least 1; got 0"),
        (
            lambda: Words.learn(LINES, min_count=9),
            "min_count 9: no word occurs so often, the most frequent 4 times; lower it",
        ),
        (lambda: Words.learn(["\n", "\n"]), "the training part holds no words; give a longer text"),
        (lambda: Subwords.learn(["\n", " \n"], 20), "the training part holds no words; give a longer text"),
    ],
)
def test_what_cannot_be_learnt_is_refused(learn, message: str):
    with pytest.raises(InputError) as refused:
        learn()
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_words_and_characters_need_no_sentencepiece():
    program = (
        "import sys; sys.modules['sentencepiece'] = None\n"
        "from lstmkit.language.text.corpus import Corpus\n"
        "from lstmkit.language.vocabulary.stored import StoredTokens, tokens_from\n"
        "tokens_from(StoredTokens('word', ('a', '<unk>', '<eos>'), 'space'))\n"
        "tokens_from(StoredTokens('character', ('a', '<unk>', '\\n')))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
