"""ARPA files: what is written, what is read, and what is refused."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest

from lstmkit.errors import InputError
from lstmkit.language.ngrams import NGramModel, read_arpa, write_arpa
from lstmkit.language.ngrams.arpa import escape, looks_like_arpa, unescape

BY_OTHERS = r"""Made by another tool, with a word before the data.

\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-1.0 <UNK>
-0.5	a	-0.3
-0.7 b -0.2
-99	<s>	-0.4
-0.6	</s>

\2-grams:
-0.25	<s> a	-0.1
-0.35 a b
-0.15 b  </s>

\3-grams:
-0.05	<s> a b

\end\
"""
FREE, A, B, END = range(4)


@pytest.fixture
def by_others(tmp_path):
    path = tmp_path / "by_others.arpa"
    path.write_text(BY_OTHERS)
    return path


def random_model(order: int, boundary: int | None) -> tuple[NGramModel, np.ndarray]:
    random = np.random.default_rng(order)
    ids = (random.zipf(1.5, 600) % 12).astype(np.int32)
    return NGramModel.fit(ids, 13, order, boundary), ids


def test_a_file_made_by_others_worked_by_hand(by_others):
    model, symbols, comment = read_arpa(by_others)
    assert (symbols, comment) == (("<unk>", "a", "b", "</s>"), b"")
    assert (model.order, model.vocabulary, model.boundary) == (3, 4, END)
    text = np.array([A, B, END, B, END, A, FREE, A, A, END], np.int32)
    expected = [
        -0.25,  # a after <s>: a bigram
        -0.05,  # b after <s> a: the trigram
        -0.15,  # </s> after a b: the bigram b </s>; the context a b gives no back-off, which is 0
        -0.4 - 0.7,  # b after <s>: back off from <s>
        -0.15,  # </s> after <s> b: no such context
        -0.25,
        -0.1 - 0.3 - 1.0,  # <unk> after <s> a: back off from "<s> a", then from "a"
        -0.5,  # a after <unk>: no back-off given
        -0.3 - 0.5,  # a after a
        -0.3 - 0.6,
    ]
    np.testing.assert_allclose(model.token_log_probs(text) / math.log(10), expected, atol=1e-6)
    context = model.begin()
    for token, score in zip(text.tolist(), expected, strict=True):
        assert model.next_log_probs(context)[token] / math.log(10) == pytest.approx(score, abs=1e-6)
        context = model.advance(context, token)


def test_the_end_of_a_line_takes_the_name_it_has_in_the_vocabulary(by_others):
    assert read_arpa(by_others, end="<eos>")[1] == ("<unk>", "a", "b", "<eos>")


def test_written_as_the_format_says(tmp_path):
    # The model of the lines "a b" and "a a b", see test_ngram.py: p(a) = 5/12, p(b|a) = 23/48, half is left over.
    model = NGramModel.fit(np.array([0, 1, 2, 0, 0, 1, 2], np.int32), 3, 2, 2)
    write_arpa(model, ("a", "b", "<eos>"), tmp_path / "toy.arpa")
    lines = (tmp_path / "toy.arpa").read_text().split("\n")
    assert lines[:5] == ["\\data\\", "ngram 1=4", "ngram 2=4", "", "\\1-grams:"]
    assert lines[9:11] == ["", "\\2-grams:"] and lines[15:] == ["", "\\end\\", ""]
    rows = {
        fields[1]: [float(fields[0]), *map(float, fields[2:])] for line in lines if len(fields := line.split("\t")) > 1
    }
    half = math.log10(1 / 2)
    expected = {
        "a": [math.log10(5 / 12), half],
        "b": [math.log10(7 / 24), half],
        "</s>": [math.log10(7 / 24), 0],
        "<s>": [-99, half],
        "a a": [math.log10(3 / 8)],
        "a b": [math.log10(23 / 48)],
        "b </s>": [math.log10(31 / 48)],
        "<s> a": [math.log10(17 / 24)],
    }
    assert rows.keys() == expected.keys()
    for words, numbers in expected.items():
        assert rows[words] == pytest.approx(numbers, abs=1e-7)


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
@pytest.mark.parametrize("boundary", [None, 0])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_written_and_read_again(order, boundary, name, tmp_path):
    model, ids = random_model(order, boundary)
    symbols = ("<eos>", " ", "\n", "\u00a0é", "<unk>", *"abcdefgh")
    write_arpa(model, symbols, tmp_path / name, "one line")
    again, symbols_again, comment = read_arpa(tmp_path / name, end="<eos>")
    assert (symbols_again, comment) == (symbols, b"one line")
    assert again.config() == model.config()
    for key, values in model.arrays().items():
        assert again.arrays()[key].tolist() == values.tolist(), key
    assert again.token_log_probs(ids).tolist() == model.token_log_probs(ids).tolist()
    with (gzip.open if name.endswith(".gz") else open)(tmp_path / name, "rb") as file:
        text = file.read()
    assert (b"<s>" in text) == (boundary is not None)


def test_white_space_is_escaped():
    words = {" ": "<sp>", "\n": "<n>", "a\tb": "a<tab>b", "\r": "<cr>", "\v": "<U+000B>", "a\u00a0b": "a\u00a0b"}
    assert {symbol: escape(symbol) for symbol in words} == words
    assert {unescape(word): word for word in words.values()} == words
    assert unescape("<U+3000>") == "\u3000"


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (("a", "b"), "the model has 3 tokens, but 2 symbols are given"),
        (("a", "a", "."), "token 1, 'a', would be written as 'a'"),
        (("a", "<s>", "."), "token 1, '<s>'"),
        (("</s>", "b", "."), "token 0, '</s>'"),
        (("a", "<sp>", "."), "token 1, '<sp>'"),
        (("a", "", "."), "token 1 is empty text"),
    ],
)
def test_symbols_that_cannot_be_told_apart_are_refused(symbols, message, tmp_path):
    model = NGramModel.fit(np.array([0, 1, 2], np.int32), 3, 2, 2)
    with pytest.raises(InputError, match=message):
        write_arpa(model, symbols, tmp_path / "model.arpa")
    assert not (tmp_path / "model.arpa").exists()


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    model = NGramModel.fit(np.array([0, 1, 2], np.int32), 3, 2, 2)
    with pytest.raises(InputError, match=r"model.arpa: cannot be written \(No such file or directory\)"):
        write_arpa(model, "abc", tmp_path / "no folder" / "model.arpa")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"line 23: the file ends, and \\data\\ is missing"),
        (BY_OTHERS, "", r"line 0: the file ends, and \\data\\ is missing"),
        ("\\end\\\n", "", r"line 22: the file ends, and \\end\\ is missing"),
        ("\\end\\\n", "\\4-grams:\n", r"line 23: \\end\\ must follow the last n-grams; got '\\\\4-grams:'"),
        ("ngram 1=5\nngram 2=3\nngram 3=1\n", "", r"line 5: 'ngram 1=' and a number must follow"),
        ("ngram 2=3\n", "", "line 5: 'ngram 2=' and a number must follow; got 'ngram 3=1'"),
        ("ngram 2=3", "ngram 2=x", "line 5: 'ngram 2=' and a number must follow; got 'ngram 2=x'"),
        ("ngram 2=3", "ngram 2=4", "line 20: .* announces 4 n-grams of order 2, but there are 3"),
        ("\\2-grams:", "\\3-grams:", r"line 15: \\2-grams: must follow"),
        ("-0.35 a b", "-0.35 a", "line 17: an n-gram of order 2 has a logarithm, 2 words and .*; got 2 fields"),
        ("-0.35 a b", "-0.35 a b -1 c", "line 17: .*; got 5 fields"),
        ("-0.35 a b", "x a b", "line 17: no number where a logarithm must be: 'x a b'"),
        ("-0.35 a b", "-0.35 a b c", "line 17: no number where a logarithm must be"),
        ("-0.35 a b", "nan a b", "line 17: nan and 0 are no logarithm"),
        ("-0.35 a b", "0.35 a b", "line 17: 0.35 and 0 are no logarithm"),
        ("-0.35 a b", "-0.35 a b inf", "line 17: -0.35 and inf are no logarithm"),
        ("-0.35 a b", "-0.35 a b 17", "line 17: -0.35 and 17 are no logarithm"),
        ("-0.35 a b", "-0.35 a b 1_0", "line 17: no number where a logarithm must be"),
        ("-0.35 a b", "-0.35 a d", "line 17: the word 'd' is not among the 1-grams"),
        ("-0.35 a b", "-0.35 a <s>", "line 17: <s> can only begin an n-gram"),
        ("-0.35 a b", "-0.35 <s> a", "line 17: this n-gram stands there twice"),
        ("<s> a b\n", "b a b\n", "line 21: the first 2 words of this n-gram are not among the 2-grams"),
        ("-0.7 b -0.2", "-0.7 a -0.2", "line 11: the word 'a' stands twice among the 1-grams"),
        ("-0.7 b -0.2", "-0.7 <U+0061> -0.2", "line 11: 'a' would be two different tokens"),
        ("-0.6\t</s>", "-0.6\tc", "the 1-grams have <s> but no </s>"),
    ],
)
def test_bad_files_are_refused(old, new, message, by_others):
    assert BY_OTHERS.count(old) == 1
    by_others.write_text(BY_OTHERS.replace(old, new))
    with pytest.raises(InputError, match=message) as refused:
        read_arpa(by_others)
    assert str(refused.value).startswith(str(by_others)) and "\n" not in str(refused.value)


def test_no_words_are_refused(by_others):
    by_others.write_text("\\data\\\nngram 1=1\n\n\\1-grams:\n-99 <s>\n\n\\end\\\n")
    with pytest.raises(InputError, match="line 7: the 1-grams have no words"):
        read_arpa(by_others)


def test_other_encodings_are_refused(by_others):
    by_others.write_bytes(BY_OTHERS.replace("-0.7 b -0.2", "-0.7 é -0.2").encode("latin-1"))
    with pytest.raises(InputError, match="line 11: byte 0xe9 is not UTF-8"):
        read_arpa(by_others)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.arpa: no such file"):
        read_arpa(tmp_path / "none.arpa")
    with pytest.raises(InputError, match="is a folder, not a file"):
        read_arpa(tmp_path)
    damaged = tmp_path / "damaged.arpa.gz"
    damaged.write_bytes(gzip.compress(BY_OTHERS.encode())[:-20])
    with pytest.raises(InputError, match="not a readable gzip file"):
        read_arpa(damaged)
    damaged.write_text(BY_OTHERS)  # plain, whatever its name
    assert "b" in read_arpa(damaged).symbols


def test_gzip_and_a_byte_order_mark_are_read_whatever_the_name(by_others):
    plain = read_arpa(by_others)
    for content in (
        b"\xef\xbb\xbf" + BY_OTHERS.encode(),
        b"\xef\xbb\xbf" + BY_OTHERS[BY_OTHERS.index("\\data") :].encode(),
    ):
        for packed in (content, gzip.compress(content)):
            by_others.write_bytes(packed)
            again = read_arpa(by_others)
            assert again.symbols == plain.symbols
            assert again.model.levels[-1].log_prob.tolist() == plain.model.levels[-1].log_prob.tolist()
            assert looks_like_arpa(by_others)
    by_others.write_text("\\database\nA text about \\data\\ and more.\n")
    assert not looks_like_arpa(by_others)


@pytest.mark.parametrize("back_off", ["-0.5", "0.25"])
def test_a_back_off_at_the_highest_order_is_refused_unless_it_says_nothing(back_off, by_others):
    by_others.write_text(BY_OTHERS.replace("-0.05	<s> a b", f"-0.05	<s> a b	{back_off}"))
    message = f"line 21: a back-off of {back_off} at the highest order, 3, above which nothing is left; the file is cut"
    with pytest.raises(InputError, match=message):
        read_arpa(by_others)
    by_others.write_text(BY_OTHERS.replace("-0.05	<s> a b", "-0.05	<s> a b	-0.0"))
    assert read_arpa(by_others).model.order == 3


def test_back_offs_that_give_more_than_certainty_are_refused_where_they_do(by_others):
    by_others.write_text(BY_OTHERS.replace("-0.7 b -0.2", "-0.7 b 3.0"))
    model = read_arpa(by_others).model
    assert np.isfinite(model.token_log_probs(np.array([A, END], np.int32))).all()
    with pytest.raises(InputError, match=r"a token of the text has the probability 316: its back-offs are no weights"):
        model.token_log_probs(np.array([A, B, A], np.int32))
