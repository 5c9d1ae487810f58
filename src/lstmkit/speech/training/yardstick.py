"""What a hidden Markov model would have understood: learnt from the same recordings, with the same words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from lstmkit.language.ngrams import NGramPredictor
from lstmkit.sequences import Ragged
from lstmkit.speech.features import Features, ReadyFrames, frames_of_all
from lstmkit.speech.hmm import CEPSTRA, HmmRecogniser, SearchSettings, word_ngrams
from lstmkit.speech.lexicon import Lexicon
from lstmkit.speech.manifest import Manifest
from lstmkit.speech.scoring import SpeechScore, score_texts, words_of
from lstmkit.speech.units import FEWEST

WEIGHTS = (8.0, 12.0, 16.0)
"""Of the n-grams, of which the best on the validation part is taken."""
MOST_WORDS = 5000
"""That are searched among: this model is numpy, and every word costs time at every frame."""
BELOW = 100.0
"""Hz that the highest band stays below half the rate."""


class Yardstick(NamedTuple):
    """What a hidden Markov model understood.

    score   of the test part; None where there is none, and then why
    title   in a table
    why     in a sentence
    """

    score: SpeechScore | None
    title: str = ""
    why: str = ""


def markov_frames(features: Features) -> Features:
    """Return the frames that such models are used to, for samples at the rate of others; ready ones are as they are."""
    if isinstance(features, ReadyFrames):
        return features
    return replace(CEPSTRA, rate=features.rate, high=min(CEPSTRA.high, features.rate / 2 - BELOW))


def hidden_markov(
    training: Manifest,
    held: Manifest,
    test: Manifest,
    lexicon: Lexicon | None,
    order: int,
    features: Features,
) -> Yardstick:
    """Learn a hidden Markov model, and score it on the test part.

    held     on which the weight of the n-grams is chosen
    lexicon  how words are pronounced; without, words are units where they are few and often, and else letters are
             taken for phones
    order    of the n-grams of the transcripts
    features of the frames
    """
    texts = [str(one.text) for one in training.utterances]
    counts = Counter(word for text in texts for word in words_of(text))
    units, title = lexicon, "phones"
    if lexicon is None:
        often = counts.total() >= FEWEST * len(counts)
        units = None if often else Lexicon({word: (tuple(word),) for word in sorted(counts)})
        title = "whole words" if often else "letters"
    size = len(counts if units is None else units.words)
    if size > MOST_WORDS:
        return Yardstick(
            None, why=f"no hidden Markov model: {size:,} words are more than the {MOST_WORDS:,} it searches"
        )
    frames = [frames_of_all(part.utterances, features) for part in (training, held, test)]
    model = HmmRecogniser().fit(frames[0], texts, units, _speakers(training))
    ngrams = word_ngrams(texts, lexicon, max(1, order))
    tried = [(_scored(model, held, frames[1], ngrams, weight).wer, weight) for weight in WEIGHTS]
    return Yardstick(_scored(model, test, frames[2], ngrams, min(tried)[1]), f"hidden Markov model, {title}")


def _scored(model: HmmRecogniser, part: Manifest, frames: Ragged, ngrams: NGramPredictor, weight: float) -> SpeechScore:
    found = model.transcribe(frames, ngrams, _speakers(part), SearchSettings(language=weight))
    said = [" ".join(word.word for word in own) for own in found]
    names = [one.name for one in part.utterances]
    return score_texts([str(one.text) for one in part.utterances], said, names, _speakers(part))


def _speakers(part: Manifest) -> list[str | None]:
    return [one.speaker for one in part.utterances]
