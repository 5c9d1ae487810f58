"""The page of a training on tunes: drawn and played in headless Chromium, without the network and without an error."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from selenium.webdriver.support.ui import WebDriverWait

from lstmkit.music.abc import read_abc
from lstmkit.music.composing.wish import TuneScore
from lstmkit.music.page import roll, seconds_of, tune_card
from lstmkit.music.repeats import played

SMALL = ("--set", "hidden_size=8", "--set", "embedding_size=8", "--epochs", 2, "--set", "columns=4")


def test_what_is_scheduled_is_what_is_played():
    tune = read_abc("X:1\nT:A <b>\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n|:CD{f}E2|1 F4:|2 [EG]4|]\n").tunes[0]
    assert seconds_of(tune) == [
        (0, 1, 60), (1, 1, 62), (2, 2, 64), (4, 4, 65), (8, 1, 60), (9, 1, 62), (10, 2, 64), (12, 4, 64), (12, 4, 67),
    ]  # fmt: skip
    score = TuneScore(1, {}, 0, tuple((n.onset, n.pitch, 4.0) for n in tune.notes))
    html = tune_card(tune, score, "1", "A sentence.")
    data = json.loads(re.search(r'id="tune-1">(.*?)</script>', html)[1])
    assert [tuple(one) for one in data["notes"]] == seconds_of(tune) and data["pace"] == 40
    assert data["parts"] == [[0, 8, 0], [8, 12, 0], [12, 16, 320]]
    assert html.count('class="note"') == 6 and "<b>" not in html.replace("<button", "")


def test_a_note_is_redder_the_more_it_surprises():
    tune = read_abc("X:1\nL:1/4\nK:C\nCDE\n").tunes[0]
    score = TuneScore(
        3, {}, 0, tuple((n.onset, n.pitch, bits) for n, bits in zip(tune.notes, (0.0, 4.0, 20.0), strict=True))
    )
    reds = [int(colour[1:3], 16) for colour in re.findall(r'class="note"[^>]*fill="(#\w+)"', roll(tune, score, "x"))]
    assert reds == [47, 127, 207]


def test_the_page_draws_and_plays_tunes(browser, lstm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw, text = random.Random(1), ""
    for number in range(30):
        bars = ["".join(draw.choice("DFAdf") for _ in range(6)) for _ in range(8)]
        text += f"X:{number}\nR:jig\nM:6/8\nL:1/8\nK:D\n{'|'.join(bars)}||\n\n"
    Path("jigs.abc").write_text(text)
    assert lstm("music", "train", "jigs.abc", *SMALL).code == 0
    page = tmp_path / "music-jigs" / "report.html"
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", page.read_text())
    browser.get(page.as_uri())
    WebDriverWait(browser, 20).until(lambda b: len(b.find_elements("css selector", "#plot-training .main-svg")) > 0)
    tunes = read_abc((page.parent / "tunes.abc").read_text()).tunes
    for number, tune in enumerate(tunes[:4], 1):
        assert len(browser.find_elements("css selector", f"#roll-{number} .note")) == len(
            [n for n in tune.notes if not n.grace]
        )
    drawn = browser.execute_script("return document.querySelectorAll('#sheet-1 .abcjs-note').length")
    assert drawn >= len({n.onset for n in tunes[0].notes if not n.grace})
    browser.execute_script("document.querySelector('#roll-1 .note').onmouseover()")
    told = browser.find_element("css selector", "#expected-1").text.splitlines()
    assert re.fullmatch(r"came: [A-G]\d? ?\S+, \d+\.\d %; expected:", told[0].replace("#", "")) and len(told) == 6
    first, second = browser.find_elements("css selector", "button.play")[:2]
    first.click()
    assert browser.execute_script("return playing.scheduled") == len([n for n in played(tunes[0]).notes if not n.grace])
    cursor = browser.find_element("css selector", "#roll-1 .cursor")
    assert cursor.get_attribute("visibility") == "visible" and "stop" in first.text
    second.click()
    assert "play" in first.text and "stop" in second.text
    second.click()
    assert browser.execute_script("return playing") is None
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
