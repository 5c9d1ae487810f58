"""What `lstm music train` reads, trains, scores on tunes never seen, and writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from lstmkit.errors import InputError
from lstmkit.music.abc import write_abc
from lstmkit.music.composer import Composer
from lstmkit.music.files import Collection, lines_of, read_music
from lstmkit.music.judgement import compare, judge
from lstmkit.music.likeness import Likeness, companions, liken
from lstmkit.music.related import count_related, divided, families
from lstmkit.music.report import write_report
from lstmkit.music.result import MusicResult
from lstmkit.music.rolls.frames import STEP
from lstmkit.music.tune import Tune
from lstmkit.results import SUMMARY, Job, Run
from lstmkit.training import write_atomically

SAMPLES = 8
"""Tunes that are composed at the end of a training, the likeliest first."""
LIKENED = 100
"""Tunes at most that are composed to stand beside tunes never seen."""
SHOWN = 12
"""Styles that are listed."""


@dataclass(frozen=True)
class Divided:
    """Tunes by part; related ones are in one part.

    related  tunes of the test part that share a run of notes with one to learn from: none, unless the parts were given
    families  of related tunes that have more than one
    """

    given: Collection
    train: list[Tune]
    valid: list[Tune]
    test: list[Tune]
    families: int
    related: int


@dataclass(frozen=True)
class MusicJob(Job[Divided, None, MusicResult]):
    """What `lstm music train` was asked to do.

    music       file or folder to learn from
    out         folder for the results
    composer    unfitted
    test        file or folder that the result is scored on; None: a share of the tunes, whole families
    style       where the style of a tune is said; see `read_music`
    valid_share, test_share  shares that are held back to choose the best pass, and to score
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    step        of time in piano rolls, as a part of a whole note
    """

    results: ClassVar = (SUMMARY, "model", "tunes.abc", "report.html")

    music: str
    out: Path
    composer: Composer
    test: str | None = None
    style: str = "auto"
    valid_share: float = 0.08
    test_share: float = 0.1
    force: bool = False
    resume: bool = False
    step: Fraction = STEP

    def read(self) -> Divided:
        """Read the tunes and divide them, related ones together."""
        given = read_music(self.music, self.style, self.step)
        seed = self.composer.seed
        if self.test is None:
            rest, test = divided(given.tunes, self.test_share, seed)
        else:
            rest, test = given.tunes, read_music(self.test, self.style, self.step).tunes
        train, valid = divided(rest, self.valid_share, seed)
        related = 0 if self.test is None else count_related(test, train)
        several = sum(count > 1 for count in Counter(families(given.tunes)).values())
        if not test:
            raise InputError(f"{self.music}: no tune is left to score on; give more tunes, or a file by --test")
        return Divided(given, train, valid, test, several, related)

    def understood(self, read: Divided) -> list[str]:
        """Return what was understood of the tunes, then what was noticed, a line each."""
        styles = read.given.styles.most_common()
        listed = ", ".join(f"{name} {count:,}" for name, count in styles[:SHOWN])
        more = f" and {len(styles) - SHOWN} more" if len(styles) > SHOWN else ""
        lines = [
            f"{self.music}: {len(read.train):,} tunes to learn from"
            + (f"; styles: {listed}{more}" if styles else ", without styles"),
            f"Choosing the best pass on {len(read.valid):,}, scoring on {len(read.test):,} tunes never seen",
        ]
        if read.families:
            lines.append(f"{read.families:,} tunes occur in several versions; all of one are in the same part")
        if read.related:
            lines.append(
                f"{read.related:,} of {len(read.test):,} test tunes share a run of notes with tunes to learn from"
            )
        return lines + lines_of(read.given.remarks)

    def fit(self, read: Divided, run: Run) -> None:
        """Train the network and count the n-grams."""
        run.begin("fit", self.composer.settings.epochs)
        self.composer.fit(
            read.train, read.valid, on_epoch=run.watcher.on_epoch, checkpoint=run.checkpoint, resume=self.resume
        )

    def score(self, read: Divided, fitted: None, run: Run) -> MusicResult:
        """Score network, n-grams and mixture on the test part, and compose a few tunes."""
        composer = self.composer
        run.watcher.on_lines(["Scoring on the tunes never seen"])
        comparison = compare(composer, read.test)
        verdict = judge(comparison, composer.order, read.related)
        composed = composer.compose(count=SAMPLES, seed=composer.seed)
        run.watcher.on_lines(["Composing tunes to stand beside them"])
        likeness = likened(composer, read)
        own = {
            **comparison.to_json(),
            "verdict": asdict(verdict),
            "likeness": None if likeness is None else likeness.to_json(),
            "share": composer.share_,
            "order": composer.order,
            "vocabulary": len(composer.tokens_.symbols),
            "tunes_by_part": {"train": len(read.train), "valid": len(read.valid), "test": len(read.test)},
            "styles": dict(read.given.styles),
            "remarks": dict(read.given.remarks),
            "families": read.families,
            "related": read.related,
            "parameters": sum(p.numel() for p in composer.network_.parameters()),
            "history": [record.to_json() for record in composer.history_],
        }
        summary = run.summary(own, asdict(composer.settings), composer.network_, composer.seed)
        return MusicResult(self.music, self.out, composer, comparison, verdict, likeness, composed, summary)

    def write(self, found: MusicResult) -> None:
        """Write the model, the tunes that were composed, and the page."""
        self.composer.save(self.out / "model", self.replaces)
        write_atomically(self.out / "tunes.abc", write_abc([one.tune for one in found.composed]).encode())
        write_report(found, self.out / "report.html")


def likened(composer: Composer, read: Divided) -> Likeness | None:
    """Return how tunes that are composed compare with tunes never seen, None where none of these is like any learnt."""
    people, own = companions(composer, read.test, LIKENED, seed=composer.seed)
    return liken(people, own, read.train) if people else None
