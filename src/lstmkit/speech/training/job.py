"""The job of `lstm speech train`: from recordings with transcripts to a recogniser, its score, and a report."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lstmkit.data.content import place_of
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.results import SUMMARY, Job, Run, Verdict
from lstmkit.results.verdict import EQUAL
from lstmkit.speech.features import Features, FeatureSettings, ReadyFrames
from lstmkit.speech.lexicon import Lexicon, read_lexicon
from lstmkit.speech.manifest import Manifest, read_manifest
from lstmkit.speech.ready import ReadyFiles
from lstmkit.speech.recogniser import SPELLING, Recognizer
from lstmkit.speech.recordings import Recordings, read_recordings
from lstmkit.speech.scoring import judge, score_texts
from lstmkit.speech.training.dividing import Divided, divide, how_many
from lstmkit.speech.training.report import write_report
from lstmkit.speech.training.result import Scored, SpeechResult
from lstmkit.speech.training.yardstick import Yardstick, hidden_markov, markov_frames
from lstmkit.speech.units import unknown_letters

READY_SHIFT = 10.0
"""Milliseconds from a frame to the next of ready features, where nobody says."""


@dataclass(frozen=True)
class Parts:
    """The recordings of a job, read, by what they are for."""

    divided: Divided
    training: Recordings
    held: Recordings
    lexicon: Lexicon | None
    noise: Recordings | None


@dataclass(frozen=True)
class SpeechJob(Job[Parts, None, SpeechResult]):
    """What `lstm speech train` was asked to do.

    source      list of recordings, or a folder
    out         folder for the results
    recognizer  unfitted
    lexicon     path of pronunciations
    valid       list of recordings that say how well it goes, or None to hold some back
    test        list of recordings that are only used to score, or None likewise
    noise       recordings of noise that is heard in training
    yardstick   whether a hidden Markov model is learnt beside it
    cache       folder that keeps frames for the next time
    shift       ms from a frame to the next where features are ready; None is 10
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    """

    results: ClassVar = (SUMMARY, "model", "report.html")

    source: str
    out: Path
    recognizer: Recognizer
    lexicon: str | None = None
    valid: str | None = None
    test: str | None = None
    noise: tuple[str, ...] = ()
    yardstick: bool = True
    cache: Path | None = None
    shift: float | None = None
    force: bool = False
    resume: bool = False

    def read(self) -> Parts:
        """Read the lists, divide them, and compute the frames of what is learnt from."""
        given = read_manifest(self.source)
        lexicon = None if self.lexicon is None else read_lexicon(self.lexicon)
        held, test = (None if path is None else read_manifest(path) for path in (self.valid, self.test))
        divided = divide(self.source, given, held, test, self.recognizer.seed)
        if lexicon is not None:
            lexicon.require([str(one.text) for one in divided.training.utterances], str(self.lexicon))
        features = self._hears(divided.training)
        noise = self.recognizer.noises(list(self.noise)) if self.noise else None
        training, held_back = (read_recordings(part, features, self.cache) for part in (divided.training, divided.held))
        return Parts(divided, training, held_back, lexicon, noise)

    def _hears(self, training: Manifest) -> Features:
        """Return what the recogniser hears: sound, or ready features if that is what is given."""
        first = training.utterances[0]
        if first.ready:
            if self.recognizer.features != FeatureSettings():
                raise InputError("--rate has no effect on ready features; leave it out")
            self.recognizer.set_params(
                features=ReadyFrames(ReadyFiles().channels(first), READY_SHIFT if self.shift is None else self.shift)
            )
        elif self.shift is not None:
            raise InputError("--shift has no effect on recordings of sound; leave it out")
        return self.recognizer.features

    def understood(self, read: Parts) -> list[str]:
        """Return a line about what was read, then what was noticed."""
        own, seconds = read.divided, _seconds(self.recognizer, read.training)
        known = own.training.speakers
        speakers = f" of {how_many(len(known), 'speaker')}" if known else ""
        lines = [
            f"{place_of(Path(self.source))}: {how_many(len(own.training), 'recording')}{speakers} to learn from, "
            f"{seconds / 60:.1f} minutes; {len(own.held):,} to validate, {len(own.test):,} to score"
        ]
        return [*lines, *own.training.notes, *own.notes]

    def fit(self, read: Parts, run: Run) -> None:
        """Train the recogniser, and choose how it searches."""
        model = self.recognizer
        run.begin("fit", model.epochs_for(read.training))
        model.fit_recordings(
            read.training, read.held, read.lexicon, read.noise, run.watcher.on_epoch, run.checkpoint, self.resume
        )
        model.choose_weights(read.held)
        run.watcher.on_lines(_noticed(model, read))

    def score(self, read: Parts, fitted: None, run: Run) -> SpeechResult:
        """Score the recogniser and the yardstick on the test part."""
        own = read.divided
        scored = score_all(self.recognizer, own.test, self.cache)
        beside = Yardstick(None, why="no hidden Markov model was asked for")
        if self.yardstick:
            run.watcher.on_lines(["learning a hidden Markov model beside it"])
            order, features = self.recognizer.order, markov_frames(self.recognizer.features)
            beside = hidden_markov(own.training, own.held, own.test, read.lexicon, order, features)
        if beside.score is not None:
            scored.scores[beside.title] = beside.score
        verdict = _judged(scored, beside)
        model = self.recognizer
        summary = run.summary(
            _summary(self, read, scored, verdict),
            dataclasses.asdict(model.settings),
            model.network_,
            model.seed,
            [2, 1],
        )
        return SpeechResult(self.source, self.out, model, scored, beside, verdict, summary)

    def write(self, found: SpeechResult) -> None:
        """Write the model and the report."""
        self.recognizer.save(self.out / "model", self.replaces)
        write_report(found, self.out / "report.html")


def score_all(model: Recognizer, part: Manifest, cache: Path | None = None) -> Scored:
    """Score a recogniser on recordings with transcripts: all heads searched, and each that spells step by step."""
    recordings = read_recordings(part, model.features, cache)
    begun = time.process_time()
    emissions = model.emissions_of(recordings)
    heard_by = time.process_time()
    segments = model.segments_of(emissions)
    seconds = (heard_by - begun, time.process_time() - heard_by, _seconds(model, recordings))

    def score(found: list[str]) -> Any:
        return score_texts(recordings.texts, found, recordings.names, recordings.speakers)

    how = "n-grams" if model.ngrams_ is not None else "no n-grams"
    title = f"{'all heads' if len(model.units_) > 1 else next(iter(model.units_)) + 's'}, {how}"
    scores = {title: score([one.text for one in segments])}
    for kind in SPELLING:
        if kind in model.units_:
            scores[f"{kind}s, step by step"] = score(model.texts_of(emissions, kind))
    return Scored(part, segments, scores, seconds)


def _seconds(model: Recognizer, recordings: Recordings) -> float:
    return len(recordings.frames.values) * model.features.shift / 1000


def _noticed(model: Recognizer, read: Parts) -> list[str]:
    """Return what was noticed when it was learnt."""
    lines = []
    if model.left_out_:
        why = next(iter(model.left_out_.values()))
        count, names = how_many(len(model.left_out_), "recording"), shorten(list(model.left_out_))
        lines.append(
            f"{count} left out of the training: {names}{', the first' if len(model.left_out_) > 1 else ''}: {why}"
        )
    if "character" in model.units_:
        lines.append(unknown_letters(model.units_["character"], read.held.words))
    return [line for line in lines if line]


def _judged(scored: Scored, beside: Yardstick) -> Verdict:
    if beside.score is None:
        wer = f"{100 * scored.own.wer:.2f} %"
        return Verdict(
            EQUAL, f"Word error rate {wer}, compared with nothing.", f"{beside.why[:1].upper()}{beside.why[1:]}."
        )
    known = all(one.speaker is not None for one in scored.part.utterances)
    several = len({one.speaker for one in scored.part.utterances}) >= 5
    return judge(scored.own, beside.score, "the hidden Markov model", speakers=known and several)


def _summary(job: SpeechJob, read: Parts, scored: Scored, verdict: Verdict) -> dict[str, Any]:
    model, own = job.recognizer, read.divided
    return {
        **scored.to_json(),
        "verdict": verdict.kind,
        "headline": verdict.headline,
        "detail": verdict.detail,
        "recordings": {"training": len(own.training), "validation": len(own.held), "test": len(own.test)},
        "speakers": {"training": len(own.training.speakers), "test": len(own.test.speakers)},
        "left_out": model.left_out_,
        "units": {name: len(units.symbols) for name, units in model.units_.items()},
        "lookahead_ms": model.lookahead_ms,
        "decoding": dataclasses.asdict(model.decoding_),
        "order": model.order,
        "parameters": sum(p.numel() for p in model.network_.parameters()),
        "epochs": model.history_[-1].epoch,
        "steps": model.history_[-1].steps,
        "notes": [*own.notes, *_noticed(model, read)],
    }
