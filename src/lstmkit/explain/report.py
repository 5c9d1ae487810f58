"""What the studies say: rows for a table, sentences, and the HTML page of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lstmkit.data.frequency import show
from lstmkit.explain.gates import GateStudy, LayerGates
from lstmkit.explain.gradients import INPUTS, GradientCurve, GradientSettings, in_words, reach_in_words
from lstmkit.explain.memory import MemoryResult, Trial
from lstmkit.explain.page import Card, write_study
from lstmkit.explain.problems import PROBLEMS, Problem

if TYPE_CHECKING:
    from lstmkit.forecasting.forecaster import Forecaster

GRADIENT_HEAD = ("cell", "half at", "left at 10", "left at 50", "left at 100", "a thousandth at")
MEMORY_HEAD = ("cell", "learns up to lag")
TRIAL_HEAD = ("cell", "lag", "outcome", "error", "naive", "steps", "seconds")
GATES_HEAD = ("layer", "input gate", "forget gate", "output gate", "units that remember 10 steps", "longest half-life")
PROBLEM_TEXTS = {
    "adding": "Two of the numbers in [0, 1] are marked, one in the first tenth and one in the first half of the "
    "sequence; the answer after the last step is their sum.",
    "temporal order": "Among noise, X or Y comes twice, in the second tenth and just after the middle; the answer "
    "after the last step is which two, in order: one of four classes.",
}


def gradient_rows(curves: Sequence[GradientCurve]) -> list[tuple[str, ...]]:
    """Return a row of text for each cell, under GRADIENT_HEAD."""
    rows = []
    for curve in curves:
        median = curve.median
        left = [f"{median[d]:.1e}" if d < len(median) else "" for d in (10, 50, 100)]
        half, far = (f"beyond {len(median) - 1}" if at is None else f"{at}" for at in (curve.half, curve.far))
        rows.append((curve.variant.title, half, *left, far))
    return rows


def write_gradient_page(path: Path, curves: Sequence[GradientCurve], settings: GradientSettings) -> None:
    """Write the page of `lstm explain gradients`."""
    from lstmkit.explain.charts import gradient_figure

    sentences = [in_words(curve) for curve in curves]
    how = (
        f"Untrained layers of {settings.hidden} units as lstmkit initialises them, {settings.seeds} seeds, normal "
        f"inputs of width {INPUTS}, float64. The gradient is the Frobenius norm of the derivative of the last output "
        f"by an input."
    )
    why = (
        "What an LSTM's cell holds is multiplied by the forget gate at every step, and so is the gradient on its way "
        "back. A gate that starts at one half halves it; a forget bias opens the gate before training begins."
    )
    cards = [
        Card(
            "The gradient against the distance",
            "Lines are medians over the seeds, bands their middle half. Dotted: the product of the forget gates alone; "
            "the rest travels through the recurrent weights. Click a name to hide it.",
            "gradients",
            gradient_figure(curves),
        ),
        Card(
            "In numbers",
            "Shares of the gradient at distance 0, and the distances in steps from which on it stays below a half and "
            "below a thousandth.",
            head=GRADIENT_HEAD,
            rows=gradient_rows(curves),
        ),
        Card("In words", "", sentences=sentences),
    ]
    write_study(path, "How the gradient falls with distance", how, (_gradient_headline(curves), why), cards)


def _gradient_headline(curves: Sequence[GradientCurve]) -> str:
    """Return which cell's gradient reaches furthest and which the least far."""
    by_reach = sorted(curves, key=lambda curve: (np.inf if curve.far is None else curve.far, curve.left))
    worst, best = by_reach[0], by_reach[-1]
    if worst is best:
        return in_words(best)
    first, second = (f"{curve.variant.title}: {reach_in_words(curve)}." for curve in (worst, best))
    return f"Of the gradient at distance 0. {first} {second}"


def memory_rows(result: MemoryResult, problem: Problem) -> list[tuple[str, ...]]:
    """Return a row of text for each cell, under `memory_head`: its reach, and the error at each lag."""
    rows = []
    for variant in result.variants:
        by_lag = {t.lag: t for t in result.of(problem.name, variant)}
        cells = [_error(by_lag[lag]) if lag in by_lag else "" for lag in result.settings.lags]
        rows.append((variant.title, result.reach_in_words(problem.name, variant), *cells))
    naive = {t.lag: t.naive for t in result.trials if t.problem == problem.name}
    rows.append(
        (f"naive: {problem.naive}", "", *(f"{naive[k]:.3f}" if k in naive else "" for k in result.settings.lags))
    )
    return rows


def memory_head(result: MemoryResult) -> tuple[str, ...]:
    """Return the head of `memory_rows`."""
    return (*MEMORY_HEAD, *(f"lag {lag}" for lag in result.settings.lags))


def _error(trial: Trial) -> str:
    return f"{trial.error:.3f}" + {"learnt": "", "not learnt": " x", "time was up": " ?"}[trial.outcome]


