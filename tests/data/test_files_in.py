"""The files of a folder."""

from pathlib import Path

from lstmkit.data.content import files_in


def test_files_within_are_found_sorted_whatever_the_case_of_their_ending(tmp_path: Path) -> None:
    for name in ("b/two.WAV", "b/one.wav", "a.mp3", "b/one.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = files_in(tmp_path, (".wav", ".mp3"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.mp3", "b/one.wav", "b/two.WAV"]


def test_hidden_files_folders_and_what_they_hold_are_left_out(tmp_path: Path) -> None:
    for name in (".one.wav", ".kept/two.wav", "folder.wav/three.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_in(tmp_path, (".wav",)) == [tmp_path / "folder.wav" / "three.wav"]


def test_a_link_that_leads_nowhere_is_kept_so_that_it_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere")
    assert files_in(tmp_path, (".wav",)) == [tmp_path / "gone.wav"]
