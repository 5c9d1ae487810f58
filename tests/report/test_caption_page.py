"""The page of a captioner in headless Chromium: scores, examples, and pictures of what was attended to."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import Select, WebDriverWait

sys.path.append(str(Path(__file__).parents[1] / "video"))
from bodies import NAMES, body

from lstmkit.results import run_job
from lstmkit.video import Captioner, CaptionSettings, SkeletonSettings
from lstmkit.video.captions.job import CaptionJob


def test_the_page_shows_what_was_attended_to(browser: webdriver.Chrome, tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    random, told = np.random.default_rng(0), []
    (tmp_path / "bodies").mkdir()
    for number in range(20):
        side = ("left", "right")[number % 2]
        np.save(tmp_path / "bodies" / f"<b>{number}.npy", body(side, random, steps=70))
        told.append(f"<b>{number},the <i>{side}</i> hand goes up\n")
    (tmp_path / "told.csv").write_text("id,caption\n" + "".join(told))
    how = CaptionSettings(embedding_size=8, hidden_size=8, epochs=25, learning_rate=0.02, warmup=5, batch_size=8)
    captioner = Captioner(how, SkeletonSettings(NAMES))
    job = CaptionJob(str(tmp_path / "bodies"), tmp_path / "out", captioner, captions=str(tmp_path / "told.csv"))
    found = run_job(job)
    page = tmp_path / "out" / "report.html"
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", page.read_text())
    browser.get(page.as_uri())
    WebDriverWait(browser, 60).until(lambda b: b.find_elements("css selector", "#plot-attention .main-svg"))
    choice = Select(browser.find_element("css selector", "#steps-attention select"))
    assert [option.text for option in choice.options] == ["best", "worst", "middle"]
    choice.select_by_visible_text("worst")
    label = browser.find_element("css selector", "#steps-attention output").text
    test = found.parts.test
    shown = {f"{name}: {one.text}": one for name, one in zip(test.rows.ids, found.scored.found, strict=True)}
    assert label in shown
    rows = [own.text for own in browser.find_elements("css selector", "#plot-attention .ytick text")]
    assert rows == list(shown[label].written)
    ticks = [own.text for own in browser.find_elements("css selector", "#plot-attention .xtick text")]
    assert ticks == [str(k) for k in range(1, 71, 2)]  # 70 frames have every second named
    text = browser.find_element("tag name", "body").text
    assert "nearest clip" in text and "the <i>left</i> hand goes up" in text.lower()
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
