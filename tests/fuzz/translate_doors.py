"""Doors of a translator: two files of lines, and its model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate import Manner, SearchSettings, Translator
from lstmkit.language.translate.judgement import Dictionary
from lstmkit.language.translate.reading import Sides, read_lines_of
from lstmkit.language.translate.reading.lines import refuse_swapped, repeats_between
from lstmkit.language.translate.reading.words import cut_text

SIDES = ("the dog runs\nthe cat, too\na tree\nthe dog\n", "der hund rennt\ndie katze auch\nein baum\nder hund\n")


def open_pairs(folder: Path) -> Run:
    """Two files of lines, one of them damaged: pairs, vocabularies, a dictionary."""

    def run(given: Any) -> bool:
        side, how = given
        for number, text in enumerate(SIDES):
            (folder / str(number)).write_bytes(damaged(text.encode(), how) if number == side else text.encode())

        def read() -> None:
            lines = read_lines_of(folder / "0", folder / "1")
            assert len(lines.source) == len(lines.target) and all(map(str.strip, lines.source + lines.target))
            lines.notes()
            refuse_swapped(lines, lines)
            assert repeats_between(lines, lines).repeated == len(lines)
            sides = Sides.learn(lines, "word", VocabularySettings(), False, True)
            assert all(np.isfinite(own.numpy()).all() for own in sides.shares)
            Dictionary.learn(lines.source, lines.target).translate(lines.source)
            text = " ".join(lines.source[0].split())
            assert "".join(cut_text(sides.source, text, 2)).split() == text.split() or " " not in text

        return accepted(read)

    return run


def use_translator(path: Path) -> None:
    """Load a translator, translate sentences with several translations each, and a blank one."""
    model = Translator.load(path)
    manner = Manner(SearchSettings(2, best=2, times=1.0, more=2))
    found = model.search(["a b", "", "c x a"], manner)
    assert found[1][0].text == "" and np.isfinite(found[0][0].score), "a score is not finite"
