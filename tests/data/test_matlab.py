"""Files of MATLAB, written by scipy: numbers of every type, packed and not; what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.data.matlab import matlab_arrays

io = pytest.importorskip("scipy.io", reason="comes with scikit-learn, which the tests compare with")


def read_matlab(path: Path, most: int = 1 << 20) -> dict:
    return matlab_arrays(path.read_bytes(), str(path), most)


KINDS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


@pytest.mark.parametrize("packed", [False, True])
def test_numbers_of_every_type_are_read(tmp_path: Path, packed: bool) -> None:
    random = np.random.default_rng(0)
    given = {f"of_{kind}": random.integers(0, 100, (3, 4, 2)).astype(kind) for kind in KINDS}
    given |= {"fractions": random.normal(size=(20, 3, 41)), "one": np.array([[7.5]]), "none": np.zeros((0, 3))}
    io.savemat(tmp_path / "a.mat", given, do_compression=packed)
    found = read_matlab(tmp_path / "a.mat")
    assert set(found) == set(given)
    for name, own in given.items():
        np.testing.assert_array_equal(found[name], own)


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    cell = np.empty((1, 3), object)
    cell[0] = [np.eye(2), "a", np.ones((1, 3))]
    io.savemat(tmp_path / "a.mat", {"x": np.eye(3), "text": "words", "cell": cell, "c": 1j})
    found = read_matlab(tmp_path / "a.mat")
    assert set(found) == {"x", "cell"}
    assert [own.shape for own in found["cell"]] == [(2, 2), (1, 3)]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"no matlab"), r"no file of MATLAB's versions 5 to 7; save it with"),
        (
            lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file, HDF5 schema 1.00" + bytes(600)),
            "of MATLAB's version 7.3",
        ),
        (lambda path: io.savemat(path, {"x": np.eye(3)}, format="4"), "no file of MATLAB's versions 5 to 7"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, write: object, message: str) -> None:
    write(tmp_path / "a.mat")  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_matlab(tmp_path / "a.mat")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path, packed: bool) -> None:
    io.savemat(tmp_path / "a.mat", {"x": np.random.default_rng(0).normal(size=(5, 3, 4))}, do_compression=packed)
    whole = (tmp_path / "a.mat").read_bytes()
    for end in range(140, len(whole) - 1, 7):
        (tmp_path / "a.mat").write_bytes(whole[:end])
        with pytest.raises(InputError, match="damaged or cut short; copy or save it again"):
            read_matlab(tmp_path / "a.mat")


def test_a_file_that_unpacks_to_more_than_may_be_is_refused(tmp_path: Path) -> None:
    io.savemat(tmp_path / "a.mat", {"x": np.zeros((1000, 1000))}, do_compression=True)
    with pytest.raises(InputError, match="damaged or cut short"):
        read_matlab(tmp_path / "a.mat")
