"""The page of a recogniser in headless Chromium: it plays recordings and marks words as they sound."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from lstmkit.results import run_job

WATCH = """
window.marked = [];  // a word may sound for less time than a question to the browser takes
new MutationObserver((changes) => {
  for (const {target} of changes) if (target.classList.contains("now")) window.marked.push(target.textContent);
}).observe(document.body, {subtree: true, attributeFilter: ["class"]});
"""


def test_the_page_of_a_recogniser_plays_recordings_and_marks_words_as_they_sound(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    pytest.importorskip("soundfile", reason="the extra speech is not installed")
    pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")
    sys.path.append(str(Path(__file__).parents[1] / "speech"))
    from toys import FEATURES, SMALL, corpus

    from lstmkit.speech import Recognizer
    from lstmkit.speech.training.job import SpeechJob

    source = corpus(tmp_path, 60, 1, speakers=6)
    found = run_job(SpeechJob(str(source), tmp_path / "out", Recognizer(SMALL, FEATURES), yardstick=False))
    browser.get((tmp_path / "out" / "report.html").as_uri())
    WebDriverWait(browser, 20).until(lambda b: b.find_elements("css selector", ".js-plotly-plot .main-svg"))
    blocks = browser.find_elements("css selector", ".played.heard")
    assert len(blocks) == len(found.scored.own.utterances)
    worst = max(found.scored.own.utterances, key=lambda one: one.errors)
    assert f": {worst.errors} of {worst.words} words wrong" in blocks[0].text
    colours = {
        browser.execute_script("return getComputedStyle(arguments[0]).backgroundColor", mark)
        for mark in browser.find_elements("css selector", ".marks b, .marks i")
    }
    assert len(colours) == 3
    words = browser.find_elements("css selector", ".played.heard [data-start]")
    own = next(word for word in words if float(word.get_attribute("data-end") or 0) > 0.3)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", own)
    browser.execute_script(WATCH)
    own.click()
    marked = WebDriverWait(browser, 20).until(lambda b: b.execute_script("return window.marked"))
    assert marked[0] == own.text
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
