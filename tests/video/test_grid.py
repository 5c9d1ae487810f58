"""Light, edges and motion in cells: pictures whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.video.features.grid import CELLS, DIRECTIONS, SIDE, grid_features, grid_names, mirrored_grid

BLACK = np.zeros((SIDE, SIDE), np.uint8)
NAMES = grid_names()


def of(features: np.ndarray, name: str) -> np.ndarray:
    """Return the numbers of one kind over the cells, (rows, columns)."""
    own = [features[k] for k, full in enumerate(NAMES) if full.rsplit("_", 1)[0] == name]
    return np.array(own).reshape(CELLS, CELLS)


def blurred(column: float) -> np.ndarray:
    """Return a picture that is dark on the left and light from a column on, over some pixels."""
    line = 255 / (1 + np.exp(-(np.arange(SIDE) - column) / 2))
    return np.repeat(line[None], SIDE, axis=0).astype(np.uint8)


def test_every_number_has_a_name_of_its_own() -> None:
    assert len(NAMES) == len(set(NAMES)) == CELLS * CELLS * (1 + 2 * DIRECTIONS) == len(grid_features(BLACK, BLACK))
    assert NAMES[0] == "light_11" and NAMES[-1] == "move_7_44"


def test_light_is_the_mean_of_a_cell() -> None:
    picture = BLACK.copy()
    picture[: SIDE // 4, SIDE // 4 : SIDE // 2] = 255
    picture[-1, -1] = 51
    light = of(grid_features(picture, BLACK), "light")
    assert light[0, 1] == 1
    assert light[3, 3] == pytest.approx(0.2 / (SIDE / 4) ** 2)
    assert light.sum() == pytest.approx(light[0, 1] + light[3, 3])


def test_a_gradient_is_in_the_direction_that_it_has() -> None:
    rising = np.repeat((2 * np.arange(SIDE))[None], SIDE, axis=0).astype(np.uint8)
    features = grid_features(rising, rising)
    np.testing.assert_allclose(of(features, "edge_0"), np.sqrt(2 / 255), rtol=1e-5)
    assert all(of(features, f"edge_{k}").max() == 0 for k in range(1, DIRECTIONS))
    down = grid_features(rising.T.copy(), rising.T.copy())
    np.testing.assert_allclose(of(down, "edge_4"), np.sqrt(2 / 255), rtol=1e-5)


def test_what_stands_still_does_not_move() -> None:
    features = grid_features(blurred(40), blurred(40))
    assert all(of(features, f"move_{k}").max() == 0 for k in range(DIRECTIONS))


@pytest.mark.parametrize(("step", "told"), [(2, 0), (-2, DIRECTIONS // 2)])
def test_an_edge_that_moves_is_told_by_its_way(step: int, told: int) -> None:
    features = grid_features(blurred(44 + step), blurred(44))
    found = [of(features, f"move_{k}").sum() for k in range(DIRECTIONS)]
    assert int(np.argmax(found)) == told
    assert found[told] > 10 * sum(found[k] for k in range(DIRECTIONS) if k != told)
    assert of(features, f"move_{told}")[0].argmax() == 1  # where the edge is


def test_a_dark_thing_moves_as_a_light_one_does() -> None:
    light, dark = (grid_features(a, b) for a, b in ((blurred(46), blurred(44)), (255 - blurred(46), 255 - blurred(44))))
    np.testing.assert_allclose(of(light, "move_0"), of(dark, "move_0"), atol=1e-3)


def test_in_a_mirror_numbers_change_places() -> None:
    before, now = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE)).astype(np.uint8)
    plain, turned = grid_features(now, before), grid_features(now[:, ::-1], before[:, ::-1])
    np.testing.assert_allclose(plain[mirrored_grid()], turned, atol=0.005)  # a direction on an edge is rounded once
    assert np.abs(plain - turned).max() > 0.02
