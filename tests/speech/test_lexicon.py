"""Files of words and their phones."""

from __future__ import annotations

import pytest

from lstmkit import InputError
from lstmkit.speech import Lexicon, read_lexicon


def test_pronunciations_of_a_word_are_gathered(tmp_path):
    path = tmp_path / "words.dic"
    path.write_text("<s> SIL\n;;; a comment\nThe  DH AH\nthe(2) DH IY\nTHE DH AH\nend EH N D\n\n")
    found = read_lexicon(path)
    assert found.words == {"the": (("DH", "AH"), ("DH", "IY")), "end": (("EH", "N", "D"),)}
    assert found.phones == ("AH", "D", "DH", "EH", "IY", "N")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the DH AH\nend\n", "line 2: 'end' has no phones; a word and its phones make a line"),
        ("... DH AH\n", "line 1: '...' is no single word"),
        ("<s> SIL\n", "holds no word with its phones"),
    ],
)
def test_what_is_no_lexicon_is_refused(tmp_path, text, message):
    path = tmp_path / "words.dic"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_lexicon(path)
    assert message in str(error.value)


def test_words_without_a_pronunciation_are_named():
    lexicon = Lexicon({"the": (("DH", "AH"),)})
    lexicon.require(["The, the."])
    message = r"2 words of the transcripts have no pronunciation: 'end', 'far'; add them"
    with pytest.raises(InputError, match=message):
        lexicon.require(["the far end"])
