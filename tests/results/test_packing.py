"""What a page holds of a figure is what the figure was made of."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray

from lstmkit.results.packing import Packing, to_script
from lstmkit.results.page import Step, plot

KINDS = {"f4": "<f4", "f8": "<f8", "i4": "<i4"}


def decoded(packed: dict[str, Any]) -> NDArray[Any]:
    """Do in Python what the page's script does."""
    numbers = np.frombuffer(base64.b64decode(packed["data"]), KINDS[packed["kind"]]).astype(np.float64)
    numbers = packed.get("origin", 0) + packed.get("unit", 1) * numbers
    return numbers.astype("datetime64[ms]") if packed.get("date") else numbers


def through(array: NDArray[Any]) -> NDArray[Any]:
    packing = Packing()
    assert packing.pack(array) == {"array": 0}
    return decoded(json.loads(json.dumps(packing.arrays[0], allow_nan=False)))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(20) * 5 - 40,
        np.full(9, 7),
        np.arange(10, dtype=np.int64) * 2**33,
        np.array([-(2**62), 0, 2**62] * 4),
        np.arange(10, dtype=np.int64) ** 2 + 2**40,
        np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]").astype("datetime64[us]"),
        np.arange("0001-01-01", "9999-01-01", 365_000, dtype="datetime64[D]").astype("datetime64[us]"),
        np.array(["2024-01-31", "2024-02-29", "2024-03-31"] * 3, "datetime64[us]"),
    ],
)
def test_times_and_whole_numbers_are_exact(array: NDArray[Any]) -> None:
    np.testing.assert_array_equal(through(array), array)


@pytest.mark.parametrize("level", [0.0, 1e-300, 56.2, 1e9, 1e75, -1e200])
def test_values_are_as_exact_as_a_picture(level: float) -> None:
    size = abs(level) * 1e-3 or 1.0
    values = level + size * np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(through(values), values, rtol=0, atol=1e-6 * np.ptp(values))


def test_missing_values_stay_missing() -> None:
    values = np.array([np.nan, 1.0, 2, np.nan, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(through(values), values)
    assert np.isnan(through(np.full(9, np.nan))).all()


def test_an_array_that_several_curves_share_is_written_once() -> None:
    x, y = np.arange(1000), np.random.default_rng(0).normal(size=1000)
    packing = Packing()
    packing.pack({"data": [{"x": x, "y": y}, {"x": x.copy(), "y": y}, {"x": x, "y": -y}]})
    assert len(packing.arrays) == 3


def test_short_arrays_and_words_are_plain_json() -> None:
    packed = Packing().pack({"a": np.array([1.5, np.nan]), "b": ("x", np.float64(2)), "c": np.array(["u", "v"] * 9)})
    assert packed == {"a": [1.5, None], "b": ["x", 2.0], "c": ["u", "v"] * 9}


def test_a_map_keeps_its_rows() -> None:
    z = np.random.default_rng(0).normal(size=(3, 20))
    figure = go.Figure(layout={"height": 100})
    figure.add_heatmap(z=z)
    packing = Packing()
    packed = packing.pack(figure.to_plotly_json()["data"])
    assert packed[0]["z"] == [{"array": k} for k in range(3)]
    np.testing.assert_allclose([decoded(row) for row in packing.arrays], z, atol=1e-6)


def test_no_text_ends_the_script_that_holds_it() -> None:
    text = "</script><script>alert(1)</script>"
    figure = go.Figure(layout={"height": 100})
    figure.add_scatter(x=[text], y=[1], name=text)
    html = plot(figure, "one", [Step(text, text, [{"x": [text], "y": [2]}])])
    assert html.count("</script>") == 2
    assert "alert(1)" in html and "<script>alert" not in html
    assert json.loads(to_script({"a": text})) == {"a": text}
