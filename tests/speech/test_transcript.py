"""Transcripts as text, JSON and subtitles."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest

from lstmkit.results.subtitles import WIDEST
from lstmkit.speech.transcript import LONGEST, Alternative, Segment, Transcript, Word


def spoken(seed: int, count: int, pauses: bool = True) -> Transcript:
    """Return a transcript of words of different lengths, with pauses between some."""
    generator = np.random.default_rng(seed)
    at, segments = 0.0, []
    for _ in range(3):
        words, begin = [], at
        for _ in range(count):
            length = float(generator.uniform(0.01, 0.9))
            words.append(Word("x" * int(generator.integers(1, 15)), at, at + length, 0.5))
            at += length + (float(generator.choice([0, 0.05, 0.3, 2.0])) if pauses else 0.0)
        segments.append(Segment(begin, at, tuple(words), (Alternative("x", 1.0),)))
    return Transcript(tuple(segments), at)


@pytest.mark.parametrize("seed", range(6))
def test_subtitles_are_short_never_overlap_and_hold_every_word(seed):
    transcript = spoken(seed, 40, seed % 2 == 0)
    cues = transcript.cues()
    assert " ".join(line for cue in cues for line in cue.lines).split() == transcript.text.split()
    assert all(len(cue.lines) <= 2 and max(map(len, cue.lines)) <= WIDEST for cue in cues)
    assert all(cue.start < cue.end for cue in cues)
    assert all(first.end <= second.start for first, second in itertools.pairwise(cues))
    assert max(cue.end - cue.start for cue in cues) <= 1000 * LONGEST
    starts = {round(1000 * word.start) for word in transcript.words}
    assert sum(cue.start in starts for cue in cues) >= len(cues) - 2


def test_a_pause_ends_a_subtitle_and_a_long_word_has_a_line_of_its_own():
    words = (Word("one", 0, 0.5, 1), Word("two", 0.6, 0.9, 1), Word("three", 2.0, 2.1, 1), Word("y" * 60, 2.2, 3, 1))
    cues = Transcript((Segment(0, 4, words),), 4.0).cues()
    assert [cue.lines for cue in cues] == [("one two",), ("three", "y" * 60)]
    assert (cues[0].start, cues[0].end) == (0, 900)
    assert cues[1].end == 3000


def test_srt_and_vtt_are_as_players_read_them():
    words = (Word("a<b", 3661.5, 3661.9, 1), Word("c&d", 3662.0, 3662.2, 1), Word("e", 3670.0, 3670.1, 1))
    transcript = Transcript((Segment(3660, 3671, words),), 3671.0)
    assert transcript.to_srt() == ("1\n01:01:01,500 --> 01:01:02,200\na<b c&d\n\n2\n01:01:10,000 --> 01:01:10,700\ne\n")
    assert transcript.to_vtt() == (
        "WEBVTT\n\n01:01:01.500 --> 01:01:02.200\na&lt;b c&amp;d\n\n01:01:10.000 --> 01:01:10.700\ne\n"
    )
    many = spoken(1, 30).to_srt().split("\n\n")
    assert [int(block.split("\n")[0]) for block in many] == list(range(1, len(many) + 1))
    assert all(re.match(r"\d+\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n.+", block) for block in many)


def test_json_holds_words_times_confidences_and_alternatives():
    words = (Word("grüße", 0.12349, 0.5, 0.98765),)
    parts = (Segment(0.0, 1.0, words, (Alternative("grüße", 0.75), Alternative("größe", 0.25))), Segment(1.0, 2.0, ()))
    transcript = Transcript(parts, 2.0)
    found = json.loads(transcript.to_json())
    assert found["text"] == transcript.text == "grüße" and found["seconds"] == 2.0
    first, second = found["segments"]
    assert first["words"] == [{"text": "grüße", "start": 0.123, "end": 0.5, "confidence": 0.988}]
    assert first["alternatives"][1] == {"text": "größe", "probability": 0.25}
    assert second == {"start": 1.0, "end": 2.0, "text": "", "words": [], "alternatives": []}
    assert transcript.to_text() == "grüße\n"


def test_nothing_said_is_nothing_written():
    nothing = Transcript((), 3.0)
    assert (nothing.to_text(), nothing.to_srt(), nothing.to_vtt(), nothing.text) == ("", "", "WEBVTT\n", "")
