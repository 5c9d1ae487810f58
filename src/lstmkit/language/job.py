"""What `lstm language train` reads, trains, scores on text never seen, and writes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from lstmkit.language.judgement import Comparison, score_all
from lstmkit.language.judgement.verdict import judge
from lstmkit.language.language_model import LanguageModel
from lstmkit.language.neural import LanguageNetwork
from lstmkit.language.neural.beginning import check_start
from lstmkit.language.neural.fitting import Window
from lstmkit.language.neural.network import precision_note
from lstmkit.language.neural.pace import Plan
from lstmkit.language.text import Corpus, read_corpus
from lstmkit.language.vocabulary import PLURALS
from lstmkit.language.writing.generating import sample
from lstmkit.results import SUMMARY, Job, Run, Verdict, Watcher, duration
from lstmkit.training import EpochRecord

LONG = 60.0
"""Seconds of a training above which it is said how to end it by time."""


@dataclass(frozen=True)
class LanguageResult:
    """What a job found; the folder `job.out` holds it.

    verdict  on the network against the n-gram model; None without one
    summary  what summary.json holds
    """

    job: LanguageJob
    corpus: Corpus
    comparison: Comparison
    verdict: Verdict | None
    summary: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class LanguageJob(Job[Corpus, None, LanguageResult]):
    """What `lstm language train` was asked to do.

    text         file or folder to learn from
    out          folder for the results
    model        unfitted
    valid, test  files or folders that choose the best round, and that the result is scored on; None: the last share of
                 the text, test last
    valid_share, test_share  those shares
    start        fitted model to go on from, and the folder that it was read from; None begins anew
    force        replace results that are in `out`
    resume       continue an interrupted job in `out`
    """

    results: ClassVar = (SUMMARY, "model")

    text: str
    out: Path
    model: LanguageModel
    valid: str | None = None
    test: str | None = None
    valid_share: float = 0.05
    test_share: float = 0.1
    start: tuple[LanguageModel, str] | None = None
    force: bool = False
    resume: bool = False

    @property
    def begun(self) -> LanguageModel | None:
        """The model to go on from."""
        return None if self.start is None else self.start[0]

    def read(self) -> Corpus:
        """Read the text."""
        if self.begun is not None:
            check_start(self.begun.unit, self.begun.settings, self.model.unit, self.model.settings)
        return read_corpus(
            self.text,
            self.valid,
            self.test,
            self.model.unit,
            settings=self.model.vocabulary,
            valid_share=self.valid_share,
            test_share=self.test_share,
            tokens=None if self.begun is None else self.begun.tokens_,
        )

    def understood(self, read: Corpus) -> list[str]:
        """Return what was understood of the text, then what was noticed, a line each."""
        units, known = PLURALS[read.tokens.unit], "" if self.start is None else f", that of {self.start[1]}"
        return [
            f"{self.text}: {read.characters['train']:,} characters to learn from, {len(read.train):,} {units}, "
            f"a vocabulary of {len(read.tokens.symbols):,}{known}",
            f"Choosing the best round on {len(read.valid):,}, scoring on {len(read.test):,} {units} "
            f"{'of the test part' if read.repeats.notable else 'never seen'}",
            *(note[:1].upper() + note[1:] for note in _notes(self, read)),
        ]

    def fit(self, read: Corpus, run: Run) -> None:
        """Train the network, count the n-grams, and find the share of each in the mixture."""
        how = self.model.settings
        run.begin("fit", how.epochs)
        with torch.device("meta"):
            network = LanguageNetwork(len(read.tokens.symbols), how)
        tokens, parameters = how.epochs * len(read.train), sum(p.numel() for p in network.parameters())
        run.watcher.on_lines([f"{parameters:,} parameters; {tokens:,} tokens to read at most"])
        told = _Told(self.model, run.watcher, tokens)
        on = (told.on_epoch, told.on_window, told.on_plan)
        self.model.fit_corpus(read, self.begun, *on, run.checkpoint, self.resume)

    def score(self, read: Corpus, fitted: None, run: Run) -> LanguageResult:
        """Score network, n-grams and mixture on the test part."""
        model = self.model
        run.watcher.on_lines(["Scoring on the text never seen"])
        comparison = score_all(model.predictors(), read.test, read.characters["test"])
        verdict = None if model.order is None else judge(comparison, model.order, not read.repeats.notable)
        own = _summary(self, read, comparison, verdict)
        summary = run.summary(own, asdict(model.settings), model.network_, model.seed)
        return LanguageResult(self, read, comparison, verdict, summary)

    def write(self, found: LanguageResult) -> None:
        """Write the model."""
        self.model.save(self.out / "model", self.replaces)


class _Told:
    """Passes on what happens in the training, and after each round what the network would write.

    tokens  that the training reads at most
    """

    def __init__(self, model: LanguageModel, watcher: Watcher, tokens: int) -> None:
        self._model, self._watcher, self._tokens = model, watcher, tokens
        self._learnt = False

    def on_plan(self, plan: Plan) -> None:
        minutes = self._model.settings.minutes
        self._watcher.on_lines([in_words(plan, minutes)])
        self._watcher.on_work(self._tokens, math.inf if minutes is None else 60.0 * minutes)

    def on_window(self, window: Window) -> None:
        self._learnt = True
        self._watcher.on_step(*window)

    def on_epoch(self, record: EpochRecord) -> None:
        self._watcher.on_epoch(record)
        if self._learnt:  # rounds before an interruption are only told again
            self._watcher.on_sample(partial(sample, self._model.predictor("lstm"), record.epoch))


def in_words(plan: Plan, minutes: float | None) -> str:
    """Return how a text is gone through, and about how long that takes.

    minutes  after which the training ends, or None
    """
    seconds = min(math.inf if minutes is None else 60.0 * minutes, plan.seconds or math.inf)
    by_time = "; --minutes ends it by time" if minutes is None and seconds > LONG else ""
    return (
        f"{plan.columns:,} rows side by side, {plan.window:,} tokens of each a step: {plan.steps:,} steps at most, "
        f"about {duration(seconds)} on this machine{by_time}"
    )


def _notes(job: LanguageJob, corpus: Corpus) -> list[str]:
    return [note for note in (*corpus.notes, precision_note(job.model.settings.precision)) if note]


def _summary(job: LanguageJob, corpus: Corpus, comparison: Comparison, verdict: Verdict | None) -> dict[str, Any]:
    model = job.model
    best = min(model.history_, key=lambda r: r.valid_loss)
    return {
        **comparison.to_json(),
        "verdict": None if verdict is None else asdict(verdict),
        "share": model.share_,
        "order": model.order,
        "unit": model.unit,
        "vocabulary": len(corpus.tokens.symbols),
        "tokens": {"train": len(corpus.train), "valid": len(corpus.valid), "test": len(corpus.test)},
        "characters": corpus.characters,
        "unknown": corpus.unknown,
        "repeats": corpus.repeats._asdict(),
        "notes": _notes(job, corpus),
        "start": None if job.start is None else job.start[1],
        "plan": {"columns": model.plan_.columns, "window": model.plan_.window},
        "parameters": sum(p.numel() for p in model.network_.parameters()),
        "rounds": model.history_[-1].epoch,
        "best_round": best.epoch,
        "valid_nats_per_token": best.valid_loss,
        "steps": model.history_[-1].steps,
        "history": [record.to_json() for record in model.history_],
    }
