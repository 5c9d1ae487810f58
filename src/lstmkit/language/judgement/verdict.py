"""What the scores of a language model mean, in plain words."""

from __future__ import annotations

import math

from lstmkit.language.judgement.scoring import Comparison, Difference
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, Verdict

TITLES = {"lstm": "LSTM", "ngram": "n-grams", "mixture": "both together"}


def judge(comparison: Comparison, order: int, unseen: bool = True) -> Verdict | None:
    """Judge the network against the n-gram model by the 95 % interval of their difference; None without n-grams.

    order   of the n-gram model
    unseen  whether the text scored is none that was learnt from
    """
    found = next((d for d in comparison.differences if {d.better, d.worse} == {"lstm", "ngram"}), None)
    if found is None:
        return None
    rival = f"the {order}-gram model"
    kind = EQUAL if not found.clear else BETTER if found.better == "lstm" else WORSE
    tokens = next(iter(comparison.scores.values())).tokens
    lstm, ngram = (comparison.scores[name].perplexity for name in ("lstm", "ngram"))
    change = _change(found)
    headline = {
        BETTER: f"Better than {rival}: perplexity {lstm:,.4g} against {ngram:,.4g}, {change} lower.",
        EQUAL: f"No better than {rival}: perplexity {lstm:,.4g} against {ngram:,.4g}.",
        WORSE: f"Worse than {rival}: perplexity {lstm:,.4g} against {ngram:,.4g}, {change} higher.",
    }[kind]
    low, high = (100 * _share(found, end) for end in (found.low, found.high))
    where = "that neither model saw" if unseen else "of the test part, of which some are in the training part"
    detail = (
        f"95 % interval of the difference {low:.1f} to {high:.1f} %, on {tokens:,} tokens {where}."
        if kind != EQUAL
        else f"On {tokens:,} tokens {where}, the uncertainty includes zero."
    )
    together = _together(comparison)
    if kind == WORSE and "better than either" not in together:
        together = f"{together} Use the n-grams.".lstrip()
    return Verdict(kind, headline, f"{detail} {together}".rstrip())


def _together(comparison: Comparison) -> str:
    """Return a sentence on the mixture: whether it is better than both."""
    if "mixture" not in comparison.scores:
        return ""
    gains = [d for d in comparison.differences if "mixture" in (d.better, d.worse)]
    perplexity = comparison.scores["mixture"].perplexity
    if all(d.better == "mixture" and d.clear for d in gains):
        return f"Together they are better than either: {perplexity:,.4g}."
    return f"Together they reach {perplexity:,.4g}, no clear gain."


def _change(found: Difference) -> str:
    """Return by how many percent the perplexity of the better is below, or of the worse above, the other's."""
    share = _share(found, found.mean)
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _share(found: Difference, nats: float) -> float:
    """Return by what share a difference of so many nats a token makes the network's perplexity lower, or higher."""
    return -math.expm1(-nats) if found.better == "lstm" else math.expm1(nats)
