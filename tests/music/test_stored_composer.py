"""Damaged folders of composers: whatever is wrong in one is said in a line when it is loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tunes_by_rule import SMALL, made_tunes

from damage import check_all
from lstmkit.music import Composer, Wish

TINY = replace(SMALL, embedding_size=4, hidden_size=4, num_layers=1, epochs=1)


def _use(folder) -> None:
    """Load a composer and do what people do with it."""
    composer = Composer.load(folder)
    assert all(np.isfinite(nats) for nats in composer.score(made_tunes(1)[0]).nats.values())
    composer.compose(Wish(key="D", bars=1, cadence=False), by="mixture")


def test_every_damage_to_a_folder_is_answered_in_a_line(tmp_path):
    Composer(TINY, order=2).fit(made_tunes(12), made_tunes(4, seed=1)).save(tmp_path / "model")
    found = check_all(tmp_path / "model", lambda: _use(tmp_path / "model"))
    needed = ("params", "symbols", "ngram", "share", "keys", "lowest", "highest", "trained_on", "history")
    assert all(found[f"('{name}',) left out"] for name in needed)
    assert all(found[f"('share',) = {value!r}"] for value in (None, True, -1, 10**12, "x", []))
    assert all(
        line for name, line in found.items() if name.startswith("network.") and name.endswith(("NaN", "infinite"))
    )
