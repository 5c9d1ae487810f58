"""Optical flow and what is told of it: pictures whose motion is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from films import square, write_film
from numpy.typing import NDArray

from lstmkit.video import PictureSettings, picture_frames
from lstmkit.video.features.flow import FAINT, SHARES, SIDE, flow_features, flow_names, flow_shape, optical_flow
from lstmkit.video.pictures import stream_frames

FLOW = PictureSettings("flow")
Places = NDArray[np.float64]
ROWS, COLUMNS = (own.astype(float) for own in np.mgrid[:72, :128])


def cloth(right: Places, down: Places) -> Places:
    """Return how light a patterned cloth is at places of it, from 0 to 1."""
    waves = [(0.45, 0.12, 0), (-0.17, 0.42, 1), (0.15, 0.11, 2)]
    return 0.5 + sum(np.sin(a * right + b * down + c) for a, b, c in waves) / 6


def shown(right: Places, down: Places) -> NDArray[np.uint8]:
    return np.round(255 * cloth(right, down)).astype(np.uint8)


STILL = shown(COLUMNS, ROWS)


def sizes(now: NDArray[np.uint8], before: NDArray[np.uint8] = STILL, seconds: float = 1.0) -> dict[str, Places]:
    """Return the quantiles of each quantity in its unit."""
    found = np.expm1(flow_features(before[None], now[None], np.array([seconds]))[0].astype(float))
    return {name: found[5 * k : 5 * k + 5] * faint for k, (name, faint) in enumerate(FAINT.items())}


def test_every_number_has_a_name_of_its_own() -> None:
    assert len(set(flow_names())) == len(flow_names()) == 20 == len(FLOW.channels)
    assert flow_names()[0] == "deform_50" and flow_names()[-1] == "speed_99"


@pytest.mark.parametrize(("right", "down"), [(0.4, -0.3), (2.0, 1.0), (-6.0, 3.5)])
def test_the_flow_is_by_how_much_things_have_moved(right: float, down: float) -> None:
    pair = (torch.from_numpy(cloth(COLUMNS - r, ROWS - d)).float()[None, None] for r, d in ((0, 0), (right, down)))
    flow = optical_flow(*pair)[0, :, 12:-12, 12:-12].numpy()
    wrong = np.hypot(flow[0] - right, flow[1] - down)
    assert np.median(wrong) < 0.2 and np.quantile(wrong, 0.95) < 0.4


def test_what_stands_still_has_no_flow() -> None:
    assert flow_features(STILL[None], STILL[None], np.array([0.125])).max() < 0.01
    grey = np.full((1, 72, 128), 90, np.uint8)
    assert not flow_features(grey, grey + 20, np.array([0.125])).any()  # lamps, not motion


def test_a_camera_that_moves_is_not_told() -> None:
    found = sizes(shown(COLUMNS - 3, ROWS - 2))
    assert found["speed"][1] < 0.1 * np.hypot(3, 2) / SIDE and found["deform"][1] < 0.1


def test_what_moves_beside_the_rest_is_told_by_its_speed_in_sides_a_second() -> None:
    there = (abs(ROWS - 36) < 18) & (abs(COLUMNS - 64) < 32)  # a quarter of the picture
    found = sizes(shown(np.where(there, COLUMNS - 3, COLUMNS), ROWS), seconds=0.5)
    assert found["speed"][0] < 0.005
    assert found["speed"][2] == pytest.approx(3 / SIDE / 0.5, rel=0.15)
    assert found["deform"][3] > 5 * found["deform"][0]


ANGLE = 0.03
GROWTH = 1.04


@pytest.mark.parametrize(
    ("change", "told", "wanted"),
    [
        (lambda x, y: (x + ANGLE * y, y - ANGLE * x), "turn", 2 * ANGLE),
        (lambda x, y: (x / GROWTH, y / GROWTH), "widen", 2 * (GROWTH - 1)),
    ],
)
def test_turning_and_widening_are_told_apart(
    change: Callable[[Places, Places], tuple[Places, Places]], told: str, wanted: float
) -> None:
    right, down = change(COLUMNS - 64, ROWS - 36)
    found = sizes(shown(right + 64, down + 36))
    other = "widen" if told == "turn" else "turn"
    assert found[told][0] == pytest.approx(wanted, rel=0.15)
    assert found[other][0] < 0.4 * wanted
    assert wanted / np.sqrt(2) * 0.9 < found["deform"][0] < wanted / np.sqrt(2) * 1.5


def test_half_the_time_is_twice_the_speed() -> None:
    there = COLUMNS < 50
    now = shown(np.where(there, COLUMNS - 1, COLUMNS), ROWS)
    slow, quick = sizes(now, seconds=0.2), sizes(now, seconds=0.1)
    for name in FAINT:
        np.testing.assert_allclose(quick[name], 2 * slow[name], rtol=1e-3, atol=1e-4)
        assert (np.diff(slow[name]) >= 0).all() and len(slow[name]) == len(SHARES)


def test_a_mirror_changes_nothing() -> None:
    now = shown(COLUMNS - 2 - ROWS / 20, ROWS)
    plain, turned = (
        flow_features(before[None], after[None], np.ones(1))
        for before, after in ((STILL, now), (STILL[:, ::-1], now[:, ::-1]))
    )
    np.testing.assert_allclose(plain, turned, atol=0.01)
    assert FLOW.mirror == tuple(range(1, 21))


def test_small_pictures_keep_their_shape_in_multiples_of_four() -> None:
    assert flow_shape((360, 640)) == (72, 128)
    assert flow_shape((640, 360)) == (128, 72)
    assert flow_shape((100, 100)) == (SIDE, SIDE)
    assert flow_shape((10, 9000)) == (48, 192)


def swaying(rate: int, seconds: int, speed: float = 12.0) -> list[NDArray[np.uint8]]:
    """Return pictures of a square that goes to and fro, a second each way, by so many pixels a second."""
    times = np.arange(rate * seconds) / rate
    return [square(32, 40 + speed * abs((time + 1) % 2 - 1)) for time in times]


def test_the_first_frame_has_what_the_second_has(tmp_path: Path) -> None:
    whole = picture_frames(write_film(tmp_path / "a.mkv", swaying(8, 5)), FLOW).values
    assert whole.shape == (40, 20) and (whole[:, 19] > 0).all()
    np.testing.assert_array_equal(whole[0], whole[1])  # nothing is known of what was before


def test_the_same_motion_is_told_alike_whatever_the_rate_of_the_video(tmp_path: Path) -> None:
    means = {}
    for rate in (24, 16, 8, 6, 4):
        film = write_film(tmp_path / f"{rate}.mkv", swaying(rate, 10), rate=rate)
        means[rate] = picture_frames(film, FLOW).values.mean(axis=0)
    for rate, own in means.items():
        assert own[19] == pytest.approx(means[8][19], rel=0.1), rate
    twice = picture_frames(write_film(tmp_path / "b.mkv", swaying(8, 5), rate=4), FLOW).values
    quick = picture_frames(tmp_path / "8.mkv", FLOW).values
    assert np.expm1(twice[:, 19]).mean() == pytest.approx(np.expm1(quick[:, 19]).mean() / 2, rel=0.2)


@pytest.mark.parametrize("rate", [3, 1, 8])
def test_as_long_as_a_picture_is_shown_it_has_what_moved_last(rate: int, tmp_path: Path) -> None:
    count = 12
    pictures = swaying(rate, count // rate + 1, 2.0 * rate)[:count]
    own = [*pictures[:6], *[pictures[5]] * 3, *pictures[6:]]
    film = write_film(tmp_path / "a.mkv", own, rate=rate)
    found = picture_frames(film, FLOW)
    shown_then = np.floor(found.times * rate + 1e-6).astype(int)  # which of the pictures
    assert shown_then.max() >= len(own) - 2
    once = picture_frames(film, PictureSettings("flow", count=len(own))).values  # each of them once
    np.testing.assert_allclose(found.values, once[shown_then], atol=1e-4)
    still = np.isin(shown_then, (6, 7, 8))  # other pictures with the same content: nothing moves
    assert found.values[still].max() < 0.1 < found.values[~still, 19].min()
    many = picture_frames(film, PictureSettings("flow", count=5 * len(own)))
    np.testing.assert_allclose(many.values, once[np.arange(5 * len(own)) // 5], atol=1e-4)


@pytest.mark.parametrize("ending", [".mkv", ".avi"])
@pytest.mark.parametrize("rate", [8, 3, 1])
@pytest.mark.parametrize("count", [None, 100])
@pytest.mark.parametrize("region", ["whole", "moving"])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    region: str, count: int | None, rate: int, ending: str, tmp_path: Path
) -> None:
    way = PictureSettings("flow", rate=7, count=count, region=region, side=64)
    film = write_film(tmp_path / f"a{ending}", swaying(rate, 12, 9.0), rate=rate)
    whole = picture_frames(film, way)
    again = [known for known in (8, 16, 40, 72) if (whole.values[known] == whole.values[known - 1]).all()]
    assert bool(again) == (rate < 8)  # pictures that are still shown
    for known in (8, 16, 40, 72):
        later = [*stream_frames(film, way, [], known=whole.values[:known])]
        np.testing.assert_array_equal(np.concatenate([times for times, _ in later]), whole.times[known:])
        np.testing.assert_array_equal(np.concatenate([values for _, values in later]), whole.values[known:])
