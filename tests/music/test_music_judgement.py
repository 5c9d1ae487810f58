"""What a training on tunes says of itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tunes_by_rule import SMALL, made_tunes

from lstmkit.errors import InputError
from lstmkit.music.abc import write_abc
from lstmkit.music.composer import Composer
from lstmkit.music.job import MusicJob
from lstmkit.music.judgement import MusicComparison, body_of, compare, judge
from lstmkit.results import Watcher, run_job
from lstmkit.training import EpochRecord


def test_a_comparison_sums_up_the_tunes(composer):
    tunes = made_tunes(5, seed=7)
    found = compare(composer, tunes)
    scores = [composer.score(tune) for tune in tunes]
    assert (found.tunes, found.events) == (5, sum(score.events for score in scores))
    assert found.nats["lstm"] == pytest.approx(sum(score.nats["lstm"] for score in scores))
    assert found.bits_per_character("ngram") == pytest.approx(found.nats["ngram"] / math.log(2) / found.characters)
    gain = found.nats_per_event("ngram") - found.nats_per_event("lstm")
    assert found.low <= gain <= found.high
    assert found.characters == sum(len(body_of(tune)) for tune in tunes) and "K:" not in body_of(tunes[0])


@pytest.mark.parametrize(
    ("low", "high", "headline", "detail"),
    [
        (0.1, 0.2, "Better than the 6-gram model: 1.000 bits a character against 1.250, 20.0 % low", "8.0 to 16.0 %"),
        (-0.1, 0.2, "No better than the 6-gram model: 1.000 bits a character against 1.250.", "includes zero"),
        (-0.2, -0.1, "Worse than the 6-gram model: 1.000 bits", "8.0 to 16.0 %"),
    ],
)  # fmt: skip
def test_a_verdict_goes_by_the_interval(low, high, headline, detail):
    bits = {by: share * 100 * math.log(2) for by, share in (("lstm", 1.0), ("ngram", 1.25), ("mixture", 0.9))}
    found = MusicComparison(9, 100, 100, 0, bits, low * math.log(2), high * math.log(2))
    verdict = judge(found, 6)
    assert verdict.headline.startswith(headline) and detail in verdict.detail
    assert (
        "on 9 tunes that neither model saw" in verdict.detail.lower() and "Together they reach 0.900." in verdict.detail
    )
    assert "of which 3 are related to tunes that were learnt from" in judge(found, 6, related=3).detail


def test_parts_are_whole_families_and_a_training_goes_on_where_it_stopped(tmp_path):
    tunes = made_tunes(24)
    versions = [replace(tune, title=f"{tune.title} again") for tune in tunes[:6]]
    (tmp_path / "all.abc").write_text(write_abc([*tunes, *versions]))
    how = replace(SMALL, epochs=3)

    def job(name: str, **more: object) -> MusicJob:
        return MusicJob(str(tmp_path / "all.abc"), tmp_path / name, Composer(how, order=3), **more)

    read = job("one").read()
    assert len(read.train) + len(read.valid) + len(read.test) == 30 and read.families == 6 and read.related == 0
    titles = [{tune.title.removesuffix(" again") for tune in part} for part in (read.train, read.valid, read.test)]
    assert not titles[0] & titles[1] and not (titles[0] | titles[1]) & titles[2]

    whole = run_job(job("one"))
    with pytest.raises(KeyboardInterrupt):
        run_job(job("two"), _Stops())
    again = run_job(job("two", resume=True))
    assert [r.valid_loss for r in again.composer.history_] == [r.valid_loss for r in whole.composer.history_]
    assert again.comparison == whole.comparison
    assert (tmp_path / "two" / "tunes.abc").read_text() == (tmp_path / "one" / "tunes.abc").read_text()


class _Stops(Watcher):
    """Interrupts after the second pass."""

    def on_epoch(self, record: EpochRecord) -> None:
        if record.epoch == 2:
            raise KeyboardInterrupt


def test_too_few_tunes_to_divide_are_refused(tmp_path):
    (tmp_path / "one.abc").write_text(write_abc(made_tunes(1)))
    with pytest.raises(InputError, match="too few tunes to hold some back: 1, of one family; give more"):
        MusicJob(str(tmp_path / "one.abc"), tmp_path / "out", Composer(SMALL)).read()
