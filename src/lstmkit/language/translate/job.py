"""What `lstm language translate train` reads, trains, scores on sentences never seen, and writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from lstmkit.language.neural.network import precision_note
from lstmkit.language.translate.judgement.scoring import require_sacrebleu
from lstmkit.language.translate.reading.lines import read_lines_of, refuse_swapped, repeats_between
from lstmkit.language.translate.report import write_report
from lstmkit.language.translate.result import (
    SIDES,
    Parts,
    Scored,
    TranslateResult,
    judge_beside_dictionary,
    score_all,
)
from lstmkit.language.translate.search import SearchSettings
from lstmkit.language.translate.telling import Told
from lstmkit.language.translate.translator import Translator
from lstmkit.language.vocabulary import PLURALS
from lstmkit.results import SUMMARY, Job, Run, Verdict
from lstmkit.sequences.splits import check_shares
from lstmkit.training import write_atomically


@dataclass(frozen=True)
class TranslateJob(Job[Parts, None, TranslateResult]):
    """What `lstm language translate train` was asked to do.

    sides       files to learn from
    out         folder for the results
    translator  unfitted
    valid, test files that choose the best epoch, and that the result is scored on; None: a share of the pairs, held
                back at random
    valid_share, test_share  those shares
    search      how sentences are translated
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    """

    results: ClassVar = (SUMMARY, "model", "report.html", "test.txt")

    sides: SIDES
    out: Path
    translator: Translator
    valid: SIDES | None = None
    test: SIDES | None = None
    valid_share: float = 0.05
    test_share: float = 0.05
    search: SearchSettings = field(default_factory=SearchSettings)
    force: bool = False
    resume: bool = False

    def read(self) -> Parts:
        """Read the pairs, and hold back what is not given."""
        require_sacrebleu()
        check_shares(self.valid is None, self.valid_share, self.test is None, self.test_share)
        training = read_lines_of(*self.sides)
        test, held = (None if own is None else read_lines_of(*own) for own in (self.test, self.valid))
        for other in (held, test):
            if other is not None:
                refuse_swapped(training, other)
        total = len(training)
        if test is None:
            training, test = self.translator.split(training, self.test_share)
        if held is None:
            training, held = self.translator.split(training, self.valid_share * total / len(training))
        return Parts(training, held, test, repeats_between(training, test))

    def understood(self, read: Parts) -> list[str]:
        """Return a line about what was read, then what was noticed."""
        counts = f"{len(read.training):,} pairs to learn from, {len(read.validation):,} to validate"
        counts += f", {len(read.test):,} to score"
        notes = [note for part in (read.training, read.validation, read.test) for note in part.notes()]
        repeated = [read.repeats.note("pairs")] * (read.repeats.repeated > 0)
        low = precision_note(self.translator.settings.precision)
        return [f"{' and '.join(self.sides)}: {counts}", *dict.fromkeys([*notes, *repeated]), *[low] * bool(low)]

    def fit(self, read: Parts, run: Run) -> None:
        """Train the translator."""
        model = self.translator
        run.begin("fit", model.settings.epochs_for(len(read.training)))
        words = sum(len(text.split()) for text in read.training.target) + len(read.training)
        told = Told(run.watcher, model.settings, words, len(read.training), lambda epoch: _example(model, read, epoch))
        model.fit_lines(read.training, read.validation, told.on_epoch, told.on_step, run.checkpoint, self.resume)
        run.watcher.on_lines(_left_out(model))

    def score(self, read: Parts, fitted: None, run: Run) -> TranslateResult:
        """Score the translator, by the beam and greedily, and the dictionary on the test part."""
        model = self.translator
        scored = score_all(model, read.test, self.search)
        verdict = judge_beside_dictionary(model, read.training, read.test, scored, not read.repeats.notable)
        summary = run.summary(
            _summary(self, read, scored, verdict), asdict(model.settings), model.network_, model.seed, [2, 1]
        )
        return TranslateResult(self.sides, self.out, model, read, scored, verdict, summary)

    def write(self, found: TranslateResult) -> None:
        """Write the model, the translations of the test part, and the report."""
        self.translator.save(self.out / "model", self.replaces)
        lines = "".join(one.text + "\n" for one in found.scored.found)
        write_atomically(self.out / "test.txt", lines.encode())
        write_report(found, self.out / "report.html")


def _example(model: Translator, read: Parts, epoch: int) -> str:
    text = read.validation.source[epoch % len(read.validation)]
    return f"{text} -> {model.translate(text, SearchSettings(width=1))[0]}"


def _left_out(model: Translator) -> list[str]:
    longest, unit = model.settings.longest, PLURALS[model.unit]
    count = model.left_out_
    are = "pairs were" if count > 1 else "pair was"
    return [f"{count:,} {are} left out of the training: a side has more than {longest} {unit}"] * (count > 0)


def _summary(job: TranslateJob, read: Parts, scored: Scored, verdict: Verdict) -> dict[str, Any]:
    model = job.translator
    best = min(model.history_, key=lambda r: r.valid_loss)
    return {
        "scores": {name: score.to_json() for name, score in scored.scores.items()},
        "signatures": next(iter(scored.scores.values())).signatures,
        "verdict": asdict(verdict),
        "pairs": {
            "training": len(read.training),
            "validation": len(read.validation),
            "test": len(read.test),
            "left_out": model.left_out_,
        },
        "repeats": read.repeats._asdict(),
        "notes": job.understood(read)[1:] + _left_out(model),
        "unit": model.unit,
        "vocabulary": [len(tokens.symbols) for tokens in (model.sides_.source, model.sides_.target)],
        "joint": model.joint,
        "lowercase": model.lowercase,
        "search": asdict(job.search),
        "seconds_to_translate": scored.seconds,
        "parameters": sum(p.numel() for p in model.network_.parameters()),
        "epochs": model.history_[-1].epoch,
        "best_epoch": best.epoch,
        "valid_nats_per_token": best.valid_loss,
        "steps": model.history_[-1].steps,
        "history": [record.to_json() for record in model.history_],
    }
