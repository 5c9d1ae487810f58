"""Optical flow and what is told of it: pictures whose motion is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from films import moving, write_film
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
    found = np.expm1(flow_features(np.stack([before, now]), np.array([seconds]))[0].astype(float))
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


def test_what_stands_still_has_no_flow_and_neither_what_is_shown_again() -> None:
    assert flow_features(np.stack([STILL, STILL]), np.array([0.125])).max() < 0.01
    moved = shown(COLUMNS - 2, ROWS)
    found = flow_features(np.stack([STILL, moved, moved]), np.array([0.125, 0.0]))
    assert found[0].any() and not found[1].any()
    grey = np.full_like(STILL, 90)
    assert not flow_features(np.stack([grey, grey + 20]), np.array([0.125])).any()  # lamps, not motion


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
        flow_features(np.stack(pair), np.ones(1)) for pair in ((STILL, now), (STILL[:, ::-1], now[:, ::-1]))
    )
    np.testing.assert_allclose(plain, turned, atol=0.01)
    assert FLOW.mirror == tuple(range(1, 21))


def test_small_pictures_keep_their_shape_in_multiples_of_four() -> None:
    assert flow_shape((360, 640)) == (72, 128)
    assert flow_shape((640, 360)) == (128, 72)
    assert flow_shape((100, 100)) == (SIDE, SIDE)
    assert flow_shape((10, 9000)) == (48, 192)


def test_a_video_is_told_from_wherever_it_is_entered_and_by_its_own_clock(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", moving("right", 40, speed=1))
    whole = picture_frames(path, FLOW).values
    assert whole.shape == (40, 20) and (whole[:, 19] > 0).all()
    np.testing.assert_array_equal(whole[0], whole[1])  # nothing is known of what was before
    later = np.concatenate([values for _, values in stream_frames(path, FLOW, [], known=16)])
    np.testing.assert_array_equal(later, whole[16:])
    slow = picture_frames(write_film(tmp_path / "b.mkv", moving("right", 40, speed=1), rate=4), FLOW).values
    speed, half = (np.expm1(own[own[:, 19] > 0, 19]).mean() for own in (whole, slow))
    assert half == pytest.approx(speed / 2, rel=0.2)
