"""The two networks of MediaPipe's pose: their files are read out of its package, of which nothing is run.

The package wants other versions of NumPy and protobuf than lstmkit has; the files do not. So it is installed without
what it asks for, and LiteRT (extra `pose`) runs them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError

PACKAGE, RUNTIME = "mediapipe", "ai_edge_litert.interpreter"
DETECTION = "modules/pose_detection/pose_detection.tflite"
LANDMARKS = "modules/pose_landmark/pose_landmark_full.tflite"
INSTALLED = "pip install 'lstmkit[pose]', then mediapipe==0.10.21 without what it needs, as docs/video.md says"
"""What installs both; later wheels of mediapipe are without the networks."""


class Network:
    """A network for one picture at a time.

    path     of its file
    side     of the pictures that it sees, in dots
    answers  shapes that its answers must have, without the axis of the pictures
    Raises   InputError if LiteRT is missing, or the file is no such network
    """

    def __init__(self, path: Path, side: int, answers: tuple[tuple[int, ...], ...]) -> None:
        try:
            runtime: Any = importlib.import_module(RUNTIME)
        except (ImportError, OSError) as missing:
            raise InputError(f"poses need the package ai-edge-litert: {INSTALLED}") from missing
        try:
            self._own = runtime.Interpreter(model_content=path.read_bytes(), num_threads=1)
            self._own.allocate_tensors()
            (given,), found = self._own.get_input_details(), self._own.get_output_details()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{path}: no network that LiteRT reads; {INSTALLED}") from error
        shapes = [tuple(int(size) for size in one["shape"][1:]) for one in found]
        if tuple(given["shape"]) != (1, side, side, 3) or any(shape not in shapes for shape in answers):
            raise InputError(f"{path}: not the network of MediaPipe 0.10.21; {INSTALLED}")
        self._input = given["index"]
        self._outputs = [found[shapes.index(shape)]["index"] for shape in answers]

    def __call__(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the answers, in the order in which they were asked for, for a picture (side, side, 3)."""
        self._own.set_tensor(self._input, picture[None])
        self._own.invoke()
        return [self._own.get_tensor(index)[0] for index in self._outputs]


@functools.cache
def model_files() -> tuple[Path, Path]:
    """Return the files of the networks that find a body, and its joints.

    Raises  InputError if the package is missing, or is one without them
    """
    found = importlib.util.find_spec(PACKAGE)  # the package is not imported
    folders = [] if found is None else [Path(place) for place in found.submodule_search_locations or ()]
    for folder in folders:
        files = folder / DETECTION, folder / LANDMARKS
        if all(file.is_file() for file in files):
            return files
    raise InputError(f"poses need the networks in the package mediapipe 0.10.21: {INSTALLED}")
