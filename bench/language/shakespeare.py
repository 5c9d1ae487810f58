"""Tiny Shakespeare by characters: nats a character on the last 10 %, after minutes of training on the rest.

First two networks that differ in dropout are trained side by side on the first 85 %, a thread each, and the 5 % that
follow choose one of them; they also choose the order of Kneser-Ney and the rate of going on learning. Then two seeds of
the chosen one are trained side by side, as long, on all but the last half of a percent of the first 90 %, because a
play goes on over the cut. The last 10 % are read at the end only. Writes bench/results/shakespeare.txt.

    python -m bench.language.shakespeare [--minutes 13] [--out FOLDER] [--chosen]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch

from bench.machine import ROOT, header, write
from lstmkit.language import Corpus, LanguageModel, LanguageSettings, NGramModel, read_corpus
from lstmkit.language.judgement.scoring import score_ids
from lstmkit.language.neural import NetworkPredictor
from lstmkit.language.ngrams import NGramPredictor
from lstmkit.language.predicting import MixturePredictor, Predictor, Scorer, fit_share
from lstmkit.results.summary import versions

ORDERS = (5, 6, 7, 8)
RATES = (0.1, 0.3, 1.0)
CHOOSE, FINAL = 0.05, 0.005
"""Share of the text that validates, after the training part."""
DROPOUTS = ((0.4, 0.2), (0.5, 0.3))
"""Of each network: between layers and at the output, and of the recurrent matrices."""


def settings(minutes: float, dropout: float, weight_drop: float) -> LanguageSettings:
    """Return the settings of a network."""
    return dataclasses.replace(
        LanguageSettings.of("character"),
        hidden_dropout=dropout,
        output_dropout=dropout,
        weight_drop=weight_drop,
        columns=64,
        epochs=60,
        minutes=minutes,
        patience=None,
        precision="bfloat16",
    )


def corpus(valid_share: float) -> Corpus:
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    return read_corpus(folder / "tinyshakespeare" / "input.txt", unit="character", valid_share=valid_share)


def train(minutes: float, dropouts: tuple[float, float], seed: int, valid_share: float, out: Path) -> None:
    """Train a network and save it; the test part is not looked at."""
    torch.set_num_threads(1)
    model = LanguageModel("character", settings(minutes, *dropouts), order=None, seed=seed)

    def told(record: object) -> None:
        print(out.name, record, file=sys.stderr, flush=True)

    model.fit(corpus(valid_share), on_epoch=told).save(out, force=True)


def train_side_by_side(given: argparse.Namespace, stage: str, choices: list[int], valid_share: float) -> None:
    """Train a network of each choice of dropouts, seeds 0, 1 and so on, in processes of one thread."""
    own = [sys.executable, "-m", "bench.language.shakespeare", "--minutes", str(given.minutes)]
    running = [
        subprocess.Popen(
            [*own, "--out", str(given.out / f"{stage}-{seed}"), "--train", f"{choice} {seed} {valid_share}"], cwd=ROOT
        )
        for seed, choice in enumerate(choices)
    ]
    assert [process.wait() for process in running] == [0] * len(running)


def load(given: argparse.Namespace, stage: str) -> tuple[list[LanguageModel], list[NetworkPredictor]]:
    """Return the two networks of a stage, and what they predict."""
    models = [LanguageModel.load(given.out / f"{stage}-{seed}") for seed in (0, 1)]
    return models, [NetworkPredictor(model.tokens_, model.network_) for model in models]


def mixed(first: Predictor, second: Predictor, text: Corpus) -> tuple[MixturePredictor, float]:
    """Return two predictors mixed, and the share of the first."""
    share = fit_share(first.token_log_probs(text.valid), second.token_log_probs(text.valid))
    return MixturePredictor(first, second, share), share


def loss(scorer: Scorer, text: Corpus) -> float:
    """Return the nats a character of the validation part."""
    return -float(scorer.token_log_probs(text.valid).mean())


def history(name: str, model: LanguageModel) -> str:
    """Return a line on a training."""
    seconds = sum(record.seconds for record in model.history_)
    losses = ", ".join(f"{record.valid_loss:.3f}" for record in model.history_)
    return f"{name}: {seconds / 60:.1f} min, {model.history_[-1].steps:,} steps; validation nats by pass: {losses}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=13.0)
    parser.add_argument("--out", type=Path, default=Path("language-shakespeare"))
    parser.add_argument("--chosen", action="store_true", help="the networks to choose from are in FOLDER already")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train is not None:
        choice, seed, share = given.train.split()
        train(given.minutes, DROPOUTS[int(choice)], int(seed), float(share), given.out)
        return
    given.out.mkdir(exist_ok=True)
    if not given.chosen:
        train_side_by_side(given, "choose", [0, 1], CHOOSE)
    torch.set_num_threads(1)
    text = corpus(CHOOSE)
    width = len(text.tokens.symbols)
    tried, networks = load(given, "choose")
    losses = [loss(network, text) for network in networks]
    best = losses.index(min(losses))
    rates = {rate: loss(networks[best].adapting(rate), text) for rate in RATES}
    orders = {n: loss(NGramPredictor(text.tokens, NGramModel.fit(text.train, width, n)), text) for n in ORDERS}
    rate, order = min(rates, key=lambda r: rates[r]), min(orders, key=lambda n: orders[n])
    train_side_by_side(given, "final", [best, best], FINAL)
    text = corpus(FINAL)
    models, finals = load(given, "final")
    ngram = NGramPredictor(text.tokens, NGramModel.fit(text.train, width, order))
    both, share = mixed(*finals, text)
    partner, with_ngrams = mixed(finals[0], ngram, text)
    rows: dict[str, Scorer] = {
        "the network, seed 0": finals[0],
        "the network, seed 1": finals[1],
        f"both seeds mixed, share {share:.2f}": both,
        f"seed 0 and Kneser-Ney, share {with_ngrams:.2f}": partner,
        f"Kneser-Ney of order {order}": ngram,
        f"seed 0 as it goes on learning, rate {rate}": finals[0].adapting(rate),
    }
    lines = header("Tiny Shakespeare, characters, two networks at a time with a thread each", versions())
    lines += [f"settings  {models[0].settings}", ""]
    lines += [history(f"choice {k}, dropouts {d}", m) for k, (d, m) in enumerate(zip(DROPOUTS, tried, strict=True))]
    for what, found in (("going on learning, by rate", rates), ("Kneser-Ney, by order", orders)):
        lines.append(f"{what}, on validation: {', '.join(f'{key}: {value:.4f}' for key, value in found.items())}")
    lines += [history(f"final, choice {best}, seed {seed}", m) for seed, m in enumerate(models)]
    lines.append(f"{sum(p.numel() for p in models[0].network_.parameters()):,} parameters each")
    lines += ["", f"  {'':<48}{'nats':>8}{'bits':>8}   a character of the last 10 %"]
    for name, scorer in rows.items():
        score = score_ids(scorer, text.test, text.characters["test"])
        lines.append(f"  {name:<48}{score.nats_per_token:>8.4f}{score.bits_per_character:>8.4f}")
    write("shakespeare.txt", lines)


if __name__ == "__main__":
    main()
