"""The page of emotions in headless Chromium: a wave that is clicked plays from there, and a line follows the sound."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait


def test_a_wave_that_is_clicked_plays_and_a_line_follows(browser: webdriver.Chrome, tmp_path: Path) -> None:
    pytest.importorskip("soundfile", reason="the extra speech is not installed")
    sys.path.append(str(Path(__file__).parents[1] / "speech" / "emotion"))
    from voices import write_voices

    from lstmkit.speech import Utterance
    from lstmkit.speech.emotion import Stretch, Told
    from lstmkit.speech.emotion.page import write_answers

    path = write_voices(tmp_path / "voices", takes=1) / "aa_up_0.wav"
    weights = np.linspace(0, 1, 24)
    stretches = (Stretch("a", 0.0, 0.2, "up", 0.8), Stretch("a", 0.2, 0.5, "unsure", 0.4))
    told = Told(Utterance("a", path), "up", {"down": 0.3, "up": 0.7}, weights / weights.sum(), stretches)
    write_answers(tmp_path / "page.html", [told, told], 0.02, "model")
    browser.get((tmp_path / "page.html").as_uri())
    waves = browser.find_elements("css selector", ".played svg")
    assert len(waves) == 2 and "a: up (up 70 %, down 30 %)" in browser.find_element("css selector", ".played").text
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", waves[1])
    waves[1].click()  # in its middle
    place = "return +document.querySelectorAll('.along')[1].style.getPropertyValue('--place')"
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(place) >= 0.499)
    assert browser.execute_script(place.replace("[1]", "[0]")) == 0
    assert "Along 2 of 2 recordings something is told" in browser.page_source
    strips = browser.find_elements("css selector", ".strip")
    assert [own.text for own in strips[1].find_elements("css selector", ".now")] == [""]  # the one that sounds
    strips[0].find_elements("css selector", "button")[1].click()  # from 0.2 s
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(place.replace("[1]", "[0]")) >= 0.399)
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []


def test_a_part_of_a_file_that_is_too_long_for_the_page_plays_from_where_it_begins(
    browser: webdriver.Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile = pytest.importorskip("soundfile", reason="the extra speech is not installed")

    from lstmkit.speech import Utterance
    from lstmkit.speech.emotion import Told, page

    monkeypatch.setattr(page, "MOST_SOUND", 0)
    soundfile.write(tmp_path / "day.wav", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    parts = [
        Told(Utterance(f"part {k}", tmp_path / "day.wav", start=k, end=k + 1.0), "up", {"up": 1.0}) for k in (0, 1)
    ]
    page.write_answers(tmp_path / "page.html", parts, 0.02, "model")
    browser.get((tmp_path / "page.html").as_uri())
    second = browser.find_elements("css selector", ".played")[1]
    wave, sound = (second.find_element("css selector", name) for name in ("svg", "audio"))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", wave)
    wave.click()  # in its middle, half a second into the part and one and a half into the file
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return arguments[0].currentTime", sound) >= 1.499)
    place = "return +document.querySelectorAll('.along')[1].style.getPropertyValue('--place')"
    WebDriverWait(browser, 20).until(lambda b: 0.499 <= b.execute_script(place) <= 1)
