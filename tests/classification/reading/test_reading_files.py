"""Labelled sequences in .ts files, arrays and folders."""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.classification.reading import Form, read_labelled

HEAD = "# made here\n@problemName t\n@timeStamps false\n@classLabel true one two\n@data\n"

STAMPED = HEAD.replace("timeStamps false", "timeStamps true")


def refused(source, form=None, labelled=True, **given):
    with pytest.raises(InputError) as caught:
        read_labelled(source, form or Form(), labelled, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def ts(tmp_path, lines: str, head: str = HEAD):
    path = tmp_path / "own.ts"
    path.write_text(head + lines)
    return path


def test_a_ts_file_has_channels_of_unequal_sequences_and_gaps(tmp_path) -> None:
    found = read_labelled(ts(tmp_path, "1,?,3:4,5,6:one\n7,8,?:9,10,?:two\n"), Form(missing="mask"))
    np.testing.assert_array_equal(found.frames[0], [[1, 4], [np.nan, 5], [3, 6]])
    assert found.frames[1].tolist() == [[7, 9], [8, 10]]  # missing steps at the end are none
    assert found.labels == ["one", "two"]
    assert found.form.channels == ("channel 1", "channel 2")


def test_time_stamps_put_the_steps_in_order(tmp_path) -> None:
    lines = "(10,2),(2, 1):(2,?),( 10 ,4):one\n(2020-01-01 00:10:00,6),(2020-01-01 00:00:30,5):"
    lines += "(2020-01-01 00:00:30,7),(2020-01-01 00:10:00,8):two\n"
    found = read_labelled(ts(tmp_path, lines, STAMPED), Form(missing="mask"))
    np.testing.assert_array_equal(found.frames.values, [[1, np.nan], [2, 4], [5, 7], [6, 8]])
    assert found.labels == ["one", "two"]


@pytest.mark.parametrize(
    ("lines", "head", "words"),
    [
        ("1,2,3:4,5:one\n", HEAD, ["line 6", "channel 2 has 2 steps where the first has 3"]),
        ("1,2:3,4:one\n1,2:one\n", HEAD, ["line 7", "1 channels where the first has 2"]),
        ("1,b:one\n", HEAD, ["line 6", "'b' is not a number"]),
        ("one\n", HEAD, ["label alone"]),
        ("", HEAD, ["no sequences after @data"]),
        ("1,2:one\n", STAMPED, ["line 6", "channel 1 is no list of (time,value)"]),
        ("(0,1),(1,2):3,(1,4):one\n", STAMPED, ["line 6", "channel 2 is no list of (time,value)"]),
        ("(0,1),(0,2):one\n", STAMPED, ["channel 1 has a time twice"]),
        ("(0,1),(1,2):(0,1),(2,2):one\n", STAMPED, ["channel 2", "other times than the first"]),
        ("(0,b):one\n", STAMPED, ["line 6", "'b' is not a number"]),
        ("1,2:one\n", "1,2\n@data\n", ["line 1 stands before @data"]),
        ("?,?:one\n", HEAD, ["no steps"]),
        ("1,?,2:one\n", HEAD, ["step 2", "--missing mask"]),
        ("1,2:3,4\n", HEAD.replace("true one two", "false"), ["no labels"]),
    ],
)
def test_a_ts_file_that_cannot_be_used_is_one_line(tmp_path, lines, head, words) -> None:
    message = refused(ts(tmp_path, lines, head))
    assert all(word in message for word in words), message


def test_arrays_and_lists_are_the_same() -> None:
    array = np.arange(12.0).reshape(2, 3, 2)
    one, other = read_labelled(array, Form(), labels=[0, 1]), read_labelled(list(array), Form(), labels=["0", "1"])
    np.testing.assert_array_equal(one.frames.values, other.frames.values)
    assert one.labels == other.labels == ["0", "1"]
    assert one.whole
    assert not other.whole
    assert read_labelled(array[:, :, 0], Form(), labels=[0, 1]).frames.values.shape == (6, 1)
    assert read_labelled([np.ones(3), [[1], [2]]], Form(), labels=[0, 1]).frames.lengths.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("given", "labels", "words"),
    [
        ([np.ones((3, 2)), np.ones((3, 1))], [0, 1], "sequence 2 has 1 channels where the first has 2"),
        ([[[1, 2], [3]], [[1, 2]]], [0, 1], "sequence 1: its channels have unequal lengths"),
        ([["a"], ["b"]], [0, 1], "sequence 1: its channels have unequal lengths"),
        (np.ones((2, 3, 1)), [0], "1 labels for 2 sequences"),
        (np.ones(3), [0], "must be (N, T, channels)"),
        (np.ones((2, 3, 2, 2)), [0, 1], "must be (N, T, channels)"),
        (np.ones((2, 3, 0)), [0, 1], "its shape must be (T, channels)"),
        ([], [], "no sequences"),
        (np.ones((2, 3, 1)), None, "no labels"),
        (np.ones((2, 0, 1)), [0, 1], "no steps"),
        (7, [0], "got 7"),
    ],
)
def test_arrays_that_cannot_be_used_are_one_line(given, labels, words) -> None:
    assert words in refused(given, labels=labels)


