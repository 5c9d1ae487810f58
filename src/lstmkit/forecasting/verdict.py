"""What the scores mean, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from lstmkit.forecasting.evaluate import Evaluation
from lstmkit.forecasting.seasons import Seasons

BETTER, EQUAL, WORSE = "better", "equal", "worse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement.

    kind      "better", "equal" or "worse" than the best naive forecast
    headline  the judgement in a few words
    detail    by how much, with the uncertainty, and how often the intervals held
    """

    kind: str
    headline: str
    detail: str


def naive_name(name: str, seasons: Seasons) -> str:
    """Return what a naive forecast does, in words."""
    return {
        "last_value": "repeating the last value",
        "seasonal_naive": f"repeating the last season of {seasons.naive} steps",
        "drift": "continuing the drift",
        "moving_average": f"the mean of the last {seasons.naive or 5} values",
    }[name]


def judge(evaluation: Evaluation, seasons: Seasons) -> Verdict:
    """Judge the model against the best naive forecast by the 95 % interval of its skill."""
    skill, rival = evaluation.skill, naive_name(evaluation.best_naive, seasons)
    windows = f"{len(evaluation.cutoffs):,} test window{'s' if len(evaluation.cutoffs) != 1 else ''}"
    kind = BETTER if skill.low > 0 else WORSE if skill.high < 0 else EQUAL
    interval = f"95 % interval {_percent(skill.low)} to {_percent(skill.high)}"
    if kind == BETTER:
        headline = f"Better than {rival}: {_percent(skill.value)} less error."
        detail = f"{interval}, on {windows} that the model never saw."
    elif kind == WORSE:
        headline = f"Worse than {rival}: {_percent(-skill.value)} more error."
        detail = (
            f"{interval} of the error saved, on {windows} that the model never saw. Use the naive forecast instead."
        )
    else:
        more = "less" if skill.value >= 0 else "more"
        headline = f"No better than {rival}."
        detail = (
            f"The model makes {_percent(abs(skill.value))} {more} error on {windows} that it never saw; the "
            f"uncertainty ({interval} of the error saved) includes zero."
        )
    held = ", ".join(
        f"the {level:g} % interval held {100 * share:.0f} %" for level, share in evaluation.coverage.items()
    )
    return Verdict(kind, headline, f"{detail} Of the true values, {held}.")


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if abs(percent) >= 10 else f"{percent:.1f} %"
