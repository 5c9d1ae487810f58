"""Small recordings of made-up voices: a tone that rises or falls, of speakers high and low."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SPEAKERS = {"aa": 110.0, "bb": 150.0, "cc": 210.0, "dd": 260.0}
PATTERN = "{speaker:2}_{label}_{take}.wav"


def write_voices(folder: Path, takes: int = 3) -> Path:
    """Write recordings of every speaker, rising and falling, named by `PATTERN`."""
    import soundfile

    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    time = np.arange(8000) / 16_000
    for name, hertz in SPEAKERS.items():
        for label, slope in (("up", 1.0), ("down", -1.0)):
            for take in range(takes):
                change = slope * hertz * (0.3 + 0.1 * rng.random())
                phase = 2 * np.pi * (hertz * (1 - 0.2 * slope) * time + change * time**2 / (2 * time[-1]))
                voice = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)
                samples = 0.2 * voice + 0.002 * rng.normal(size=len(time))
                soundfile.write(folder / f"{name}_{label}_{take}.wav", samples, 16_000)
    return folder
