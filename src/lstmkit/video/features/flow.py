"""How strongly things move and bend, wherever they are: numbers of the optical flow from a picture to the next."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SIDE = 96
"""Pixels of the side of a square that is as large as a small picture."""
LEVELS, ROUNDS = 3, 2
"""Sizes of the picture at which the flow is found, each half of the one before, and how often it is mended at each."""
WINDOW = 1.2
"""Pixels: the spread of the window in which everything is taken to move alike."""
PLAIN = 1e-3
"""Added to the squares of gradients, of the range from black to white: where there are none, nothing moves."""
FARTHEST = 3.0
"""Pixels by which the flow is mended at once, at most."""
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Of the places of a picture in which a quantity is at most the number that stands for it."""
FAINT = {"deform": 0.7, "widen": 0.7, "turn": 0.7, "speed": 0.01}
"""What is measured, and from about which size on it is told on a scale of ratios: 1/s, of the speed sides a second."""

Floats = NDArray[np.float32]


def flow_names() -> tuple[str, ...]:
    """Return what the numbers of a picture are called: what is measured, and where in 100 places from the least on."""
    return tuple(f"{name}_{round(100 * share)}" for name in FAINT for share in SHARES)


def flow_shape(shape: tuple[float, float]) -> tuple[int, int]:
    """Return height and width of the small picture: multiples of 4, up to four times as wide as high or the reverse.

    shape  of the upright picture
    """
    wide, step = math.sqrt(min(4.0, max(0.25, shape[1] / shape[0]))), 1 << LEVELS - 1
    return round(SIDE / wide / step) * step, round(SIDE * wide / step) * step


def flow_features(before: NDArray[np.uint8], now: NDArray[np.uint8], seconds: NDArray[np.float64]) -> Floats:
    """Return the numbers (N, 20) of pictures and those before them, in the order of `flow_names`; zero without motion.

    Of every place: by how much the flow differs from that of its neighbours, which says how what moves there bends and
    comes apart, whatever the camera does (the root of the sum of the squares of its four derivatives); by how much it
    widens or narrows (divergence) and turns (curl); and how quick it is beside the middle of all places. Of each stand
    the quantiles over the places, as log(1 + size / faint).

    before, now  (N, H, W) grey, of `flow_shape`
    seconds      (N,) between them, more than 0
    Source       derivatives of the flow in place of itself: Dalal, Triggs & Schmid 2006, Human detection using oriented
                 histograms of flow and appearance
    """
    first, second = (torch.from_numpy(own.astype(np.float32) / np.float32(255))[:, None] for own in (before, now))
    with torch.no_grad():
        flow = optical_flow(first, second).numpy()
    flow = flow / seconds[:, None, None, None].astype(np.float32)
    (right_down, right_right), (down_down, down_right) = (
        np.gradient(own, axis=(1, 2)) for own in (flow[:, 0], flow[:, 1])
    )
    beside = flow - np.median(flow, axis=(2, 3), keepdims=True)
    sizes = {
        "deform": np.sqrt(right_down**2 + right_right**2 + down_down**2 + down_right**2),
        "widen": np.abs(right_right + down_down),
        "turn": np.abs(down_right - right_down),
        "speed": np.hypot(beside[:, 0], beside[:, 1]) / np.float32(SIDE),
    }
    told = [np.quantile(sizes[name].reshape(len(now), -1), SHARES, axis=1).T / faint for name, faint in FAINT.items()]
    numbers: Floats = np.log1p(np.concatenate(told, axis=1)).astype(np.float32)
    return numbers


def optical_flow(before: Tensor, now: Tensor) -> Tensor:
    """Return by how many pixels each place of a picture has moved, to the right and down, (N, 2, H, W).

    before, now  (N, 1, H, W) from 0 to 1, whose sides are multiples of 4
    Source       Lucas & Kanade 1981, from coarse to fine: Bouguet 2001, Pyramidal implementation of the Lucas Kanade
                 feature tracker
    """
    sizes = [(before, now)]
    for _ in range(LEVELS - 1):
        sizes.append((functional.avg_pool2d(sizes[-1][0], 2), functional.avg_pool2d(sizes[-1][1], 2)))
    flow = torch.zeros(len(before), 2, *sizes[-1][0].shape[2:])
    for first, second in reversed(sizes):
        if flow.shape[2:] != first.shape[2:]:
            flow = 2 * functional.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)
        flow = _mended(flow, first, second)
    return flow


def _mended(flow: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Return a flow that explains better, by least squares in a window, how two pictures differ."""
    height, width = before.shape[2:]
    right = functional.pad((before[..., 2:] - before[..., :-2]) / 2, (1, 1, 0, 0))
    down = functional.pad((before[..., 2:, :] - before[..., :-2, :]) / 2, (0, 0, 1, 1))
    squares, mixed, others = _window(right * right) + PLAIN, _window(right * down), _window(down * down) + PLAIN
    whole = squares * others - mixed * mixed
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for _ in range(ROUNDS):
        x, y = 2 * (columns + flow[:, 0]) / (width - 1) - 1, 2 * (rows + flow[:, 1]) / (height - 1) - 1
        moved = functional.grid_sample(now, torch.stack([x, y], dim=3), padding_mode="border", align_corners=True)
        change = moved - before
        p, q = _window(right * change), _window(down * change)
        step = torch.cat([others * p - mixed * q, squares * q - mixed * p], dim=1) / whole
        flow = flow - step.clamp(-FARTHEST, FARTHEST)
    return flow


def _window(values: Tensor) -> Tensor:
    """Return means of values (N, 1, H, W) around each place, those nearby weighing more (a Gaussian)."""
    reach = round(3 * WINDOW)
    weights = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float32) ** 2) / (2 * WINDOW**2))
    weights = weights / weights.sum()
    wide = functional.pad(values, (reach, reach, reach, reach), mode="replicate")
    return functional.conv2d(functional.conv2d(wide, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
