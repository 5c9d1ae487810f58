"""Log-probability, perplexity and bits a character by hand; models side by side; texts that cannot be scored."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from toy_predictor import Bigram

from lstmkit import InputError
from lstmkit.language.judgement import Comparison, score_all, score_source
from lstmkit.language.judgement.scoring import score_ids, score_lines, score_source_lines
from lstmkit.language.vocabulary import Characters, Words

WORDS = Words(("a", "b", "<unk>", "<eos>"))
TABLE = [[0.5, 0.25, 0.125, 0.125], [0.25, 0.25, 0.25, 0.25], [0.125, 0.125, 0.25, 0.5], [1, 0, 0, 0], [0.5, 0.5, 0, 0]]


def test_a_text_worked_by_hand():
    """a at the beginning 1/2, b after a 1/4, the end after b 1/4, a after the end 1, the end after a 1/8."""
    text = "a b\na\n"
    score = score_ids(Bigram(WORDS, TABLE), WORDS.encode(text), len(text))
    probability = 1 / 2 * 1 / 4 * 1 / 4 * 1 * 1 / 8
    assert (score.tokens, score.unknown, score.characters) == (5, 0, 6)
    assert score.log_prob == pytest.approx(math.log(probability), rel=1e-12)
    assert score.perplexity == pytest.approx((1 / probability) ** (1 / 5), rel=1e-12)
    assert score.bits_per_character == pytest.approx(8 / 6, rel=1e-12)
    assert score.nats_per_token == pytest.approx(8 * math.log(2) / 5, rel=1e-12)
    assert score.notes == ()


def test_a_uniform_model_has_the_size_of_the_vocabulary_as_perplexity():
    ids = np.random.default_rng(0).integers(0, 4, 1000).astype(np.int32)
    score = score_ids(Bigram(WORDS, np.full((5, 4), 0.25)), ids, 1000)
    assert score.perplexity == pytest.approx(4, rel=1e-12)
    assert score.bits_per_character == pytest.approx(2, rel=1e-12)


def test_unknown_tokens_are_counted_and_said():
    score = score_ids(Bigram(WORDS, TABLE), WORDS.encode("a zebra\n"), 8)
    assert (score.tokens, score.unknown) == (3, 1)
    assert score.log_prob == pytest.approx(math.log(1 / 2 * 1 / 8 * 1 / 2))
    assert score.notes[0].startswith("1 of 3 tokens (33.3 %) are unknown")
    assert score.to_json()["notes"] == list(score.notes)


def test_an_impossible_text_has_an_infinite_perplexity():
    score = score_ids(Bigram(WORDS, TABLE), WORDS.encode("a\nb\n"), 4)
    assert (score.log_prob, score.perplexity) == (-math.inf, math.inf)


def test_each_line_is_scored_as_if_it_stood_alone():
    model = Bigram.random(WORDS)
    lines = ["a b a\n", "\n", "b\n", "b a"]
    found = list(score_lines(model, lines))
    assert [score.tokens for score in found] == [4, 1, 2, 3]
    assert [score.characters for score in found] == [6, 1, 2, 3]
    for line, score in zip(lines, found, strict=True):
        assert score == score_ids(model, WORDS.encode(line), len(line))
    assert found[1].log_prob == pytest.approx(model.rows[-1, WORDS.end])


def mixed() -> tuple[dict[str, Bigram], np.ndarray]:
    models = {name: Bigram.random(WORDS, seed, 1.0) for seed, name in enumerate(("lstm", "ngram", "mixture"))}
    generator, ids = np.random.default_rng(5), [0]
    for _ in range(30_000):
        ids.append(int(generator.choice(4, p=np.exp(models["lstm"].rows[ids[-1]]))))
    return models, np.array(ids, dtype=np.int32)


def test_models_side_by_side_have_the_scores_they_have_alone():
    models, ids = mixed()
    found = score_all(models, ids, 12_345)
    assert isinstance(found, Comparison) and list(found.scores) == ["lstm", "ngram", "mixture"]
    for name, model in models.items():
        assert found.scores[name] == score_ids(model, ids, 12_345)
    assert len(found.differences) == 3
    for one in found.differences:
        gain = found.scores[one.worse].nats_per_token - found.scores[one.better].nats_per_token
        assert one.mean == pytest.approx(gain, rel=1e-9) and one.mean >= 0
        assert one.low < one.mean < one.high
    clear = {(one.better, one.worse): one.clear for one in found.differences}
    assert clear["lstm", "ngram"] and clear["lstm", "mixture"]
    assert score_all(models, ids, 12_345) == found
    assert score_all(models, ids, 12_345, seed=1).differences != found.differences


def test_the_interval_of_a_difference_agrees_with_the_theory_of_means():
    """Means of many equal blocks are normal: 1.96 standard errors either way."""
    models, ids = mixed()
    ids = ids[:30_000]
    one = score_all({name: models[name] for name in ("lstm", "ngram")}, ids, 1).differences[0]
    gains = models["lstm"].token_log_probs(ids) - models["ngram"].token_log_probs(ids)
    blocks = gains.reshape(30, 1000).mean(axis=1)
    half = 1.96 * blocks.std() / math.sqrt(30)
    assert one.high - one.low == pytest.approx(2 * half, rel=0.1)
    assert (one.low + one.high) / 2 == pytest.approx(gains.mean(), abs=0.1 * half)


def test_equal_models_do_not_differ_and_one_token_is_enough():
    model = Bigram.random(WORDS)
    one = score_all({"x": model, "y": model}, WORDS.encode("a b a b\n"), 8).differences[0]
    assert (one.mean, one.low, one.high, one.clear) == (0, 0, 0, False)
    one = score_all({"x": model, "y": Bigram.random(WORDS, 1)}, np.array([0], dtype=np.int32), 1).differences[0]
    assert one.low == one.mean == one.high > 0


def test_a_file_is_scored_like_its_tokens(tmp_path: Path):
    text = "a b\r\nb zebra a\na"
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(text.encode()))
    models = {"x": Bigram.random(WORDS)}
    found = score_source(models, tmp_path / "text.txt.gz").scores["x"]
    ids = WORDS.encode("a b\nb zebra a\na")
    assert found == score_ids(models["x"], ids, 15)
    lines = list(score_source_lines(models, tmp_path / "text.txt.gz"))
    assert [line["x"] for line in lines] == list(score_lines(models["x"], ["a b\n", "b zebra a\n", "a"]))


def test_characters_of_a_file_are_its_tokens(tmp_path: Path):
    tokens = Characters.learn(["to be\nor not\n"])
    (tmp_path / "text.txt").write_text("not\nto be")
    found = score_source({"x": Bigram.random(tokens)}, tmp_path / "text.txt").scores["x"]
    assert (found.tokens, found.characters) == (9, 9)
    assert found.bits_per_character == pytest.approx(found.nats_per_token / math.log(2), rel=1e-12)


@pytest.mark.parametrize("score", [score_source, score_source_lines])
def test_a_text_of_other_words_is_refused_with_text_and_model_named(score, tmp_path: Path):
    path = tmp_path / "french.txt"
    path.write_text("a le roi dort\n")
    with pytest.raises(InputError) as refused:
        score({"x": Bigram.random(WORDS)}, path)
    assert str(refused.value) == (
        f"{path}: vocabulary mismatch, 3 of its 5 tokens are unknown to the model of 4 words; "
        "take a model that was trained on such text"
    )
    path.write_text("a b le roi\n")
    score({"x": Bigram.random(WORDS)}, path)


def test_a_text_without_tokens_is_refused():
    with pytest.raises(InputError, match=r"^the text to score has no token$"):
        score_ids(Bigram.random(WORDS), np.array([], dtype=np.int32), 0)


@pytest.mark.parametrize("score", [score_source, score_source_lines])
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the text is empty"), (b"a \xff b\n", r"byte 0xff at offset 2"), (b"a b\x00", "zero byte at offset 3")],
)
def test_what_is_wrong_with_a_file_is_said_before_scoring(score, content, message, tmp_path: Path):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        score({"x": Bigram.random(WORDS)}, tmp_path / "text.txt")
