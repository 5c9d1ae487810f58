"""How a recording is said along its time, what weighed in an answer, and the page of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from voices import write_voices

from lstmkit import InputError
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.speech.emotion import Asked, EmotionClassifier, VoiceSettings, tell
from lstmkit.speech.emotion.classifier import USUAL
from lstmkit.speech.emotion.page import write_answers

pytest.importorskip("soundfile", reason="the extra speech is not installed")
pytest.importorskip("kaldi_native_fbank", reason="the extra speech is not installed")

import soundfile

SMALL = SequenceSettings(
    **{**USUAL, "hidden_size": 8, "epochs": 30, "ensemble": 1, "final_fit": False, "batch_size": 8}
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> EmotionClassifier:
    folder = write_voices(tmp_path_factory.mktemp("voices"))
    pattern = "{speaker:2}_{label}_{take}.wav"
    return EmotionClassifier(SMALL, VoiceSettings(), right=0.0).fit(folder, pattern=pattern)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that rises eight times, then falls eight times."""
    folder = write_voices(tmp_path_factory.mktemp("long"), takes=1)
    parts = [soundfile.read(folder / f"bb_{label}_0.wav")[0] for label in ("up", "down") for _ in range(8)]
    soundfile.write(folder / "long.wav", np.concatenate(parts), 16_000)
    return folder / "long.wav"


def test_stretches_follow_what_is_said(fitted: EmotionClassifier, long: Path) -> None:
    (found,) = tell(fitted, str(long), Asked(window=0.5, every=0.5, threshold=0.0))
    assert found.stretches[0].start == 0 and found.stretches[-1].end == pytest.approx(8.0, abs=0.06)
    for before, after in zip(found.stretches[:-1], found.stretches[1:], strict=True):
        assert before.end == pytest.approx(after.start) and before.label != after.label
    seconds = {
        (name, half): sum(
            max(0.0, min(one.end, 4 * half + 4) - max(one.start, 4 * half))
            for one in found.stretches
            if one.label == name
        )
        for name in ("up", "down")
        for half in (0, 1)
    }
    assert seconds["up", 0] > 3 and seconds["down", 1] > 3


def test_a_part_of_a_file_keeps_the_times_of_the_file(fitted: EmotionClassifier, long: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"audio,start,end\n{long},5,7\n")
    (found,) = tell(fitted, tmp_path / "list.csv", Asked(window=0.5))
    assert found.stretches[0].start == pytest.approx(5) and found.stretches[-1].end == pytest.approx(7, abs=0.06)


def test_what_weighed_sums_to_one_over_the_frames(fitted: EmotionClassifier, long: Path) -> None:
    (found,) = tell(fitted, [str(long)], Asked(explain=True))
    assert found.weights is not None and len(found.weights) == pytest.approx(8 / 0.04, abs=2)
    assert found.weights.sum() == pytest.approx(1) and (found.weights >= 0).all()
    assert sum(found.shares.values()) == pytest.approx(1) and found.stretches == ()


def test_a_page_has_every_recording_its_wave_and_its_sound(
    fitted: EmotionClassifier, long: Path, tmp_path: Path
) -> None:
    found = tell(fitted, [str(long)], Asked(explain=True, window=1.0))
    write_answers(tmp_path / "page.html", found, 0.02, "model<b>")
    text = (tmp_path / "page.html").read_text()
    assert text.count('class="played"') == 1 and "data:audio/flac;base64," in text and 'data-seconds="8.000"' in text
    assert text.count("data-label=") == len(found[0].stretches) and 'class="weight"' in text
    assert "<b>" not in text.split("model")[1][:20] and "NaN" not in text.split('class="wave"')[1][:20_000]


@pytest.mark.parametrize("given", [{"window": 0.0}, {"window": 1.0, "every": -1.0}])
def test_a_window_of_no_length_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"must be more than 0; got"):
        Asked(**given)
