"""Folders whose files name the parts, and lines of the test part that were learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_text import sentences

from lstmkit.language.text import read_corpus
from lstmkit.language.text.parts import find_repeats, parts_of
from lstmkit.language.text.reading import text_files


@pytest.mark.parametrize(
    "names",
    [
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("train.txt", "valid.txt", "test.txt"),
        ("training/a.txt", "dev/a.txt", "eval/a.txt"),
        ("my-Train_1.TXT", "my-Val_1.TXT", "my-Testing_1.TXT"),
    ],
)
def test_names_in_use_tell_the_parts(names: tuple[str, ...], tmp_path: Path) -> None:
    for seed, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(sentences(60 + 20 * seed, seed))
    found, apart = read_corpus(tmp_path), read_corpus(*(tmp_path / name for name in names))
    for part in ("train", "valid", "test"):
        assert getattr(found, part).tolist() == getattr(apart, part).tolist()
    assert found.notes[0] == (
        f"the folder names its parts: {names[0]} is its training part, {names[1]} is its validation part, "
        f"{names[2]} is its test part"
    )


def test_a_part_that_is_missing_is_cut_off_and_what_is_in_none_is_left_out(tmp_path: Path) -> None:
    for name, seed in (("train.txt", 0), ("test.txt", 1), ("notes.txt", 2)):
        (tmp_path / name).write_text(sentences(100, seed))
    corpus = read_corpus(tmp_path)
    assert corpus.characters["train"] + corpus.characters["valid"] == len(sentences(100, 0))
    assert corpus.characters["test"] == len(sentences(100, 1))
    assert "of the folder, 'notes.txt' is left out: it is in no part" in corpus.notes


def test_a_part_that_is_given_stands_and_the_folders_own_is_not_learnt_from(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, seed in (("train.txt", 0), ("valid.txt", 1), ("test.txt", 2)):
        (folder / name).write_text(sentences(100, seed))
    other = tmp_path / "other.txt"
    other.write_text(sentences(7, 3))
    corpus = read_corpus(folder, test=other)
    sizes = [len(sentences(count, seed)) for count, seed in ((100, 0), (100, 1), (7, 3))]
    assert [corpus.characters[part] for part in ("train", "valid", "test")] == sizes


def test_names_that_do_not_tell_make_one_text(tmp_path: Path) -> None:
    names = ["the-train-to-test-valley.txt", "a.txt", "train.txt"]
    assert parts_of(tmp_path, [tmp_path / name for name in names]) == {}
    assert parts_of(tmp_path, [tmp_path / "test.txt", tmp_path / "valid.txt"]) == {}


def test_hidden_files_are_no_text_and_endings_may_be_capital(tmp_path: Path) -> None:
    for name in ("a.TXT", "b.Txt.GZ", "__MACOSX/._a.txt", ".git/c.txt", ".hidden.txt", "inner/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("some text\n")
    found = [str(file.relative_to(tmp_path)) for file in text_files(tmp_path)]
    assert found == ["a.TXT", "b.Txt.GZ", "inner/d.txt"]


def test_lines_of_the_test_part_that_were_learnt_are_counted() -> None:
    learnt = ["the cat sat on the mat", "a  dog barked at the\tmoon ", "too short"]
    tested = ["a dog barked at the moon", "a dog barked at the moon", "the cat sat on the hat", "too short", ""]
    repeats = find_repeats(learnt, tested)
    assert (repeats.repeated, repeats.compared) == (2, 3)
    assert repeats.note("lines") == (
        "2 of 3 lines of the test part (66.7 %) stand word for word in the training part: the scores flatter whoever "
        "knows them by heart"
    )
    assert find_repeats(learnt, tested, 1)[:2] == (3, 4)
    assert find_repeats([], tested).note("lines") == ""
    assert find_repeats(learnt, []).share == 0.0


def test_the_same_file_for_learning_and_testing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(sentences(80, 0))
    corpus = read_corpus(path, path, path)
    assert corpus.repeats == (80, 80)
    assert corpus.notes[1].startswith("all lines of the test part (100 %) stand word for word in the training part")
