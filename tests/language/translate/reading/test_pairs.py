"""Two files of lines: where they part ways, what is left out, and which side is which."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from parallel import lines

from lstmkit import InputError
from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate.reading import Lines, Sides, paired, read_lines_of
from lstmkit.language.translate.reading.lines import parting, refuse_swapped, repeats_between


def sentences(count: int) -> list[str]:
    draw = random.Random(4)
    return ["word " * draw.randint(1, 30) for _ in range(count)]


@pytest.mark.parametrize("line", [0, 150, 399])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_line_is_found_where_two_sides_part_ways(line, count, swapped):
    source = [len(text) for text in sentences(400)]
    target = [round(1.1 * own) for own in source]
    del target[line : line + count]
    found = parting(target, source) if swapped else parting(source, target)
    assert abs(found - line) <= 2


def test_sides_of_unequal_length_are_refused_with_the_place(tmp_path):
    source = sentences(50)
    (tmp_path / "a").write_text("\n".join(source) + "\n")
    (tmp_path / "b").write_text("\n".join(source[:20] + source[21:]) + "\n")
    with pytest.raises(InputError) as raised:
        read_lines_of(tmp_path / "a", tmp_path / "b")
    message = str(raised.value)
    assert f"{tmp_path / 'a'} has 50 lines, but {tmp_path / 'b'} has 49" in message
    assert (
        any(f"about line {n} " in message for n in range(19, 24))
        and "give files whose lines belong together" in message
    )


def test_pairs_with_a_blank_side_are_left_out_and_counted():
    found = paired(["one", " ", "three", ""], ["eins", "zwei", "\t", ""])
    assert (found.source, found.target, found.blank) == (["one"], ["eins"], 3)
    assert found.notes() == ["3 pairs are left out: a side is blank"]
    with pytest.raises(InputError, match="no line has text here and in target"):
        paired(["", "b"], ["a", " "])


def test_the_same_text_on_both_sides_is_said():
    text = ["one two", "three"]
    assert "both sides are the same text" in Lines(text, ["one  two", "three"]).notes()[0]
    assert Lines(text, ["one two", "drei"]).notes() == ["1 pair has the same text on both sides"]
    assert Lines(text, ["eins zwei", "drei"]).notes() == []


def test_lines_are_those_of_files_whatever_their_ends(tmp_path):
    Path(tmp_path / "a").write_bytes("eins\r\nzwei\u2028halb\r\ndrei".encode())
    Path(tmp_path / "b").write_bytes(b"one\ntwo\nthree\n")
    assert read_lines_of(tmp_path / "a", tmp_path / "b").source == ["eins", "zwei\u2028halb", "drei"]


def test_sentences_of_the_test_part_that_were_learnt_from_are_counted():
    found = repeats_between(Lines(["a b", "c"], ["x", "y"]), Lines(["a  b", "c", "d"], ["x", "z", "y"]))
    assert found._asdict() == {"repeated": 1, "compared": 3}


def test_pairs_the_other_way_round_are_refused():
    training, other = lines(50, 0), lines(20, 1)
    refuse_swapped(training, other)
    refuse_swapped(training, Lines(["unheard", "of"], ["never", "met"]))
    with pytest.raises(InputError, match="the other way round"):
        refuse_swapped(training, Lines(other.target, other.source, names=("x", "y")))


@pytest.mark.parametrize("joint", [True, False])
def test_a_text_of_the_other_language_is_recognised(joint):
    sides, other = Sides.learn(lines(100), "word", VocabularySettings(), joint, False), lines(10, 1)
    assert sides.joint == joint
    assert not sides.otherwise(other.source) and sides.otherwise(other.target)
    assert not sides.otherwise(["haus"])  # one word tells nothing
    sides.refuse_swapped(other)
    with pytest.raises(
        InputError, match=r"^there: looks like the language that the model writes, and here like the one"
    ):
        sides.refuse_swapped(Lines(other.target, other.source, names=("there", "here")))


def test_lower_case_is_read_and_written_where_asked():
    sides = Sides.learn(Lines(["The Dog"] * 2, ["Der Hund"] * 2), "word", VocabularySettings(), False, True)
    assert "hund" in sides.target.symbols and "Hund" not in sides.target.symbols
    np.testing.assert_array_equal(sides.read(["THE dog"]).values, sides.read(["the dog"]).values)
