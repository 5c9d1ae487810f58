"""The page of what is told of clips in headless Chromium: it plays them, and the label runs along."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait


def test_the_label_runs_along_a_clip_that_is_played(browser: webdriver.Chrome, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra video is not installed")
    sys.path.append(str(Path(__file__).parents[1] / "video"))
    from films import moving, write_film

    from lstmkit.classification.classifier.timeline import Stretch
    from lstmkit.video.clips import Clip
    from lstmkit.video.page import Told, write_player

    path = write_film(tmp_path / "a.avi", moving("right", 20) + moving("left", 20))
    told = [("right <i>", 0.0, 2.5), ('left "x"', 2.5, 4.0), ("unsure", 4.0, 5.0)]
    along = [Stretch("a.avi", start, end, label, 0.8) for label, start, end in told]
    whole = [Stretch("b", 0, 4.9, "left", 0.7)]
    clips = [Told(Clip("a.avi", path), along, {}), Told(Clip("b", path), whole, {"left": 0.7, "right": 0.3})]
    write_player(clips, tmp_path / "page.html", "model", "0")
    browser.get((tmp_path / "page.html").as_uri())
    films = browser.find_elements("css selector", ".played")
    assert len(films) == 2
    video = films[0].find_element("css selector", "video")
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return arguments[0].readyState >= 2", video))
    assert browser.execute_script("return arguments[0].videoWidth", video) > 100
    assert browser.execute_script("return arguments[0].duration", video) == pytest.approx(5, abs=0.3)
    said = films[0].find_element("css selector", "output")
    for second, label in ((0.5, "right <i>"), (3.0, 'left "x"'), (4.4, "unsure")):
        browser.execute_script("arguments[0].currentTime = arguments[1]", video, second)
        WebDriverWait(browser, 20).until(lambda _, wanted=label: said.text == wanted)
        assert films[0].find_element("css selector", "button.now").get_attribute("data-label") == label
    stretch = films[0].find_elements("css selector", ".strip button")[1]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", stretch)
    stretch.click()
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return arguments[0].currentTime", video) >= 2.5)
    WebDriverWait(browser, 20).until(lambda _: said.text in ('left "x"', "unsure"))
    assert "left 70 %, right 30 %" in films[1].text
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
