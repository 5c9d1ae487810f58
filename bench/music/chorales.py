"""Frames of piano rolls: nats a frame of chorales and folk tunes, notes in order and independent, beside two chains.

python -m bench.music.chorales [--set JSB_Chorales] [--only NAME] [--seed 0] [--test] [--keep FOLDER | --load FOLDER]

Choices are made on the validation part; --test reads the test part, once, with what was chosen. Of several networks of
a kind in a folder each is scored, and all together.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from bench.machine import ROOT, header, write
from bench.music.trained import keep, kept, learnt
from lstmkit.music.frames import FirstOrder, FrameModel, FrameSettings, LastFrame, fit_frames
from lstmkit.music.frames.learning import _begun
from lstmkit.music.frames.model import per_frame
from lstmkit.music.related import RUN, count_related
from lstmkit.music.rolls import read_rolls, tune_of_roll

SETTINGS = {
    "notes in order": FrameSettings(),
    "independent": FrameSettings(notes="independent", dropout=0.4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LSTMKIT_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--set", default="JSB_Chorales", choices=["JSB_Chorales", "Nottingham"])
    parser.add_argument("--only", choices=sorted(SETTINGS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for the weights that were learnt")
    parser.add_argument("--load", type=Path, help="such a folder, in place of the trainings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rolls = read_rolls(Path(given.data) / "polyphonic_mat" / f"{given.set}.mat")
    parts = ["valid", *(["test"] if given.test else [])]
    packages = {name: version(name) for name in ("lstmkit", "torch", "numpy")}
    lines = header(f"{given.set}: nats a frame, 88 keys, first frame of each piece left out; one thread", packages)
    known, scored = ([tune_of_roll(roll) for roll in rolls[part]] for part in ("train", "test"))
    related = count_related(scored, known)
    lines.append(
        f"{related} of {len(scored)} test pieces share a run of {RUN} notes, in any key, with one to learn from"
    )
    lines += ["", f"{'':42}" + "".join(f"{part:>9}" for part in parts) + f"{'numbers':>10}{'minutes':>9}"]
    for kind in (LastFrame, FirstOrder):
        chain = kind(rolls["train"])
        lines.append(_line(kind.__name__, [per_frame(chain.nats(rolls[part])) for part in parts]))
        print(lines[-1], flush=True)
    for name in SETTINGS if given.only is None else [given.only]:
        how = SETTINGS[name] if given.epochs is None else replace(SETTINGS[name], epochs=given.epochs)
        if given.load:
            found = [
                kept(_begun(rolls["train"], how, 0), file) for file in sorted(given.load.glob(f"{_file(name)}-*.pt"))
            ]
        else:
            found = [learnt(fit_frames, rolls, how, given.seed)]
        models = [model for model, _ in found]
        for model, what in found:
            if given.keep:
                keep(model, what, given.keep / f"{_file(name)}-{given.seed}.pt")
            _tell(lines, f"{name}, {what[0]}", model, rolls, parts, what[1])
        if len(found) > 1:
            _tell(lines, f"{name}, {len(found)} together", FrameModel.joined(models), rolls, parts)
    write(f"frames-{given.set.lower()}.txt", lines)


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _tell(
    lines: list[str], name: str, model: FrameModel, rolls, parts: list[str], minutes: float | None = None
) -> None:
    figures = [per_frame(model.nats(rolls[part])) for part in parts]
    count = sum(p.numel() for p in model.parameters())
    lines.append(_line(name, figures) + f"{count:>10,}" + ("" if minutes is None else f"{minutes:>9.1f}"))
    print(lines[-1], flush=True)


def _line(name: str, figures: list[float]) -> str:
    return f"{name:42}" + "".join(f"{one:9.3f}" for one in figures)


if __name__ == "__main__":
    main()
