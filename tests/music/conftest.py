"""A composer that learnt from tunes made up by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tunes_by_rule import SMALL, made_tunes

from lstmkit.music.composer import Composer


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer(replace(SMALL, epochs=24), order=4).fit(made_tunes(60), made_tunes(10, seed=1))
