"""Doors of captions: files that say what is seen in clips, and the model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from limits import accepted
from mutations import damaged
from table_doors import Run

from lstmkit.language.translate import SearchSettings
from lstmkit.sequences import Ragged
from lstmkit.video import ArraySettings, Captioner
from lstmkit.video.captions.judgement.scoring import score_captions
from lstmkit.video.captions.reading import read_captioned
from lstmkit.video.rows import Asked

CAPTIONS: dict[str, bytes] = {
    "list.json": b'[{"id": "a.avi", "caption": ["A man rides.", "he rides"]}, {"id": "b.avi", "caption": "a dog"}]',
    "object.json": b'{"a.avi": ["a man rides", "he rides"], "b.avi": ["a dog runs"]}',
    "told.csv": b"id,caption\na.avi,a man rides\na.avi,he rides\nb.avi,a dog runs\n",
    "clips.csv": b"file,caption,person\na.npy,A man rides.,x\na.npy,he rides,x\nb.npy,a dog runs,y\n",
}
"""Files of captions by their name; the last names the clips, too."""


def open_captions(folder: Path) -> Run:
    """A damaged file of captions beside two clips: each gets captions with words."""
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", np.ones((4, 3)))

    def run(given: Any) -> bool:
        name, how = given
        path = folder / name
        path.write_bytes(damaged(CAPTIONS[name], how))

        def read() -> None:
            source, told = (path, None) if name == "clips.csv" else ([folder / "a.npy", folder / "b.npy"], path)
            found = read_captioned(source, ArraySettings(), Asked(None, None, None), told)
            assert len(found.captions) == len(found) and all(found.captions)
            assert all(text.split() and "\n" not in text for own in found.captions for text in own)
            score = score_captions([own[0] for own in found.captions], found.captions)
            assert np.isfinite([score.cider, score.bleu, score.rouge]).all()

        return accepted(read)

    return run


def use_captioner(path: Path) -> None:
    """Load a captioner, and say of two clips what may be seen in them."""
    model = Captioner.load(path)
    random = np.random.default_rng(0)
    width = len(model.channels_)
    frames = Ragged.of([random.normal(size=(steps, width)) for steps in (5, 3)], width)
    found = model.search(frames, SearchSettings(2, best=2))
    assert np.isfinite([one.score for own in found for one in own]).all(), "a score is not finite"
