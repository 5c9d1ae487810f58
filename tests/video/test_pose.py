"""Joints in pictures: squares that are turned, bodies that a detector finds, and MediaPipe's own answers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from tests.video.films import moving, square, write_film

from lstmkit import InputError
from lstmkit.video import SkeletonSettings
from lstmkit.video.film import reading
from lstmkit.video.joints import MEDIAPIPE
from lstmkit.video.pictures import small
from lstmkit.video.pose import PoseEstimator, Poses, models, read_poses
from lstmkit.video.pose.estimator import put_right
from lstmkit.video.pose.reading import skeleton_files, write_skeletons
from lstmkit.video.pose.regions import BOXES, SIDE, Region, around, found_body, whole
from lstmkit.video.skeletons import read_skeleton

FIRST, SIXTIETH = (
    {0: (0.4, 0.148), 12: (0.278, 0.293), 16: (0.303, 0.538), 23: (0.456, 0.499), 28: (0.433, 0.772)},
    {
        0: (0.496, 0.283),
        12: (0.381, 0.449),
        16: (0.382, 0.756),
        23: (0.557, 0.663),
        28: (0.514, 0.911),
    },
)
"""Joints in two pictures of a clip of MSVD, as mediapipe 0.10.21 gives them for single pictures."""


def there() -> bool:
    try:
        models.model_files()
    except InputError:
        return False
    return importlib.util.find_spec("ai_edge_litert") is not None


installed = pytest.mark.skipif(not there(), reason=f"the networks are not installed ({models.INSTALLED})")


def test_what_is_taken_is_what_is_there() -> None:
    down, across = np.meshgrid(np.arange(40), np.arange(60), indexing="ij")
    picture = np.stack([across, down, np.full_like(down, 7)], axis=2).astype(np.uint8)
    found = Region(30, 20, 16).taken(picture, 32)
    np.testing.assert_allclose(found[..., 0], np.broadcast_to(22 + np.arange(32) / 2, (32, 32)))
    np.testing.assert_allclose(found[..., 1], np.broadcast_to(12 + np.arange(32)[:, None] / 2, (32, 32)))
    turned = Region(30, 20, 16, np.pi / 2).taken(picture, 32)  # a quarter clockwise: across there is down here
    np.testing.assert_allclose(turned[..., 1], np.broadcast_to(12 + np.arange(32) / 2, (32, 32)), atol=1e-5)
    np.testing.assert_allclose(turned[..., 0], np.broadcast_to(38 - np.arange(32)[:, None] / 2, (32, 32)), atol=1e-5)


def test_beyond_the_edges_it_is_black() -> None:
    found = whole(np.full((20, 40, 3), 200, np.uint8)).taken(np.full((20, 40, 3), 200, np.uint8), 40)
    assert (found[10:29] == 200).all() and (found[:9] == 0).all() and (found[31:] == 0).all()


@pytest.mark.parametrize(("circle", "turn"), [((100, 50), 0), ((150, 100), 90), ((100, 150), 180), ((50, 100), 270)])
def test_a_body_stands_upright_in_its_square(circle: tuple[float, float], turn: float) -> None:
    region = around(np.array([100.0, 100.0]), np.array(circle, float))
    assert (region.x, region.y, region.width) == (100, 100, 125)
    assert np.rad2deg(region.turn) % 360 == pytest.approx(turn)
    np.testing.assert_allclose(region.placed(np.array([0.0, -0.4])), circle)


def test_boxes_of_a_body_are_one_and_others_are_left_out() -> None:
    raw, scores = np.zeros((BOXES, 12), np.float32), np.full((BOXES, 1), -20, np.float32)
    place = 2 * (10 * 28 + 14)  # of the finest grid: in row 10, column 14 of places that are 8 pixels apart
    raw[[place, place + 1], 2:4] = 60
    raw[[place, place + 1], 6:8] = (0, -30)  # the point on the circle
    raw[place + 1, 4] = 8  # its hips are 8 pixels further right
    far = 2 * (25 * 28 + 25)
    raw[far, 2:4], raw[far, 6:8] = 20, (5, 5)
    scores[[place, place + 1, far], 0] = np.log([0.9 / 0.1, 0.6 / 0.4, 0.8 / 0.2])
    found = found_body(raw, scores, whole(np.zeros((448, 448, 3), np.uint8)))
    assert found is not None
    x, y = 2 * ((14 + 0.5) * 8 + 8 * 0.6 / 1.5), 2 * (10 + 0.5) * 8
    assert (found.x, found.y) == (pytest.approx(x, rel=1e-5), pytest.approx(y, rel=1e-5))
    scores[:] = -1
    assert found_body(raw, scores, whole(np.zeros((SIDE, SIDE, 3), np.uint8))) is None


def test_points_are_put_right_by_what_is_likely_near_them() -> None:
    maps = np.full((64, 64, 3), -30.0, np.float32)
    maps[20, 30:32, :] = 3.0  # rows down, columns across
    maps[40, 40, 2] = 9.0  # too far away
    points = np.array([[29.5 / 64, 21.5 / 64], [5 / 64, 5 / 64], [32.5 / 64, 20.5 / 64]])
    found = put_right(points, maps)
    np.testing.assert_allclose(found, [[30.5 / 64, 20 / 64], [5 / 64, 5 / 64], [30.5 / 64, 20 / 64]], atol=1e-6)


def test_without_the_networks_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    models.model_files.cache_clear()
    with pytest.raises(InputError, match=r"poses need the networks in the package mediapipe 0\.10\.21: pip install"):
        models.model_files()
    monkeypatch.undo()
    monkeypatch.setattr(models, "RUNTIME", "no_such_package")
    with pytest.raises(InputError, match="poses need the package ai-edge-litert: pip install"):
        models.Network(tmp_path / "any.tflite", SIDE, ((1,),))


def test_skeletons_of_a_folder_keep_its_folders(tmp_path: Path) -> None:
    for name in ("walk/a.avi", "run/a.avi", "run/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = skeleton_files([str(tmp_path)], Path("out"))
    assert sorted(map(str, found.values())) == ["out/run/a.npz", "out/walk/a.npz"]
    with pytest.raises(InputError, match=r"run/a\.avi: its skeleton would have the file of that of .*walk/a\.avi"):
        skeleton_files([str(tmp_path / "walk/a.avi"), str(tmp_path / "run/a.avi")], Path("out"))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"none: holds no videos \(\.mp4"):
        skeleton_files([str(tmp_path / "none")], Path("out"))


def test_a_skeleton_that_is_written_is_read(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(5, 33, 2))
    joints[2, 7] = np.nan
    poses = Poses(np.arange(5) / 15, joints)
    poses.write(tmp_path / "a.npz")
    found = read_skeleton(tmp_path / "a.npz", SkeletonSettings(MEDIAPIPE, 2))
    np.testing.assert_array_equal(found, joints)
    assert poses.share == 1


@installed
@pytest.mark.filterwarnings("ignore")
def test_joints_are_those_of_mediapipe(data: Path) -> None:
    estimator = PoseEstimator()
    clip = data / "msvd_captions" / "clips" / "3qqEKTPxLNs_1_15.avi"
    with reading(clip) as (film, shots):
        for number, shot in enumerate(shots):
            if number in (0, 60):
                picture = small(film, shot, (360, 480))
                found = estimator.joints(picture)[0] / (480, 360)
                for joint, place in (FIRST if number == 0 else SIXTIETH).items():
                    np.testing.assert_allclose(found[joint], place, atol=0.02)
            if number == 60:
                break


@installed
@pytest.mark.filterwarnings("ignore")
def test_somebody_is_followed_from_picture_to_picture(data: Path) -> None:
    found = read_poses(data / "msvd_captions" / "clips" / "3qqEKTPxLNs_1_15.avi", 2.0)
    assert found.share == 1 and found.joints.shape == (len(found.times), 33, 2)
    np.testing.assert_allclose(np.diff(found.times), 0.5)
    shoulders, hips = found.joints[:, 11:13, 1].mean(axis=1), found.joints[:, 23:25, 1].mean(axis=1)
    assert (shoulders < hips).mean() > 0.9


@installed
@pytest.mark.filterwarnings("ignore")
def test_where_nobody_is_seen_it_says_so_and_goes_on(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", moving("right"))
    with pytest.raises(InputError, match=r"a\.mp4: nobody is seen in any of \d+ pictures; leave it out"):
        read_poses(tmp_path / "a.mp4")
    files = skeleton_files([str(tmp_path / "a.mp4")], tmp_path / "out")
    ((path, told),) = write_skeletons(files, 5.0)
    assert path == tmp_path / "a.mp4" and "nobody is seen" in str(told) and not (tmp_path / "out").exists()
    assert np.isnan(PoseEstimator().joints(square(20, 20))[0]).all()
