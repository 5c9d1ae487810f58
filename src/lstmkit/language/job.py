"""`lstm language train`, from text to a folder of results: read, fit, score on text never seen, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from lstmkit.errors import InputError
from lstmkit.language.beginning import check_start
from lstmkit.language.corpus import Corpus, read_corpus
from lstmkit.language.fitting import Window
from lstmkit.language.generating import sample
from lstmkit.language.language_model import LanguageModel
from lstmkit.language.network import LanguageNetwork, precision_note
from lstmkit.language.pace import Plan
from lstmkit.language.scoring import Comparison, score_all
from lstmkit.language.tokens import PLURALS
from lstmkit.language.verdict import Verdict, judge
from lstmkit.nn import LSTM
from lstmkit.results import CHECKPOINT, SUMMARY, Clock, check_folder, job_folder, versions, without_nan, write_summary
from lstmkit.training import EpochRecord

RESULTS = (SUMMARY, "model")


@dataclass(frozen=True)
class LanguageJob:
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


class Watcher(Protocol):
    """Who is told about the progress of a job."""

    def on_read(self, lines: list[str]) -> None:
        """Take what was understood, a line each."""

    def on_stage(self, name: str) -> None:
        """Take the name of what begins: fit, score, write."""

    def on_size(self, tokens: int, parameters: int) -> None:
        """Take how many tokens the whole training reads at most, and how many parameters the network has."""

    def on_plan(self, plan: Plan) -> None:
        """Take how the text is gone through, and about how long that takes here."""

    def on_window(self, window: Window) -> None:
        """Take what a step of the training did."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Take the record of a round."""

    def on_sample(self, write: Callable[[], str]) -> None:
        """Take what lets the network, as it is after a round, write a few words."""


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


def run_job(job: LanguageJob, watcher: Watcher | None = None) -> LanguageResult:
    """Do the whole job.

    Raises  InputError if something given cannot be used, before anything in `job.out` is touched; KeyboardInterrupt
            leaves the checkpoint there, and the job can be resumed
    """
    check_folder(job.out, RESULTS, job.force, job.resume)
    clock = Clock(None if watcher is None else watcher.on_stage)
    start = None if job.start is None else job.start[0]
    if start is not None:
        check_start(start, job.model.unit, job.model.settings)
    corpus = read_corpus(
        job.text,
        job.valid,
        job.test,
        job.model.unit,
        settings=job.model.vocabulary,
        valid_share=job.valid_share,
        test_share=job.test_share,
        tokens=None if start is None else start.tokens_,
    )
    with job_folder(job.out, RESULTS, job.force, job.resume):
        if watcher is not None:
            watcher.on_read(understood(job, corpus))
        return _fit_and_write(job, corpus, clock, watcher)


def _fit_and_write(job: LanguageJob, corpus: Corpus, clock: Clock, watcher: Watcher | None) -> LanguageResult:
    model, how = job.model, job.model.settings
    clock.begin("fit")
    if watcher is not None:
        watcher.on_size(how.epochs * len(corpus.train), _parameters(job, corpus))
    start = None if job.start is None else job.start[0]
    kept = (job.out / CHECKPOINT, job.resume)
    if watcher is None:
        model.fit_corpus(corpus, start, None, None, None, *kept)
    else:
        told = _Told(model, watcher)
        model.fit_corpus(corpus, start, told.on_epoch, told.on_window, watcher.on_plan, *kept)
    clock.begin("score")
    comparison = score_all(model.predictors(), corpus.test, corpus.characters["test"])
    verdict = None if model.order is None else judge(comparison, model.order, not corpus.repeats.notable)
    clock.begin("write")
    try:
        model.save(job.out / "model", force=job.force or job.resume)
        summary = _summary(job, corpus, comparison, verdict, clock)
        write_summary(job.out, summary)
    except OSError as error:
        raise InputError(f"{job.out}: cannot be written to ({error.strerror})") from error
    (job.out / CHECKPOINT).unlink(missing_ok=True)
    return LanguageResult(job, corpus, comparison, verdict, summary)


class _Told:
    """Passes on what happens in the training, and after each round what the network would write."""

    def __init__(self, model: LanguageModel, watcher: Watcher) -> None:
        self._model, self._watcher = model, watcher
        self._learnt = False

    def on_window(self, window: Window) -> None:
        self._learnt = True
        self._watcher.on_window(window)

    def on_epoch(self, record: EpochRecord) -> None:
        self._watcher.on_epoch(record)
        if self._learnt:  # rounds before an interruption are only told again
            self._watcher.on_sample(partial(sample, self._model.predictor("lstm"), record.epoch))


def understood(job: LanguageJob, corpus: Corpus) -> list[str]:
    """Return what was understood of the text, then what was noticed, a line each."""
    tokens = corpus.tokens
    units = PLURALS[tokens.unit]
    return [
        f"{job.text}: {corpus.characters['train']:,} characters to learn from, {len(corpus.train):,} {units}, "
        f"a vocabulary of {len(tokens.symbols):,}{'' if job.start is None else f', that of {job.start[1]}'}",
        f"Choosing the best round on {len(corpus.valid):,}, scoring on {len(corpus.test):,} {units} "
        f"{'of the test part' if corpus.repeats.notable else 'never seen'}",
        *(note[:1].upper() + note[1:] for note in _notes(job, corpus)),
    ]


def _notes(job: LanguageJob, corpus: Corpus) -> list[str]:
    return [note for note in (*corpus.notes, precision_note(job.model.settings)) if note]


def _parameters(job: LanguageJob, corpus: Corpus) -> int:
    with torch.device("meta"):
        network = LanguageNetwork(len(corpus.tokens.symbols), job.model.settings)
    return sum(p.numel() for p in network.parameters())


def _summary(
    job: LanguageJob, corpus: Corpus, comparison: Comparison, verdict: Verdict | None, clock: Clock
) -> dict[str, Any]:
    model = job.model
    best = min(model.history_, key=lambda r: r.valid_loss)
    layers = [m for m in model.network_.modules() if isinstance(m, LSTM)]
    summary: dict[str, Any] = {
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
        "seconds": {**clock.seconds, "total": clock.total()},
        "settings": asdict(model.settings),
        "versions": versions(),
        "backend": ", ".join(sorted({m.explain(torch.zeros(2, 2, m.input_size)).chosen for m in layers})),
        "seed": model.seed,
    }
    return without_nan(summary)  # type: ignore[no-any-return]
