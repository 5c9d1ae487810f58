"""How good are the suggested words, how much typing do they save, and how long does a keystroke take?

Takes a folder of a trained word model and a text that it has not seen. For the network, its n-gram model (interpolated
modified Kneser-Ney) and their mixture: the share of words that are the first, or among the first three, before any
letter is typed; the share of keystrokes saved by three suggestions (`language/judgement/typing_aid.py`); and the time
from a key to its suggestions. Writes bench/results/language-suggest.txt.

    python -m bench.language.suggest MODEL TEXT [--tokens 20000]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable

import numpy as np
import torch

from bench.machine import header, write
from lstmkit.language.judgement.typing_aid import measure
from lstmkit.language.language_model import LanguageModel
from lstmkit.language.predicting import Predictor
from lstmkit.language.suggestions import Suggester
from lstmkit.language.text.corpus import encode_counted

SHOWN, KEYSTROKES = 3, 3000
COLUMNS = ("top-1", "top-3", "saved", "key, median", "key, 99 %", "word, median", "word, 99 %")


def type_text(predictors: dict[str, Predictor], text: str) -> dict[str, tuple[list[float], list[float]]]:
    """Type a text into a suggester of each predictor, by turns; return milliseconds of letters and of ends of words."""
    suggesters = {name: Suggester(p, SHOWN, allow_unknown=True) for name, p in predictors.items()}
    for suggester in suggesters.values():
        suggester.suggest("")
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in predictors}
    for size in range(1, len(text) + 1):
        for name, suggester in suggesters.items():
            begin = time.perf_counter()
            suggester.suggest(text[:size])
            taken[name][text[size - 1].isspace()].append(1e3 * (time.perf_counter() - begin))
    return taken


def figures(milliseconds: Iterable[float]) -> list[str]:
    """Return the median and the 99th percentile."""
    values = list(milliseconds)
    return [f"{statistics.median(values):.3f}", f"{np.quantile(values, 0.99):.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a word model")
    parser.add_argument("text", help="file that the model has not seen")
    parser.add_argument("--tokens", type=int, default=20_000, help="of the beginning of the text, that are measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = LanguageModel.load(given.model)
    predictors = model.predictors()
    ids = encode_counted(given.text, model.tokens_)[0][: given.tokens]
    found = {name: measure(predictor, ids, SHOWN) for name, predictor in predictors.items()}
    taken = type_text(predictors, model.tokens_.decode(ids[:KEYSTROKES])[:KEYSTROKES])
    lines = [f"{'':10}" + "".join(f"{name:>14}" for name in COLUMNS)]
    for name, scores in found.items():
        letters, words = taken[name]
        shares = [f"{100 * share:.1f} %" for share in (scores.top1, scores.top3, scores.keystrokes_saved)]
        cells = [*shares, *figures(letters + words), *figures(words)]
        lines.append(f"{name:10}" + "".join(f"{cell:>14}" for cell in cells))
    words = next(iter(found.values())).words
    notes = [
        f"{len(ids):,} tokens, of which {words:,} are words that count; vocabulary {len(model.tokens_.symbols):,}",
        f"three suggestions; times in milliseconds on one thread, over {KEYSTROKES:,} keystrokes, predictors by turns:",
        "key: from any key to its suggestions; word: from the space after a word, when the model takes a step",
        "",
    ]
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    write("language-suggest.txt", [*header("Suggested words on text not seen", versions), "", *notes, *lines])


if __name__ == "__main__":
    main()
