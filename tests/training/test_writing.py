"""Writing: complete or not at all, through no link that somebody laid, with the permissions that were there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lstmkit.errors import InputError, ModelFolderError
from lstmkit.training import ModelFolder, replaces, replacing, write_atomically
from lstmkit.training.writing import PREFIX, SUFFIX, temporary_folder


def _left(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


def test_a_link_is_followed_to_the_file_that_it_means(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/file")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    write_atomically(tmp_path / "second", b"new")
    assert (tmp_path / "far" / "file").read_bytes() == b"new"
    assert (tmp_path / "second").is_symlink() and (tmp_path / "link").is_symlink()
    (tmp_path / "dangling").symlink_to("not-yet")
    write_atomically(tmp_path / "dangling", b"made")
    assert (tmp_path / "not-yet").read_bytes() == b"made"


def test_a_link_under_a_name_that_could_be_foreseen_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_bytes(b"kept")
    for name in (".file.tmp", f"{PREFIX}file{SUFFIX}", ".model.tmp"):
        (tmp_path / name).symlink_to("precious")
    write_atomically(tmp_path / "file", b"new")
    ModelFolder("forecaster", {}, {}).write(tmp_path / "model", "1")
    assert (tmp_path / "precious").read_bytes() == b"kept"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "a", b"new")


def test_what_is_no_regular_file_is_written_to(tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    for path in (tmp_path / "null", Path("/dev/null")):
        write_atomically(path, b"new")
    assert (tmp_path / "null").is_symlink() and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_atomically(tmp_path / "pipe", b"through")
    reader.join()
    assert read == [b"through"] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(InputError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        write_atomically(Path("/dev/full"), b"new")


def test_standard_output_is_written_after_what_is_there(tmp_path):
    code = "import pathlib, lstmkit.training as t; t.write_atomically(pathlib.Path('/dev/stdout'), b'new')"
    with open(tmp_path / "out", "wb") as out:
        out.write(b"old ")
        out.flush()
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"old new"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_that_were_there_or_follow_the_umask(mask, tmp_path):
    (tmp_path / "kept").write_bytes(b"")
    (tmp_path / "kept").chmod(0o640)
    before = os.umask(mask)
    try:
        for name in ("kept", "made"):
            write_atomically(tmp_path / name, b"new")
        ModelFolder("forecaster", {}, {}).write(tmp_path / "model", "1")
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (*tmp_path.iterdir(), *(tmp_path / "model").iterdir())}
    plain = 0o666 & ~mask
    assert modes == {
        "kept": 0o640,
        "made": plain,
        "model": 0o777 & ~mask,
        "config.json": plain,
        "model.safetensors": plain,
    }


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and not _left(tmp_path)


def test_a_failure_while_writing_leaves_the_old_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "file", b"old")
    with pytest.raises(TypeError), replacing(tmp_path / "file") as file:
        file.writelines([b"ne", "w"])
    assert (tmp_path / "file").read_bytes() == b"old" and not _left(tmp_path)


def test_what_a_killed_run_left_is_swept_away_and_what_is_still_written_is_not(tmp_path):
    code = (
        "import pathlib, sys, time, lstmkit.training.writing as w\n"
        "with w.replacing(pathlib.Path('file')) as file, w.temporary_folder(pathlib.Path('.')) as folder:\n"
        "    w.write_new(folder / 'within', b'x'); file.write(b'half'); file.flush(); print('there', flush=True)\n"
        "    time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"there\n"
        write_atomically(tmp_path / "other", b"new")
        with temporary_folder(tmp_path):
            pass
        assert len(_left(tmp_path)) == 2, "somebody is still at work on them"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    assert len(_left(tmp_path)) == 2
    write_atomically(tmp_path / "other", b"newer")
    assert not _left(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["other"]


def test_a_full_disk_is_said_in_a_line_and_the_old_stays(tmp_path):
    """A limit on the size of files stands for the disk."""
    code = (
        "import pathlib, resource, torch\n"
        "from lstmkit import InputError\n"
        "from lstmkit.training import ModelFolder, write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "for job in (lambda: write_atomically(pathlib.Path('file'), bytes(5000)),\n"
        "            lambda: ModelFolder('k', {}, {'a': torch.zeros(5000)}).write(pathlib.Path('model'), '1', True)):\n"
        "    try:\n"
        "        job()\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    write_atomically(tmp_path / "file", b"old")
    ModelFolder("k", {}, {}).write(tmp_path / "model", "1")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines() == [
        "file: cannot be written (File too large); choose another place",
        "model: cannot be written (File too large)",
    ]
    assert (tmp_path / "file").read_bytes() == b"old" and not _left(tmp_path)
    assert ModelFolder.read(tmp_path / "model", "k").config["kind"] == "k"


def test_a_model_folder_behind_a_link_is_replaced_where_it_is(tmp_path):
    ModelFolder("k", {"n": 1}, {}).write(tmp_path / "real", "1")
    (tmp_path / "link").symlink_to("real")
    ModelFolder("k", {"n": 2}, {}).write(tmp_path / "link", "1", force=True)
    assert (tmp_path / "link").is_symlink()
    assert ModelFolder.read(tmp_path / "real", "k").config["n"] == 2
    with pytest.raises(ModelFolderError, match="exists already"):
        ModelFolder("k", {}, {}).write(tmp_path / "link", "1")


def test_only_files_and_folders_can_be_lost(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    places = ("file", "link", ".", "dangling", "pipe", "nothing")
    assert [replaces(tmp_path / name) for name in places] == [True, True, True, False, False, False]
    assert not replaces(Path("/dev/null"))
