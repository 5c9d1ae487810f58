"""The page of a translator in headless Chromium: scores, examples, and pictures of attention to go through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from lstmkit.language.translate import Translator, TranslatorSettings
from lstmkit.language.translate.job import TranslateJob
from lstmkit.results import run_job

WORDS = {"one": "<b>eins</b>", "two": "zwei", "red": "rote", "dogs": "hunde", "cats": "katzen", "run": "laufen"}


def write_pairs(folder: Path, name: str, count: int, seed: int) -> tuple[str, str]:
    import random

    draw = random.Random(seed)
    texts = [" ".join(draw.choices(list(WORDS), k=draw.randint(4, 6))) for _ in range(count)]
    found = (folder / f"{name}.en", folder / f"{name}.de")
    found[0].write_text("\n".join(texts) + "\n")
    found[1].write_text("\n".join(" ".join(WORDS[word] for word in text.split()) for text in texts) + "\n")
    return str(found[0]), str(found[1])


def test_the_page_shows_what_was_attended_to(
    browser: webdriver.Chrome,
    worst_attended: Callable[[Path], Any],
    hidden_sentences: Callable[[], int],
    tmp_path: Path,
) -> None:
    pytest.importorskip("sacrebleu", reason="the extra translate is not installed")
    sides = [
        write_pairs(tmp_path, name, count, seed) for seed, (name, count) in enumerate((("a", 60), ("b", 20), ("c", 20)))
    ]
    how = TranslatorSettings(embedding_size=8, hidden_size=8, epochs=12, learning_rate=0.02, warmup=5)
    found = run_job(TranslateJob(sides[0], tmp_path / "out", Translator("word", how), *sides[1:]))
    label, read, written = worst_attended(tmp_path / "out" / "report.html")
    shown = {f"{text} → {one.text}": one for text, one in zip(found.parts.test.source, found.scored.found, strict=True)}
    assert label in shown
    assert read == list(shown[label].read) and written == list(shown[label].written)
    browser.find_element("css selector", "#steps-attention .back").click()
    assert browser.find_element("css selector", "#steps-attention output").text != label
    assert "word by word" in browser.find_element("css selector", "table").text
    assert hidden_sentences() <= 1
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []
