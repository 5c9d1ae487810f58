"""Tiny Shakespeare by characters: nats a character on the last 10 %, after minutes of training on the rest.

Two networks are trained side by side, a thread each, on the first 85 %; they differ in the seed and in dropout. The
better one by the 5 % that follow is the result; mixed in shares that are fitted on these 5 %, the two networks, and the
result with Kneser-Ney of an order that is chosen there, are shown beside it; so is the result as it goes on learning
from the text it is scored on, at a rate that is chosen there. The last 10 % are read at the end only.
Writes bench/results/shakespeare.txt.

    python -m bench.language.shakespeare [--minutes 13] [--out FOLDER] [--trained]
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
from lstmkit.language.mixture import MixturePredictor, fit_share
from lstmkit.language.network_predictor import NetworkPredictor
from lstmkit.language.ngram_predictor import NGramPredictor
from lstmkit.language.predictor import Predictor, Scorer
from lstmkit.language.scoring import score_ids
from lstmkit.results import versions

ORDERS = (5, 6, 7, 8)
RATES = (0.1, 0.3, 1.0)
DROPOUTS = ((0.4, 0.2), (0.5, 0.3))
"""Of each network: between layers and at the output, and of the recurrent matrices."""


def settings(minutes: float, dropout: float, weight_drop: float) -> LanguageSettings:
    """Return the settings of a network."""
    return dataclasses.replace(
        LanguageSettings.of("character"),
        hidden_size=512,
        input_dropout=0.1,
        hidden_dropout=dropout,
        output_dropout=dropout,
        weight_drop=weight_drop,
        weight_decay=0.02,
        columns=64,
        epochs=60,
        minutes=minutes,
        patience=None,
        precision="bfloat16",
    )


def corpus() -> Corpus:
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    return read_corpus(folder / "tinyshakespeare" / "input.txt", unit="character")


def train(number: int, minutes: float, out: Path) -> None:
    """Train a network and save it; the test part is not looked at."""
    torch.set_num_threads(1)
    model = LanguageModel("character", settings(minutes, *DROPOUTS[number]), order=None, seed=number)

    def told(record: object) -> None:
        print(number, record, file=sys.stderr, flush=True)

    model.fit(corpus(), on_epoch=told).save(out / f"network-{number}", force=True)


def mixed(first: Predictor, second: Predictor, text: Corpus) -> tuple[MixturePredictor, float]:
    """Return two predictors mixed, and the share of the first."""
    share = fit_share(first.token_log_probs(text.valid), second.token_log_probs(text.valid))
    return MixturePredictor(first, second, share), share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=13.0)
    parser.add_argument("--out", type=Path, default=Path("language-shakespeare"))
    parser.add_argument("--trained", action="store_true", help="the networks are in FOLDER already")
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train is not None:
        train(given.train, given.minutes, given.out)
        return
    given.out.mkdir(exist_ok=True)
    own = [sys.executable, "-m", "bench.language.shakespeare", "--minutes", str(given.minutes), "--out", str(given.out)]
    if not given.trained:
        running = [subprocess.Popen([*own, "--train", str(k)], cwd=ROOT) for k in range(len(DROPOUTS))]
        assert [process.wait() for process in running] == [0] * len(running)
    torch.set_num_threads(1)
    text = corpus()
    width = len(text.tokens.symbols)
    ngrams = {n: NGramModel.fit(text.train, width, n) for n in ORDERS}
    orders = {n: -model.token_log_probs(text.valid).mean() for n, model in ngrams.items()}
    order = min(orders, key=lambda n: orders[n])
    models = [LanguageModel.load(given.out / f"network-{k}") for k in range(len(DROPOUTS))]
    networks = [NetworkPredictor(model.tokens_, model.network_) for model in models]
    valid = [-network.token_log_probs(text.valid).mean() for network in networks]
    best = valid.index(min(valid))
    ngram = NGramPredictor(text.tokens, ngrams[order])
    both, share = mixed(*networks, text)
    partner, with_ngrams = mixed(networks[best], ngram, text)
    adapted = {r: -networks[best].adapting(r).token_log_probs(text.valid).mean() for r in RATES}
    rate = min(adapted, key=lambda r: adapted[r])
    rows: dict[str, Scorer] = {
        f"network {best}, the better on validation": networks[best],
        f"both networks mixed, share {share:.2f}": both,
        f"that network and Kneser-Ney, share {with_ngrams:.2f}": partner,
        f"Kneser-Ney of order {order}": ngram,
        f"network {best} as it goes on learning, rate {rate}": networks[best].adapting(rate),
    }
    lines = header("Tiny Shakespeare, characters, two networks with a thread each", versions())
    lines += [f"settings  {models[0].settings}", f"          dropout and weight_drop by network: {DROPOUTS}", ""]
    minutes = max(sum(record.seconds for record in model.history_) for model in models) / 60
    parameters = sum(p.numel() for p in models[0].network_.parameters())
    lines.append(f"training of both, side by side, {minutes:.1f} min; {parameters:,} parameters each")
    for k, model in enumerate(models):
        losses = ", ".join(f"{record.valid_loss:.3f}" for record in model.history_)
        lines.append(f"network {k}: {model.history_[-1].steps:,} steps; validation nats by pass: {losses}")
    lines.append(
        f"going on learning, validation by rate: {', '.join(f'{r}: {loss:.4f}' for r, loss in adapted.items())}"
    )
    lines.append(f"Kneser-Ney on validation by order: {', '.join(f'{n}: {loss:.4f}' for n, loss in orders.items())}")
    lines += ["", f"  {'':<48}{'nats':>8}{'bits':>8}   a character of the last 10 %"]
    for name, predictor in rows.items():
        score = score_ids(predictor, text.test, text.characters["test"])
        lines.append(f"  {name:<48}{score.nats_per_token:>8.4f}{score.bits_per_character:>8.4f}")
    write("shakespeare.txt", lines)


if __name__ == "__main__":
    main()
