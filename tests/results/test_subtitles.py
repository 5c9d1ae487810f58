"""Subtitles as SubRip and WebVTT have them."""

from __future__ import annotations

from lstmkit.results.subtitles import WIDEST, Cue, broken, srt, vtt


def test_cues_are_written_with_times_and_escapes():
    cues = [Cue(0, 1500, ("a man", "rides")), Cue(3_723_004, 3_724_000, ("x < y & z",))]
    assert srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,500\na man\nrides\n\n2\n01:02:03,004 --> 01:02:04,000\nx < y & z\n"
    )
    assert vtt(cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na man\nrides\n\n01:02:03.004 --> 01:02:04.000\nx &lt; y &amp; z\n"
    )


def test_words_are_broken_into_lines_that_are_not_too_wide():
    words = ["word"] * 20 + ["w" * 60]
    lines = broken(words)
    assert " ".join(lines).split() == words and lines[-1] == "w" * 60
    assert all(len(line) <= WIDEST < len(line) + 5 for line in lines[:-2])
