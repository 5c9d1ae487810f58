"""The yardstick of speech: a hidden Markov model with mixtures of normal densities, of phones or of whole words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError, require_fit
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.predicting import Predictor
from lstmkit.language.vocabulary import END, UNKNOWN, Words
from lstmkit.sequences import Ragged
from lstmkit.speech.features import FeatureSettings, with_differences
from lstmkit.speech.hmm.decoding import SearchSettings, Spoken, WordNetwork
from lstmkit.speech.hmm.training import SILENCE, HmmSettings, Units, learn
from lstmkit.speech.lexicon import Lexicon
from lstmkit.speech.scoring import words_of

CEPSTRA = FeatureSettings(bins=23, cepstra=13, low=20.0, high=7800.0)
"""The frames that such models are used to."""


@final
class HmmRecogniser:
    """Recognises words by the likeliest path through the states of their phones.

    settings  how it is built and learnt
    """

    def __init__(self, settings: HmmSettings | None = None) -> None:
        self.settings = settings or HmmSettings()

    def fit(
        self,
        frames: Ragged,
        texts: Sequence[str],
        lexicon: Lexicon | None = None,
        speakers: Sequence[str | None] | None = None,
        told: Callable[[str], None] = lambda line: None,
    ) -> HmmRecogniser:
        """Learn from recordings.

        frames    of the recordings, such as those that `CEPSTRA` makes
        texts     what is said in each
        lexicon   None makes every word of the texts a unit of its own
        speakers  of each, by whose statistics frames are normalised; None takes those of each recording
        told      is given a line after each round
        Raises    InputError if a word has no pronunciation, or all recordings are too short for what is said
        """
        if len(texts) != len(frames):
            raise InputError(f"hidden Markov model: {len(frames)} recordings, {len(texts)} texts; give one for each")
        words = [words_of(text) for text in texts]
        if lexicon is not None:
            lexicon.require(texts)
        units = self._units(frames, words, lexicon)
        states, self.left_out_ = learn(prepared(frames, speakers), words, units, self.settings, told)
        self.learnt_ = units, states
        return self

    def _units(self, frames: Ragged, words: Sequence[Sequence[str]], lexicon: Lexicon | None) -> Units:
        """Return the units: phones, or words with states for how long they last."""
        silence = {SILENCE: self.settings.states}
        if lexicon is not None:
            return Units.of(silence | dict.fromkeys(lexicon.phones, self.settings.states), lexicon.words)
        lasting: dict[str, list[float]] = {}
        for length, own in zip(frames.lengths.tolist(), words, strict=True):
            letters = sum(map(len, own))
            for word in own:
                lasting.setdefault(word, []).append(length * len(word) / letters)
        sizes = {
            word: int(
                np.clip(np.median(own) / self.settings.word_frames, self.settings.states, self.settings.most_states)
            )
            for word, own in sorted(lasting.items())
        }
        return Units.of(silence | sizes, {word: ((word,),) for word in sizes})

    def transcribe(
        self,
        frames: Ragged,
        predictor: Predictor,
        speakers: Sequence[str | None] | None = None,
        search: SearchSettings | None = None,
    ) -> list[list[Spoken]]:
        """Return the words of recordings, and the frames that they last.

        predictor  the language model, over words
        speakers   as in `fit`
        search     how paths are weighed
        Raises     NotFittedError before `fit`
        """
        require_fit(self, "learnt_")
        units, states = self.learnt_
        network = WordNetwork(units.pronunciations, units.units[SILENCE], states.stay, predictor)
        own, every = prepared(frames, speakers), np.arange(units.count)
        weighed = search or SearchSettings()
        return [
            network.search(states.mixtures.scores(np.asarray(own[row], np.float32), every), weighed)
            for row in range(len(own))
        ]


def prepared(frames: Ragged, speakers: Sequence[str | None] | None = None) -> Ragged:
    """Return frames with differences, every channel with mean 0 and spread 1 over all that a speaker says.

    speakers  of each recording; None, also of one, takes the recording alone
    """
    values = np.empty((len(frames.values), 3 * frames.values.shape[1]), np.float32)
    for begin, end in zip(frames.offsets[:-1], frames.offsets[1:], strict=True):
        values[begin:end] = with_differences(frames.values[begin:end])
    names = [None] * len(frames) if speakers is None else list(speakers)
    groups: dict[object, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(row if name is None else name, []).append(row)
    for rows in groups.values():
        places = np.concatenate([np.arange(frames.offsets[r], frames.offsets[r + 1]) for r in rows])
        own = values[places].astype(np.float64)
        values[places] = (own - own.mean(axis=0)) / np.maximum(own.std(axis=0), 1e-3)
    return Ragged(values, frames.offsets)


def word_ngrams(texts: Sequence[str], lexicon: Lexicon | None = None, order: int = 2) -> NGramPredictor:
    """Return n-grams of the words of transcripts (Kneser-Ney), over these and the words of a lexicon."""
    own = [words_of(text) for text in texts]
    known = sorted({word for line in own for word in line} | set(lexicon.words if lexicon else ()))
    tokens = Words((UNKNOWN, END, *known), "space")
    ids: NDArray[np.int32] = tokens.encode("".join(" ".join(line) + "\n" for line in own))
    return NGramPredictor(tokens, NGramModel.fit(ids, len(tokens.symbols), order, tokens.end))
