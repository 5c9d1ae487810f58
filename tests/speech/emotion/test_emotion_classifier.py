"""The classifier: voices never heard, what is learnt beside, unsure answers, saving, and its job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voices import PATTERN, write_voices

from lstmkit import InputError
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.charts import Example
from lstmkit.errors import NotFittedError
from lstmkit.results import run_job
from lstmkit.speech.emotion import EmotionClassifier, VoiceSettings
from lstmkit.speech.emotion.classifier import USUAL
from lstmkit.speech.emotion.clips import read_clips
from lstmkit.speech.emotion.job import EmotionJob
from lstmkit.speech.emotion.page import played_examples
from lstmkit.training.folder import ModelFolderError

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

SMALL = SequenceSettings(
    **{**USUAL, "hidden_size": 8, "epochs": 30, "ensemble": 1, "final_fit": False, "batch_size": 8}
)
FRAMES = VoiceSettings(shift=20, window=40, normalise="recording")
"""None of them are the usual ones, so that a folder must keep its own."""


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voices(tmp_path_factory.mktemp("voices"))


@pytest.fixture(scope="module")
def fitted(voices: Path) -> EmotionClassifier:
    return EmotionClassifier(SMALL, FRAMES, beside={"speaker": 0.3}).fit(voices, pattern=PATTERN)


def test_it_learns_what_differs(fitted: EmotionClassifier, voices: Path) -> None:
    truth = np.array(read_clips(voices, pattern=PATTERN).fact("label"))
    shares = fitted.predict_proba(voices)
    assert shares.shape == (24, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (fitted.classes_[shares.argmax(axis=1)] == truth).mean() > 0.9


def test_no_speaker_is_learnt_from_and_validated_on(voices: Path) -> None:
    emotion = EmotionClassifier(SMALL, FRAMES)
    rows = emotion.rows(read_clips(voices, pattern=PATTERN), "label")
    learnt, held = emotion.unfitted().validating(rows, 0.25)
    assert not set(learnt.groups or []) & set(held.groups or [])
    assert len(held) == 6


def test_what_is_learnt_beside_has_a_head_with_its_weight(fitted: EmotionClassifier) -> None:
    (head,) = fitted.classifier_.shape_.further
    assert head.weight == 0.3
    assert head.outputs == 4  # the one who is validated on, too: a final fit learns from all


def test_a_label_beside_changes_what_is_learnt(fitted: EmotionClassifier, voices: Path) -> None:
    alone = EmotionClassifier(SMALL, FRAMES).fit(voices, pattern=PATTERN)
    assert not alone.classifier_.shape_.further
    assert not np.allclose(alone.predict_proba(voices), fitted.predict_proba(voices))


def test_answers_that_are_not_sure_are_called_so(fitted: EmotionClassifier, voices: Path) -> None:
    shares = np.array([[0.9, 0.1], [0.45, 0.55]])
    assert fitted.told(shares, 0.6).tolist() == ["down", "unsure"]
    assert fitted.told(shares, 0.0).tolist() == ["down", "up"]
    assert set(fitted.predict(voices)) <= {"up", "down", "unsure"}


def test_a_saved_classifier_answers_the_same(fitted: EmotionClassifier, voices: Path, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    again = EmotionClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(voices), fitted.predict_proba(voices))
    assert again.threshold_ == fitted.threshold_
    assert again.frames == FRAMES
    assert again.beside == {"speaker": 0.3}


@pytest.mark.parametrize("change", [{"threshold": 2.0}, {"frames": {"cepstra": 5}}, {"classifier": {"beside": {}}}])
def test_a_folder_that_contradicts_itself_is_refused(
    fitted: EmotionClassifier, tmp_path: Path, change: dict[str, object]
) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    for name, value in change.items():
        config[name] = config[name] | value if isinstance(value, dict) else value
    del config["sha256"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="do not belong together"):
        EmotionClassifier.load(tmp_path / "model")


def test_before_fit_nothing_is_told(voices: Path) -> None:
    with pytest.raises(NotFittedError, match="EmotionClassifier: not fitted yet; call fit first"):
        EmotionClassifier().predict(voices)


def test_a_label_beside_must_be_there_and_differ(voices: Path) -> None:
    with pytest.raises(InputError, match="nothing is called 'gender'"):
        EmotionClassifier(SMALL, beside={"gender": 0.6}).fit(voices, pattern=PATTERN)
    with pytest.raises(
        InputError, match="label 'word': is the same everywhere; it cannot be learnt beside, leave it out"
    ):
        EmotionClassifier(SMALL, beside={"word": 1}).fit(voices, pattern="{speaker:2}_{label}_{take}{word:4}")
    with pytest.raises(InputError, match="weight of 'speaker' must not be negative"):
        EmotionClassifier(SMALL, beside={"speaker": -1.0})


def test_every_speaker_is_told_by_one_that_has_not_heard_them(voices: Path, tmp_path: Path) -> None:
    emotion = EmotionClassifier(SMALL, FRAMES)
    found = run_job(EmotionJob(str(voices), tmp_path / "out", emotion, pattern=PATTERN, one_out=True))
    assert found.summary["folds"] == found.evaluation.groups == 4
    assert found.evaluation.measure == "uar"
    assert set(found.evaluation.scores) == {"model", "functionals", "constant"}
    assert [set(part.groups or []) for part in found.tested] == [{"aa"}, {"bb"}, {"cc"}, {"dd"}]
    assert found.summary["threshold"] == EmotionClassifier.load(tmp_path / "out").threshold_
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    truth = np.concatenate([found.coding.truth(part.labels or []) for part in found.tested])
    wrong = int((found.answers.argmax(axis=1) != truth).sum())
    assert page.count("<audio ") == min(8, wrong or len(truth)) and 'id="plot-examples"' not in page
    assert "lstm speech emotion predict" in page


def test_a_recording_that_is_gone_when_the_report_is_written_is_named_there(tmp_path: Path) -> None:
    folder = write_voices(tmp_path / "voices", takes=1)
    clips = read_clips(folder, pattern=PATTERN)
    (folder / clips.names[1]).unlink()
    examples = [Example(name, "up, told down (90 %)", np.zeros((2, 1)), None) for name in clips.names[:2]]
    page = played_examples(clips, 0.02, examples)
    assert page.count("<audio ") == 1 and f"{clips.names[1]}: no such file" in page


def test_without_speakers_none_can_be_left_out(voices: Path, tmp_path: Path) -> None:
    job = EmotionJob(
        str(voices), tmp_path, EmotionClassifier(SMALL), pattern="{who:2}_{label}_{take}.wav", one_out=True
    )
    with pytest.raises(InputError, match="nobody is named who speaks"):
        job.read()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"one_out": True, "folds": 3}, "--folds and --leave-one-speaker-out are two ways to score; leave one out"),
        ({"one_out": True, "test": "x"}, "--leave-one-speaker-out score on all; leave out --valid and --test"),
        ({"folds": 3, "valid": "x"}, "--leave-one-speaker-out score on all; leave out --valid and --test"),
    ],
)
def test_ways_to_score_that_do_not_go_together(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EmotionJob("x", tmp_path, EmotionClassifier(SMALL), **given)


def test_a_recording_in_both_parts_is_refused(voices: Path, tmp_path: Path) -> None:
    job = EmotionJob(str(voices), tmp_path, EmotionClassifier(SMALL), pattern=PATTERN, test=str(voices))
    with pytest.raises(InputError, match="24 of 24 test recordings are in the training part too"):
        job.read()
