"""Model folders: complete or not there, checked before they are used, and never a pickle."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from pathlib import Path

import pytest
import torch

from lstmkit.errors import InputError, ModelFolderError
from lstmkit.training import ModelFolder, writing
from lstmkit.training.folder import StoredModel

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2]), "c": torch.randn(3, dtype=torch.float64)}
CONFIG = {"params": {"horizon": 5, "levels": [80, 95], "target": "Größe"}, "none": None}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Write a model folder."""
    path = tmp_path / "model"
    ModelFolder("forecaster", CONFIG, TENSORS).write(path, "1.2.3")
    return path


def _rewrite(folder: Path, **changes: object) -> None:
    """Change a config, and take its digest away."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["sha256"]
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")


def _refused(folder: Path, kind: str = "forecaster") -> str:
    with pytest.raises(ModelFolderError) as error:
        ModelFolder.read(folder, kind)
    message = str(error.value)
    assert str(folder) in message and "\n" not in message
    return message


def test_what_is_written_is_read_back(folder):
    found = ModelFolder.read(folder, "forecaster")
    assert {k: found.config[k] for k in CONFIG} == CONFIG
    assert found.config["lstmkit"] == "1.2.3"
    assert found.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_a_folder_of_results_holds_a_model(folder):
    assert ModelFolder.read(folder.parent, "forecaster").tensors.keys() == TENSORS.keys()
    assert ModelFolder.read(folder, "forecaster").config["params"] == CONFIG["params"]


@pytest.mark.parametrize("fault", [InputError("no such cell"), RuntimeError("sizes differ"), ValueError("one layer")])
def test_what_fails_while_parts_are_joined_names_the_folder(folder, fault):
    stored = StoredModel.open(folder, "forecaster")
    with pytest.raises(ModelFolderError) as error, stored.agreeing():
        raise fault
    assert str(error.value) == f"{folder}: config.json and model.safetensors do not belong together ({fault})"
    with pytest.raises(ModelFolderError, match=r"^as it is$"), stored.agreeing():
        raise ModelFolderError("as it is")
    with pytest.raises(KeyError), stored.agreeing():
        raise KeyError("a defect")


def test_a_folder_is_two_files_and_nothing_is_left_beside_it(folder):
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors"]
    assert os.listdir(folder.parent) == ["model"]


def test_missing_parents_are_made(tmp_path):
    ModelFolder("forecaster", {}, TENSORS).write(tmp_path / "a" / "b" / "model", "1")
    assert ModelFolder.read(tmp_path / "a" / "b" / "model", "forecaster").tensors.keys() == TENSORS.keys()


def test_tensors_need_not_be_contiguous(tmp_path):
    tensor = torch.arange(6.0).reshape(2, 3).T
    ModelFolder("forecaster", {}, {"t": tensor}).write(tmp_path / "model", "1")
    assert torch.equal(ModelFolder.read(tmp_path / "model", "forecaster").tensors["t"], tensor)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights_are_refused(share, folder):
    file = folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert f"has {int(share * len(content))} of {len(content)} bytes; the file is truncated" in _refused(folder)


@pytest.mark.parametrize("place", [0, 9, -1])
def test_one_changed_byte_is_refused(place, folder):
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    line = _refused(folder)
    assert "the file is damaged" in line
    assert place >= 0 or "does not match config.json" in line  # the header comes first, and is read first


def test_a_changed_config_is_refused(folder):
    file = folder / "config.json"
    file.write_text(file.read_text().replace('"sha256": "', '"more": 1, "sha256": "'))
    assert "does not match its sha256; the file is damaged" in _refused(folder)


def test_a_config_without_a_digest_as_it_was_once_written_is_read(folder):
    _rewrite(folder)
    assert "sha256" not in json.loads((folder / "config.json").read_text())
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()


def test_a_newer_format_is_refused_with_the_version_that_wrote_it(folder):
    _rewrite(folder, format=2, lstmkit="9.0")
    message = _refused(folder)
    assert "written by lstmkit 9.0 in model format 2" in message and "upgrade" in message


@pytest.mark.parametrize("number", [None, "1", 0, -3, 1.0])
def test_a_folder_without_a_format_number_is_refused(number, folder):
    _rewrite(folder, format=number)
    assert "no format number" in _refused(folder)


def test_another_kind_is_refused(folder):
    assert "holds a 'forecaster' model, not a 'classifier' model" in _refused(folder, "classifier")
    assert "holds a 'forecaster' model, not an 'action classifier' model" in _refused(folder, "action classifier")


def test_a_kind_is_said_with_its_article(folder):
    _rewrite(folder, kind="emotion classifier")
    assert "holds an 'emotion classifier' model, not a 'voices' model" in _refused(folder, "voices")


@pytest.mark.parametrize("record", [None, {}, [1], {"bytes": "x"}])
def test_a_damaged_record_of_the_weights_is_refused(record, folder):
    _rewrite(folder, weights=record)
    _refused(folder)


def test_missing_files_are_named(folder):
    (folder / "model.safetensors").unlink()
    assert "model.safetensors is missing" in _refused(folder)
    (folder / "config.json").unlink()
    assert "no config.json" in _refused(folder)


@pytest.mark.parametrize("text", ["", "{", "{]", '{"format": 1', "\udcff"])
def test_a_config_that_is_not_json_is_refused(text, folder):
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "config.json: not readable JSON" in _refused(folder)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_a_config_that_is_not_an_object_is_refused(text, folder):
    (folder / "config.json").write_text(text)
    assert "not a JSON object" in _refused(folder)


def test_what_is_not_a_folder_is_refused(tmp_path):
    assert "no such model folder" in _refused(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    assert "not a folder" in _refused(tmp_path / "file")


def test_an_existing_folder_is_kept_unless_forced(folder):
    other = ModelFolder("forecaster", {"other": 1}, {"z": torch.zeros(1)})
    with pytest.raises(ModelFolderError, match="exists already"):
        other.write(folder, "2")
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()
    other.write(folder, "2", force=True)
    found = ModelFolder.read(folder, "forecaster")
    assert list(found.tensors) == ["z"] and found.config["lstmkit"] == "2" and "params" not in found.config
    assert os.listdir(folder.parent) == ["model"]


def test_a_damaged_folder_can_be_replaced(folder):
    (folder / "config.json").unlink()
    ModelFolder("forecaster", {}, TENSORS).write(folder, "1", force=True)
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()


@pytest.mark.parametrize("as_folder", [True, False], ids=["folder", "file"])
def test_force_never_replaces_what_is_not_a_model(as_folder, tmp_path):
    path = tmp_path / "thesis"
    if as_folder:
        path.mkdir()
    kept = path / "chapter.txt" if as_folder else path
    kept.write_text("years of work")
    with pytest.raises(ModelFolderError, match="not a model folder, so it is not replaced"):
        ModelFolder("forecaster", {}, TENSORS).write(path, "1", force=True)
    assert kept.read_text() == "years of work"


@pytest.mark.parametrize(
    ("config", "error"),
    [({"bad": object()}, TypeError), ({"bad": float("nan")}, ValueError)],
    ids=["not JSON", "nan"],
)
@pytest.mark.parametrize("exists", [True, False], ids=["over a model", "new"])
def test_a_failure_half_way_changes_nothing(config, error, exists, folder):
    path = folder if exists else folder.parent / "new"
    with pytest.raises(error):
        ModelFolder("forecaster", config, {"z": torch.zeros(1)}).write(path, "2", force=True)
    assert os.listdir(folder.parent) == ["model"]
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()


def test_a_failure_in_the_last_step_puts_the_old_folder_back(folder, monkeypatch):
    """The new folder is ready and the old one moved aside when the disk fails; two names cannot be exchanged there."""
    monkeypatch.setattr(writing, "_exchanged", lambda new, path: False)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ModelFolderError, match=r"cannot be written \(Input/output error\)"):
        ModelFolder("forecaster", {}, {"z": torch.zeros(1)}).write(folder, "2", force=True)
    assert os.listdir(folder.parent) == ["model"]
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges two names in one step")
def test_a_model_that_is_replaced_is_there_at_every_moment(folder):
    missing, done = [], threading.Event()

    def watch() -> None:
        while not done.is_set():
            missing.extend([] if (folder / "config.json").exists() else [True])

    watcher = threading.Thread(target=watch)
    watcher.start()
    for k in range(100):
        ModelFolder("forecaster", {"k": k}, TENSORS).write(folder, "2", force=True)
    done.set()
    watcher.join()
    assert not missing
    assert os.listdir(folder.parent) == ["model"]
    assert ModelFolder.read(folder, "forecaster").config["k"] == 99


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelFolderError, match="cannot be written"):
        ModelFolder("forecaster", {}, TENSORS).write(tmp_path / "file" / "model", "1")


def test_reading_unpickles_nothing(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a pickle was read")

    for place, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(place, name, refuse)
    assert ModelFolder.read(folder, "forecaster").tensors.keys() == TENSORS.keys()
