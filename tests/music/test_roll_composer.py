"""A composer of piano rolls: learnt, asked, kept; and the folders that it is kept in, whatever is wrong in them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from damage import check_all
from lstmkit.errors import InputError, ModelFolderError, NotFittedError
from lstmkit.music import Composer, RollComposer, load_composer, tune_of_roll, write_abc, write_rolls
from lstmkit.music.frames import FirstOrder, FrameSettings, LastFrame, read_pieces
from lstmkit.music.frames.job import FrameJob
from lstmkit.music.frames.judgement import compare_frames, judge_frames, summed
from lstmkit.music.frames.model import per_frame
from lstmkit.results import run_job

SMALL = FrameSettings(key_size=5, frame_size=4, frame_features=2, head_size=6, window=3, below=4, epochs=2, shift=2)


def chords(count: int, steps: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Return pieces of two chords, the second half as the first."""
    random, found = np.random.default_rng(seed), []
    for _ in range(count):
        roll = np.zeros((steps, 88), np.uint8)
        for step, kind in enumerate(random.integers(2, size=steps // 2).repeat(1)):
            roll[[step, step + steps // 2], :] = 0
            for key in ((40, 44, 47), (42, 45, 49))[kind]:
                roll[[step, step + steps // 2], key] = 1
        found.append(roll)
    return found


@pytest.fixture(scope="module")
def composer() -> RollComposer:
    return RollComposer(SMALL, step=Fraction(1, 4)).fit(chords(10), chords(3, seed=1))


def test_scores_are_in_the_published_convention(composer):
    pieces = chords(3, seed=2)
    scores = composer.score(pieces)
    assert [score.frames for score in scores] == [15, 15, 15]
    whole = sum(score.nats["lstm"] for score in scores) / 45
    assert whole == pytest.approx(per_frame(composer.model_.nats(pieces)))
    for name, chain in (("chain", FirstOrder(chords(10))), ("last", LastFrame(chords(10)))):
        assert summed(scores).nats_per_frame(name) == pytest.approx(per_frame(chain.nats(pieces)))
    onset, pitch, bits = scores[0].notes[0]
    cost = composer.model_.key_nats(pieces[0])[0, pitch - 21] / np.log(2)
    assert onset == 0 and bits == pytest.approx(cost)
    with pytest.raises(InputError, match="all pieces have one frame, of which nothing is foreseen; give longer ones"):
        summed(composer.score([pieces[0][:1]]))


def test_pieces_are_composed_likeliest_first_and_a_primer_is_kept(composer):
    primer = chords(1, seed=3)[0][:5]
    found = composer.compose(12, primer, count=3, seed=4)
    assert [len(one.frames) for one in found] == [12] * 3 and all((one.frames[:5] == primer).all() for one in found)
    nats = [one.nats_per_frame for one in found]
    assert nats == sorted(nats) and nats[0] == pytest.approx(per_frame(composer.model_.nats([found[0].frames])))
    again = composer.compose(12, primer, count=3, seed=4)
    assert all((a.frames == b.frames).all() for a, b in zip(found, again, strict=True))
    assert len(composer.compose()[0].frames) == 16  # the median of the training pieces
    with pytest.raises(InputError, match="the primer has 5 steps, and the piece shall have 5; ask for more steps"):
        composer.compose(5, primer)
    with pytest.raises(InputError, match=r"given: a piano roll is \(steps, 88\) numbers; got \(5, 4\)"):
        composer.compose(12, primer[:, :4])
    with pytest.raises(InputError, match="steps must be from 1 to 1,000,000; got 0"):
        composer.compose(0)


def test_a_melody_gets_what_lies_below(composer):
    melody = np.zeros((6, 88), np.uint8)
    melody[:, 47] = 1
    first, second = composer.harmonise(melody, count=2, versions=4)
    assert first.nats_per_frame <= second.nats_per_frame
    for one in (first, second):
        assert one.frames[:, 47].all() and not one.frames[:, 48:].any()


def test_a_composer_comes_back_from_its_folder(composer, tmp_path):
    composer.save(tmp_path / "model")
    again = load_composer(tmp_path)
    assert isinstance(again, RollComposer) and again.step == Fraction(1, 4) and again.settings == SMALL
    assert again.history_ == composer.history_ and again.trained_on_ == 10
    (one,), (other,) = composer.score(chords(1)), again.score(chords(1))
    assert one.nats == pytest.approx(other.nats) and one.notes == other.notes
    assert (composer.compose(8, seed=2)[0].frames == again.compose(8, seed=2)[0].frames).all()
    with pytest.raises(ModelFolderError, match="holds a 'piano rolls' model, not a 'music' model"):
        Composer.load(tmp_path)
    with pytest.raises(NotFittedError, match="RollComposer: not fitted yet; call fit first"):
        RollComposer(SMALL).save(tmp_path / "none")


def _use(folder: Path) -> None:
    """Load a composer and do what people do with it."""
    composer = RollComposer.load(folder)
    assert np.isfinite(list(composer.score(chords(1))[0].nats.values())).all()
    composer.compose(2)


def test_every_damage_to_a_folder_is_answered_in_a_line(tmp_path):
    settings = replace(SMALL, key_size=2, frame_size=2, head_size=2, window=1, below=1, epochs=1)
    RollComposer(settings).fit(chords(2, 6), chords(1, 6)).save(tmp_path / "model")
    found = check_all(tmp_path / "model", lambda: _use(tmp_path / "model"))
    needed = ("params", "lowest", "highest", "steps", "trained_on", "history")
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(line for name, line in found.items() if name.endswith(("NaN", "infinite")))


def test_parts_are_taken_from_files_or_held_back(tmp_path):
    write_rolls(tmp_path / "a.npz", {"train": chords(4), "valid": chords(2, seed=1), "test": chords(3, seed=2)})

    def parts(**more) -> list[int]:
        job = FrameJob(str(more.pop("music", tmp_path / "a.npz")), tmp_path / "out", RollComposer(SMALL), **more)
        read = job.read()
        return [len(own) for own in (read.train, read.valid, read.test)]

    assert parts() == [4, 2, 3]
    write_rolls(tmp_path / "b.npz", {"all": chords(12, 60, seed=5)})
    assert parts(music=tmp_path / "b.npz", valid_share=0.25, test_share=0.25) == [7, 2, 3]
    assert parts(test=str(tmp_path / "b.npz")) == [4, 2, 12]
    (tmp_path / "folder").mkdir()
    for name, count in (("train", 4), ("valid", 1), ("test", 2)):
        write_rolls(tmp_path / "folder" / f"{name}.npz", {"all": chords(count, seed=count)})
    assert parts(music=tmp_path / "folder") == [4, 1, 2]


def test_too_few_pieces_to_divide_are_refused_as_pieces(tmp_path):
    silent = np.zeros((8, 88), np.uint8)
    write_rolls(tmp_path / "a.npz", {"all": [*chords(1), chords(1)[0], silent]})
    with pytest.raises(InputError, match="too few pieces that sound to hold some back: 2, of one family; give more"):
        FrameJob(str(tmp_path / "a.npz"), tmp_path / "out", RollComposer(SMALL)).read()


def test_tunes_of_notation_become_piano_rolls(tmp_path):
    roll = chords(1, 8)[0]
    (tmp_path / "a.abc").write_text(write_abc([replace(tune_of_roll(roll, Fraction(1, 8)), title="one")]))
    read = read_pieces(tmp_path / "a.abc", Fraction(1, 8))
    assert [piece.title for piece in read.all] == ["one"] and (read.all[0].frames == roll).all()


def test_a_job_leaves_a_model_pieces_and_a_page(tmp_path):
    write_rolls(tmp_path / "a.npz", {"train": chords(6), "valid": chords(2, seed=1), "test": chords(6)[:2]})
    job = FrameJob(str(tmp_path / "a.npz"), tmp_path / "out", RollComposer(replace(SMALL, epochs=1)))
    found = run_job(job)
    assert found.summary["pieces_by_part"] == {"train": 6, "valid": 2, "test": 2} and found.summary["related"] == 2
    assert "of which 2 are related to pieces that were learnt from" in found.verdict.detail
    assert found.summary["scores"]["chain"]["nats_per_frame"] == found.comparison.nats_per_frame("chain")
    assert len(read_pieces(tmp_path / "out" / "pieces.npz").all) == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "nats a frame" in page and "Piano rolls of a.npz" in page
    assert isinstance(load_composer(tmp_path / "out"), RollComposer)


def test_the_verdict_follows_the_interval(composer):
    found = compare_frames(composer, chords(4, seed=6))
    for low, high, kind in ((0.1, 0.2, "better"), (-0.1, 0.2, "equal"), (-0.2, -0.1, "worse")):
        assert judge_frames(replace(found, low=low, high=high), "chain").kind == kind


@pytest.mark.parametrize("step", [Fraction(0), Fraction(-1, 4), Fraction(1, 100_000)])
def test_a_step_that_is_none_is_refused(step):
    with pytest.raises(InputError, match=f"step: {step} is no part of a whole note; give one such as 1/16"):
        RollComposer(step=step)
