"""`Composer`: learn from tunes, compose, score, save, load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError, require_fit
from lstmkit.language.language_model import PREDICTORS
from lstmkit.language.neural import LanguageSettings, NetworkPredictor
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.predicting import MixturePredictor, Predictor, fit_share
from lstmkit.language.writing.sampling import SamplingSettings
from lstmkit.music.abc.fields import metre_of
from lstmkit.music.composing import Harmonising, Version, Writing, bars_filled, harmonised
from lstmkit.music.composing.wish import Composition, TuneScore, Wish
from lstmkit.music.events import Events, decode, encode
from lstmkit.music.events.clues import TuneClues
from lstmkit.music.events.decoding import onsets
from lstmkit.music.events.foreseen import Moment, foreseen
from lstmkit.music.events.rules import Rules
from lstmkit.music.events.tokens import DRUMS, METRE, MODE, SHAPE, STYLE, home_of, sound_of, style_word
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.files import Collection, read_music
from lstmkit.music.keys import Key, read_key
from lstmkit.music.learning import SETTINGS, count_events, fit_events, text_of
from lstmkit.music.persistence import read_composer, write_composer
from lstmkit.music.related import divided
from lstmkit.music.tune import HIGHEST, Metre, Tune, transposed
from lstmkit.ranges import SEED, a_path, whole
from lstmkit.training import EpochRecord


class Composer:
    """A recurrent model of tunes, with n-grams of the same events as its yardstick.

    settings  of the network and its training; None: those that suit tunes
    order     of the n-grams (interpolated modified Kneser-Ney)
    seed      of the weights, of dropout, and of what is held back
    clues     whether the network is told where it stands in the bar, and what followed there some bars before
    Raises    InputError if a value is out of range

    After `fit`: `tokens_` (the vocabulary), `network_`, `ngram_`, `share_` (of the network in the mixture of both),
    `history_` (a record a pass), `keys_`, `range_`, `trained_on_` (tunes).
    """

    def __init__(
        self, settings: LanguageSettings | None = None, order: int = 6, seed: int = 0, clues: bool = True
    ) -> None:
        self.settings = SETTINGS if settings is None else settings
        self.order = whole("n-gram model: order", order)
        self.seed = whole("seed", seed, SEED)
        self.clues = clues

    def fit(
        self,
        music: str | Path | Collection | Sequence[Tune],
        valid: Sequence[Tune] | None = None,
        valid_share: float = 0.08,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Composer:
        """Learn from tunes; earlier fits are forgotten.

        music        file or folder, what was read of one, or tunes
        valid        tunes that choose the best pass; None holds back a share, whole families of related tunes
        valid_share  that share
        on_epoch     is told the record of every pass
        checkpoint   file for the state of the training after every pass, left for the caller
        resume       continue from the checkpoint, if there is one
        Returns      itself
        Raises       InputError if something given cannot be used
        """
        given = read_music(music) if isinstance(music, str | Path) else music
        tunes = list(given.tunes if isinstance(given, Collection) else given)
        if not tunes:
            raise InputError("there is no tune to learn from; give at least a few")
        if valid is None:
            tunes, valid = divided(tunes, valid_share, self.seed)
        train_events, valid_events = ([encode(tune).tokens for tune in own] for own in (tunes, valid))
        self.tokens_ = EventTokens.learnt(train_events)
        self.network_, self.history_ = fit_events(
            self.tokens_,
            train_events,
            valid_events,
            self.settings,
            self.seed,
            on_epoch,
            checkpoint,
            resume,
            TuneClues(self.tokens_) if self.clues else None,
        )
        self.ngram_: NGramModel = count_events(self.tokens_, train_events, self.order)
        text = text_of(self.tokens_, valid_events, 1, self.seed)
        network, ngram, _ = self._three(0.5)
        self.share_ = fit_share(network.token_log_probs(text), ngram.token_log_probs(text))
        self._remember(tunes)
        return self

    def _remember(self, tunes: Sequence[Tune]) -> None:
        """Keep what keys and pitches the tunes have."""
        counts = Counter((tune.key.mode, tune.key.tonic) for tune in tunes)
        self.keys_: dict[str, dict[str, int]] = {}
        for (mode, tonic), count in counts.items():
            self.keys_.setdefault(mode, {})[tonic] = count
        pitches = [note.pitch for tune in tunes for note in tune.notes]
        self.range_ = (min(pitches), max(pitches))
        self.trained_on_ = len(tunes)

    def predictor(self, by: str = "lstm") -> Predictor:
        """Return what foresees the next event: the network ("lstm"), the "ngram" model, or the "mixture" of both.

        Raises  InputError if there is no such predictor; NotFittedError before `fit`
        """
        if by not in PREDICTORS:
            raise InputError(f"by must be one of {', '.join(PREDICTORS)}; got {by!r}")
        return self.predictors()[by]

    def predictors(self) -> dict[str, Predictor]:
        """Return all three, by name."""
        return dict(zip(PREDICTORS, self._three(), strict=True))

    def _three(self, share: float | None = None) -> tuple[NetworkPredictor, NGramPredictor, MixturePredictor]:
        require_fit(self, "network_")
        clues = TuneClues(self.tokens_) if self.clues else None
        network = NetworkPredictor(self.tokens_, self.network_, clues)
        ngram = NGramPredictor(self.tokens_, self.ngram_)
        return network, ngram, MixturePredictor(network, ngram, self.share_ if share is None else share)

    def compose(
        self,
        wish: Wish | None = None,
        count: int = 1,
        sampling: SamplingSettings | None = None,
        seed: int = 0,
        by: str = "lstm",
    ) -> list[Composition]:
        """Return tunes, the likeliest first.

        wish      what they shall be
        count     how many
        sampling  temperature, top-k and top-p of the draws
        seed      the same gives the same tunes
        by        what composes: "lstm", "ngram" or "mixture"
        Raises    InputError if the wish cannot be met
        """
        wish, sampling = wish or Wish(), sampling or SamplingSettings()
        predictor = self.predictor(by)
        streams = np.random.SeedSequence(whole("seed", seed, SEED)).spawn(whole("count", count))
        found = [self._compose(predictor, wish, sampling, np.random.default_rng(stream)) for stream in streams]
        return sorted(found, key=lambda one: one.nats_per_event)

    def _compose(
        self, predictor: Predictor, wish: Wish, sampling: SamplingSettings, random: np.random.Generator
    ) -> Composition:
        primer = None if wish.primer is None else self._heard(wish.primer)
        key = read_key(wish.key) if wish.key is not None else None if primer is None else primer.key
        asked = self._asked(wish, key, primer)
        writing = Writing(predictor, self.tokens_, sampling, random)
        _, metre, mode = writing.head(asked)
        key = Key(self._usual_tonic(mode), mode) if key is None else key
        rules = self._rules(wish, metre_of(metre), key) if wish.hold else None
        given = self.tokens_.ids_of(primer.tokens[3:]).tolist() if primer is not None else []
        if self.tokens_.unknown in given:
            raise InputError("the primer has notes or lengths that the model does not know; give a simpler one")
        written = writing.body(rules, given)
        tune = decode(written.tokens, key)
        tune = transposed(tune, 0 if primer is not None and wish.key is None else self._octaves(tune))
        return Composition(replace(wish.sounding(tune), title=_title(tune)), written.nats_per_event, written.ended)

    def harmonise(
        self,
        tune: Tune,
        count: int = 1,
        sampling: SamplingSettings | None = None,
        seed: int = 0,
        by: str = "lstm",
        versions: int = 24,
    ) -> list[Composition]:
        """Return a tune with what was learnt beside tunes, the likeliest first: chord symbols, and voices below.

        tune      whose first voice is kept note for note; its chord symbols and other voices are left out
        count     how many are returned
        sampling  temperature, top-k and top-p of the draws
        seed      the same gives the same
        by        what foresees: "lstm", "ngram" or "mixture"
        versions  that are written side by side, of which the likelier go on
        Raises    InputError if nothing was learnt beside tunes
        """
        alone = replace(tune, voices=tune.voices[:1], chords=())
        events, random = self._heard(alone), np.random.default_rng(whole("seed", seed, SEED))
        how = Harmonising(self.predictor(by), self.tokens_, sampling or SamplingSettings(), random)
        given = [*events.tokens, self.tokens_.symbols[self.tokens_.end]]
        found = harmonised(how, given, bars_filled(given), max(whole("count", count), whole("versions", versions)))
        different = {one.written: one for one in found}
        return [_completed(tune, one) for one in list(different.values())[:count]]

    def _asked(self, wish: Wish, key: Key | None, primer: Events | None) -> list[list[int]]:
        """Return what style, metre and mode may be: as a wish or else a primer has it, or else any."""
        style = None if wish.style is None else style_word(wish.style)
        metre = None if primer is None else primer.tokens[1].removeprefix(METRE)
        if wish.metre is not None:
            metre = str(metre_of(wish.metre))
        mode = None if key is None else key.mode
        styles, metres, modes = (
            self.tokens_.all_of(kind) if value is None else [self.tokens_.one_of(kind, value, name)]
            for kind, value, name in ((STYLE, style, "style"), (METRE, metre, "metre"), (MODE, mode, "mode"))
        )
        with_bars = [k for k in metres if self.tokens_.symbols[k] != f"{METRE}none"]
        return [styles, with_bars if wish.hold and with_bars else metres, modes]

    def _rules(self, wish: Wish, metre: Metre, key: Key) -> Rules | None:
        """Return what the tune must hold, None where it has no metre and none was asked for."""
        if not metre.length:
            if wish.bars is not None:
                raise InputError("bars: a tune without a metre has none; give a metre, or leave bars out")
            return None
        scale = frozenset((pitch - key.pitch_class) % 12 for pitch in key.scale) if wish.scale else None
        return Rules(self.tokens_, metre, wish.bars, wish.cadence, scale, form=wish.form)

    def _usual_tonic(self, mode: str) -> str:
        """Return the tonic that most tunes of a mode have."""
        tonics = self.keys_.get(mode, {"C": 1})
        return max(sorted(tonics), key=lambda tonic: tonics[tonic])

    def _octaves(self, tune: Tune) -> int:
        """Return by how many half tones a tune is moved, whole octaves, to lie where the training tunes lie."""
        pitches = [note.pitch for note in tune.notes]

        def outside(steps: int) -> tuple[int, int]:
            low, high = self.range_
            return sum(not low <= pitch + steps <= high for pitch in pitches), abs(steps)

        fitting = [s for s in (-24, -12, 0, 12, 24) if min(pitches) + s >= 0 and max(pitches) + s <= HIGHEST]
        return min(fitting, key=outside)

    def _heard(self, tune: Tune) -> Events:
        """Return a tune as events, without instruments that were not learnt: they are no music.

        Raises  InputError if it has drums, and the model learnt none: their pitches are none
        """
        key, tokens = encode(tune)
        known = set(self.tokens_.symbols)
        if any(one.startswith(DRUMS) and one not in known for one in tokens):
            raise InputError(f"{tune.title or 'the tune'}: has drums, of which the model learnt none; leave them out")
        return Events(key, tuple(one for one in tokens if one in known or SHAPE.fullmatch(one) is None))

    def score(self, tune: Tune) -> TuneScore:
        """Return how well a tune is foreseen, note by note.

        Raises  NotFittedError before `fit`
        """
        events = self._heard(tune)
        symbols = [*events.tokens, self.tokens_.symbols[self.tokens_.end]]
        ids = self.tokens_.ids_of(symbols)
        network, ngram, mixture = self._three()
        lstm, counted = network.token_log_probs(ids), ngram.token_log_probs(ids)
        found = {"lstm": lstm, "ngram": counted, "mixture": mixture.mixed(lstm, counted)}
        nats: dict[str, NDArray[np.float64]] = {by: -log_probs[3:] for by, log_probs in found.items()}
        times, home = onsets(events.tokens), home_of(events.key)
        notes = []
        for at, token, cost in zip(times[3:], events.tokens[3:], nats["lstm"], strict=False):
            sound = sound_of(token)
            if sound is not None and sound.kind in ("note", "with"):
                notes.append((at, home + sound.pitch, float(cost) / float(np.log(2))))
        unknown = int((ids[3:] == self.tokens_.unknown).sum())
        return TuneScore(len(ids) - 3, {by: float(own.sum()) for by, own in nats.items()}, unknown, tuple(notes))

    def foreseen(self, tune: Tune, most: int = 5) -> list[Moment]:
        """Return what the network expected at each note of a tune, the likeliest first; `most` events are told."""
        return foreseen(self.predictor(), self.tokens_, self._heard(tune), most)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the composer to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        self.predictors()
        config: dict[str, Any] = {
            "params": {"settings": asdict(self.settings), "order": self.order, "seed": self.seed, "clues": self.clues},
            **self.tokens_.config(),
            "ngram": self.ngram_.config(),
            "share": self.share_,
            "keys": self.keys_,
            "lowest": self.range_[0],
            "highest": self.range_[1],
            "trained_on": self.trained_on_,
            "history": [record.to_json() for record in self.history_],
        }
        write_composer(a_path("path", path), config, self.network_, self.ngram_, force)

    @classmethod
    def load(cls, path: str | Path) -> Composer:
        """Read a composer from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        config, tokens, network, ngram = read_composer(a_path("path", path))
        composer = cls(config.params.settings, config.params.order, config.params.seed, config.params.clues)
        composer.tokens_, composer.network_, composer.ngram_ = tokens, network, ngram
        composer.share_, composer.keys_, composer.trained_on_ = config.share, config.keys, config.trained_on
        composer.range_ = (config.lowest, config.highest)
        composer.history_ = [record.record() for record in config.history]
        return composer


def _completed(tune: Tune, version: Version) -> Composition:
    """Return a tune with what a version put beside its first voice."""
    found = decode(version.written[:-1], tune.key)
    first, *others = found.voices
    voices = (replace(tune.voices[0], notes=first.notes), *(replace(v, program=tune.voices[0].program) for v in others))
    own = replace(tune, voices=voices, chords=found.chords, end=max(tune.end, found.end))
    return Composition(own, -version.log_prob / len(version.written), True)


def _title(tune: Tune) -> str:
    words = [tune.style or "tune", "in", str(tune.key)]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]
