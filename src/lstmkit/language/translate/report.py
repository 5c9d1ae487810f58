"""The page of a translator: scores, what it attends to, the best and the worst translations, the training."""

from __future__ import annotations

import shlex
from pathlib import Path

from lstmkit.language.translate.judgement.verdict import HEAD, score_rows
from lstmkit.language.translate.result import TranslateResult, examples
from lstmkit.language.translate.translating import Translation
from lstmkit.results import page
from lstmkit.results.attention import attention_card, attention_step

SHOWN = 12
"""Sentences of each kind that are shown."""
MOST_TOKENS = 60
"""Of a side, in a picture of attention."""


def write_report(result: TranslateResult, path: Path) -> None:
    """Write report.html."""
    summary = result.summary
    counts = summary["pairs"]
    names = " and ".join(Path(side).name for side in result.sides)
    lead = (
        f"{names}: learnt from {counts['training']:,} pairs, watched on {counts['validation']:,}, scored on "
        f"{counts['test']:,}."
    )
    footer = page.made_by("lstm language translate train", summary)
    page.write_page(path, f"Translation: {names}", lead, result.verdict, _sections(result), footer)


def _sections(result: TranslateResult) -> list[str]:
    from lstmkit.results.curves import training_figure

    scored, summary = result.scored, result.summary
    count = len(scored.found)
    pace = f"The beam took {scored.seconds:.1f} s for {count:,} sentences, {count / scored.seconds:,.0f} a second."
    signed = "; ".join(f"{name}: {text}" for name, text in summary["signatures"].items())
    scores = page.scrolling(page.table(HEAD, score_rows(scored.scores), first="model"))
    text = (
        "BLEU and chrF by sacrebleu, in percent; length: of the translations, of that of the true ones. "
        f"Word by word: each word's most likely translation, of IBM model 1. {pace}"
    )
    sections = [page.card("Scores", text, f"{scores}<p>{page.words(signed)}</p>")]
    chosen = {kind: list(rows) for kind, rows in examples(scored, SHOWN).items()}
    sections += [_attention(result, chosen), _examples(result, chosen)]
    training = page.plot(training_figure(result.model.history_), "training")
    text = "Loss in nats a token; in training with label smoothing and dropout, so not to be compared with validation."
    sections.append(page.card("Training", text, training))
    use = f"lstm language translate translate {shlex.quote(str(result.out))} FILE"
    sections.append(page.card("Use it", "", page.code(use)))
    sections.append(page.settings_card(summary["settings"]))
    return [section for section in sections if section]


def _attention(result: TranslateResult, chosen: dict[str, list[int]]) -> str:
    """Return the card with pictures of what was attended to, one of each example."""
    found, steps = result.scored.found, []
    for kind, rows in chosen.items():
        shown = [row for row in rows if _drawable(found[row])]
        steps += [_step(result.parts.test.source[row], found[row], kind) for row in shown]
    return attention_card(steps, "token of the sentence")


def _drawable(one: Translation) -> bool:
    return one.attention is not None and 0 < len(one.written) <= MOST_TOKENS and len(one.read) <= MOST_TOKENS


def _step(text: str, one: Translation, kind: str) -> page.Step:
    """Return the picture of one sentence."""
    assert one.attention is not None
    return attention_step(f"{text} → {one.text}", kind, one.attention, one.read, one.written)


def _examples(result: TranslateResult, chosen: dict[str, list[int]]) -> str:
    test, scored = result.parts.test, result.scored
    score = next(iter(scored.scores.values()))
    rows = [
        (kind, test.source[row], scored.found[row].text, test.target[row], f"{score.sentences[row]:.0f}")
        for kind, own in chosen.items()
        for row in own
    ]
    head = ("", "sentence", "translation", "true translation", "chrF")
    text = "Of the test part, those that are translated best, worst, and in the middle, by chrF of the sentence."
    return page.card("Examples", text, page.scrolling(page.table(head, rows, prose=True)))
