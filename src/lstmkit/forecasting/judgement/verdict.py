"""What the scores mean, in plain words."""

from __future__ import annotations

import math

from lstmkit.forecasting.judgement.evaluation import Evaluation
from lstmkit.forecasting.learning import Seasons
from lstmkit.results.verdict import BETTER, DOUBTFUL, EQUAL, WORSE, Verdict, kind_of

SIGNIFICANT = 0.05
"""Below this, the test of Diebold and Mariano sees a difference."""
TOLERATED = 0.15
"""Standard deviations of a single value's holding by which an interval may hold too seldom: 74 % where it says 80 %."""
ONE_SIDED = 1.645
"""Standard errors that luck exceeds in one case of twenty."""


def naive_name(name: str, seasons: Seasons) -> str:
    """Return what a naive forecast does, in words."""
    return {
        "last_value": "repeating the last value",
        "seasonal_naive": f"repeating the last season of {seasons.naive} steps",
        "drift": "continuing the drift",
        "moving_average": f"the mean of the last {seasons.naive or 5} values",
    }[name]


def judge(evaluation: Evaluation, seasons: Seasons) -> Verdict:
    """Judge the model against the best naive forecast by the 95 % interval of its skill, and by its intervals."""
    skill, rival = evaluation.skill, naive_name(evaluation.best_naive, seasons)
    windows = f"{len(evaluation.cutoffs):,} test window{'s' if len(evaluation.cutoffs) != 1 else ''}"
    kind = kind_of(skill.low, skill.high)
    interval = f"95 % interval {_percent(skill.low)} to {_percent(skill.high)}"
    more = "less" if skill.value >= 0 else "more"
    if kind == BETTER:
        headline = f"Better than {rival}: {_percent(skill.value)} less error."
        detail = f"{interval}, on {windows} that the model never saw."
        narrow = _too_narrow(evaluation)
        if narrow is not None:
            kind = DOUBTFUL
            held = f"{100 * evaluation.coverage[narrow]:.0f} %"
            headline = f"{headline[:-1]}, but its {narrow:g} % interval held only {held} of the true values."
    elif kind == WORSE:
        headline = f"Worse than {rival}: {_percent(-skill.value)} more error."
        detail = (
            f"{interval} of the error saved, on {windows} that the model never saw. Use the naive forecast instead."
        )
    elif math.isnan(skill.value):
        headline = f"Cannot be compared with {rival}."
        detail = f"On {windows} that the model never saw, no series has a naive error above zero to compare with."
    elif math.isnan(skill.low):
        headline = f"Too few windows to compare with {rival}."
        detail = f"The model makes {_percent(abs(skill.value))} {more} error on {windows} that it never saw."
    else:
        headline = f"No better than {rival}."
        detail = (
            f"The model makes {_percent(abs(skill.value))} {more} error on {windows} that it never saw; the "
            f"uncertainty ({interval} of the error saved) includes zero."
        )
    shares = ", ".join(
        f"the {level:g} % interval held {100 * share:.0f} %" for level, share in evaluation.coverage.items()
    )
    return Verdict(kind, headline, f"{detail}{_second_opinion(kind, evaluation.test.p)} Of the true values, {shares}.")


def _too_narrow(evaluation: Evaluation) -> float | None:
    """Return the level of the first interval that held too seldom, by more than TOLERATED and by more than luck."""
    n = max(1.0, evaluation.distinct_truths / evaluation.truth.shape[1])  # values of one window miss together
    for level, held in evaluation.coverage.items():
        spread = math.sqrt(level / 100 * (1 - level / 100))
        if level / 100 - held > max(TOLERATED * spread, ONE_SIDED * spread / math.sqrt(n)):
            return level
    return None


def _second_opinion(kind: str, p: float) -> str:
    """Return a sentence where the test of Diebold and Mariano does not agree with the interval, else nothing."""
    if kind == EQUAL and p < SIGNIFICANT:
        return f" A Diebold-Mariano test does see a difference (p = {p:.2g})."
    if kind != EQUAL and p >= SIGNIFICANT:
        return f" A Diebold-Mariano test is less sure of the difference (p = {p:.2g})."
    return ""


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if abs(percent) >= 10 else f"{percent:.1f} %"
