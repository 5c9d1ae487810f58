"""WikiText-2 by words, standard vocabulary: the LSTM, Kneser-Ney of order 5, and their mixture, on a budget of time.

Selection is on the validation text alone; the test text is read once, at the end. The minutes are of training; the
whole job, with reading, counting n-grams and scoring, is in the result. Writes bench/results/wikitext2.txt.

    python -m bench.language.wikitext [--minutes 34] [--threads 2] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch

from bench.language.progress import Lines
from bench.machine import ROOT, header, write
from lstmkit.language import LanguageModel, LanguageSettings
from lstmkit.language.job import LanguageJob, LanguageResult
from lstmkit.results import run_job


def settings(minutes: float) -> LanguageSettings:
    """Return the settings: little dropout, because the time ends before the network has seen the text often."""
    return LanguageSettings(
        embedding_size=256,
        hidden_size=512,
        input_dropout=0.1,
        hidden_dropout=0.1,
        output_dropout=0.1,
        epochs=20,
        minutes=minutes,
        columns=20,
        window=35,
        learning_rate=3e-3,
        warmup=200,
        patience=None,
        rounds=2,
        precision="bfloat16",
    )


def table(result: LanguageResult) -> list[str]:
    """Return the lines of the result."""
    lines = [f"  {'':<10}{'test perplexity':>16}{'nats a token':>14}{'bits a character':>18}"]
    for name, score in result.comparison.scores.items():
        figures = f"{score.perplexity:>16.2f}{score.nats_per_token:>14.4f}{score.bits_per_character:>18.4f}"
        lines.append(f"  {name:<10}{figures}")
    assert result.verdict is not None
    return [*lines, "", result.verdict.headline, result.verdict.detail]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=34.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("language-wikitext2"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data") / "wikitext2"
    text, valid, test = (str(folder / f"{part}.txt.gz") for part in ("train", "valid", "test"))
    began, busy = time.perf_counter(), time.process_time()
    model = LanguageModel("word", settings(given.minutes))
    result = run_job(LanguageJob(text, given.out, model, valid, test, force=True), Lines())
    minutes, cpu = (time.perf_counter() - began) / 60, (time.process_time() - busy) / 60
    summary = result.summary
    lines = header(f"WikiText-2, words, {given.threads} thread(s)", summary["versions"])
    passes = summary["steps"] * model.settings.columns * model.settings.window / summary["tokens"]["train"]
    lines += [
        f"settings  {model.settings}",
        "",
        f"vocabulary {summary['vocabulary']:,}; tokens {summary['tokens']}; {summary['parameters']:,} parameters",
        f"whole job {minutes:.1f} min ({cpu:.1f} min of processor), of which training and n-grams "
        f"{summary['seconds']['fit'] / 60:.1f}; {summary['steps']:,} steps, {passes:.1f} passes",
        f"validation perplexity by round: {', '.join(f'{p:.1f}' for p in validation(result))}",
        f"share of the LSTM in the mixture {summary['share']:.3f}",
        "",
        *table(result),
    ]
    write("wikitext2.txt", lines)


def validation(result: LanguageResult) -> list[float]:
    """Return the perplexity on the validation text of every round, the untrained network first."""
    return [math.exp(record["valid_loss"]) for record in result.summary["history"]]


if __name__ == "__main__":
    main()
