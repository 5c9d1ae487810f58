"""Tiny Shakespeare by characters: nats a character on the last 10 %, after minutes of training on the rest.

Selection is on the last twentieth of the first 90 %; the last 10 % are read once. Beside it Kneser-Ney of the same
characters, whose order is chosen on the same validation text. Writes bench/results/shakespeare.txt.

    python -m bench.language.shakespeare [--minutes 13] [--threads 2] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch

from bench.language.progress import Lines
from bench.machine import ROOT, header, write
from lstmkit.language import LanguageModel, LanguageSettings, NGramModel, read_corpus
from lstmkit.language.fitting import columns_for
from lstmkit.language.job import LanguageJob, run_job

ORDERS = (5, 6, 7, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=13.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("language-shakespeare"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    text = str(folder / "tinyshakespeare" / "input.txt")
    corpus = read_corpus(text, unit="character")
    width = len(corpus.tokens.symbols)
    orders = {n: -NGramModel.fit(corpus.train, width, n).token_log_probs(corpus.valid).mean() for n in ORDERS}
    best = min(orders, key=lambda n: orders[n])
    how = dataclasses.replace(LanguageSettings.of("character"), minutes=given.minutes, epochs=60, patience=None)
    began, busy = time.perf_counter(), time.process_time()
    job = LanguageJob(text, given.out, LanguageModel("character", how, order=best), force=True)
    result = run_job(job, Lines())
    minutes, cpu = (time.perf_counter() - began) / 60, (time.process_time() - busy) / 60
    summary = result.summary
    columns = columns_for(how, summary["tokens"]["train"])
    passes = summary["steps"] * columns * how.window / summary["tokens"]["train"]
    lines = header(f"Tiny Shakespeare, characters, {given.threads} thread(s)", summary["versions"])
    losses = ", ".join(f"{record['valid_loss']:.3f}" for record in summary["history"])
    lines += [
        f"settings  {how}",
        "",
        f"whole job {minutes:.1f} min ({cpu:.1f} min of processor); {summary['steps']:,} steps, {passes:.1f} passes; "
        f"{summary['parameters']:,} parameters",
        f"validation nats by round: {losses}",
        f"Kneser-Ney on validation by order: {', '.join(f'{n}: {loss:.4f}' for n, loss in orders.items())}",
        "",
        f"  {'':<10}{'nats a character':>18}{'bits a character':>18}   on the last 10 %",
    ]
    for name, score in result.comparison.scores.items():
        lines.append(f"  {name:<10}{score.nats_per_token:>18.4f}{score.bits_per_character:>18.4f}")
    assert result.verdict is not None
    write("shakespeare.txt", [*lines, "", result.verdict.headline, result.verdict.detail])


if __name__ == "__main__":
    main()
