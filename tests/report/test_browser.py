"""The report in headless Chromium: it renders without the network and without an error, and answers the mouse."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import Select, WebDriverWait

from lstmkit import SequenceClassifier
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.job import ClassifyJob
from lstmkit.classification.reading import Form
from lstmkit.results import run_job

PLOTS = ("forecast", "wealth", "fan", "windows", "running", "level", "season", "errors", "training")


@pytest.fixture
def report(lstm: Callable[..., Any], prices_csv: Path, tmp_path: Path) -> Path:
    assert lstm("forecast", prices_csv, "--horizon", 3, "--context", 10, "--out", tmp_path / "out").code == 0
    return tmp_path / "out" / "report.html"


def open_page(browser: webdriver.Chrome, page: Path) -> None:
    browser.get(page.as_uri())
    WebDriverWait(browser, 20).until(lambda b: len(b.find_elements("css selector", ".js-plotly-plot .main-svg")) > 0)


def test_report_renders_hovers_and_zooms_offline(browser: webdriver.Chrome, report: Path) -> None:
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", report.read_text())
    open_page(browser, report)
    for name in PLOTS:
        lines = browser.find_elements("css selector", f"#plot-{name} .scatterlayer .trace")
        assert len(lines) >= 2, name
    assert browser.find_element("id", "verdict").text.split()[0] in ("Better", "No", "Worse")
    rows = browser.find_elements("css selector", "tr.model td")
    assert rows[0].text == "LSTM" and float(rows[1].text) > 0
    requests = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [r for r in requests if not r.startswith("data:")] == []

    plot = browser.find_element("id", "plot-forecast")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(browser).move_to_element_with_offset(plot, 100, 40).pause(0.5).perform()
    hover = WebDriverWait(browser, 5).until(
        lambda b: b.find_elements("css selector", "#plot-forecast .hoverlayer text")
    )
    assert any("observed" in text.text for text in hover)

    before = axis_range(browser, "forecast")
    drag = ActionChains(browser).move_to_element_with_offset(plot, -100, -20).click_and_hold()
    drag.move_by_offset(160, 60).pause(0.2).release().perform()
    WebDriverWait(browser, 5).until(lambda b: axis_range(b, "forecast") != before)
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []


def axis_range(browser: webdriver.Chrome, name: str) -> list[str]:
    return list(browser.execute_script(f"return document.getElementById('plot-{name}')._fullLayout.xaxis.range"))


def test_buttons_choose_the_stretch_that_is_shown(browser: webdriver.Chrome, report: Path) -> None:
    open_page(browser, report)
    recent = axis_range(browser, "forecast")
    buttons = browser.find_elements("css selector", "#plot-forecast .updatemenu-button")
    assert [b.text for b in buttons] == ["recent", "test part", "everything"]
    ActionChains(browser).move_to_element(buttons[2]).click().perform()
    WebDriverWait(browser, 5).until(lambda b: axis_range(b, "forecast") != recent)
    assert axis_range(browser, "forecast")[0].startswith("2024-01-01")


def test_a_cutoff_is_chosen_by_arrows_and_by_the_worst_windows(browser: webdriver.Chrome, report: Path) -> None:
    rows = pl.read_csv(report.parent / "backtest.csv", try_parse_dates=True)
    open_page(browser, report)
    steps = browser.find_element("id", "steps-fan")
    label, (back, on) = steps.find_element("tag name", "output"), steps.find_elements("tag name", "button")
    assert label.text.startswith(f"after {rows['cutoff'].max()}")
    assert not on.is_enabled()
    seen = fan(browser)
    back.click()
    assert fan(browser) != seen and on.is_enabled()
    day = label.text.split()[1].rstrip(":")
    own = rows.filter(pl.col("cutoff") == date.fromisoformat(day))
    assert fan(browser)["LSTM"][1:] == pytest.approx(own["mean"].to_list(), rel=1e-6)
    assert fan(browser)["what came"][1:] == pytest.approx(own["y"].to_list(), rel=1e-6)
    on.click()
    assert fan(browser) == seen
    errors = rows.group_by("cutoff").agg((pl.col("y") - pl.col("mean")).abs().mean().alias("error"))
    worst = errors.sort("error")["cutoff"][-1]
    show = browser.find_element("css selector", "[data-shows=fan]")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", show)
    show.click()
    assert label.text.startswith(f"after {worst}:")


def fan(browser: webdriver.Chrome) -> dict[str, list[float]]:
    script = "return document.getElementById('plot-fan').data.map(t => [t.name, Array.from(t.y)])"
    return dict(browser.execute_script(script))


def test_report_of_many_series_switches_between_them(
    browser: webdriver.Chrome, lstm: Callable[..., Any], prices: Any, tmp_path: Path
) -> None:
    table = pl.concat([prices.with_columns(pl.col("Close") * k, symbol=pl.lit(f"S{k}")) for k in (1, 2, 3)])
    table.write_csv(tmp_path / "many.csv")
    out = tmp_path / "out"
    ran = lstm("forecast", tmp_path / "many.csv", "--id", "symbol", "--target", "Close", "--context", 10, "--out", out)
    assert ran.code == 0, ran.err
    open_page(browser, out / "report.html")
    buttons = browser.find_elements("css selector", "#plot-forecast .updatemenu-button")
    assert [b.text for b in buttons] == ["S1", "S2", "S3"]
    shown = visible(browser)
    ActionChains(browser).move_to_element(buttons[1]).click().perform()
    WebDriverWait(browser, 5).until(lambda b: visible(b) != shown)
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    select = Select(browser.find_element("css selector", "#steps-fan select"))
    assert [option.text for option in select.options] == ["S1", "S2", "S3", "the worst windows"]
    select.select_by_visible_text("S3")
    assert "S3, after " in browser.find_element("css selector", "#steps-fan output").text


def visible(browser: webdriver.Chrome) -> list[bool]:
    script = "return document.getElementById('plot-forecast')._fullData.map(t => t.visible === true)"
    return list(browser.execute_script(script))


def test_the_page_of_a_classifier_draws_what_was_told_wrongly(browser: webdriver.Chrome, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frames, labels = generator.normal(size=(40, 9, 2)), generator.permutation([0, 1] * 20)  # nothing to be learnt
    np.savez(tmp_path / "own.npz", X=frames, y=labels)
    classifier = SequenceClassifier(SequenceSettings(hidden_size=4, head_size=4, epochs=1))
    found = run_job(ClassifyJob(str(tmp_path / "own.npz"), tmp_path / "out", Form(), classifier))
    open_page(browser, tmp_path / "out" / "report.html")
    for name, kind in (("confusion", "heatmaplayer"), ("training", "scatterlayer"), ("examples", "barlayer")):
        assert browser.find_elements("css selector", f"#plot-{name} .{kind} *"), name
    drawn = dict(
        browser.execute_script(
            "return document.getElementById('plot-examples').data.map(t => [t.name, Array.from(t.y)])"
        )
    )
    told = browser.find_element("css selector", "#steps-examples output").text
    own = found.tested[0].ids.index(told.split(":")[0])
    truth = [int(label) for label in found.tested[0].labels or []]
    shares = found.answers[range(len(truth)), truth]
    assert own == int(shares.argmin())  # the most wrong comes first
    assert drawn["channel 1"] == pytest.approx(found.tested[0].frames[own][:, 0].tolist(), rel=1e-5)
    assert sum(drawn["weight"]) == pytest.approx(1, rel=1e-4)
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
