"""Clips by class: folders, names by pattern, tables, parts of files; and one line for what cannot be used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from films import moving, write_film

from lstmkit import InputError
from lstmkit.video import PictureSettings
from lstmkit.video.cache import FrameCache
from lstmkit.video.clips import read_clips, refuse_shared
from lstmkit.video.rows import Asked, holds_skeletons, picture_rows

pytest.importorskip("av", reason="the extra video is not installed")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of clips of two classes and three films."""
    for name, way in (("up/a_1.mp4", "up"), ("up/b_1.mp4", "up"), ("down/a_2.mp4", "down"), ("down/c_1.avi", "down")):
        write_film(tmp_path / "clips" / name, moving(way, 10 + ord(Path(name).stem[0]) - ord("a")))
    return tmp_path / "clips"


def write(folder: Path, text: str) -> Path:
    (folder / "list.csv").write_text(text)
    return folder / "list.csv"


def test_outer_folders_are_classes(corpus: Path) -> None:
    clips = read_clips(corpus, "label")
    assert clips.names == ["down/a_2.mp4", "down/c_1.avi", "up/a_1.mp4", "up/b_1.mp4"]
    assert clips.fact("label") == ["down", "down", "up", "up"]
    assert clips.sources(None) == (None, [])


def test_names_say_classes_and_sources(corpus: Path) -> None:
    clips = read_clips(corpus, "way", "{way}/{film}_{take}.*")
    assert clips.fact("way") == ["down", "down", "up", "up"]
    assert clips.sources("film")[0] == ["a", "c", "a", "b"]


def test_a_table_names_files_and_parts_of_them(corpus: Path, tmp_path: Path) -> None:
    table = write(
        corpus, "video,start,end,label,who\nup/a_1.mp4,0,0.5,one,x\nup/a_1.mp4,0.5,,two,x\nup/b_1.mp4,,,two,y\n"
    )
    clips = read_clips(table, "label")
    assert clips.names == ["up/a_1.mp4 0", "up/a_1.mp4 0.5", "up/b_1.mp4"]
    assert clips.sources("who") == (["x", "x", "y"], [])
    sources, notes = clips.sources(None)
    assert sources is not None and sources[0] == sources[1] != sources[2]
    assert notes == ["2 clips are of 1 files: those of one file stay together"]
    rows = picture_rows(clips, PictureSettings("grid"), Asked(), FrameCache(tmp_path / "cache"))
    assert rows.frames.lengths.tolist() == [4, 6, 11]
    assert rows.times is not None
    assert rows.times.to_list()[:10] == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.125]
    assert rows.labels == ["one", "two", "two"]


def test_a_table_in_memory_and_files_alone(corpus: Path) -> None:
    frame = pl.DataFrame({"path": [str(corpus / "up" / "a_1.mp4")], "label": [3]})
    assert read_clips(frame, "label").fact("label") == ["3"]
    assert len(read_clips([str(corpus / "up" / "a_1.mp4"), str(corpus / "up" / "b_1.mp4")])) == 2
    assert read_clips(corpus / "up" / "a_1.mp4").names == [str(corpus / "up" / "a_1.mp4")]


def test_the_same_clip_twice_stays_together(corpus: Path) -> None:
    shutil.copy(corpus / "up" / "a_1.mp4", corpus / "up" / "z_9.mp4")
    sources, notes = read_clips(corpus, "label").sources(None)
    assert sources is not None and sources[2] == sources[4]
    assert notes == ["2 clips are of 1 files: those of one file stay together"]
    with pytest.raises(InputError, match=r"'up/z_9.mp4' and 'up/a_1.mp4' are the same file, but of film 'z' and 'a'"):
        read_clips(corpus, "way", "{way}/{film}_{take}.*").sources("film")


def test_a_clip_in_both_parts_is_refused_under_any_name(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "test" / "up").mkdir(parents=True)
    shutil.copy(corpus / "up" / "a_1.mp4", tmp_path / "test" / "up" / "new.mp4")
    training, test = read_clips(corpus, "label"), read_clips(tmp_path / "test", "label")
    with pytest.raises(
        InputError, match=r"1 of 1 clips are in the training part too, first 'up/new.mp4' \(in training"
    ):
        refuse_shared(training, test)
    parts = [
        read_clips(
            pl.DataFrame({"video": [str(corpus / "up" / "a_1.mp4")], "start": [a], "end": [b], "label": ["x"]}), "label"
        )
        for a, b in ((0.0, 0.5), (0.5, 1.0), (0.4, 0.6))
    ]
    refuse_shared(parts[0], parts[1])
    with pytest.raises(InputError, match="1 of 1 clips are in the training part too"):
        refuse_shared(parts[0], parts[2])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda folder: folder / "up", r"2 of 2 clips lie in no folder that names their class, first 'a_1.mp4'"),
        (lambda folder: folder / "none.csv", "none.csv: no such file"),
        (lambda folder: folder / "none.mp4", r"none.mp4: no such file"),
        (
            lambda folder: "https://example.org/a.mp4",
            r"https://example.org/a.mp4: a URL, not a file; download it first",
        ),
        (lambda folder: folder / "up" / "a_1.mp4", "one clip, whose class nothing says; give a folder of clips"),
        (lambda folder: write(folder, "video,kind\nup/a_1.mp4,x\n"), r"nothing is called 'label' \(there are: 'video'"),
        (lambda folder: write(folder, "label,kind\nx,y\n"), r"no column video \(or file, clip, path\)"),
        (lambda folder: write(folder, "video,label\nup/a_1.mp4,x\n,y\n"), "1 of 2 rows name no clip; fill it in"),
        (
            lambda folder: write(folder, "video,label\nup/q.mp4,x\n"),
            r"1 of 1 clips cannot be read, first .*is not there",
        ),
        (lambda folder: write(folder, "video,label\nup,x\n"), "which is a folder, not a file"),
        (lambda folder: write(folder, "video,label,start,end\nup/a_1.mp4,x,2,1\n"), "the end, 1 s, must be after the"),
        (
            lambda folder: write(folder, "video,label,start\nup/a_1.mp4,x,soon\n"),
            "row 1: start must be seconds from 0 on",
        ),
        (lambda folder: write(folder, "video,label\nup/a_1.mp4,x\nup/a_1.mp4,y\n"), "'up/a_1.mp4' stands twice"),
    ],
)
def test_sources_that_cannot_be_used_are_refused(corpus: Path, source: Callable[[Path], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_clips(source(corpus), "label")


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no clips \(.mp4, "):
        read_clips(tmp_path, "label")


def test_a_part_that_a_video_does_not_have_is_refused(corpus: Path, tmp_path: Path) -> None:
    clips = read_clips(write(corpus, "video,start,label\nup/a_1.mp4,7,x\n"), "label")
    with pytest.raises(InputError, match=r"no picture lies between 7 s and its end; the video ends at 1.12 s"):
        picture_rows(clips, PictureSettings("grid"), Asked(), FrameCache(tmp_path / "cache"))


def test_videos_and_skeletons_are_told_apart(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.npy").write_bytes(b"")
    assert not holds_skeletons(corpus) and holds_skeletons(tmp_path / "s")
    assert not holds_skeletons("a.mp4") and holds_skeletons("a.mat") and not holds_skeletons(["a.gif"])
    assert not holds_skeletons(write(corpus, "video,label\na.mp4,x\n"))
    assert holds_skeletons(write(corpus, "file,label\na.mat,x\n"))
    assert holds_skeletons(write(corpus, "id,head_x,head_y\n1,2,3\n"))
