"""Writing on: seeds, stop tokens, prompts, and text that is put together as its tokens come."""

from __future__ import annotations

import numpy as np
import pytest
from toy_predictor import Bigram

from lstmkit import InputError
from lstmkit.language.vocabulary import Characters, Subwords, Words
from lstmkit.language.writing import SamplingSettings, generate
from lstmkit.language.writing import prompt as prompts
from lstmkit.language.writing.generating import generate_tokens

WORDS = Words(("the", "king", "<unk>", "<eos>", ",", "sleeps", "(", '"'), "punctuation")
PROMPT = 'the king, "sleeps (the'


def likely_unknown(tokens: Words) -> Bigram:
    """A model that finds the unknown token nine times as likely as all others together."""
    size = len(tokens.symbols)
    table = np.full((size + 1, size), 0.1 / (size - 1))
    table[:, tokens.unknown] = 0.9
    return Bigram(tokens, table)


def test_the_same_seed_gives_the_same_text_and_another_seed_another():
    model = Bigram.random(WORDS)
    first, again, other = (generate(model, "the king", 50, seed=seed) for seed in (3, 3, 4))
    assert first.text == again.text and first.ids.tolist() == again.ids.tolist()
    assert first.text != other.text


def test_the_log_probability_is_that_of_the_model_before_any_setting():
    model = Bigram.random(WORDS)
    found = generate(model, "the king", 30, SamplingSettings(temperature=0.5, top_k=3))
    ids = np.concatenate((WORDS.encode("the king", closed=False), found.ids))
    assert found.tokens == 30
    assert found.log_prob == pytest.approx(model.token_log_probs(ids)[2:].sum(), abs=1e-4)


def test_temperature_zero_follows_the_most_likely_tokens():
    model = Bigram.random(WORDS)
    found = generate(model, "the", 10, SamplingSettings(temperature=0, ban_unknown=False))
    token, expected = 0, []
    for _ in range(10):
        token = int(model.rows[token].argmax())
        expected.append(token)
    assert found.ids.tolist() == expected


def test_the_unknown_token_is_never_written_unless_asked():
    model = likely_unknown(WORDS)
    assert WORDS.unknown not in generate(model, "", 500).ids
    assert WORDS.unknown in generate(model, "", 20, SamplingSettings(ban_unknown=False)).ids


def test_the_unknown_token_takes_no_place_in_top_k():
    """With top-k 1 the most likely of the others must be left."""
    found = generate(likely_unknown(WORDS), "", 5, SamplingSettings(top_k=1))
    assert set(found.ids.tolist()) == {0}


@pytest.mark.parametrize(("stop", "token"), [("sleeps", 5), ("<eos>", 3), ("\n", 3), ("\\n", 3)])
def test_the_stop_token_is_the_last(stop, token):
    found = generate(Bigram.random(WORDS), "", 1000, stop=stop)
    assert found.stopped and found.tokens < 1000
    assert found.ids.tolist().index(token) == found.tokens - 1


def test_a_text_that_ends_by_its_length_was_not_stopped():
    found = generate(likely_unknown(WORDS), "", 5, SamplingSettings(top_k=1), stop="sleeps")
    assert (found.tokens, found.stopped) == (5, False)


def test_the_text_that_comes_piece_by_piece_is_the_decoded_whole():
    """Marks, quotes and lines stand where decoding all tokens at once puts them."""
    for seed in range(20):
        model = Bigram.random(WORDS, seed)
        found = generate(model, PROMPT, 60, seed=seed)
        whole = WORDS.decode([*WORDS.encode(PROMPT, closed=False), *found.ids])
        assert found.text == whole
        assert found.text == PROMPT + "".join(step.text for step in generate_tokens(model, PROMPT, 60, seed=seed))


def test_a_line_longer_than_what_is_remembered_goes_on(monkeypatch):
    monkeypatch.setattr("lstmkit.language.writing.generating.KEPT", 5)
    tokens = Words(("the", "king", "<unk>", "<eos>", "sleeps"), "space")
    found = generate(Bigram.random(tokens, 1, 0.5), "the king sleeps " * 5, 200)
    written = tokens.decode(found.ids)
    assert found.text == "the king sleeps " * 5 + written


