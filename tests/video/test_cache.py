"""Frames are computed once: by content and settings, also where an earlier run was interrupted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from films import moving, write_film

from lstmkit import InputError
from lstmkit.video import PictureSettings, picture_frames
from lstmkit.video import cache as cache_file
from lstmkit.video.cache import FrameCache, digest, usual_folder

pytest.importorskip("av", reason="the extra video is not installed")

GRID = PictureSettings("grid")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "a.mkv", moving("right", 40, speed=1))


def frames(cache: FrameCache, path: Path, settings: PictureSettings = GRID) -> np.ndarray:
    return cache.frames(path, digest(path), settings).values


def test_frames_are_kept_and_are_those_of_the_video(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, wanted = FrameCache(tmp_path / "cache"), picture_frames(film, GRID)
    seen = cache.frames(film, digest(film), GRID)
    np.testing.assert_array_equal(seen.values, wanted.values)
    np.testing.assert_array_equal(seen.times, wanted.times)
    assert [path.suffix for path in cache.folder.iterdir()] == [".frames"]
    monkeypatch.setattr(cache_file, "stream_frames", None)  # nobody may compute them again
    np.testing.assert_array_equal(frames(cache, film), wanted.values)
    other = shutil.copy(film, tmp_path / "another name.mkv")
    np.testing.assert_array_equal(frames(cache, Path(other)), wanted.values)


def test_other_settings_and_other_content_are_other_frames(film: Path, tmp_path: Path) -> None:
    cache = FrameCache(tmp_path / "cache")
    frames(cache, film)
    assert len(frames(cache, film, PictureSettings("grid", rate=4))) < len(frames(cache, film))
    write_film(film, moving("left", 40, speed=1))
    np.testing.assert_array_equal(frames(cache, film), picture_frames(film, GRID).values)
    assert len([*cache.folder.iterdir()]) == 3


def interrupted(
    monkeypatch: pytest.MonkeyPatch, cache: FrameCache, path: Path, batches: int, settings: PictureSettings = GRID
) -> None:
    """Look at a video, and be interrupted after so many batches."""
    stream = cache_file.stream_frames

    def broken(*given: object) -> object:
        for number, batch in enumerate(stream(*given)):  # type: ignore[arg-type]
            if number == batches:
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as own:
        own.setattr(cache_file, "stream_frames", broken)
        with pytest.raises(KeyboardInterrupt):
            frames(cache, path, settings)


def test_what_was_done_before_an_interruption_is_not_done_again(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, wanted = FrameCache(tmp_path / "cache"), picture_frames(film, GRID).values
    asked: list[int] = []
    stream = cache_file.stream_frames
    interrupted(monkeypatch, cache, film, 3)
    (part,) = cache.folder.iterdir()
    with part.open("ab") as file:
        file.write(b"half a row")

    def counted(path: Path, settings: PictureSettings, notes: list[str], known: np.ndarray, told: object) -> object:
        asked.append(len(known))
        return stream(path, settings, notes, known)

    monkeypatch.setattr(cache_file, "stream_frames", counted)
    np.testing.assert_array_equal(frames(cache, film), wanted)
    assert asked == [24]
    np.testing.assert_array_equal(frames(cache, film), wanted)
    assert asked == [24]


@pytest.mark.parametrize("region", ["whole", "moving"])
def test_what_moved_last_before_an_interruption_is_told_of_a_picture_that_is_still_shown(
    region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, path = (
        PictureSettings("flow", rate=7, region=region),
        write_film(tmp_path / "a.avi", moving("right", 40, speed=1), 3),
    )
    cache, wanted = FrameCache(tmp_path / "cache"), picture_frames(path, way).values
    interrupted(
        monkeypatch, cache, path, 2, way
    )  # after 16 moments, of which the last two and the next see one picture
    np.testing.assert_array_equal(wanted[15], wanted[16])
    np.testing.assert_array_equal(frames(cache, path, way), wanted)


def test_what_is_damaged_is_kept_and_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "a.avi", moving("right", 80, speed=1))
    path.write_bytes(_without(path.read_bytes(), 20))
    cache = FrameCache(tmp_path / "cache")
    seen = cache.frames(path, digest(path), GRID)
    (note,) = seen.notes
    assert note == f"{path}: damaged: 1 of its pieces cannot be decoded and are left out"
    monkeypatch.setattr(cache_file, "stream_frames", None)
    again = path.rename(tmp_path / "b.avi")
    found = cache.frames(again, digest(again), GRID)
    assert found.notes == (f"{again}: damaged: 1 of its pieces cannot be decoded and are left out",)
    np.testing.assert_array_equal(found.values, seen.values)


@pytest.mark.parametrize("damaged", [(20,), (50,), (20, 70), (70,)])
def test_damage_before_and_after_an_interruption_is_said_once(
    damaged: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_film(tmp_path / "a.avi", moving("right", 80, speed=1))
    for number in damaged:
        path.write_bytes(_without(path.read_bytes(), number))
    cache, wanted = FrameCache(tmp_path / "cache"), picture_frames(path, GRID)
    interrupted(monkeypatch, cache, path, 7)
    seen = cache.frames(path, digest(path), GRID)
    assert seen.notes == wanted.notes
    np.testing.assert_array_equal(seen.values, wanted.values)


def _without(content: bytes, number: int) -> bytes:
    """Return an AVI in which one of the packets is nothing that can be decoded."""
    place = -1
    for _ in range(number + 1):
        place = content.index(b"00dc", place + 1)
    size = int.from_bytes(content[place + 4 : place + 8], "little")
    return content[: place + 8] + b"\x07" * size + content[place + 8 + size :]


@pytest.mark.parametrize("damage", [lambda own: own[:-3], lambda own: b"", lambda own: b"\xff" * len(own)])
def test_a_damaged_file_of_the_cache_is_computed_again(film: Path, tmp_path: Path, damage: object) -> None:
    cache = FrameCache(tmp_path / "cache")
    wanted = frames(cache, film).copy()
    (kept,) = cache.folder.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))  # type: ignore[operator]
    np.testing.assert_array_equal(frames(cache, film), wanted)


def test_a_folder_that_cannot_be_made_keeps_nothing(film: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = frames(FrameCache(tmp_path / "file" / "cache"), film)
    np.testing.assert_array_equal(found, picture_frames(film, GRID).values)


def test_nothing_is_kept_of_what_is_no_video(tmp_path: Path) -> None:
    one = write_film(tmp_path / "one.avi", moving("up", 1))
    cache = FrameCache(tmp_path / "cache")
    with pytest.raises(InputError, match="holds a single frame"):
        frames(cache, one)
    assert [*cache.folder.iterdir()] == []


def test_where_frames_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LSTMKIT_CACHE", str(tmp_path))
    assert usual_folder() == tmp_path
    monkeypatch.delenv("LSTMKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert usual_folder() == Path("/x/lstmkit/video")
