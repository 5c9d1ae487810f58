"""The strip of what is told along a recording: where its buttons lie, and what they hold."""

from __future__ import annotations

import re

import pytest

from lstmkit.results.player import Part, colours_of, played, strip

PARTS = (Part(0.0, 2.5, 'left "a" <b>', 0.8), Part(2.5, 4.2, "none", 0.4))
COLOURS = colours_of(['left "a" <b>'], "none")


def test_buttons_fill_the_strip_and_the_last_is_told_of_the_end() -> None:
    text = strip(PARTS, 4.0, COLOURS)
    places = [(float(a), float(b)) for a, b in re.findall(r"left:([\d.]+)%;width:([\d.]+)%", text)]
    assert places == [(0.0, 62.5), (62.5, 37.5)]
    times = [(float(a), float(b)) for a, b in re.findall(r'data-start="([\d.]+)" data-end="([\d.]+)"', text)]
    assert times == [(0.0, 2.5), (2.5, 5.0)]
    assert 'data-label="left &quot;a&quot; &lt;b&gt;"' in text and "none, 40 %, from 2.50 s to 4.20 s" in text


def test_nothing_told_is_no_strip() -> None:
    assert strip((), 4.0, COLOURS) == ""


def test_labels_have_colours_of_their_own_and_a_key() -> None:
    many = colours_of([str(k) for k in range(25)], "none")
    assert len(set(many.values())) == 11 and many["0"] == many["10"] and many["none"] not in list(many.values())[:-1]
    text = played("own {}", "<p>body</p>", COLOURS)
    assert text.count("<i style=") == 2 and "own {}</style>" in text and "<p>body</p><script>" in text
    assert 'class="key"' not in played("", "")


@pytest.mark.parametrize("seconds", [0.1, 100.0])
def test_a_strip_never_leaves_its_place(seconds: float) -> None:
    found = re.findall(r"left:([\d.]+)%;width:([\d.-]+)%", strip([Part(0.0, 60.0, "none", 1.0)], seconds, COLOURS))
    assert all(float(a) + float(b) <= 100 for a, b in found)
