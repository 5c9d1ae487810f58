"""How good is the yardstick of speech, a hidden Markov model of phones or of whole words, on AN4?

Settings are chosen on training speakers that are held back; this is all that is read. `--test` learns from all training
speakers with the settings below and reads the test part: once, when they stand.

Writes bench/results/speech-hmm.txt, or with --test bench/results/speech-hmm-test.txt:

    python -m bench.speech.hmm
    python -m bench.speech.hmm --test
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bench.machine import header, write
from bench.speech import an4
from lstmkit.sequences import Ragged
from lstmkit.speech import (
    HmmRecogniser,
    HmmSettings,
    Lexicon,
    Manifest,
    SearchSettings,
    SpeechScore,
    frames_of_all,
    score_texts,
    word_ngrams,
)
from lstmkit.speech.hmm import CEPSTRA

SETTINGS = HmmSettings()
CHOSEN = {1: 16.0, 2: 16.0}
"""Weight of the n-grams by their order, chosen on the speakers that were held back."""
TRIED = (8.0, 12.0, 16.0)
SECONDS = CEPSTRA.shift / 1000


def texts(part: Manifest) -> list[str]:
    return [one.text or "" for one in part.utterances]


def speakers(part: Manifest) -> list[str | None]:
    return [one.speaker for one in part.utterances]


def scored(
    model: HmmRecogniser,
    part: Manifest,
    frames: Ragged,
    order: int,
    weight: float,
    learnt: Manifest,
    words: Lexicon | None,
) -> tuple[SpeechScore, float]:
    """Return the score of a part, and seconds of the processor over those of the recordings."""
    ngrams = word_ngrams(texts(learnt), words, order)
    begun = time.process_time()
    found = model.transcribe(frames, ngrams, speakers(part), SearchSettings(language=weight))
    factor = (time.process_time() - begun) / (len(frames.values) * SECONDS)
    said = [" ".join(word.word for word in own) for own in found]
    return score_texts(texts(part), said, [one.name for one in part.utterances], speakers(part)), factor


def row(name: str, order: int, weight: float, score: SpeechScore, factor: float) -> str:
    low, high = score.interval
    counts = " ".join(f"{score.counts[kind]:>3}" for kind in ("substituted", "deleted", "inserted"))
    return (
        f"  {name:<12} {('unigrams', 'bigrams')[order - 1]:<9} {weight:>6.1f} {100 * score.wer:>7.2f} "
        f"{100 * low:>6.2f} to {100 * high:<6.2f} {100 * score.cer:>6.2f} {100 * score.sentences:>9.1f}   {counts} "
        f"{factor:>10.3f}"
    )


def measured(learnt: Manifest, tried: Manifest, weights: dict[int, tuple[float, ...]]) -> Iterator[str]:
    """Yield the lines of phones, then those of whole words."""
    frames, others = frames_of_all(learnt.utterances, CEPSTRA), frames_of_all(tried.utterances, CEPSTRA)
    yield "\n".join(
        [
            "",
            f"  {'units':<12} {'n-grams':<9} {'weight':>6} {'WER':>7} {'95 % interval':^16} {'CER':>6} {'sentences':>9}"
            f"   sub del ins {'real time':>10}",
        ]
    )
    for name, words in (("phones", an4.lexicon()), ("whole words", None)):
        begun = time.process_time()
        model = HmmRecogniser(SETTINGS).fit(frames, texts(learnt), words, speakers(learnt), print)
        minutes = (time.process_time() - begun) / 60
        best: SpeechScore | None = None
        for order, several in weights.items():
            for weight in several:
                score, factor = scored(model, tried, others, order, weight, learnt, words)
                yield row(name, order, weight, score, factor)
                best = score if best is None or score.wer < best.wer else best
        yield f"  learnt in {minutes:.1f} minutes of the processor, {len(model.left_out_)} recordings left out"
        if best is not None:
            errors = ", ".join(f"{e.truth or '-'} as {e.found or '-'} {n}" for e, n in best.confusions(8))
            yield f"  of the best, the most frequent errors: {errors}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", action="store_true", help="learn from all training speakers and read the test part")
    given = parser.parse_args()
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "kaldi-native-fbank", "soundfile")}
    lines = header("AN4 by hidden Markov models, one thread", versions)
    with tempfile.TemporaryDirectory() as where:
        training = an4.part("train", Path(where))
        learnt, tried = an4.divided(training)
        weights = dict.fromkeys(CHOSEN, TRIED)
        if given.test:
            learnt, tried = training, an4.part("test", Path(where))
            weights = {order: (weight,) for order, weight in CHOSEN.items()}
        lines += [
            "",
            f"Learnt from {len(learnt):,} recordings of {len(learnt.speakers)} speakers, scored on {len(tried):,} of "
            f"{len(tried.speakers)} others.",
            f"{SETTINGS.states} states a unit, up to {SETTINGS.mixtures} densities a state; 13 MFCC with differences,",
            "normalised by all that a speaker says. N-grams are learnt from the transcripts of the training part, and",
            "many sentences recur among speakers: bigrams know more than a stranger's would. Errors in %.",
        ]
        if not given.test:
            lines.append(
                "The weight is chosen on the speakers that are scored here, so the best row flatters a little."
            )
        for line in measured(learnt, tried, weights):
            lines.append(line)
            write("speech-hmm-test.txt" if given.test else "speech-hmm.txt", lines)


if __name__ == "__main__":
    main()
