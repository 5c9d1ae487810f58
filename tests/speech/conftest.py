"""Small recordings that tests make themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Write = Callable[..., Path]


@pytest.fixture
def tone() -> NDArray[np.float64]:
    """Half a second of 440 Hz at 16 kHz."""
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16_000)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write samples as a file of sound and return its path."""
    soundfile = pytest.importorskip("soundfile", reason="the extra speech is not installed")
    pytest.importorskip("soxr", reason="the extra speech is not installed")

    def written(name: str, samples: object, rate: int = 16_000, subtype: str | None = None) -> Path:
        path = tmp_path / name
        soundfile.write(path, np.asarray(samples), rate, subtype=subtype)
        return path

    return written
