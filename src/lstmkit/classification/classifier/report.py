"""The page of a job: scores, what was taken for what, training, and sequences that were told wrongly."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.classification.classifier import charts
from lstmkit.classification.classifier.charts import Example
from lstmkit.classification.classifier.result import JobResult
from lstmkit.classification.labels import Coding
from lstmkit.classification.metrics import Floats, confusion
from lstmkit.classification.verdict import score_head, score_rows
from lstmkit.data.series import shorten
from lstmkit.results import page

MOST_CLASSES = 60
"""Classes up to which there is a table and a matrix of them."""
MOST_DRAWN, MOST_PLAYED = 24, 8
"""Sequences that are shown, by their channels and as what is played."""
WEIGHED = 5000
"""Steps of a sequence up to which its weights are drawn: they cost as much as an epoch on it."""


def write_report(result: JobResult, path: Path, command: str = "lstm classify") -> None:
    """Write report.html, of a command that trains and predicts."""
    summary, source = result.summary, Path(result.source).name
    rows = summary["sequences"]
    how = f"{summary['folds']} folds" if summary["folds"] else f"{rows['test']:,} sequences that it has not seen"
    answer = f", the answer is the mean of {summary['networks']} networks" if summary["networks"] > 1 else ""
    lead = (
        f"{source}: learnt from {rows['training']:,} sequences, stopped by {rows['validation']:,}, scored on {how}"
        f"{answer}. Channels: {shorten(summary['channels'], 8)}."
    )
    footer = page.made_by(f"{command} train", summary)
    page.write_page(
        path, f"{result.coding.column} of {source}", lead, result.verdict, _sections(result, command), footer
    )


def _sections(result: JobResult, command: str) -> list[str]:
    from lstmkit.results.curves import training_figure

    evaluation, coding = result.evaluation, result.coding
    truth = np.concatenate([coding.truth(part.labels or []) for part in result.tested])
    scores = page.table(score_head(evaluation), score_rows(evaluation), first="model")
    groups = f", of {evaluation.groups:,} groups," if evaluation.groups else ""
    sections = [
        page.card(
            "Scores",
            f"All answer for the same {evaluation.rows:,} sequences{groups} that none of them has seen, with the same "
            "features.",
            page.scrolling(scores),
        )
    ]
    if coding.classes and len(coding.classes) <= MOST_CLASSES:
        table = confusion(truth, result.answers.argmax(axis=1), len(coding.classes))
        sections += [
            page.card(
                "What was taken for what",
                "A row is a class, a column an answer: how many of the sequences of the class got it.",
                page.plot(charts.confusion_figure(table, coding.classes), "confusion"),
            ),
            page.card("Scores by class", "", page.scrolling(_by_class(table, coding))),
        ]
    elif not coding.classes:
        figure = charts.numbers_figure(truth, result.answers[:, 0], coding.column)
        sections.append(page.card("Truth and answers", "", page.plot(figure, "numbers")))
    history = result.classifier.history_
    sections += [
        page.card(
            "Training",
            "Validation: one minus the measure that is watched, and a hundredth of the cross-entropy; of numbers the "
            "squared error.",
            page.plot(training_figure(history), "training"),
        ),
        _examples(result, truth),
        page.card("Use it", "", page.code(f"{command} predict {shlex.quote(str(result.out))} NEW_FILE")),
        page.card("Settings", "", page.table(("", ""), _settings(result))),
    ]
    return sections


def _by_class(table: Floats, coding: Coding) -> str:
    right, rows, told = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    cells = []
    for k, name in enumerate(coding.classes):
        both = rows[k] + told[k]
        cells.append(
            (
                name,
                f"{int(rows[k]):,}",
                f"{100 * right[k] / rows[k]:.1f} %" if rows[k] else "-",
                f"{100 * right[k] / told[k]:.1f} %" if told[k] else "-",
                f"{2 * right[k] / both:.3f}" if both else "-",
            )
        )
    return page.table(("class", "sequences", "told right (recall)", "right where told (precision)", "F1"), cells)


def _examples(result: JobResult, truth: Any) -> str:
    """Return the card of sequences that were told most wrongly; without any, of those least sure."""
    coding, found = result.coding, result.answers
    if coding.classes:
        own = found[np.arange(len(truth)), truth]
        wrong = found.argmax(axis=1) != truth
        order = np.argsort(own, kind="stable")
        chosen = order[wrong[order]] if wrong.any() else order
        title, first, count = "Least sure", "The least sure", "All were told right. "
        if wrong.any():
            title, first, count = "Told wrongly", "The worst", f"{int(wrong.sum()):,} of {len(truth):,}. "
    else:
        chosen = np.argsort(-np.abs(found[:, 0] - truth), kind="stable")
        title, first, count = "Furthest off", "The largest error", ""
    if result.played is not None:
        examples = [_example(result, int(row)) for row in chosen[:MOST_PLAYED]]
        more = f"; {len(examples)} are shown" if len(chosen) > len(examples) else ""
        return page.card(title, f"{count}{first} comes first{more}.", result.played(examples))
    text = f"{count}{first} is shown, the arrow back goes to the next."
    examples = [_example(result, int(row)) for row in chosen[:MOST_DRAWN][::-1]]  # a page shows the last first
    if any(own.weights is not None for own in examples):
        text += " Bars: how much each step weighed in the answer."
    figure, steps = charts.examples_figure(examples, result.summary["channels"])
    return page.card(title, text, page.plot(figure, "examples", steps))


def _example(result: JobResult, row: int) -> Example:
    part, place = 0, row
    while place >= len(result.tested[part]):
        place -= len(result.tested[part])
        part += 1
    tested, found = result.tested[part], result.answers[row]
    told = f"{found[0]:.4g}"
    if result.coding.classes:
        best = int(found.argmax())
        told = f"{result.coding.classes[best]} ({100 * found[best]:.0f} %)"
    frames = tested.frames.select(np.array([place]))
    weighed = not result.summary["folds"] and len(frames.values) <= WEIGHED
    weights = result.classifier.weights_of(frames)[0] if weighed else None
    return Example(tested.ids[place], f"{(tested.labels or [''])[place]}, told {told}", frames[0], weights)


def _settings(result: JobResult) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else json.dumps(value))
        for name, value in result.summary["settings"].items()
    ]
