"""The page of a captioner in headless Chromium: scores, examples, and pictures of what was attended to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver

sys.path.append(str(Path(__file__).parents[1] / "video"))
from bodies import NAMES, body

from lstmkit.results import run_job
from lstmkit.video import Captioner, CaptionSettings, SkeletonSettings
from lstmkit.video.captions.job import CaptionJob


def test_the_page_shows_what_was_attended_to(
    browser: webdriver.Chrome,
    worst_attended: Callable[[Path], Any],
    hidden_sentences: Callable[[], int],
    tmp_path: Path,
) -> None:
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
    label, read, written = worst_attended(tmp_path / "out" / "report.html")
    test = found.parts.test
    shown = {f"{name}: {one.text}": one for name, one in zip(test.rows.ids, found.scored.found, strict=True)}
    assert label in shown
    assert written == list(shown[label].written)
    assert read == [str(k) for k in range(1, 71, 2)]  # 70 frames have every second named
    text = browser.find_element("tag name", "body").text
    assert "nearest clip" in text and "the <i>left</i> hand goes up" in text.lower()
    assert hidden_sentences() <= 1
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
