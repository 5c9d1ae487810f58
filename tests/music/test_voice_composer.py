"""A composer of voices: learnt, asked, kept; and the folders that it is kept in, whatever is wrong in them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from damage import check_all
from lstmkit.errors import InputError, NotFittedError
from lstmkit.music import VoiceComposer, load_composer, write_abc
from lstmkit.music.frames import read_pieces
from lstmkit.music.frames.job import FrameJob
from lstmkit.music.frames.judgement import summed
from lstmkit.music.frames.model import per_frame
from lstmkit.music.rolls import VOICES, tune_of_parts, write_voices
from lstmkit.music.rolls.frames import SILENCE
from lstmkit.music.voices import FirstOrderVoices, LastStep, VoiceSettings
from lstmkit.results import run_job

SMALL = VoiceSettings(key_size=4, key_features=3, frame_size=4, frame_features=2, head_size=5, epochs=2, margin=2)


def chorales(count: int, steps: int = 16, seed: int = 0) -> list[np.ndarray]:
    """Return pieces of three voices, of two chords that last two steps each."""
    random, found = np.random.default_rng(seed), []
    for _ in range(count):
        kinds = random.integers(3, size=steps // 2).repeat(2)
        found.append(np.array([[67, 64, 48], [65, 62, 50], [64, 64, SILENCE]], np.int16)[kinds])
    return found


@pytest.fixture(scope="module")
def composer() -> VoiceComposer:
    return VoiceComposer(SMALL, step=Fraction(1, 8)).fit(chorales(8), chorales(3, seed=1))


def test_scores_leave_out_the_first_step_and_stand_beside_chains(composer):
    pieces = chorales(3, seed=2)
    scores = composer.score(pieces)
    assert [score.frames for score in scores] == [15, 15, 15]
    for name, by in (
        ("lstm", composer.model_),
        ("chain", FirstOrderVoices(chorales(8))),
        ("last", LastStep(chorales(8))),
    ):
        assert summed(scores).nats_per_frame(name) == pytest.approx(per_frame(by.nats(pieces)))
    nats = composer.model_.voice_nats(pieces[:1])[0] / np.log(2)
    (tune,) = [VOICES.to_tune(pieces[0], Fraction(1, 8))]
    bits = {(n.onset, n.pitch, float(nats[int(n.onset * 8), k])) for k, v in enumerate(tune.voices) for n in v.notes}
    assert set(scores[0].notes) == bits and len(scores[0].notes) == len(tune.notes)
    silent = np.full((4, 3), SILENCE, np.int16)
    assert composer.score([silent])[0].notes == ()


def test_pieces_are_composed_likeliest_first_and_a_primer_is_kept(composer):
    primer = chorales(1, seed=3)[0][:5]
    found = composer.compose(12, primer, count=3, seed=4)
    assert all(one.frames.shape == (12, 3) and (one.frames[:5] == primer).all() for one in found)
    nats = [one.nats_per_frame for one in found]
    assert nats == sorted(nats) and nats[0] == pytest.approx(per_frame(composer.model_.nats([found[0].frames])))
    again = composer.compose(12, primer, count=3, seed=4)
    assert all((a.frames == b.frames).all() for a, b in zip(found, again, strict=True))


def test_the_first_voice_is_kept_where_others_are_put_to_it(composer):
    melody = np.array([[67], [67], [65], [SILENCE], [64], [64]], np.int16)
    first, second = composer.harmonise(melody, count=2, versions=6)
    assert first.nats_per_frame <= second.nats_per_frame
    for one in (first, second):
        assert one.frames.shape == (6, 3) and (one.frames[:, :1] == melody).all()


def test_a_primer_or_melody_with_other_voices_is_refused(composer):
    with pytest.raises(InputError, match=r"voices: a piece is \(steps, 3\) pitches; got \(4, 1\)"):
        composer.compose(8, chorales(1)[0][:4, :1])
    with pytest.raises(InputError, match=r"voices: a piece is \(steps, 3\) pitches; got \(4, 0\)"):
        composer.harmonise(chorales(1)[0][:4, :0])


def test_a_test_part_with_another_number_of_voices_is_refused_when_it_is_read(tmp_path):
    write_voices(tmp_path / "a.json", {"train": chorales(3), "valid": chorales(2, seed=1)})
    write_voices(tmp_path / "b.json", {"test": [piece[:, :2] for piece in chorales(2, seed=2)]})
    job = FrameJob(str(tmp_path / "a.json"), tmp_path / "out", VoiceComposer(SMALL), test=str(tmp_path / "b.json"))
    with pytest.raises(InputError, match="voices: pieces of 2 and of 3 voices; learn from pieces with the same number"):
        job.read()


def test_a_composer_comes_back_from_its_folder(composer, tmp_path):
    composer.save(tmp_path / "model")
    again = load_composer(tmp_path)
    assert isinstance(again, VoiceComposer) and again.step == Fraction(1, 8) and again.settings == SMALL
    assert again.history_ == composer.history_ and again.trained_on_ == 8 and again.keys() == composer.keys()
    (one,), (other,) = composer.score(chorales(1)), again.score(chorales(1))
    assert one.nats == pytest.approx(other.nats) and one.notes == other.notes
    assert (composer.compose(8, seed=2)[0].frames == again.compose(8, seed=2)[0].frames).all()
    with pytest.raises(NotFittedError, match="VoiceComposer: not fitted yet; call fit first"):
        VoiceComposer(SMALL).compose()


def _use(folder: Path) -> None:
    """Load a composer and do what people do with it."""
    composer = VoiceComposer.load(folder)
    assert np.isfinite(list(composer.score(chorales(1, 4))[0].nats.values())).all()
    composer.compose(2)


def test_every_damage_to_a_folder_is_answered_in_a_line(tmp_path):
    settings = replace(SMALL, key_size=2, key_features=2, frame_size=2, head_size=2, epochs=1)
    VoiceComposer(settings).fit(chorales(2, 6), chorales(1, 6)).save(tmp_path / "model")
    found = check_all(tmp_path / "model", lambda: _use(tmp_path / "model"))
    assert all(found[f"('{name}',) left out"] for name in ("params", "spans", "steps", "trained_on", "history"))
    assert all(line for name, line in found.items() if name.endswith(("NaN", "infinite")))


def test_a_job_leaves_a_model_voices_and_a_page(tmp_path):
    write_voices(tmp_path / "a.json", {"train": chorales(6), "valid": chorales(2, seed=1), "test": chorales(6)[:2]})
    found = run_job(FrameJob(str(tmp_path / "a.json"), tmp_path / "out", VoiceComposer(replace(SMALL, epochs=1))))
    assert found.summary["pieces_by_part"] == {"train": 6, "valid": 2, "test": 2} and found.summary["related"] == 2
    assert (
        found.summary["keys"]["spans"] == [[41, 48], [39, 45], [25, 31]]
        and "chain of each voice" in found.verdict.headline
    )
    assert found.pieces.name == "pieces.json" and len(read_pieces(found.pieces, notation=VOICES).all) == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "over all voices" in page and "Voices of a.json" in page
    assert isinstance(load_composer(tmp_path / "out"), VoiceComposer)


def test_tunes_of_notation_become_voices(tmp_path):
    piece = chorales(1, 8)[0]
    tune = replace(tune_of_parts(piece, Fraction(1, 8)), title="one")
    chord = "X:2\nT:two\nM:4/4\nL:1/8\nK:C\n[CEG]4 c4|\n"
    (tmp_path / "a.abc").write_text(write_abc([tune]) + "\n" + chord)
    read = read_pieces(tmp_path / "a.abc", Fraction(1, 8), VOICES)
    assert [piece.title for piece in read.all] == ["one"] and (read.all[0].frames == piece).all()
    assert dict(read.remarks) == {"tunes that cannot be written as voices, left out": 1}
    (tmp_path / "b.abc").write_text(chord)
    with pytest.raises(InputError, match="two: notes of voice 1 sound together; write them as voices of their own"):
        read_pieces(tmp_path / "b.abc", Fraction(1, 8), VOICES)
    (tmp_path / "b.abc").write_text(chord + "\n" + chord)
    with pytest.raises(InputError, match="no tune can be written as voices; give others, or learn them as events"):
        read_pieces(tmp_path / "b.abc", Fraction(1, 8), VOICES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"X:1\nK:C\nC", "not voices; give JSON with the pitch of each voice in each step, ABC or MIDI"),
        (b"[[[-1, -1]]]", "holds no note; give voices of which one sings"),
        (b"[[[60, 120]]]", "step 1: the pitch 120 is outside 21 to 108"),
    ],
)
def test_files_that_hold_no_voices_are_refused(content, message, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_pieces(tmp_path / "x.json", notation=VOICES)
    assert message in str(error.value)
