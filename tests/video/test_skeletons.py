"""Skeletons as frames: the same wherever and however large a body is; what is not seen is missing; mirrors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bodies import NAMES, body, write_bodies

from lstmkit import InputError
from lstmkit.video import SkeletonSettings
from lstmkit.video.joints import LAYOUTS, joints_of_columns, mirrored, named_joints
from lstmkit.video.rows import Asked, holds_skeletons, skeleton_rows
from lstmkit.video.skeletons import body_frames, channels_of, laid_out, mirror_of, read_skeleton

KINECT = SkeletonSettings(NAMES)
PERSON = "{label}_{person}_{take}.npy"


def one(seed: int = 0, side: str = "left") -> np.ndarray:
    return body(side, np.random.default_rng(seed))


def frames(joints: np.ndarray, root: tuple[str, ...] = ()) -> np.ndarray:
    return body_frames(joints, NAMES, root, "it").reshape(len(joints), len(NAMES) + 1, 3)


@pytest.mark.parametrize("root", [(), ("hip_center",), ("left_hip", "right_hip")])
def test_frames_are_the_same_wherever_a_body_is_and_however_large(root: tuple[str, ...]) -> None:
    joints = one()
    np.testing.assert_allclose(frames(3 * joints + [5, -2, 9], root), frames(joints, root), atol=1e-9)


def test_the_root_is_where_joints_are_measured_from_and_begins_at_zero() -> None:
    joints = one() + np.linspace(0, 2, 20)[:, None, None] * [1, 0, 0]  # it walks
    found = frames(joints, ("hip_center",))
    assert np.abs(found[:, NAMES.index("hip_center")]).max() == 0
    np.testing.assert_allclose(found[0, -1], 0)
    spread = joints - joints.mean(axis=1, keepdims=True)
    size = np.median(np.sqrt((spread**2).sum(axis=2).mean(axis=1)))
    np.testing.assert_allclose(found[-1, -1, 0], (joints[-1, 3, 0] - joints[0, 3, 0]) / size)
    head = NAMES.index("head")
    np.testing.assert_allclose(found[:, head], (joints[:, head] - joints[:, 3]) / size)


def test_joints_that_are_not_seen_are_missing_and_move_nothing_else() -> None:
    joints, gone = one(), NAMES.index("left_foot")
    whole = frames(joints, ("hip_center",))
    zeros = joints.copy()
    zeros[4:8, gone] = 0
    found = frames(zeros, ("hip_center",))
    assert np.isnan(found[4:8, gone]).all()
    assert np.isnan(found).sum() == 4 * 3
    there = ~np.isnan(found)
    np.testing.assert_allclose(found[there], whole[there], rtol=0.05, atol=0.01)  # the size is of other joints


def test_a_root_that_is_lost_for_a_while_is_held() -> None:
    joints = one()
    joints[5:9, 3] = np.nan
    found = frames(joints, ("hip_center",))
    assert np.isnan(found[5:9, 3]).all()
    assert not np.isnan(np.delete(found, 3, axis=1)).any()
    np.testing.assert_allclose(found[5:9, -1], np.repeat(found[4:5, -1], 4, axis=0))


def test_a_joint_that_is_always_at_zero_is_a_root_and_not_missing() -> None:
    joints = one()
    found = frames(joints - joints[:, 3:4])
    assert not np.isnan(found).any()


def test_what_is_never_seen_is_refused() -> None:
    with pytest.raises(InputError, match="it: no joint is seen in any frame; leave it out"):
        frames(np.full((5, 20, 3), np.nan))
    joints = one()
    joints[:, 3] = np.nan
    with pytest.raises(InputError, match=r"it: the root \('hip_center'\) is never seen; name other joints"):
        frames(joints, ("hip_center",))


def test_nothing_moves_in_a_single_frame() -> None:
    with pytest.raises(InputError, match="it: holds a single frame; give a skeleton of two or more"):
        frames(one()[:1])


def test_a_mirror_image_is_what_mirrored_channels_say() -> None:
    joints = one(side="left")
    turned = joints[:, mirrored(NAMES)] * [-1, 1, 1]
    found, numbers = frames(joints), np.array(mirror_of(channels_of(NAMES, 3)))
    flat = found.reshape(len(found), -1)
    other = flat[:, np.abs(numbers) - 1] * np.sign(numbers)
    np.testing.assert_allclose(other, frames(turned).reshape(len(found), -1), atol=1e-9)
    again = other[:, np.abs(numbers) - 1] * np.sign(numbers)
    np.testing.assert_array_equal(again, flat)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_have_two_sides(name: str) -> None:
    names = LAYOUTS[name]
    assert len(names) == len(set(names)) == int("".join(c for c in name if c.isdigit()))
    places = mirrored(names)
    assert sorted(places) == list(range(len(names)))
    assert sum(k != place for k, place in enumerate(places)) >= 16
    assert all(
        names[place] == own for own, place in zip(names, places, strict=True) if "left" not in own + names[place]
    )


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(("HandLeft", "HandRight"), [1, 0]), (("l_hand", "r_hand", "head"), [1, 0, 2]), (("L.HAND", "R.HAND"), [1, 0])],
)
def test_sides_are_known_by_the_words_of_names(names: tuple[str, ...], wanted: list[int]) -> None:
    assert mirrored(names) == wanted


def test_names_without_sides_have_no_mirror() -> None:
    with pytest.raises(InputError, match="no name of a joint says left or right"):
        mirrored(("1", "2", "bright"))
    with pytest.raises(InputError, match="joint 'left_hand': has no other side, 'right_hand'; leave --mirror out"):
        mirrored(("left_hand", "head"))


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_arrays_lie_in_any_order_of_their_axes(axes: tuple[int, int, int]) -> None:
    joints = one()
    np.testing.assert_array_equal(laid_out(joints.transpose(axes), "it", KINECT), joints)
    np.testing.assert_array_equal(laid_out(joints.reshape(20, -1), "it", KINECT), joints)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20, 20, 4), r"it: a skeleton must be \(steps, joints, 3\).*; got \(20, 20, 4\)"),
        ((20, 19, 3), "it: has 19 joints where 20 are named; give the same"),
        ((20, 61), r"got \(20, 61\)"),
        ((0, 20, 3), "it: has no steps; leave it out"),
    ],
)
def test_other_arrays_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        laid_out(np.zeros(shape), "it", KINECT)


def test_a_folder_of_files(tmp_path: Path) -> None:
    rows, clips = skeleton_rows(write_bodies(tmp_path / "bodies"), KINECT, Asked("label", "person", PERSON))
    assert clips is not None and len(rows) == 24
    assert rows.groups == [name.split("_")[1] for name in rows.ids]
    assert rows.labels == [name.split("_")[0] for name in rows.ids]
    assert rows.form.channels[:3] == ("head_x", "head_y", "head_z") and rows.form.channels[-1] == "root_z"
    assert rows.frames[0].shape == (20, 63)


def test_matlab_numpy_and_tables_give_the_same_frames(tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io", reason="comes with scikit-learn")
    joints = {f"{side}{k}": one(k, side) for k in range(3) for side in ("left", "right")}
    (tmp_path / "m").mkdir(), (tmp_path / "z").mkdir()
    for name, own in joints.items():
        io.savemat(tmp_path / "m" / f"{name}.mat", {"d_skel": own.transpose(1, 2, 0)})
        np.savez(tmp_path / "z" / f"{name}.npz", own)
    columns = [f"{name}_{axis}" for name in NAMES for axis in "xyz"]
    table = pl.concat(
        pl.DataFrame(own.reshape(20, -1), schema=columns, orient="row").with_columns(
            id=pl.lit(name), label=pl.lit(name[:-1]), frame=pl.int_range(20), score=pl.lit(0.5)
        )
        for name, own in joints.items()
    )
    table.write_csv(tmp_path / "t.csv")
    labels = np.array([name[:-1] for name in joints])
    np.savez(tmp_path / "all.npz", X=np.stack([*joints.values()]), y=labels)
    found = [skeleton_rows(tmp_path / kind, KINECT, Asked(None))[0] for kind in ("m", "z")]
    named = SkeletonSettings(id="id")
    found += [skeleton_rows(tmp_path / "t.csv", named, Asked("label"))[0]]
    found += [skeleton_rows(tmp_path / "all.npz", KINECT, Asked("label"))[0]]
    wanted = {name: frames(own).reshape(20, -1) for name, own in joints.items()}
    for rows in found[:2]:
        for name, own in zip(rows.ids, (rows.frames[k] for k in range(6)), strict=True):
            np.testing.assert_allclose(own, wanted[name.split(".")[0]])
    for rows in found[2:]:
        assert rows.labels == labels.tolist()
        for own, name in zip((rows.frames[k] for k in range(6)), joints, strict=True):
            np.testing.assert_allclose(own, wanted[name])
    assert any("'score' are of no joint" in note or "score" in note for note in found[2].notes)
    assert len({rows.form.channels for rows in found}) == 1


def test_a_table_in_memory_names_files_or_holds_joints(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", one())
    files = pl.DataFrame({"file": [str(tmp_path / "a.npy")], "label": ["x"]})
    assert holds_skeletons(files)
    rows, clips = skeleton_rows(files, KINECT, Asked("label"))
    assert clips is not None and rows.labels == ["x"]
    columns = [f"{name}_{axis}" for name in NAMES for axis in "xyz"]
    table = pl.DataFrame(one().reshape(20, -1), schema=columns, orient="row")
    assert holds_skeletons(table) and not holds_skeletons(pl.DataFrame({"video": ["a.mp4"]}))
    alone, none = skeleton_rows(table, SkeletonSettings(), Asked(None))
    assert none is None
    np.testing.assert_array_equal(alone.frames.values, rows.frames.values)


def test_columns_of_joints() -> None:
    columns = ["hand_x", "hand_y", "hand_score", "head.x", "head.y", "footX", "footY", "x", "lone_x"]
    assert joints_of_columns(columns) == {"hand": columns[:2], "head": columns[3:5], "foot": columns[5:7]}
    assert joints_of_columns(["a_x", "a_y", "a_z", "b_x", "b_y"]) == {"a": ["a_x", "a_y", "a_z"]}


def test_names_of_joints_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("head\n\n left_hand \nright_hand\n")
    assert named_joints(str(tmp_path / "names.txt")) == ("head", "left_hand", "right_hand")
    (tmp_path / "names.txt").write_text("head\nhead\n")
    with pytest.raises(InputError, match="'head' stands twice"):
        named_joints(str(tmp_path / "names.txt"))
    with pytest.raises(InputError, match=r"joints 'kinect21': no layout.*, and no file; give one of kinect20"):
        named_joints("kinect21")


def test_files_with_other_joints_than_the_first_are_named(tmp_path: Path) -> None:
    folder = write_bodies(tmp_path / "bodies", 2, 1)
    np.save(folder / "right_p1_0.npy", one()[:, :19])
    with pytest.raises(InputError, match=r"right_p1_0.npy: has 19 joints in 3 dimensions where the first has 20 in 3"):
        skeleton_rows(folder, SkeletonSettings(), Asked("label", None, PERSON))


def test_a_root_must_be_a_joint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="root 'hip': no such joint"):
        SkeletonSettings(NAMES, root=("hip",))


def test_a_file_with_several_arrays_must_say_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=one(), two=one())
    with pytest.raises(InputError, match="holds 2 arrays that may be a skeleton; keep one, or call it X"):
        read_skeleton(tmp_path / "a.npz", KINECT)
    np.savez(tmp_path / "a.npz", X=one(), two=one())
    assert read_skeleton(tmp_path / "a.npz", KINECT).shape == (20, 20, 3)
