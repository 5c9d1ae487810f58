"""`Recognizer`: learn to recognise speech from recordings with transcripts, recognise others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from lstmkit.errors import InputError, require_fit
from lstmkit.language.predicting import Predictor
from lstmkit.ranges import NOT_NEGATIVE, SEED, a_path, choice, whole
from lstmkit.speech.ctc.batches import batch_count
from lstmkit.speech.ctc.learning import Emissions, emitted, fingerprint, known_speakers, learn
from lstmkit.speech.ctc.network import RecognizerNetwork, RecognizerShape
from lstmkit.speech.ctc.settings import RecognizerSettings
from lstmkit.speech.ctc.stream import NetworkStream
from lstmkit.speech.ctc.targets import Targets
from lstmkit.speech.decoding import Decoder, DecodingSettings, Hotwords, fit_decoding
from lstmkit.speech.decoding.greedy import greedy
from lstmkit.speech.features import QUIETEST, Features, FeatureSettings, ReadyFrames
from lstmkit.speech.heads import heads_of, words_known
from lstmkit.speech.hmm import word_ngrams
from lstmkit.speech.lexicon import Lexicon, read_lexicon
from lstmkit.speech.recordings import Recordings, heard, manifest_of, read_recordings
from lstmkit.speech.scoring import SpeechScore, score_texts
from lstmkit.speech.stored import read_recogniser, write_recogniser
from lstmkit.speech.transcript import Segment
from lstmkit.speech.units import Units, learn_units, usual_kinds
from lstmkit.training import Checkpoint, EpochRecord, Parameters, threads_for
from lstmkit.training.checkpoint import until_done

SPELLING = ("word", "character", "subword")
"""Units that spell words by themselves, in the order in which they are scored."""


class Recognizer(Parameters):
    """Recognise speech by a recurrent network whose heads are trained together by CTC.

    settings  size and training of the network
    features  how frames are computed of samples, each alone, for the network joins them to steps; or `ReadyFrames`
    seed      of the weights, the order of the recordings, and what is drawn in training
    order     of the n-grams of words that are learnt from the transcripts and searched with; 0 learns none
    Raises    InputError if the features are stacked, or a number is negative

    After `fit`: `network_`, `units_` (by head), `lexicon_` (or None), `ngrams_` (or None), `decoding_` (how a search
    weighs them, chosen on the validation part), `history_` (a record per epoch), `left_out_` (recordings that could
    not be learnt from, by their names, and why).
    """

    def __init__(
        self,
        settings: RecognizerSettings | None = None,
        features: Features | None = None,
        seed: int = 0,
        order: int = 2,
    ) -> None:
        self.settings = RecognizerSettings() if settings is None else settings
        self.features = FeatureSettings() if features is None else features
        if isinstance(self.features, FeatureSettings) and self.features.stack != 1:
            raise InputError(
                f"Recognizer: features must have stack 1, for the settings say how many frames make a step; got "
                f"{self.features.stack}"
            )
        self.seed = whole("seed", seed, SEED)
        self.order = whole("order", order, NOT_NEGATIVE)

    def fit(
        self,
        X: Any,
        lexicon: Lexicon | str | Path | None = None,
        *,
        valid: Any = None,
        noise: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        cache: str | Path | None = None,
    ) -> Recognizer:
        """Learn from recordings; earlier fits are forgotten.

        X           a `Manifest`, or what `read_manifest` takes: a table, its path, a folder
        lexicon     how words are pronounced, for phones; a path of its file
        valid       recordings that say how well it goes, as X; None says nothing
        noise       recordings of noise that some utterances hear in training: paths, also of folders, or arrays
        on_epoch    called with every `EpochRecord`
        checkpoint  file that keeps the state of the training after every epoch; removed when it is complete
        resume      continue from that file, if it exists, to the same weights as without the interruption
        cache       folder that keeps frames, so that they are computed once; they are mapped, not held in memory
        Returns     self
        Raises      InputError if something given cannot be used; one line that says why, where and how to mend it
        """
        words = read_lexicon(lexicon) if isinstance(lexicon, str | Path) else lexicon
        keep = None if cache is None else a_path("cache", cache)
        training = read_recordings(manifest_of(X), self.features, keep)
        held = None if valid is None else read_recordings(manifest_of(valid), self.features, keep)
        beside = None if noise is None else self.noises(noise)
        with until_done(checkpoint) as path:
            self.fit_recordings(training, held, words, beside, on_epoch, path, resume)
            if held is not None:
                self.choose_weights(held)
        return self

    def fit_recordings(
        self,
        training: Recordings,
        held: Recordings | None = None,
        lexicon: Lexicon | None = None,
        noise: Recordings | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Recognizer:
        """Learn from recordings that have been read; as `fit`, but the checkpoint stays."""
        if not training.texts:
            raise InputError("recognizer: no transcripts to learn from; add what is said in the recordings")
        units = self._units(training, lexicon)
        lesson, left_out = self._usable(training, units, lexicon)
        taught, checked = lesson[0], None
        if held is not None:
            own, _ = self._usable(held, units, lexicon, required=False)
            checked = own if len(own[0]) else None
        network = self._new_network(units, taught)
        network.noise = None if noise is None else noise.frames
        kept = None
        if checkpoint is not None:
            parts = [taught, *([] if held is None else [held]), *([] if noise is None else [noise])]
            more = {"features": dataclasses.asdict(self.features), "seed": self.seed, "heads": list(units)}
            kept = Checkpoint(checkpoint, fingerprint(network, more, parts))
        history = []
        with threads_for(self.settings.hidden_size):
            for record in learn(network, lesson, checked, self.seed, kept, resume):
                history.append(record)
                if on_epoch is not None:
                    on_epoch(record)
        network.noise = None
        self.units_, self.lexicon_, self.left_out_ = units, lexicon, left_out
        self.network_, self.history_ = network, history
        self.ngrams_ = word_ngrams(taught.texts, lexicon, self.order) if self.order else None
        self.decoding_ = DecodingSettings()
        return self

    def noises(self, given: Any) -> Recordings:
        """Return recordings of noise that utterances hear in training.

        given   paths, also of folders of them, or arrays
        Raises  InputError if one cannot be used, or frames are not bands, to whose energies noise is added
        """
        if not any(self.features.ends):
            raise InputError(
                "noise is added to the energies of bands, and these frames are none; leave it out, or compute bands of "
                "sound"
            )
        found = heard(given, self.features)
        silent = [name for row, name in enumerate(found.names) if float(found.frames[row].max()) <= QUIETEST]
        if silent:
            raise InputError(f"{silent[0]}: is silent all along and no noise; leave it out")
        return found

    def epochs_for(self, training: Recordings) -> int:
        """Return how many epochs a training has."""
        return self.settings.epochs_for(batch_count(training.frames.lengths, self.settings.batch_frames))

    def choose_weights(self, held: Recordings) -> None:
        """Choose how a search weighs heads and n-grams by what it finds in recordings that were not learnt from."""
        if self.spells and any(held.words):
            self.decoding_ = fit_decoding(self.decoder(), self.emissions_of(held), held.texts, self.seed).settings

    @property
    def spells(self) -> bool:
        """Whether the heads spell words: phones alone do with a lexicon."""
        return self.lexicon_ is not None or any(kind in self.units_ for kind in SPELLING)

    def _units(self, training: Recordings, lexicon: Lexicon | None) -> dict[str, Units]:
        """Return the units of every head."""
        kinds = self.settings.units or usual_kinds(training.words, lexicon)
        if lexicon is not None and "phone" in kinds:
            lexicon.require(training.texts)
        return {
            kind: learn_units(kind, training.words, lexicon, self.settings.subwords) for kind in dict.fromkeys(kinds)
        }

    def _usable(
        self, given: Recordings, units: dict[str, Units], lexicon: Lexicon | None, required: bool = True
    ) -> tuple[tuple[Recordings, Targets], dict[str, str]]:
        """Return the recordings that every head can learn from, with their targets, and why the others are left out.

        Raises  InputError if none can be and some must
        """
        targets = Targets(given.words, units, lexicon)
        steps = -(-given.frames.lengths // self.settings.stack)
        why = {}
        for row, name in enumerate(given.names):
            if not targets.known(row) or not given.words[row]:
                why[name] = "the transcript has words that no head can say" if given.words[row] else "nothing is said"
            elif targets.shortest(row) > steps[row]:
                why[name] = f"{targets.shortest(row)} steps are needed for the transcript, {steps[row]} are there"
        if not why:
            return (given, targets), why
        rows = [row for row, name in enumerate(given.names) if name not in why]
        if required and not rows:
            first = given.names[0]
            raise InputError(
                f"recognizer: no recording can be learnt from, first {first!r}: {why[first]}; check the "
                "transcripts, or take fewer frames a step (--set stack=1)"
            )
        left = given.select(rows)
        return (left, Targets(left.words, units, lexicon)), why

    def _new_network(self, units: dict[str, Units], training: Recordings) -> RecognizerNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = RecognizerNetwork(self.settings, RecognizerShape.of(self.features, units))
        network.normalisation.fit(training.frames.values)
        return network

    @property
    def sound(self) -> FeatureSettings:
        """How frames are computed of sound.

        Raises  InputError if they are ready when they come
        """
        if isinstance(self.features, ReadyFrames):
            raise InputError(
                f"this recogniser reads ready features of {self.features.channels} channels and hears no sound; give "
                ".npz or .npy"
            )
        return self.features

    @property
    def seconds_per_frame(self) -> float:
        """Seconds of a step of the emissions."""
        return self.settings.stack * self.features.shift / 1000

    @property
    def lookahead_ms(self) -> float | None:
        """Ms of sound after the last of a step that its emissions wait for; None where they wait for the end."""
        return self.settings.frames_ahead * self.features.shift if self.settings.streaming else None

    def emissions(self, X: Any, speakers: Sequence[str | None] | None = None) -> list[Emissions]:
        """Return what the heads say of every step of recordings.

        X         a manifest, several paths of recordings or arrays of samples (of ready features), or one of these
        speakers  of each, where X does not know them: all that a speaker says helps to understand each of it. None,
                  also of one, takes a recording alone. A streaming network knows those before it in the list
        Returns   for each, by the name of a head, (T, 1 + units) natural logarithms of probabilities, the blank first;
                  a step lasts `seconds_per_frame`
        Raises    NotFittedError before `fit`; InputError naming a recording that cannot be used
        """
        require_fit(self, "network_")
        return self.emissions_of(heard(X, self.features, speakers))

    def emissions_of(self, recordings: Recordings) -> list[Emissions]:
        """Return `emissions` of recordings that have been read."""
        found: list[Emissions] = [{} for _ in recordings.names]
        known = known_speakers(self.network_, recordings)
        self.network_.eval()
        with threads_for(self.settings.hidden_size):
            for row, own in emitted(self.network_, recordings.frames, known):
                found[row] = own
        return found

    def stream(self) -> NetworkStream:
        """Return what is fed samples as they come, and tells emissions; those of a recording are `emissions` of it.

        Raises  NotFittedError before `fit`; InputError if the network must see the whole of a recording
        """
        require_fit(self, "network_")
        return NetworkStream(self.network_.eval(), self.sound)

    def decoder(
        self,
        predictor: Predictor | None = None,
        hotwords: Hotwords | None = None,
        settings: DecodingSettings | None = None,
    ) -> Decoder:
        """Return what finds words in emissions: those of the lexicon where there is one, else any that can be spelled.

        predictor  of words; None takes the n-grams of the transcripts
        hotwords   phrases that count more
        settings   how; None takes what was chosen after the training
        """
        require_fit(self, "network_")
        heads, words = heads_of(self.units_, self.lexicon_), words_known(self.units_, self.lexicon_)
        language, how = predictor or self.ngrams_, settings or self.decoding_
        return Decoder(heads, self.seconds_per_frame, words, language, hotwords, how)

    def transcribe(self, X: Any, speakers: Sequence[str | None] | None = None) -> list[str]:
        """Return what is said in recordings, searched with the n-grams; arguments as those of `emissions`.

        Raises  InputError if the heads tell phones and there is no lexicon
        """
        require_fit(self, "network_")
        return [segment.text for segment in self.segments_of(self.emissions(X, speakers))]

    def segments_of(self, emissions: Sequence[Emissions]) -> list[Segment]:
        """Return the words that emissions say, with times and confidences."""
        decoder = self.decoder()
        return [decoder.decode(own) for own in emissions]

    def texts_of(self, emissions: Sequence[Emissions], head: str) -> list[str]:
        """Return what a head says, the likeliest unit of every step, without a search; phones are joined."""
        units = self.units_[choice("head", head, tuple(self.units_))]
        return [" ".join(units.words(number for number, _, _ in greedy(own[head]))) for own in emissions]

    def score(self, X: Any) -> SpeechScore:
        """Return how well recordings are understood, whose transcripts X has."""
        require_fit(self, "network_")
        given = read_recordings(manifest_of(X), self.features)
        found = [segment.text for segment in self.segments_of(self.emissions_of(given))]
        return score_texts(given.texts, found, given.names, given.speakers)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        require_fit(self, "network_")
        ready = isinstance(self.features, ReadyFrames)
        config = {
            "seed": self.seed,
            "order": self.order,
            "settings": dataclasses.asdict(self.settings),
            "features": None if ready else dataclasses.asdict(self.features),
            "ready": dataclasses.asdict(self.features) if ready else None,
            "units": {name: dataclasses.asdict(own) for name, own in self.units_.items()},
            "lexicon": None if self.lexicon_ is None else {k: list(v) for k, v in self.lexicon_.words.items()},
            "decoding": dataclasses.asdict(self.decoding_),
            "history": [record.to_json() for record in self.history_],
        }
        write_recogniser(a_path("path", path), config, self.network_, self.ngrams_, force)

    @staticmethod
    def load(path: str | Path) -> Recognizer:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, of another kind, or from a newer version
        """
        config, network, ngrams = read_recogniser(a_path("path", path))
        found = Recognizer(config.settings, config.heard, config.seed, config.order)
        found.ngrams_, found.decoding_ = ngrams, config.decoding
        found.units_, found.network_, found.left_out_ = dict(config.units), network, {}
        found.lexicon_ = None if config.lexicon is None else Lexicon(config.lexicon)
        found.history_ = [record.record() for record in config.history]
        return found
