"""Frames of piano rolls: nats a frame of chorales and folk tunes, notes in order and independent, beside two chains.

python -m bench.music.chorales [--set JSB_Chorales] [--only NAME] [--seed 0] [--test] [--keep FILE | --load FILE...]

Choices are made on the validation part; --test reads the test part, once, with what was chosen.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from bench.machine import ROOT, header, write
from lstmkit.music.frames import FirstOrder, FrameModel, FrameSettings, LastFrame, fit_frames
from lstmkit.music.frames.learning import _begun
from lstmkit.music.frames.model import per_frame
from lstmkit.music.rolls import read_rolls

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
    parser.add_argument("--keep", type=Path, help="file for the weights that were learnt; with --only")
    parser.add_argument("--load", type=Path, nargs="+", help="weights that were kept, of networks that answer together")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rolls = read_rolls(Path(given.data) / "polyphonic_mat" / f"{given.set}.mat")
    parts = ["valid", *(["test"] if given.test else [])]
    packages = {name: version(name) for name in ("lstmkit", "torch", "numpy")}
    lines = header(f"{given.set}: nats a frame, 88 keys, first frame of each piece left out; one thread", packages)
    lines += ["", f"{'':42}" + "".join(f"{part:>9}" for part in parts) + f"{'numbers':>10}{'minutes':>9}"]
    for kind in (LastFrame, FirstOrder):
        chain = kind(rolls["train"])
        lines.append(_line(kind.__name__, [per_frame(chain.nats(rolls[part])) for part in parts]))
        print(lines[-1], flush=True)
    for name in SETTINGS if given.only is None else [given.only]:
        began = time.process_time()
        how = SETTINGS[name] if given.epochs is None else replace(SETTINGS[name], epochs=given.epochs)
        if given.load:
            model, history = FrameModel.joined([_kept(rolls["train"], how, file) for file in given.load]), []
        else:
            model, history = fit_frames(rolls["train"], rolls["valid"], how, given.seed, on_epoch=_told)
        minutes = (time.process_time() - began) / 60
        if given.keep:
            torch.save(model.state_dict(), given.keep)
        figures = [per_frame(model.nats(rolls[part])) for part in parts]
        count = sum(p.numel() for p in model.parameters())
        best = min((r.valid_loss, r.epoch) for r in history)[1] if history else 0
        what = f"epoch {best} of {how.epochs}" if history else f"{len(given.load)} networks of {how.epochs} epochs"
        lines.append(_line(f"{name}, {what}", figures) + f"{count:>10,}" + (f"{minutes:>9.1f}" if history else ""))
        print(lines[-1], flush=True)
    write(f"frames-{given.set.lower()}.txt", lines)


def _kept(train, how: FrameSettings, file: Path) -> FrameModel:
    model = _begun(train, how, 0)
    model.load_state_dict(torch.load(file, weights_only=True))
    return model.eval()


def _told(record) -> None:
    print(f"{record.epoch:4} {record.train_loss:8.3f} {record.valid_loss:8.4f} {record.seconds:6.1f} s", flush=True)


def _line(name: str, figures: list[float]) -> str:
    return f"{name:42}" + "".join(f"{one:9.3f}" for one in figures)


if __name__ == "__main__":
    main()
