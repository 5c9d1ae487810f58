"""How well is said what is done, beside the caption of the nearest clip, and what does a language model bring?

    python -m bench.video.captions actions [--seeds 3] [--set NAME=VALUE ...]
    python -m bench.video.captions msvd

actions  27 actions of UTD-MHAD by skeletons, with sentences of a small grammar (bench/video/sentences.py), five of nine
         for each: learnt from subjects 1 3 5 7, tested on 2 4 6 8, which err together by subject and action. An action
         is named if the caption is a sentence of the grammar that names it
msvd     nine clips of MSVD, of which three are scored and the others learnt from, three times; with the decoder begun
         as a language model of the 24,232 captions of other clips, and as the same network untrained, of the same words

Writes bench/results/captions-NAME.txt.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import importlib.metadata
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from bench.machine import header, write
from bench.video import sets
from bench.video.sentences import NAMED, sentences_of
from lstmkit.cli.parameters import given_settings
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.neural.network import LanguageNetwork
from lstmkit.video import Captioner, CaptionSettings, PictureSettings, SkeletonSettings
from lstmkit.video.captions.judgement.scoring import CaptionScore, cider_gain, score_captions
from lstmkit.video.captions.judgement.yardsticks import FREQUENT, NEAREST, frequent_caption, nearest_captions
from lstmkit.video.captions.reading import Captioned, cleaned
from lstmkit.video.captions.settings import usual_settings
from lstmkit.video.joints import LAYOUTS
from lstmkit.video.rows import Asked

HEAD = f"  {'':26}{'CIDEr-D':>9}{'BLEU-4':>9}{'ROUGE-L':>9}"


def scored(name: str, score: CaptionScore) -> str:
    """Return a line of figures."""
    return f"  {name:26}{score.cider:9.1f}{score.bleu:9.1f}{score.rouge:9.1f}"


def named(texts: Sequence[str], given: Captioned) -> float:
    """Return the share of captions that name the action of their clip, in percent."""
    truth = [name.split("_")[0] for name in given.rows.ids]
    return 100 * float(np.mean([NAMED.get(text) == action for text, action in zip(texts, truth, strict=True)]))


def ahead(own: CaptionScore, other: CaptionScore, units: Sequence[str]) -> str:
    """Return by how much CIDEr-D is higher, with its 95 % interval, units drawn together."""
    low, high = cider_gain(own, other, units)
    return f"{own.cider - other.cider:+.1f} CIDEr-D (95 % interval {low:+.1f} to {high:+.1f})"


def actions(seeds: int, pairs: list[str] | None) -> list[str]:
    """Learn from odd subjects, test on even ones."""
    frames = SkeletonSettings(LAYOUTS["kinect20"])
    own = given_settings(CaptionSettings, pairs, "a captioner")
    settings = CaptionSettings(**{**usual_settings(frames), **own})
    with tempfile.TemporaryDirectory() as folder:
        table = sets.skeletons(Path(folder))
        told = {name: sentences_of(label, name) for name, label in zip(table["id"], table["label"], strict=True)}
        given = Captioner(settings, frames).read_captioned(table, Asked(None, "person"), told)
    odd = np.array([int(group.removeprefix("s")) % 2 == 1 for group in given.rows.groups or []])
    training, test = given.select(np.flatnonzero(odd)), given.select(np.flatnonzero(~odd))
    models, lines, shares, minutes, figures = [], [], [], [], []
    for seed in range(seeds):
        begun = time.process_time()
        model = Captioner(settings, frames, seed=seed).fit_captioned(training)
        minutes.append((time.process_time() - begun) / 60)
        texts = [found[0].text for found in model.search(test.rows.frames)]
        shares.append(named(texts, test))
        figures.append(score_captions(texts, test.captions))
        models.append(model)
        print(f"seed {seed}: {shares[-1]:.1f} %, CIDEr-D {figures[-1].cider:.1f}, {minutes[-1]:.1f} min", flush=True)
    together = [found[0].text for found in models[0].search(test.rows.frames, also=models[1:])]
    several = score_captions(together, test.captions)
    near, usual = nearest_captions(training, test), [frequent_caption(training)] * len(test)
    simple = {NEAREST: near, FREQUENT: usual}
    others = {name: score_captions(texts, test.captions) for name, texts in simple.items()}
    units = [f"{group} {name.split('_')[0]}" for group, name in zip(test.rows.groups or [], test.rows.ids, strict=True)]
    middle = figures[int(np.argsort([score.cider for score in figures])[(len(figures) - 1) // 2])]  # of two, the worse
    lines += [
        f"{len(training)} clips with {sum(map(len, training.captions)):,} captions to learn from, {len(test)} to test; "
        f"as usual{f', but {own}' if own else ''}",
        f"  {np.mean(minutes):.1f} processor minutes a seed",
        "",
        f"  action named              {np.mean(shares):6.1f} %   {min(shares):.1f} to {max(shares):.1f}, {seeds} seeds",
        f"  networks of all seeds     {named(together, test):6.1f} %",
        *(f"  {name:26}{named(texts, test):6.1f} %" for name, texts in simple.items()),
        "",
        HEAD,
        scored("network, middle seed", middle),
        scored("networks of all seeds", several),
        *(scored(name, score) for name, score in others.items()),
        "",
        f"  middle seed and nearest clip: {ahead(middle, others[NEAREST], units)}",
    ]
    return lines


def sentences() -> list[str]:
    """Return the captions of the clips of MSVD that are not here, as captions are read."""
    with gzip.open(sets.data() / "msvd_captions" / "training_label.json.gz", "rt", encoding="utf-8") as file:
        texts = [text for entry in json.load(file) for text in entry["caption"]]
    return list(cleaned(texts, cased=False))


def msvd() -> list[str]:
    """Learn from six clips, score on three, three times; begun as a language model, and untrained."""
    folder = sets.data() / "msvd_captions"
    clips = sorted(folder.glob("clips*/*"))
    frames = PictureSettings()
    settings = CaptionSettings(**{**usual_settings(frames), "epochs": 15})
    given = Captioner(settings, frames).read_captioned(clips, Asked(None), folder / "testing_label.json")
    how = dataclasses.replace(LanguageSettings.of("word"), embedding_size=128, hidden_size=128, num_layers=2, epochs=4)
    with tempfile.TemporaryDirectory() as inner:
        text = Path(inner) / "captions.txt"
        text.write_text("\n".join(sentences()) + "\n", encoding="utf-8")
        begun = time.process_time()
        language = LanguageModel("word", how).fit(text)
        spent = (time.process_time() - begun) / 60
    print(f"language model: {spent:.1f} min", flush=True)
    untrained = LanguageModel("word", how)
    untrained.tokens_ = language.tokens_
    torch.manual_seed(0)
    untrained.network_ = LanguageNetwork(len(language.tokens_.symbols), how)
    untrained.network_.softmax.bias.data.copy_(language.network_.softmax.bias.data)
    losses: dict[str, list[float]] = {"as the language model": [], "untrained": []}
    texts: dict[str, list[str]] = {name: [] for name in (*losses, NEAREST, FREQUENT)}
    truths: list[tuple[str, ...]] = []
    counts = []
    for part in range(3):
        own = np.arange(len(given)) % 3 == part
        training, test = given.select(np.flatnonzero(~own)), given.select(np.flatnonzero(own))
        truths += test.captions
        counts.append(sum(len(text.split()) + 1 for several in test.captions for text in several))
        for name, start in zip(losses, (language, untrained), strict=True):
            model = Captioner(settings, frames, seed=part).fit_captioned(training, start=start)
            losses[name].append(model.loss(test))
            texts[name] += [found[0].text for found in model.search(test.rows.frames)]
        texts[NEAREST] += nearest_captions(training, test)
        texts[FREQUENT] += [frequent_caption(training)] * len(test)
        print(part, {name: round(math.exp(several[-1]), 1) for name, several in losses.items()}, flush=True)
    shares = {name: math.exp(np.average(several, weights=counts)) for name, several in losses.items()}
    return [
        f"{len(given)} clips, six learnt from (one of them to validate) and three scored, three times",
        f"  {len(sentences()):,} captions of others, {len(language.tokens_.symbols):,} words, "
        f"{spent:.1f} processor minutes",
        "",
        "  perplexity of the captions of the clips scored, a word",
        *(f"  decoder begun {name:24}{share:8.1f}" for name, share in shares.items()),
        "",
        HEAD,
        *(scored(name, score_captions(own, truths)) for name, own in texts.items()),
        "",
        "Nine clips are too few: of what is seen, nothing can be concluded.",
        *(
            f"  {Path(name).name}: {a} | {b}"
            for name, a, b in zip(given.rows.ids, *list(texts.values())[:2], strict=True)
        ),
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=("actions", "msvd"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", metavar="NAME=VALUE")
    parser.add_argument("--trial", action="store_true", help="write nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    versions = {name: importlib.metadata.version(name) for name in ("lstmkit", "torch", "numpy", "sacrebleu")}
    top = [*header(f"Captions: {asked.name}, one thread", versions), ""]
    lines = actions(asked.seeds, asked.set) if asked.name == "actions" else msvd()
    if asked.trial:
        print("\n".join([*top, *lines]))
    else:
        write(f"captions-{asked.name}.txt", [*top, *lines])


if __name__ == "__main__":
    main()
