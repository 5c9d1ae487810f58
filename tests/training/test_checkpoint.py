"""Checkpoints: stopped anywhere and resumed, a training ends with the bits of one that never stopped."""

from __future__ import annotations

import json
import os
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from damage import rewrite_checkpoint
from lstmkit.errors import InputError
from lstmkit.training import Checkpoint, write_atomically
from lstmkit.training.checkpoint import until_done

KEY = {"seed": 3, "levels": [80, 95], "target": "Close"}


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoint.safetensors", KEY)


def _shown(history):
    """Return what a record says, without the seconds, which no two runs share."""
    return [{k: v for k, v in r.to_json().items() if k != "seconds"} for r in history]


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("patience", [6, None], ids=["early stopping", "all epochs"])
def test_a_resumed_training_ends_with_the_same_bits(stop, patience, training, equal, checkpoint):
    whole = training()
    expected = whole.run(patience=patience)
    stopped = training()
    steps = stopped.steps(checkpoint=checkpoint, patience=patience)
    for _ in range(stop + 1):
        next(steps)
    steps.close()
    assert checkpoint.path.exists() == (stop > 0)
    torch.manual_seed(stop)
    resumed = training()
    history = resumed.run(checkpoint=checkpoint, resume=True, patience=patience)
    assert _shown(history) == _shown(expected)
    assert equal(resumed.weights(), whole.weights())


def test_stopping_in_every_epoch_changes_nothing(training, equal, checkpoint):
    whole = training()
    expected = whole.run()
    for _ in range(6):
        one = training()
        steps = one.steps(checkpoint=checkpoint, resume=True)
        done = 0 if not checkpoint.path.exists() else len(_progress(checkpoint))
        for _ in range(max(done, 1) + 1):
            next(steps)
        steps.close()
    last = training()
    history = last.run(checkpoint=checkpoint, resume=True)
    assert last.seen == []
    assert _shown(history) == _shown(expected)
    assert equal(last.weights(), whole.weights())


def _progress(checkpoint):
    with safe_open(checkpoint.path, framework="pt") as file:
        return json.loads(file.metadata()["lstmkit"])["progress"]


def test_the_best_epoch_before_the_stop_is_not_forgotten(training, equal, checkpoint):
    def scripted(losses):
        given = iter(losses)
        return lambda: next(given)

    whole, stopped, resumed = training(), training(), training()
    losses = [5, 1, 2, 3, 4]
    whole.run(validate=scripted(losses), patience=3)
    steps = stopped.steps(validate=scripted(losses), patience=3, checkpoint=checkpoint)
    [next(steps) for _ in range(4)]
    steps.close()
    history = resumed.run(validate=scripted(losses[4:]), patience=3, checkpoint=checkpoint, resume=True)
    assert [r.valid_loss for r in history] == losses
    assert equal(resumed.weights(), whole.weights())


def test_resuming_without_a_checkpoint_starts_at_the_beginning(training, equal, checkpoint):
    whole, resumed = training(), training()
    whole.run()
    resumed.run(checkpoint=checkpoint, resume=True)
    assert equal(resumed.weights(), whole.weights())


def test_without_resume_a_checkpoint_is_not_read(training, equal, checkpoint):
    checkpoint.path.write_bytes(b"not a checkpoint")
    whole, fresh = training(), training()
    whole.run()
    fresh.run(checkpoint=checkpoint)
    assert equal(fresh.weights(), whole.weights())


@pytest.mark.parametrize(
    ("key", "value"), [("seed", 4), ("levels", [80]), ("target", None), ("extra", 1)], ids=lambda v: str(v)
)
def test_another_fingerprint_is_refused_by_its_key(key, value, training, checkpoint):
    training().run(checkpoint=checkpoint, max_epochs=1)
    other = Checkpoint(checkpoint.path, {**KEY, key: value})
    with pytest.raises(InputError) as error:
        training().run(checkpoint=other, resume=True)
    assert f"had {key} = {KEY.get(key)!r}, this one has {value!r}" in str(error.value)
    assert str(checkpoint.path) in str(error.value)


def test_tuples_and_lists_in_a_fingerprint_are_the_same(training, checkpoint):
    training().run(checkpoint=checkpoint, max_epochs=1)
    same = Checkpoint(checkpoint.path, {**KEY, "levels": (80, 95)})
    assert len(training().run(checkpoint=same, resume=True, max_epochs=2)) == 3


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_a_truncated_checkpoint_is_refused(share, training, checkpoint):
    training().run(checkpoint=checkpoint, max_epochs=1)
    content = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"not a readable checkpoint .* delete it to start again"):
        training().run(checkpoint=checkpoint, resume=True)


def test_a_file_of_something_else_is_refused(training, checkpoint):
    save_file({"w": torch.zeros(2)}, checkpoint.path)
    with pytest.raises(InputError, match="not a readable checkpoint"):
        training().run(checkpoint=checkpoint, resume=True)


def test_another_format_is_refused(training, checkpoint):
    save_file({"w": torch.zeros(2)}, checkpoint.path, {"lstmkit": json.dumps({"format": 1})})
    with pytest.raises(InputError, match="checkpoint format 1 is not 2"):
        training().run(checkpoint=checkpoint, resume=True)


def test_weights_of_another_shape_are_refused(training, checkpoint):
    training().run(checkpoint=checkpoint, max_epochs=1)
    rewrite_checkpoint(checkpoint.path, lambda tensors, header: tensors.update({"model.0.weight": torch.zeros(2, 2)}))
    with pytest.raises(InputError, match=r"holds another network \(tensor 'model.0.weight' is F32\[2, 2\]"):
        training().run(checkpoint=checkpoint, resume=True)


def test_nothing_is_unpickled(training, checkpoint, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a pickle was read")

    training().run(checkpoint=checkpoint, max_epochs=1)
    for place, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(place, name, refuse)
    assert len(training().run(checkpoint=checkpoint, resume=True, max_epochs=2)) == 3


def test_an_atomic_write_replaces_the_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_atomic_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_atomic_write_over_a_folder_fails_and_leaves_it(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(InputError, match="file: cannot be written"):
        write_atomically(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_a_checkpoint_is_removed_once_all_is_done_and_kept_where_something_failed(tmp_path):
    file = tmp_path / "kept"
    file.touch()

    def interrupted():
        with until_done(str(file)) as path:
            assert path == file
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.exists()
    for _ in range(2):  # the second time there is none
        with until_done(file):
            pass
        assert not file.exists()
    with until_done(None) as path:
        assert path is None
    with pytest.raises(InputError, match=r"^checkpoint must be a path; got 3$"), until_done(3):
        pass
