"""How well are captions of Multi30k translated, test 2016, by `lstm language translate train` with given settings?

The job itself: sub-words of both languages, the best epoch by the validation part, the test part read once at the end,
beside a dictionary word by word. Cased and lowercased BLEU and chrF by sacrebleu. Appends to
bench/results/translate-multi30k.txt.

    python -m bench.translate.multi30k --direction en-de --minutes 60
    python -m bench.translate.multi30k --direction de-en --minutes 60 --attention none
    python -m bench.translate.multi30k --minutes 60 --score-on val --keep tmp/en-de  # to choose settings, then once:
    python -m bench.translate.multi30k --kept tmp/en-de
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does

import torch

from bench.machine import RESULTS, ROOT, header
from lstmkit.cli.parameters import given_settings
from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate import SearchSettings, Translator, TranslatorSettings
from lstmkit.language.translate.job import TranslateJob
from lstmkit.language.translate.judgement import TranslationScore
from lstmkit.language.translate.judgement.verdict import HEAD, score_rows
from lstmkit.language.translate.reading import read_lines_of
from lstmkit.language.translate.reading.lines import repeats_between
from lstmkit.language.translate.result import judge_beside_dictionary, score_all
from lstmkit.results import Watcher, run_job
from lstmkit.results.summary import versions
from lstmkit.training import EpochRecord

FILE = "translate-multi30k.txt"


class Printed(Watcher):
    """Prints epochs with the time."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def on_epoch(self, record: EpochRecord) -> None:
        losses = f"{record.train_loss:.4f} {record.valid_loss:.4f}"
        print(f"epoch {record.epoch:3d} {losses} {time.perf_counter() - self._began:7.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--direction", choices=("en-de", "de-en"), default="en-de")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--lowercase", action="store_true")
    parser.add_argument("--attention")
    parser.add_argument("--set", action="append")
    parser.add_argument("--score-on", choices=("test", "val"), default="test", help="val leaves the test part unread")
    parser.add_argument("--keep", type=Path, help="folder for the results of the job")
    parser.add_argument("--resume", action="store_true", help="go on with a job in --keep that was interrupted")
    parser.add_argument(
        "--kept", type=Path, nargs="+", help="such folders, whose models are scored and not learnt again"
    )
    parser.add_argument("--file", type=Path, default=RESULTS / FILE, help="that the result is added to")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.file.parent.mkdir(parents=True, exist_ok=True)
    runs = [scored(given)] if given.kept else (learnt(given, seed) for seed in given.seeds)
    for lines in runs:
        text = "\n".join([*lines, "", ""])
        print(text, flush=True)
        with given.file.open("a") as file:
            file.write(text)


def parts(direction: str) -> dict[str, tuple[str, str]]:
    """Return the two files of each part."""
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data") / "multi30k"
    one, other = direction.split("-")
    names = (("train", "train"), ("val", "val"), ("test", "test_2016_flickr"))
    return {part: (str(folder / f"{name}.{one}.gz"), str(folder / f"{name}.{other}.gz")) for part, name in names}


def learnt(given: argparse.Namespace, seed: int) -> list[str]:
    """Return what a training found."""
    own = {"minutes": given.minutes, "epochs": given.epochs, "attention": given.attention}
    settings = TranslatorSettings(**given_settings(TranslatorSettings, given.set, "a translator", own))
    changed = [f"{k}={v!r}" for k, v in own.items() if v is not None] + (given.set or [])
    changed += ["lowercase"] * given.lowercase
    lines = header(f"Multi30k {given.direction}, {given.threads} threads, seed {seed}", versions())
    words, files = VocabularySettings(max_size=given.vocabulary), parts(given.direction)
    model = Translator("subword", settings, words, True, given.lowercase, seed)
    with tempfile.TemporaryDirectory() as place:
        out = given.keep or Path(place) / "out"
        began, used = time.perf_counter(), time.process_time()
        job = TranslateJob(
            files["train"],
            out,
            model,
            files["val"],
            files[given.score_on],
            search=SearchSettings(),
            force=not given.resume,
            resume=given.resume,
        )
        found = run_job(job, Printed())
    summary, test = found.summary, found.summary["pairs"]["test"]
    minutes, work = ((now - then) / 60 for now, then in ((time.perf_counter(), began), (time.process_time(), used)))
    return [
        *lines,
        f"settings  {', '.join(changed) or 'as usual'}; vocabulary {given.vocabulary}; {given.score_on} part",
        *table(found.scored.scores),
        found.verdict.headline,
        found.verdict.detail,
        f"{summary['epochs']} epochs, best {summary['best_epoch']} with {summary['valid_nats_per_token']:.4f} nats "
        f"a token on validation; {summary['parameters']:,} parameters",
        f"{minutes:.1f} minutes, {work:.1f} of processor time; beam of {summary['search']['width']}: "
        f"{found.scored.seconds:.1f} s for {test:,} sentences",
        *(f"{name}: {text}" for name, text in summary["signatures"].items()),
    ]


def scored(given: argparse.Namespace) -> list[str]:
    """Return what a model that was learnt before makes of a part, several ones as one model."""
    models, files = [Translator.load(folder) for folder in given.kept], parts(given.direction)
    part = read_lines_of(*files[given.score_on])
    found = score_all(models[0], part, SearchSettings(), models[1:])
    training = read_lines_of(*files["train"])
    unseen = not repeats_between(training, part).notable
    verdict = judge_beside_dictionary(models[0], training, part, found, unseen)
    seeds = ", ".join(str(model.seed) for model in models)
    return [
        *header(f"Multi30k {given.direction}, {given.score_on} part, models learnt before, seeds {seeds}", versions()),
        *table(found.scores),
        verdict.headline,
        verdict.detail,
        *(f"{name}: {text}" for name, text in next(iter(found.scores.values())).signatures.items()),
    ]


def table(scores: dict[str, TranslationScore]) -> list[str]:
    return ["  ".join(f"{cell:>18}" for cell in row) for row in (HEAD, *score_rows(scores))]


if __name__ == "__main__":
    main()