def memory_in_words(result: MemoryResult) -> str:
    """Return how the study was made, in a few sentences."""
    s = result.settings
    return (
        f"Each cell: {s.hidden} units and a linear layer, at most {s.steps:,} steps of Adam at {s.learning_rate:g} on "
        f"{s.batch_size} new sequences each, gradients clipped to norm {s.clip_norm:g}, seed {s.seed}. Learnt means an "
        f"error below {PROBLEMS[0].limit:g} (adding: {PROBLEMS[0].measure}; temporal order: {PROBLEMS[1].measure}) on "
        f"2,000 sequences never seen. A cell that fails is not asked for a longer lag."
    )


def trial_in_words(trial: Trial, seconds_left: float) -> str:
    """Return what came of a trial, and how long is left, if the study ends by the clock."""
    left = "" if math.isinf(seconds_left) else f"; at most {seconds_left / 60:.1f} min left"
    return (
        f"{trial.problem}, lag {trial.lag}, {trial.variant.title}: {trial.outcome} after {trial.steps:,} steps, error "
        f"{trial.error:.3f} (naive {trial.naive:.3f}), {trial.seconds:.0f} s{left}"
    )


def write_memory_page(path: Path, result: MemoryResult) -> None:
    """Write the page of `lstm explain memory`."""
    from lstmkit.explain.charts import LEAST_ERROR, memory_figure

    reaches = [
        f"{v.title}: " + ", ".join(f"{p.name} {result.reach_in_words(p.name, v)}" for p in PROBLEMS)
        for v in result.variants
    ]
    finding = ("Longest lag that each cell learns", "; ".join(reaches) + ".")
    cards = []
    for problem in PROBLEMS:
        text = f"{PROBLEM_TEXTS[problem.name]} Filled: learnt. Hollow: not learnt, or time was up."
        least = min((t.error for t in result.trials if t.problem == problem.name), default=LEAST_ERROR)
        if least < LEAST_ERROR:
            text += f" Triangles: an error below {LEAST_ERROR:g}, down to {least:.1e}, drawn where the scale ends."
        cards.append(
            Card(
                problem.name.capitalize(),
                text,
                problem.name.replace(" ", "-"),
                memory_figure(result, problem),
                memory_head(result),
                memory_rows(result, problem),
            )
        )
    trials = [
        (name, f"{t.lag}", t.outcome, f"{t.error:.4f}", f"{t.naive:.4f}", f"{t.steps:,}", f"{t.seconds:.1f}")
        for name, t in ((f"{t.problem}: {t.variant.title}", t) for t in result.trials)
    ]
    cards.append(Card("Every trial", "Errors on sequences never seen in training.", head=TRIAL_HEAD, rows=trials))
    write_study(path, "How far memory reaches", memory_in_words(result), finding, cards)


def gate_rows(study: GateStudy) -> list[tuple[str, ...]]:
    """Return a row of text for each layer, under GATES_HEAD."""
    rows = []
    for layer in study.layers:
        means = [f"{getattr(layer, gate).mean():.3f}" for gate in ("input", "forget", "output")]
        remember = f"{int((layer.half_lives >= 10).sum())} of {len(layer.half_lives)}"
        rows.append((layer.title, *means, remember, f"{layer.half_lives.max():.1f} steps"))
    return rows


def gates_title(study: GateStudy) -> str:
    """Return which series and which window the study is about."""
    return f"{study.name}, {show(study.times[0])} to {show(study.times[-1])} ({len(study.times)} steps)"


def gates_in_words(layer: LayerGates) -> str:
    """Return in a sentence how long a layer remembers."""
    lives = layer.half_lives
    half = f"{np.median(lives):.1f}"
    return (
        f"{_begin(layer.title)}: half of the units forget half of their cell within {half} {_steps(half)}, the slowest "
        f"within {lives.max():.1f}."
    )


def _steps(number: str) -> str:
    return "step" if number == "1.0" else "steps"


def _begin(title: str) -> str:
    return title[0].upper() + title[1:]


def write_gates_page(path: Path, study: GateStudy, forecaster: Forecaster) -> None:
    """Write the page of `lstm explain gates`."""
    from lstmkit.explain.charts import attention_figure, gates_figure, series_figure

    levels = forecaster.quantile_levels
    cards = [
        Card(
            "The window and the forecast from it",
            f"The band holds {100 * (levels[-1] - levels[0]):.0f} % by the model's own estimate.",
            "series",
            series_figure(study),
        )
    ]
    for k, layer in enumerate(study.layers):
        text = (
            "A forget gate near 1 keeps the cell, near 0 clears it; the input gate lets new values in; the output gate "
            "shows the cell. Bands around the means hold the middle half of the units. In the maps each unit is a row, "
            "the slowest to forget at the bottom; colours span the values that occur."
        )
        cards.append(Card(_begin(layer.title), text, f"layer-{k}", gates_figure(study, layer)))
    if study.attention:
        text = "How much each query draws from each step; the weights of a row add up to 1."
        cards.append(Card("Attention", text, "attention", attention_figure(study)))
    cards.append(Card("In numbers", study.remark, head=GATES_HEAD, rows=gate_rows(study)))
    words = " ".join(gates_in_words(layer) for layer in study.layers)
    write_study(path, "What the gates do", gates_title(study) + ".", (words, _honest()), cards)


def _honest() -> str:
    return (
        "These are the values with which the forecast was computed, not a model of the model. They show what the "
        "network keeps and lets through; they do not prove why a forecast is what it is."
    )
