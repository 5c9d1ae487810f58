"""Folders of results: one job at a time, nothing lost unasked, an interrupted run told from a complete one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import pytest

from lstmkit.errors import InputError, NothingToDo
from lstmkit.results.folder import CHECKPOINT, check_folder, file_of_one_job, job_folder
from lstmkit.training import write_atomically

RESULTS = ("summary.json", "model")


def _hold(out, *, checkpoint=False, results=()):
    out.mkdir(exist_ok=True)
    if checkpoint:
        (out / CHECKPOINT).write_bytes(b"x")
    for name in results:
        (out / name).write_bytes(b"x")


def test_an_interrupted_run_is_told_of_before_the_results_that_it_wrote(tmp_path):
    """After a full disk some results are there, and the checkpoint: it can go on."""
    _hold(tmp_path / "out", checkpoint=True, results=["model"])
    with pytest.raises(InputError, match="holds an interrupted run; --resume continues it, --force starts again"):
        check_folder(tmp_path / "out", RESULTS, force=False, resume=False)
    check_folder(tmp_path / "out", RESULTS, force=False, resume=True)
    with job_folder(tmp_path / "out", RESULTS, resume=True):
        assert (tmp_path / "out" / CHECKPOINT).exists()
    with job_folder(tmp_path / "out", RESULTS, force=True):
        assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_two_jobs_with_folders_of_their_own_do_not_share_a_file(tmp_path):
    path, held = tmp_path / "new" / "tune.db", r"tune\.db: another run is at work there; .* choose another --storage"
    with file_of_one_job(path, "--storage"), pytest.raises(InputError, match=held), file_of_one_job(path, "--storage"):
        pytest.fail("held by two")
    with file_of_one_job(path, "--storage"):
        pass
    with pytest.raises(InputError, match="cannot be written to"), file_of_one_job(tmp_path, "--storage"):
        pytest.fail("a folder is no file")


def test_resuming_what_is_complete_is_nothing_to_do(tmp_path):
    _hold(tmp_path / "out", results=RESULTS)
    with pytest.raises(NothingToDo, match="the run is complete already"):
        check_folder(tmp_path / "out", RESULTS, force=False, resume=True)
    with pytest.raises(InputError, match="already holds a result"):
        check_folder(tmp_path / "out", RESULTS, force=False, resume=False)
    (tmp_path / "out" / "summary.json").unlink()
    with pytest.raises(InputError, match="already holds a result"):
        check_folder(tmp_path / "out", RESULTS, force=False, resume=True)


def test_a_job_whose_results_are_not_named_always_goes_on(tmp_path):
    """Tuning: every run of it goes on with what is there."""
    _hold(tmp_path / "out", results=RESULTS)
    with job_folder(tmp_path / "out", (), resume=True):
        pass


def test_one_job_at_a_time_and_the_lock_ends_with_a_kill(tmp_path):
    code = (
        "import pathlib, time\n"
        "from lstmkit.results.folder import job_folder\n"
        "with job_folder(pathlib.Path('out'), ()):\n"
        "    print('there', flush=True)\n"
        "    time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"there\n"
        for force in (False, True):
            with pytest.raises(InputError, match="another run is at work there"):
                check_folder(tmp_path / "out", RESULTS, force=force, resume=False)
            with pytest.raises(InputError, match="another run is at work there"), job_folder(tmp_path / "out", RESULTS):
                pytest.fail("held by two")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    with job_folder(tmp_path / "out", RESULTS):
        pass


def test_a_folder_that_was_made_for_nothing_is_gone_again(tmp_path):
    with pytest.raises(InputError, match="no good"), job_folder(tmp_path / "out", RESULTS):
        raise InputError("no good")
    assert not (tmp_path / "out").exists()
    (tmp_path / "old").mkdir()
    with pytest.raises(InputError, match="no good"), job_folder(tmp_path / "old", RESULTS):
        raise InputError("no good")
    assert (tmp_path / "old").exists()


def _run(out, work):
    with job_folder(out, RESULTS):
        work()


def test_a_folder_that_was_deleted_under_way_is_said_in_a_line(tmp_path):
    def work():
        shutil.rmtree(tmp_path / "out")
        write_atomically(tmp_path / "out" / "summary.json", b"x")

    with pytest.raises(InputError, match=r"summary\.json: cannot be written \(No such file or directory\)"):
        _run(tmp_path / "out", work)


def test_a_full_disk_is_said_with_the_way_on(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")

    def work():
        _hold(tmp_path / "out", checkpoint=True)
        write_atomically(tmp_path / "full", b"x")

    with pytest.raises(InputError, match=r"No space left .* the training so far is kept: --resume goes on"):
        _run(tmp_path / "out", work)
