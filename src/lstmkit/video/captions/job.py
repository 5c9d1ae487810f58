"""What `lstm video caption train` reads, trains, scores on clips never seen, and writes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lstmkit.language.neural.network import precision_note
from lstmkit.language.translate import SearchSettings
from lstmkit.language.translate.judgement.scoring import require_sacrebleu
from lstmkit.language.translate.telling import Told
from lstmkit.results import SUMMARY, Job, Run, Verdict
from lstmkit.sequences.splits import check_shares
from lstmkit.training import write_atomically
from lstmkit.video.captions.captioner import Captioner
from lstmkit.video.captions.judgement.verdict import judge
from lstmkit.video.captions.reading import Captioned
from lstmkit.video.captions.report import write_report
from lstmkit.video.captions.result import CaptionResult, Parts, Scored, score_all
from lstmkit.video.captions.start import Opening
from lstmkit.video.clips import refuse_shared
from lstmkit.video.rows import Asked, Watch


@dataclass(frozen=True)
class CaptionJob(Job[Parts, None, CaptionResult]):
    """What `lstm video caption train` was asked to do.

    source      table with a row a caption, or clips with `captions`
    out         folder for the results
    captioner   unfitted
    asked       what says of which source a clip is, and patterns of names
    captions    file of the captions of clips; None: they are in the table
    caption     column of the captions
    start       folder of a language model with which writing begins; None: none
    valid, test clips that choose the best epoch, and that the result is scored on; None: a share of the clips, held
                back at random
    valid_share, test_share  those shares
    search      how captions are searched for
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    watch       is told how far the reading of clips is
    """

    results: ClassVar = (SUMMARY, "model", "report.html", "test.json")

    source: str
    out: Path
    captioner: Captioner
    asked: Asked = field(default_factory=lambda: Asked(None))
    captions: str | None = None
    caption: str = "caption"
    start: str | None = None
    valid: str | None = None
    test: str | None = None
    valid_share: float = 0.1
    test_share: float = 0.2
    search: SearchSettings = field(default_factory=SearchSettings)
    force: bool = False
    resume: bool = False
    watch: Watch | None = None

    def read(self) -> Parts:
        """Read the clips and their captions, and hold back what is not given."""
        require_sacrebleu()
        check_shares(self.valid is None, self.valid_share, self.test is None, self.test_share)
        opening = None if self.start is None else Opening.of(self.start)
        training = self._read(self.source)
        held = None if self.valid is None else self._read(self.valid)
        test = None if self.test is None else self._read(self.test, learnt=False)
        for own in (held, test):
            if own is not None and own.clips is not None and training.clips is not None:
                refuse_shared(training.clips, own.clips)
        notes = dict.fromkeys(note for own in (training, held, test) if own is not None for note in own.notes)
        total, seed = len(training), self.captioner.seed
        if test is None:
            training, test = training.split(self.test_share, seed)
        if held is None:
            training, held = training.split(self.valid_share * total / len(training), seed)
        return Parts(training, held, test, tuple(notes), opening)

    def _read(self, path: str, learnt: bool = True) -> Captioned:
        pattern = self.asked.pattern if Path(path).is_dir() else None
        asked = Asked(None, self.asked.group, pattern)
        return self.captioner.read_captioned(path, asked, self.captions, self.caption, self.watch, learnt)

    def understood(self, read: Parts) -> list[str]:
        """Return a line about what was read, then what was noticed."""
        training, held, test = (
            (own, sum(map(len, own.captions))) for own in (read.training, read.validation, read.test)
        )
        counts = f"{len(training[0]):,} clips with {training[1]:,} captions to learn from"
        counts += f", {len(held[0]):,} with {held[1]:,} to validate, {len(test[0]):,} with {test[1]:,} to score"
        low = precision_note(self.captioner.settings.precision)
        return [f"{self.source}: {counts}", *read.notes, *[low] * bool(low)]

    def fit(self, read: Parts, run: Run) -> None:
        """Train the captioner."""
        model = self.captioner
        texts = [text for own in read.training.captions for text in own]
        run.begin("fit", model.settings.epochs_for(len(texts)))
        words = sum(len(text.split()) + 1 for text in texts)
        told = Told(run.watcher, model.settings, words, len(texts), lambda epoch: _example(model, read, epoch))
        model.fit_captioned(
            read.training, read.validation, read.opening, told.on_epoch, told.on_step, run.checkpoint, self.resume
        )
        if model.left_out_:
            are = "captions were" if model.left_out_ > 1 else "caption was"
            longest = model.settings.longest
            run.watcher.on_lines([f"{model.left_out_:,} {are} left out of the training: more than {longest} words"])

    def score(self, read: Parts, fitted: None, run: Run) -> CaptionResult:
        """Score the captioner and simple captions on the test part."""
        model = self.captioner
        scored = score_all(model, read.training, read.test, self.search)
        verdict = judge(scored.own, scored.rivals, read.test.rows.groups)
        own = _summary(self, read, scored, verdict)
        summary = run.summary(own, asdict(model.settings), model.network_, model.seed, [2, 1])
        return CaptionResult(self.source, self.out, model, read, scored, verdict, summary)

    def write(self, found: CaptionResult) -> None:
        """Write the model, the captions of the test part, and the report."""
        self.captioner.save(self.out / "model", self.replaces)
        test, scored = found.parts.test, found.scored
        told = [
            {"id": name, "caption": one.text, "true": list(true), "cider_d": float(cider)}
            for name, one, true, cider in zip(test.rows.ids, scored.found, test.captions, scored.own.clips, strict=True)
        ]
        text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
        write_atomically(self.out / "test.json", text.encode())
        write_report(found, self.out / "report.html")


def _example(model: Captioner, read: Parts, epoch: int) -> str:
    row = epoch % len(read.validation)
    held = read.validation.rows
    found = model.search(held.frames.select(np.array([row])), SearchSettings(width=1))[0][0]
    return f"{held.ids[row]} -> {found.text}"


def _summary(job: CaptionJob, read: Parts, scored: Scored, verdict: Verdict) -> dict[str, Any]:
    model = job.captioner
    best = min(model.history_, key=lambda r: r.valid_loss)
    parts = {"training": read.training, "validation": read.validation, "test": read.test}
    return {
        "scores": {name: score.to_json() for name, score in scored.scores.items()},
        "signature": scored.own.signature,
        "verdict": asdict(verdict),
        "clips": {name: len(own) for name, own in parts.items()},
        "captions": {name: sum(map(len, own.captions)) for name, own in parts.items()},
        "left_out": model.left_out_,
        "notes": job.understood(read)[1:],
        "frames": asdict(model.frames),
        "channels": len(model.channels_),
        "vocabulary": len(model.tokens_.symbols),
        "cased": model.cased,
        "start": job.start,
        "search": asdict(job.search),
        "test_nats_per_word": model.loss(read.test),
        "parameters": sum(p.numel() for p in model.network_.parameters()),
        "epochs": model.history_[-1].epoch,
        "best_epoch": best.epoch,
        "valid_nats_per_word": best.valid_loss,
        "steps": model.history_[-1].steps,
        "history": [record.to_json() for record in model.history_],
    }
