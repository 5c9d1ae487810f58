"""Long and wide tables of labelled sequences: what is read, and what is refused in one line."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.classification.reading import Form, read_labelled
from lstmkit.classification.reading.labelled import group_note

LONG = Form(id="clip", time="t")


def long_table() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "clip": ["b", "a", "b", "a", "b"],
            "t": [2.5, 1.0, 0.5, 0.0, 1.5],
            "x": [3.0, 12.0, 1.0, 11.0, 2.0],
            "y": [30.0, 120.0, 10.0, 110.0, 20.0],
            "label": ["up", "down", "up", "down", "up"],
        }
    )


def refused(table, form=LONG, labelled=True, **given):
    with pytest.raises(InputError) as caught:
        read_labelled(table, form, labelled, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_long_table_is_put_in_order_of_time_and_of_first_occurrence() -> None:
    found = read_labelled(long_table(), LONG)
    assert found.ids == ["b", "a"]
    assert found.labels == ["up", "down"]
    assert found.form.channels == ("x", "y")
    np.testing.assert_array_equal(found.frames[0], [[1, 10], [2, 20], [3, 30]])
    np.testing.assert_array_equal(found.frames[1], [[11, 110], [12, 120]])
    assert found.times is not None and found.times.to_list() == [0.5, 1.5, 2.5, 0.0, 1.0]


def test_a_time_column_is_found_by_its_name_and_dates_are_in_order() -> None:
    table = pl.DataFrame(
        {"clip": ["a"] * 3 + ["b"] * 3, "time": ["2024-01-03", "2024-01-01", "2024-01-02"] * 2, "x": [3, 1, 2] * 2}
    ).with_columns(label=pl.col("clip"))
    found = read_labelled(table, Form(id="clip"))
    assert found.frames[0][:, 0].tolist() == [1, 2, 3]
    assert any("'time'" in note for note in found.notes)


def test_the_same_table_from_a_file_is_the_same(tmp_path) -> None:
    path = tmp_path / "walks.csv"
    long_table().write_csv(path)
    found, own = read_labelled(path, LONG), read_labelled(long_table().to_pandas(), LONG)
    np.testing.assert_array_equal(found.frames.values, own.frames.values)
    assert found.ids == own.ids
    assert found.labels == own.labels


def test_what_is_the_same_within_an_id_is_no_channel_unless_named() -> None:
    table = long_table().with_columns(subject=pl.Series([7, 8, 7, 8, 7]), note=pl.Series(list("vwxyz")))
    found = read_labelled(table, LONG)
    assert found.form.channels == ("x", "y")
    assert any("'subject'" in note for note in found.notes)
    assert any("'note'" in note and "no column of numbers" in note for note in found.notes)
    assert read_labelled(table, Form(id="clip", time="t", channels=("y", "subject"))).frames[0][0].tolist() == [10, 7]


def test_a_column_of_subjects_is_a_group() -> None:
    table = long_table().with_columns(who=pl.Series(["s", "r", "s", "r", "s"]))
    assert read_labelled(table, Form(id="clip", time="t", group="who")).groups == ["s", "r"]


def test_names_that_begin_alike_are_told_where_no_group_is_given() -> None:
    ids = ["ann_1", "ann_2", "bob_1", "bob_2"]
    table = pl.DataFrame({"clip": np.repeat(ids, 2), "x": range(8), "label": np.repeat(["u", "d", "u", "d"], 2)})
    assert "--group" in group_note(read_labelled(table, Form(id="clip")))[0]
    by_class = table.with_columns(label=pl.Series(np.repeat(["u", "u", "d", "d"], 2)))
    assert group_note(read_labelled(by_class, Form(id="clip"))) == []


def test_missing_values_are_refused_with_their_place_or_masked() -> None:
    table = long_table().with_columns(x=pl.Series([3.0, None, 1.0, 11.0, 2.0]))
    message = refused(table)
    assert "id 'a', step 2, channel 'x'" in message
    assert "--missing mask" in message
    found = read_labelled(table, Form(id="clip", time="t", missing="mask"))
    assert np.isnan(found.frames[1][1, 0])
    assert found.holds_missing


@pytest.mark.parametrize(
    ("change", "form", "words"),
    [
        ({"label": ["up", "down", "up", "down", "down"]}, LONG, ["id 'b'", "changes from 'up' to 'down'"]),
        ({"t": [1, 1, 1, 0, 2]}, LONG, ["id 'b'", "two rows have the time 1"]),
        ({"label": ["", "down", "", "down", ""]}, LONG, ["id 'b'", "no label"]),
        ({"clip": ["b", "a", "b", "", "b"]}, LONG, ["row 4", "id is missing"]),
        ({"clip": list("abcde")}, LONG, ["'clip'", "every id has one row"]),
        ({"x": [1e200, 1, 1, 1, 1]}, LONG, ["id 'b', step 3, channel 'x'", "too large"]),
        ({"x": [float("inf"), 1, 1, 1, 1]}, LONG, ["too large"]),
        ({}, Form(label="labels", id="clip"), ["no column 'labels'", "label"]),
        ({}, Form(time="t"), ["needs --id"]),
        ({}, Form(id="clip", time="t", channels=("z",)), ["no column 'z'"]),
        ({"t": [1.0, None, 0.5, 0.0, 2.0]}, LONG, ["'t', row 2", "time is missing"]),
    ],
)
def test_what_cannot_be_used_is_one_line(change, form, words) -> None:
    message = refused(long_table().with_columns(**{name: pl.Series(own) for name, own in change.items()}), form)
    assert all(word in message for word in words), message


def test_a_bad_number_in_a_file_names_its_row(tmp_path) -> None:
    path = tmp_path / "walks.csv"
    rows = "".join(f"a,{k},{k / 2},up\n" for k in range(200))
    path.write_text("clip,t,x,label\n" + rows + "a,200,oops,up\nb,0,1,down\nb,1,1,down\n")
    assert "row 201" in refused(path)


def test_columns_with_two_roles_are_refused() -> None:
    with pytest.raises(InputError, match="different columns"):
        Form(label="x", id="x")


def test_a_wide_table_of_one_channel_ends_where_its_values_do() -> None:
    table = pl.DataFrame({"label": ["u", "d"], "a": [1.0, 4.0], "b": [2.0, 5.0], "c": [3.0, None]})
    found = read_labelled(table, Form())
    assert [own.tolist() for own in (found.frames[0], found.frames[1])] == [[[1], [2], [3]], [[4], [5]]]
    assert found.form.layout == "wide"
    assert found.form.channels == ("value",)


def test_a_wide_table_of_channels_goes_by_the_numbers_of_its_names() -> None:
    table = pl.DataFrame(
        {"id": ["p", "q"], "x_2": [2, 6], "x_1": [1, 5], "y_1": [3, 7], "y_2": [4, 8], "label": [0, 1]}
    )
    found = read_labelled(table, Form(id="id"))
    assert found.form.channels == ("x", "y")
    assert found.frames[0].tolist() == [[1, 3], [2, 4]]
    assert found.ids == ["p", "q"]
    assert found.whole


@pytest.mark.parametrize(
    "names",
    ["{c}{k}", "{c} {k}", "{c}[{k}]", "('{c}', {k})", "{c}_{k}s", "{k}_{c}", "t{k}_{c}", "step {k} {c}", "{k}: {c}"],
)
@pytest.mark.parametrize("more", [{}, {"age": [30, 40, 50], "who": ["a", "b", "c"]}], ids=["alone", "beside others"])
def test_steps_and_channels_are_found_in_names_of_every_kind(names, more) -> None:
    values = np.arange(3 * 2 * 12.0).reshape(3, 2, 12)
    columns = {names.format(c=c, k=k): values[:, n, k] for k in (11, *range(11)) for n, c in enumerate(("x", "left y"))}
    found = read_labelled(pl.DataFrame(columns | more | {"label": ["u", "d", "u"]}), Form())
    assert found.form.channels == ("x", "left y")
    np.testing.assert_array_equal(found.frames[1], values[1].T)
    assert any("columns 'age', 'who' are no steps" in note for note in found.notes) == bool(more)


def test_channels_of_a_wide_table_can_be_chosen() -> None:
    table = pl.DataFrame({"x_1": [1], "x_2": [2], "y_1": [3], "y_2": [4], "z_1": [5], "z_2": [6], "label": [0]})
    found = read_labelled(table, Form(channels=("z", "x")))
    assert found.frames[0].tolist() == [[5, 1], [6, 2]]
    message = refused(table, Form(channels=("x", "w")))
    assert "the table has the channels 'x', 'y', 'z'; 'x', 'w' are to be read" in message


@pytest.mark.parametrize(
    "names",
    [
        ["2020-01-30", "2020-01-31", "2020-02-01"],
        ["0:00", "0:30", "1:00"],
        ["3", "2", "1"],
        ["mon", "tue", "wed"],
        ["Jan 2020", "Feb 2020", "Mar 2020"],
        ["V1", "V2", "V3"],
    ],
)
def test_steps_of_one_channel_stay_in_the_order_of_the_columns(names) -> None:
    table = pl.DataFrame({name: [float(k), float(k + 3)] for k, name in enumerate(names)} | {"label": ["u", "d"]})
    found = read_labelled(table, Form())
    assert found.form.channels == ("value",)
    assert found.frames[1][:, 0].tolist() == [3, 4, 5]


def test_a_channel_with_fewer_columns_is_refused() -> None:
    table = pl.DataFrame({"x_1": [1], "x_2": [1], "y_1": [3], "label": [0]})
    assert "'y' has 1 columns where another has 2" in refused(table, Form())


def test_a_table_without_ids_is_one_recording_for_a_model_that_reads_long_ones() -> None:
    table = pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    found = read_labelled(table, Form(id="clip", channels=("x", "y"), layout="long"), labelled=False)
    assert len(found) == 1
    assert found.frames[0].tolist() == [[1, 3], [2, 4]]


def test_a_long_table_taken_for_a_wide_one_is_told_about_ids() -> None:
    assert "pass --id if a row is a step" in refused(long_table(), Form())


def test_files_without_names_have_numbered_columns(tmp_path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("u,1,2,3\nd,4,5,6\n")
    found = read_labelled(path, Form(label="column_1", header=False))
    assert found.labels == ["u", "d"]
    assert found.frames[1][:, 0].tolist() == [4, 5, 6]


def test_a_model_of_arrays_says_why_it_cannot_read_a_table() -> None:
    form = read_labelled(np.zeros((4, 5, 2)), Form(), labels=list("abab")).form
    with pytest.raises(InputError, match=r"columns 'x', 'y'; the model learnt from arrays"):
        read_labelled(pl.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}), form, labelled=False)
    named = pl.DataFrame({"channel 1": [1.0, 2.0], "channel 2": [3.0, 4.0]})
    assert read_labelled(named, form, labelled=False).frames.values.shape == (2, 2)


def test_channels_that_take_turns_are_told_apart(tmp_path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("u,1,2,3,4,5,6\nd,7,8,9,10,,\n")
    form = Form(label="column_1", header=False, interleaved=2)
    found = read_labelled(path, form)
    assert found.frames[0].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.frames[1].tolist() == [[7, 8], [9, 10]]
    assert read_labelled(path, found.form).form == found.form
    path.write_text("u,1,2,3\nd,4,5,6\n")
    assert "--interleaved 2: the 3 columns of steps cannot be dealt out evenly to 2 channels" in refused(path, form)
    assert "--interleaved 2: this table has a row a step" in refused(
        long_table(), dataclasses.replace(LONG, interleaved=2)
    )
