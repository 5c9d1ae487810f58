"""Files of hotwords."""

from __future__ import annotations

import pytest

from lstmkit import InputError
from lstmkit.speech.decoding import Hotwords, read_hotwords


def test_a_file_has_a_phrase_a_line_with_its_score_or_without(tmp_path):
    path = tmp_path / "hot.txt"
    path.write_text("# names\nSaint-Étienne\t4.5\n\nopen the Window\nno\t-2\n", encoding="utf-8")
    assert read_hotwords(path).phrases == {("saint-étienne",): 4.5, ("open", "the", "window"): 3.0, ("no",): -2.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tmuch\n", "hot.txt, line 1: the score must be a number from -100 to 100; got 'much'"),
        ("a\t1\nb\tnan\n", "hot.txt, line 2: the score must be a number from -100 to 100; got 'nan'"),
        ("a\t1e9\n", "hot.txt, line 1: the score must be a number from -100 to 100; got '1e9'"),
        ("?!\t1\n", "hot.txt, line 1: '[?]!' has no word; a phrase and its score make a line"),
        ("# nothing\n\n", "hot.txt: holds no phrase"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, content, message):
    (tmp_path / "hot.txt").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_hotwords(tmp_path / "hot.txt")


def test_phrases_in_python_are_checked_alike():
    with pytest.raises(InputError, match="hotwords: '!' has no word; a phrase and its score make a line"):
        Hotwords({"!": 1.0})
    with pytest.raises(InputError, match="hotwords: the score of 'a' must be from -100 to 100; got nan"):
        Hotwords({"a": float("nan")})
