"""The page of a recogniser: scores, errors word by word with their sound, confusions, speakers, training."""

from __future__ import annotations

import shlex
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from lstmkit.results import page, player
from lstmkit.speech.audio import RATE, read_audio
from lstmkit.speech.decoding.fitting import reliability
from lstmkit.speech.played import embedded
from lstmkit.speech.scoring import DELETED, INSERTED, SAME, SUBSTITUTED, SpeechScore, UtteranceScore
from lstmkit.speech.training.result import HEAD, SpeechResult
from lstmkit.speech.transcript import Segment
from lstmkit.speech.utterance import Utterance

MOST_SHOWN = 40
"""Utterances that are shown word by word: those with most errors."""
MOST_SOUND = 4_000_000
"""Bytes of sound that the page holds."""
LONGEST = 30.0
"""Seconds of a recording that is played."""
MOST_CONFUSIONS, MOST_SPEAKERS = 20, 60
WORDS = {SUBSTITUTED: "another word", DELETED: "missed", INSERTED: "too many"}


def write_report(result: SpeechResult, path: Path) -> None:
    """Write report.html."""
    summary, source = result.summary, Path(result.source).name
    counts = summary["recordings"]
    lead = (
        f"{source}: learnt from {counts['training']:,} recordings, watched on {counts['validation']:,}, scored on "
        f"{counts['test']:,} that it has not heard."
    )
    footer = page.made_by("lstm speech train", summary)
    page.write_page(path, f"Speech of {source}", lead, result.verdict, _sections(result), footer)


def _sections(result: SpeechResult) -> list[str]:
    from lstmkit.results.curves import training_figure

    scored, summary = result.scored, result.summary
    own = scored.own
    factors = summary["real_time_factor"]
    pace = f"Of real time, the network takes {factors['network']:.4f}, the search {factors['search']:.4f}."
    sections = [
        page.card(
            "Scores",
            f"WER: words that are wrong, missed or too many, over the {own.words:,} that were said; CER the same of "
            f"characters. {pace}",
            page.scrolling(page.table(HEAD, scored.rows(), first="model")),
        ),
        _errors(result),
        page.card("Confusions", f"The most frequent errors of {own.errors:,}.", page.scrolling(_confusions(own))),
    ]
    if speakers := own.by_speaker():
        rows = [
            (name, f"{len(o.utterances):,}", f"{o.words:,}", f"{100 * o.wer:.1f} %", f"{100 * o.cer:.1f} %")
            for name, o in list(speakers.items())[:MOST_SPEAKERS]
        ]
        head = ("speaker", "recordings", "words", "WER", "CER")
        sections.append(page.card("By speaker", "The worst understood first.", page.scrolling(page.table(head, rows))))
    sections += [_confidence(own, scored.segments)]
    training = page.plot(training_figure(result.recognizer.history_), "training")
    text = "Training: the sum of the losses of the heads. Validation: errors of their units, the mean of the heads."
    sections.append(page.card("Training", text, training))
    if result.recognizer.left_out_:
        left = list(result.recognizer.left_out_.items())[:MOST_SHOWN]
        sections.append(page.card("Left out of the training", "", page.table(("recording", "why"), left, prose=True)))
    use = f"lstm speech score {shlex.quote(str(result.out))} OTHER_MANIFEST"
    sections.append(page.card("Use it", "", page.code(use)))
    sections.append(page.settings_card(summary["settings"]))
    return [section for section in sections if section]


def _confusions(score: SpeechScore) -> str:
    rows = [
        (edit.truth or "-", edit.found or "-", WORDS[edit.kind], f"{count:,}")
        for edit, count in score.confusions(MOST_CONFUSIONS)
    ]
    return page.table(("said", "understood", "", "times"), rows)


def _confidence(score: SpeechScore, segments: list[Segment]) -> str:
    """Return the card that compares confidences with how often they were right."""
    sure, right = [], []
    for one, segment in zip(score.utterances, segments, strict=True):
        found = [edit.kind == SAME for edit in one.edits if edit.found]
        if len(found) == len(segment.words):
            sure += [word.confidence for word in segment.words]
            right += found
    if not sure:
        return ""
    bins = reliability(np.array(sure), np.array(right))
    rows = [(f"{100 * mean:.0f} %", f"{100 * share:.0f} %", f"{count:,}") for mean, share, count in bins]
    text = "Words of about the same confidence, and how many of them are right."
    return page.card("Confidence", text, page.table(("confidence", "right", "words"), rows))


def _errors(result: SpeechResult) -> str:
    """Return the card of the utterances with most errors, word by word, with their sound."""
    scored, own = result.scored, files("lstmkit.speech.training")
    order = sorted(range(len(scored.own.utterances)), key=lambda row: -scored.own.utterances[row].errors)[:MOST_SHOWN]
    left, blocks = MOST_SOUND, []
    for row in order:
        sound = _sound(scored.part.utterances[row])
        sound = sound if len(sound) <= left else ""
        left -= len(sound)
        blocks.append(_block(scored.own.utterances[row], scored.segments[row], sound))
    marks = {SUBSTITUTED: "i", DELETED: "b", INSERTED: "i"}
    key = "".join(f'<span class="{kind}"><{marks[kind]}>{text}</{marks[kind]}></span>' for kind, text in WORDS.items())
    style = (own / "report.css").read_text(encoding="utf-8")
    key = f'<div class="marks heard"><div class="words">{key}</div></div>'
    body = player.played(style, f"{key}{''.join(blocks)}")
    wrong = sum(one.errors > 0 for one in scored.own.utterances)
    text = (
        f"{wrong:,} of {len(scored.own.utterances):,} recordings have errors; those with most come first. Above what "
        "was said, below what was understood. A word that is clicked is played."
    )
    return page.card("Errors", text, body)


def _block(score: UtteranceScore, segment: Segment, sound: str) -> str:
    times = [(word.start, word.end) for word in segment.words]
    known = iter(times) if len(times) == sum(bool(edit.found) for edit in score.edits) else iter(())
    pairs = []
    for edit in score.edits:
        at = next(known, None) if edit.found else None
        mark = f' data-start="{at[0]:.2f}" data-end="{at[1]:.2f}"' if at is not None else ""
        truth, found = (escape(one, quote=False) for one in (edit.truth, edit.found))
        pairs.append(f'<span class="{edit.kind}"><b>{truth}</b><i{mark}>{found}</i></span>')
    who = f" ({score.speaker})" if score.speaker is not None else ""
    title = page.words(f"{score.name}{who}: {score.errors} of {score.words} words wrong")
    sounds = f'<audio controls preload="none" src="{sound}"></audio>' if sound else ""
    return f'<div class="played heard">{sounds}{title}<div class="words">{"".join(pairs)}</div></div>'


def _sound(one: Utterance) -> str:
    """Return a recording as an address that holds it, "" if it is too long, or ready features make no sound."""
    if one.ready:
        return ""
    samples = read_audio(one.audio, start=one.start, end=one.end)
    if len(samples) / RATE > LONGEST:
        return ""
    return embedded(samples)