def test_npz_files_hold_equal_or_unequal_sequences(tmp_path) -> None:
    equal, flat = tmp_path / "equal.npz", tmp_path / "flat.npz"
    array = np.arange(12.0).reshape(2, 3, 2)
    np.savez_compressed(equal, X=array, y=["u", "d"], groups=[1, 2])
    np.savez(flat, values=array.reshape(6, 2), offsets=[0, 2, 6], y=[3, 4])
    assert read_labelled(equal, Form()).groups == ["1", "2"]
    found = read_labelled(flat, Form())
    assert found.frames.lengths.tolist() == [2, 4]
    assert found.labels == ["3", "4"]


def test_npy_files_are_for_prediction(tmp_path) -> None:
    path = tmp_path / "new.npy"
    np.save(path, np.ones((2, 3, 1), np.float32))
    assert len(read_labelled(path, Form(), labelled=False)) == 2
    assert "has no labels" in refused(path)


def test_pickled_objects_are_never_read(tmp_path) -> None:
    path, raw = tmp_path / "objects.npz", tmp_path / "raw.npy"
    np.savez(path, X=np.array([[1], [1, 2]], object), y=[0, 1])
    raw.write_bytes(pickle.dumps([1, 2]))
    assert "unpickling" in refused(path)
    assert "unpickling" in refused(raw, labelled=False)


@pytest.mark.parametrize("offsets", [[0, 2, 5], [1, 6], [0, 4, 2, 6], [0.0, 6.0]])
def test_offsets_that_do_not_rise_over_all_rows_are_refused(tmp_path, offsets) -> None:
    path = tmp_path / "flat.npz"
    np.savez(path, values=np.ones((6, 1)), offsets=offsets, y=[0] * (len(offsets) - 1))
    assert "offsets must rise" in refused(path)


def test_a_cut_npz_file_and_one_without_frames_are_refused(tmp_path) -> None:
    path, other = tmp_path / "cut.npz", tmp_path / "other.npz"
    np.savez(path, X=np.ones((2, 3, 1)), y=[0, 1])
    path.write_bytes(path.read_bytes()[:-40])
    np.savez(other, z=np.ones(3))
    assert "damaged" in refused(path)
    assert "no array X" in refused(other)
    assert "no such file" in refused(tmp_path / "none.npz")


def folder_of(tmp_path, labels: str = "file,label,who\nb.csv,up,1\na,down,2\n"):
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "labels.csv").write_text(labels)
    pl.DataFrame({"time": [1, 0], "x": [2.0, 1.0]}).write_csv(folder / "a.csv")
    pl.DataFrame({"time": [0, 1, 2], "x": [3.0, 4.0, 5.0]}).write_csv(folder / "b.csv")
    return folder


def test_a_folder_has_a_table_a_sequence_and_a_table_of_labels(tmp_path) -> None:
    found = read_labelled(folder_of(tmp_path), Form(group="who"))
    assert found.ids == ["b.csv", "a"]
    assert found.labels == ["up", "down"]
    assert found.groups == ["1", "2"]
    assert found.frames[1].tolist() == [[1], [2]]


def test_a_folder_without_labels_can_be_answered_for(tmp_path) -> None:
    found = read_labelled(folder_of(tmp_path), Form(channels=("x",), layout="long"), labelled=False)
    assert found.ids == ["a", "b"]


def test_a_folder_that_does_not_fit_together_is_one_line(tmp_path) -> None:
    folder = folder_of(tmp_path, "file,label\nc.csv,up\na,down\n")
    assert "names 'c.csv'" in refused(folder)
    pl.DataFrame({"time": [0, 1], "z": [3.0, 4.0]}).write_csv(folder / "c.csv")
    assert "'z'" in refused(folder) or "'x'" in refused(folder)
    (folder / "labels.csv").write_text("file,kind\na,up\n")
    assert "no column 'label'" in refused(folder)
    (folder / "labels.csv").unlink()
    assert "no table of labels" in refused(folder)


def test_a_sequence_of_a_million_steps_is_read(tmp_path) -> None:
    path = tmp_path / "long.npz"
    np.savez(path, values=np.arange(1_000_003, dtype=np.float32), offsets=[0, 1_000_000, 1_000_003], y=["a", "b"])
    found = read_labelled(path, Form())
    assert found.frames.lengths.tolist() == [1_000_000, 3]