def test_a_space_that_was_typed_is_not_written_again():
    model = Bigram.random(WORDS)
    typed, bare = generate(model, "the king ", 1), generate(model, "the king", 1)
    assert typed.ids.tolist() == bare.ids.tolist()
    assert typed.text == "the king " + WORDS.symbols[typed.ids[0]]


def test_characters_are_put_together_without_spaces():
    tokens = Characters.learn(["to be, or not\n"])
    found = generate(Bigram.random(tokens), "to b", 40)
    assert found.text == "to b" + tokens.decode(found.ids)


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    pytest.importorskip("sentencepiece", reason="sub-words need sentencepiece")
    words = ["king", "kings", "kingdom", "queen", "queens", "the", "of", "freedom", "walking", "walk", "walked"]
    generator = np.random.default_rng(0)
    return Subwords.learn([" ".join(generator.choice(words, 12)) + "\n" for _ in range(300)], 32)


def test_sub_words_begin_a_new_word_after_white_space(subwords):
    inner = [not symbol.startswith("▁") for symbol in subwords.symbols]
    assert sum(inner) > 10
    firsts = {generate(Bigram.random(subwords), "the king ", 1, seed=seed).ids[0] for seed in range(50)}
    assert not any(inner[token] for token in firsts)
    after_a_letter = {generate(Bigram.random(subwords), "the king", 1, seed=seed).ids[0] for seed in range(50)}
    assert any(inner[token] for token in after_a_letter)


def test_sub_words_are_put_together_as_sentencepiece_does(subwords):
    found = generate(Bigram.random(subwords), "the king", 60)
    assert found.text == subwords.decode([*subwords.encode("the king", closed=False), *found.ids])


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("the emperor sleeps", "the prompt has a word unknown to the model: 'emperor'; use others, or "),
        ("Emperor, the emperor, Emperor: (", "the prompt has words unknown to the model: 'Emperor', 'emperor', ':'; "),
    ],
)
def test_unknown_words_of_a_prompt_are_all_named(prompt, message):
    with pytest.raises(InputError) as refused:
        generate(Bigram.random(WORDS), prompt)
    assert message in str(refused.value) and str(refused.value).endswith("pass --allow-unknown")
    assert generate(Bigram.random(WORDS), prompt, 5, allow_unknown=True).text.startswith(prompt)


def test_of_very_many_unknown_words_the_number_is_given():
    with pytest.raises(InputError, match=r"'w19' and 15 more; use others"):
        generate(Bigram.random(WORDS), " ".join(f"w{n}" for n in range(35)))


def test_unknown_characters_of_a_prompt_are_named():
    tokens = Characters.learn(["to be\n"])
    with pytest.raises(InputError, match="characters unknown to the model: 'ß', '€'; use"):
        generate(Bigram.random(tokens), "to ß€ßbe")


def test_the_unknown_token_written_out_is_no_mistake():
    assert generate(Bigram.random(WORDS), "the <unk>", 3).text.startswith("the <unk>")


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(prompts, "MAX_PROMPT", 1000)
    model = Bigram.random(WORDS)
    assert generate(model, "the " * 1000, 1).tokens == 1
    with pytest.raises(InputError) as refused:
        generate(model, "the " * 1001, 1)
    assert str(refused.value) == "the prompt has 1,001 tokens, at most 1,000 are read; give its end alone"


def test_a_stop_token_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(InputError) as refused:
        generate(Bigram.random(WORDS), stop="sleep")
    assert str(refused.value) == "the vocabulary has no token 'sleep' to stop at; the nearest is 'sleeps'"
    with pytest.raises(InputError, match="no token '' to stop at; the nearest is"):
        generate(Bigram.random(WORDS), stop="")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "count must be at least 1; got 0"),
        ({"seed": -1}, "seed must be from 0 to 9223372036854775807; got -1"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_drawn(given, message):
    with pytest.raises(InputError) as refused:
        generate_tokens(Bigram.random(WORDS), **given)
    assert str(refused.value) == message
