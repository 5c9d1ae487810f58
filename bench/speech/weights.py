"""By how much must the weights of a search be held to the usual ones, so that they hold for others than they fit?

Weights are chosen on half of the AN4 training speakers that were held back, and scored on the other half, as the same
network hears it and as another does. Both networks were made by bench.speech.recogniser and lie in the
folder of --keep; the test part is not read. All weights rescore the same candidates, found by four searches.

Writes bench/results/speech-weights.txt:

    python -m bench.speech.weights [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from bench.machine import header, write
from bench.speech import an4
from bench.speech.recogniser import SEARCHES, WHERE, Search, decoder
from lstmkit.speech import Recognizer, word_ngrams
from lstmkit.speech.ctc.learning import Emissions
from lstmkit.speech.decoding import DecodingSettings
from lstmkit.speech.decoding.fitting import BONUS, LANGUAGE
from lstmkit.speech.heads import heads_of
from lstmkit.speech.recordings import Recordings, read_recordings
from lstmkit.speech.scoring import distance, words_of

NETWORKS = ("an4-0", "an4-streaming-0")
PULLS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, np.inf)
SPLITS = 40
SEARCHED = (
    DecodingSettings(),
    DecodingSettings(language=0.2, bonus=-3.0),
    DecodingSettings(language=1.0, bonus=1.0),
    DecodingSettings(language=0.0, bonus=-1.0),
)

Doubles = NDArray[np.float64]


def tried(heads: int) -> Doubles:
    """Return rows of weights: of the heads, the language model and a word; the usual ones first."""
    generator = np.random.default_rng(1)
    rows = [np.array([*[1 / heads] * heads, 0.5, 0.0])]
    for _ in range(400):
        shares = generator.dirichlet(np.ones(heads))
        rows.append(np.array([*shares, generator.uniform(0, LANGUAGE), generator.uniform(-BONUS, BONUS)]))
    for _ in range(200):
        near = rows[0] + generator.normal(0, 1, heads + 2) * np.array([*[0.15] * heads, 0.3, 1.0])
        near[:-1] = np.maximum(near[:-1], 0)
        near[:heads] /= near[:heads].sum()
        rows.append(near)
    return np.array(rows)


def judged(
    model: Recognizer, found: Sequence[Emissions], part: Recordings, texts: Sequence[str], search: Search, rows: Doubles
) -> tuple[Doubles, Doubles]:
    """Return for every row and recording the cost as `fit_decoding` has it, and the errors."""
    heads = {name: head for name, head in heads_of(model.units_, model.lexicon_).items() if name in search.heads}
    finder = decoder(heads, model.seconds_per_frame, word_ngrams(texts, an4.lexicon(), search.order), None)
    costs, errors = [], []
    for one, text in zip(found, part.texts, strict=True):
        pool: dict[Any, Any] = {}
        for how in SEARCHED:
            pool |= {own.words: own for own in finder.with_settings(how).pool(one)}
        values = np.array([(*own.sounds, own.language, len(own.words)) for own in pool.values()])
        wrong = np.array([distance(words_of(text), own.words) for own in pool.values()], np.float64)
        scores = values @ rows.T
        shares = np.exp(scores - scores.max(axis=0))
        best = wrong[scores.argmax(axis=0)]
        costs.append(0.5 * best + 0.5 * (wrong @ shares) / shares.sum(axis=0))
        errors.append(best)
    return np.array(costs).T, np.array(errors).T


def held(search: Search, both: Sequence[tuple[Doubles, Doubles]], rows: Doubles, part: Recordings) -> list[str]:
    """Return a line for each pull: word error rates of what was chosen, on the speakers that it was not chosen on."""
    heads, words = len(search.heads), np.array([len(own) for own in part.words])
    far = heads * ((rows[:, :heads] - 1 / heads) ** 2).sum(axis=1)
    far += (rows[:, -2] - 0.5) ** 2 + (rows[:, -1] / BONUS) ** 2
    speakers, names = np.array(part.speakers), sorted(set(map(str, part.speakers)))
    lines = []
    for pull in PULLS:
        generator, sums, total = np.random.default_rng(0), np.zeros(2), 0
        for _ in range(SPLITS):
            half = np.isin(speakers, generator.permutation(names)[: len(names) // 2])
            for own in (half, ~half):
                for (costs, errors), (_, others) in (both, both[::-1]):
                    strength = np.where(far > 0, np.inf, 0.0) if np.isinf(pull) else pull * far
                    chosen = int((costs[:, own].sum(axis=1) + strength).argmin())
                    sums += [errors[chosen, ~own].sum(), others[chosen, ~own].sum()]
                    total += int(words[~own].sum())
        name = "the usual ones" if np.isinf(pull) else f"pull {pull:g}"
        lines.append(f"  {name:<16} {100 * sums[0] / total:>12.2f} {100 * sums[1] / total:>15.2f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, default=WHERE)
    given = parser.parse_args()
    models = [Recognizer.load(given.keep / name) for name in NETWORKS]
    with tempfile.TemporaryDirectory() as where:
        learnt, tested = an4.divided(an4.part("train", Path(where)))
        part = read_recordings(tested, models[0].features)
    texts, found = [str(one.text) for one in learnt.utterances], [model.emissions_of(part) for model in models]
    lines = [*header("Weights of a search, held to the usual ones, on AN4", {}), ""]
    lines.append(
        f"Networks {' and '.join(NETWORKS)}, {len(part)} recordings of {len(set(part.speakers))} speakers that"
    )
    lines.append(
        f"neither has heard, divided {SPLITS} times into halves by speaker. WER on the half that is not chosen on."
    )
    for search in SEARCHES:
        rows = tried(len(search.heads))
        both = [judged(model, own, part, texts, search, rows) for model, own in zip(models, found, strict=True)]
        lines += ["", f"{search.title:<18}", f"  {'':<16} {'same network':>12} {'another network':>15}"]
        lines += held(search, both, rows, part)
        write("speech-weights.txt", lines)


if __name__ == "__main__":
    main()
