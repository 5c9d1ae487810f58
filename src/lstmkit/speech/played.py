"""Recordings as a page plays them: within the page where they are small."""

from __future__ import annotations

import base64
import io

import numpy as np

from lstmkit.speech.audio import RATE, Samples, speech_package


def embedded(samples: Samples, rate: int = RATE) -> str:
    """Return samples as an address that holds them, as FLAC of 16 bits."""
    written = io.BytesIO()
    speech_package("soundfile").write(written, np.clip(samples, -1, 1), rate, "PCM_16", format="FLAC")
    return f"data:audio/flac;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"
