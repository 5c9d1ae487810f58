"""What the scores of a classifier mean, in plain words."""

from __future__ import annotations

import math
from typing import Any

from lstmkit.classification.evaluation import MODEL, Evaluation
from lstmkit.data.series import shorten
from lstmkit.results.verdict import BETTER, WORSE, Verdict, kind_of

PERCENT = ("accuracy", "uar")

COLUMNS = {
    "accuracy": "accuracy",
    "uar": "mean recall",
    "f1": "F1, mean",
    "f1_positive": "F1, second class",
    "matthews": "Matthews",
    "rmse": "RMSE",
    "pearson": "Pearson",
    "spearman": "Spearman",
}


def score_head(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the head of the table of scores."""
    return ("", *(COLUMNS[metric] for metric in evaluation.scores[MODEL]))


def score_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Return the rows of the table of scores, the network first."""
    return [
        (evaluation.titles[name], *(_shown(score, metric) for metric, score in own.items()))
        for name, own in evaluation.scores.items()
    ]


def judged_summary(evaluation: Evaluation, verdict: Verdict) -> dict[str, Any]:
    """Return the fields of `summary.json` that say how a classifier did."""
    difference = evaluation.difference
    return {
        "scores": evaluation.scores,
        "measure": evaluation.measure,
        "best_baseline": evaluation.best,
        "gain": difference.value,
        "gain_interval": [difference.low, difference.high],
        "verdict": verdict.kind,
        "headline": verdict.headline,
        "detail": verdict.detail,
    }


def judge(evaluation: Evaluation, unseen: bool = True, unit: str = "row") -> Verdict:
    """Judge the network against the best baseline by the 95 % interval of the difference.

    unseen  whether the rows scored are none that were learnt from
    unit    what a row is called
    """
    difference, measure = evaluation.difference, evaluation.measure
    rival = evaluation.titles[evaluation.best]
    kind = kind_of(difference.low, difference.high)
    own, other = (evaluation.scores[name][measure] for name in (MODEL, evaluation.best))
    compared = f"{_named(measure)} {_shown(own, measure)} against {_shown(other, measure)}"
    interval = f"95 % interval of the gain {_gain(difference.low, measure)} to {_gain(difference.high, measure)}"
    where = "that neither has seen" if unseen else "of which some are in the training part"
    groups = f" of {evaluation.groups:,} groups" if evaluation.groups else ""
    rows = f"{evaluation.rows:,} test {unit}{'s' if evaluation.rows != 1 else ''}{groups} {where}"
    if kind == BETTER:
        headline = f"Better than {rival}: {compared}."
        detail = f"{interval}, on {rows}."
    elif kind == WORSE:
        headline = f"Worse than {rival}: {compared}."
        detail = f"{interval}, on {rows}. Use {rival} instead."
    else:
        headline = f"No better than {rival}: {compared}."
        detail = f"The uncertainty ({interval}, on {rows}) includes zero."
    if evaluation.only:
        detail += f" The network answers {shorten([evaluation.only])} to all of them: it tells nothing apart."
    return Verdict(kind, headline, detail)


def _named(measure: str) -> str:
    names = {"accuracy": "accuracy", "uar": "mean recall", "f1": "mean F1", "matthews": "Matthews correlation"}
    return {**names, "rmse": "RMSE"}[measure]


def _gain(value: float, measure: str) -> str:
    if measure in PERCENT:
        return f"{100 * value:+.1f} points"
    return f"{value:+.4g}" if measure == "rmse" else f"{value:+.3f}"


def _shown(value: float, measure: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{100 * value:.1f} %" if measure in PERCENT else f"{value:.4g}" if measure == "rmse" else f"{value:.3f}"
