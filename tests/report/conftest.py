"""A browser without a window."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import Select, WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
    "--autoplay-policy=no-user-gesture-required",
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("no chromium and chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def worst_attended(browser: webdriver.Chrome) -> Callable[[Path], Any]:
    """What opens a page, chooses the first of the worst examples, and returns its label, and the names of what was read
    and written beside its attention."""

    def opened(page: Path) -> tuple[str, list[str], list[str]]:
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", page.read_text())
        browser.get(page.as_uri())
        WebDriverWait(browser, 60).until(lambda b: b.find_elements("css selector", "#plot-attention .main-svg"))
        choice = Select(browser.find_element("css selector", "#steps-attention select"))
        assert [option.text for option in choice.options] == ["best", "worst", "middle"]
        choice.select_by_visible_text("worst")
        label = browser.find_element("css selector", "#steps-attention output").text
        read, written = (browser.find_elements("css selector", f"#plot-attention .{axis}tick text") for axis in "xy")
        return label, [own.text for own in read], [own.text for own in written]

    return opened


@pytest.fixture
def hidden_sentences(browser: webdriver.Chrome) -> Iterator[Callable[[], int]]:
    """What returns how many dots of the table of sentences lie beyond the page that is open, in a small window."""

    def measured() -> int:
        browser.set_window_size(700, 900)
        table = browser.find_element("css selector", ".scroll:has(> table.prose)")
        found = browser.execute_script("const own = arguments[0]; return own.scrollWidth - own.clientWidth", table)
        return int(found)

    yield measured
    browser.set_window_size(1200, 900)
