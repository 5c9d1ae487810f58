"""`Captioner`: learn to say what is seen in clips or done by skeletons, say it of others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.classification.reading import Labelled
from lstmkit.errors import InputError, require_fit
from lstmkit.language.neural.network import warn_of_precision
from lstmkit.language.text import VocabularySettings
from lstmkit.language.text.corpus import learn_tokens
from lstmkit.language.text.rows import encode_texts
from lstmkit.language.translate import SearchSettings
from lstmkit.language.translate.network import Shape, TranslationNetwork
from lstmkit.language.translate.network.learning import (
    Fixed,
    Pairs,
    checkpoint_at,
    fit_network,
    mean_loss,
    token_counts,
)
from lstmkit.language.translate.search import Hypothesis, write_sequences
from lstmkit.language.vocabulary import Tokens
from lstmkit.ranges import SEED, a_path, flag, whole
from lstmkit.sequences import FrameLayer, Ragged
from lstmkit.training import EpochRecord
from lstmkit.training.checkpoint import until_done
from lstmkit.video.captions.reading import Captioned, a_row_a_clip, read_captioned
from lstmkit.video.captions.settings import CaptionSettings, usual_settings
from lstmkit.video.captions.start import Opening
from lstmkit.video.captions.stored import read_captioner, write_captioner
from lstmkit.video.clips import Clips
from lstmkit.video.pictures import PictureSettings, usual_features
from lstmkit.video.rows import Asked, Kind, Watch, channels_differ, frame_rows

VALID_SHARE = 0.1
"""Of the clips, where none are given to choose the best epoch."""
MORE = 5
"""Words by which a caption may be longer than any that was learnt from."""


@dataclass(frozen=True)
class Caption:
    """What is said of a clip.

    text       of it
    log_prob   natural logarithm of its probability
    score      by which it was compared with others
    ended      whether it came to an end, not only to the longest length
    written    its words
    attention  (words, frames), or None without attention
    """

    text: str
    log_prob: float
    score: float
    ended: bool
    written: tuple[str, ...]
    attention: NDArray[np.float32] | None


class Captioner:
    """A recurrent network that says what is seen: an encoder of frames, attention, a decoder that writes words.

    settings    of the network and its training; None: the usual ones for what is read
    frames      how videos, skeletons or arrays become frames; None: videos, as usual
    vocabulary  how words are found, and how many are kept
    cased       whether captions are learnt as they are; else in lower case, without a last mark
    seed        of the weights, of dropout, of the order, and of the clips that are held back
    cache       folder where frames of videos are kept; None: LSTMKIT_CACHE, or one in the user's own folder for such
    Raises      InputError if a value is out of range

    After `fit`: `tokens_` (the vocabulary), `network_`, `channels_` (numbers of a frame), `longest_` (words of the
    longest caption), `history_` (a record an epoch), `left_out_` (captions that were longer than `settings.longest`).
    """

    def __init__(
        self,
        settings: CaptionSettings | None = None,
        frames: Kind | None = None,
        vocabulary: VocabularySettings | None = None,
        cased: bool = False,
        seed: int = 0,
        cache: str | Path | None = None,
    ) -> None:
        self.frames = PictureSettings(usual_features()) if frames is None else frames
        self.settings = CaptionSettings(**usual_settings(self.frames)) if settings is None else settings
        self.vocabulary = VocabularySettings() if vocabulary is None else vocabulary
        self.cased = flag("cased", cased)
        self.seed = whole("seed", seed, SEED)
        self.cache = cache

    def __repr__(self) -> str:
        """Show the arguments."""
        return f"Captioner({self.settings}, {self.frames}, {self.vocabulary}, {self.cased}, {self.seed})"

    def fit(
        self,
        source: Any,
        captions: Any = None,
        *,
        caption: str = "caption",
        group: str | None = None,
        pattern: str | None = None,
        start: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Captioner:
        """Learn from clips and what is said of them; earlier fits are forgotten.

        source      a table with a row a caption, and the columns video, `caption`; or clips, as `ActionClassifier`
                    reads them
        captions    of such clips: the file of them, or what is in one, as `read_captioned` reads it
        caption     column of the captions
        group       column or field of what clips have in common besides what is seen: none is both learnt from and
                    validated on
        pattern     of the names of a folder's files
        start       a fitted `LanguageModel` of words, or its folder, as the beginning of what writes
        on_epoch    is told the record of every epoch
        checkpoint  file for the state of the training after every epoch, removed at the end
        resume      continue from the checkpoint, if there is one
        Returns     itself
        Raises      InputError if something given cannot be used
        """
        given = self.read_captioned(source, Asked(None, group, pattern), captions, caption)
        warn_of_precision(self.settings.precision)
        with until_done(checkpoint) as path:
            self.fit_captioned(given, None, start, on_epoch, checkpoint=path, resume=resume)
        return self

    def read_captioned(
        self,
        source: Any,
        asked: Asked,
        captions: Any = None,
        caption: str = "caption",
        watch: Watch | None = None,
        learnt: bool = True,
    ) -> Captioned:
        """Return clips and what is said of them; see the function of this name.

        learnt  whether they are learnt from, and so may have `longest_clip` frames at most
        """
        how = (captions, caption, self.cased, self.cache, watch, self.settings.longest_clip if learnt else None)
        return read_captioned(source, self.frames, asked, *how)

    def fit_captioned(
        self,
        given: Captioned,
        held: Captioned | None = None,
        start: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        on_step: Callable[[int, float], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Captioner:
        """Learn from clips that have been read; as `fit`, but the checkpoint stays.

        held  clips that choose the best epoch; None holds back a tenth at random
        """
        if held is None:
            given, held = given.split(VALID_SHARE, self.seed)
        opening = None if start is None else Opening.of(start)
        settings = self.settings if opening is None else opening.settings_for(self.settings)
        texts = [text for own in given.captions for text in own]
        lines = (text + "\n" for text in texts)
        tokens = learn_tokens(lines, "word", self.vocabulary) if opening is None else opening.tokens_for(texts)
        training, left_out = self._pairs(tokens, given)
        validation, _ = self._pairs(tokens, held)
        for pairs, own in ((training, given), (validation, held)):
            if not len(pairs.target):
                raise InputError(
                    f"{own.rows.ids[0]!r}: every caption has more than {settings.longest} words; give shorter ones, or "
                    f"set longest"
                )
        network = self._begin(settings, tokens, given.rows, training, opening)
        self.settings, self.tokens_, self.network_ = settings, tokens, network
        self.channels_, self.left_out_ = given.rows.form.channels, left_out
        self.longest_ = int(training.target.lengths.max())
        how = {"seed": self.seed, "cased": self.cased}
        kept = checkpoint_at(checkpoint, how, network, training, validation)
        self.history_ = fit_network(network, Fixed(training), validation, self.seed, on_epoch, on_step, kept, resume)
        return self

    def read(
        self, source: Any, pattern: str | None = None, watch: Watch | None = None
    ) -> tuple[Labelled, Clips | None]:
        """Return clips as frames that the network reads, and the files, if each is of one.

        Raises  NotFittedError before `fit`; InputError if they have other numbers than those that were learnt from
        """
        require_fit(self, "network_")
        rows, clips = frame_rows(a_row_a_clip(source), self.frames, Asked(None, None, pattern), self.cache, watch)
        self.require_channels(rows)
        return rows, clips

    def require_channels(self, rows: Labelled) -> None:
        """Raise InputError if frames have other numbers than those that were learnt from."""
        wrong = channels_differ(rows.form.channels, self.channels_)
        if wrong:
            raise InputError(f"{rows.ids[0]}: {wrong}; give what the model learnt from")

    def caption(self, source: Any, search: SearchSettings | None = None, pattern: str | None = None) -> list[str]:
        """Return what is said of each clip.

        source   a clip, a list of them, a folder or a table
        search   beam, lengths; None: a beam of 5
        pattern  of the names of a folder's files
        Raises   NotFittedError before `fit`; InputError for a clip that cannot be used
        """
        rows, _ = self.read(source, pattern)
        return [found[0].text for found in self.search(rows.frames, search)]

    def search(
        self, frames: Ragged, search: SearchSettings | None = None, also: Sequence[Captioner] = ()
    ) -> list[list[Caption]]:
        """Return what may be said of each sequence of frames, the best first, with scores and attention.

        also    fitted captioners of the same words and frames: the mean of the probabilities of all counts
        Raises  NotFittedError before `fit`; InputError if a captioner has other words, or reads other frames
        """
        self.require_alike(also)
        own = SearchSettings() if search is None else search
        how = dataclasses.replace(own, times=1e-9, more=self.longest_ + MORE)  # frames say nothing of the length
        found = write_sequences([one.network_ for one in (self, *also)], frames, how, banned=[self.tokens_.unknown])
        return [[self._shown(one) for one in hypotheses] for hypotheses in found]

    def require_alike(self, also: Sequence[Captioner]) -> None:
        """Raise what `search` raises for other captioners than those that can write together."""
        require_fit(self, "network_")
        for number, other in enumerate(also, 2):
            require_fit(other, "network_")
            if (other.tokens_, other.channels_) != (self.tokens_, self.channels_):
                raise InputError(
                    f"model {number}: has other words or frames than the first; take models that learnt from the same"
                )

    def loss(self, given: Captioned) -> float:
        """Return the mean negative log-likelihood of the captions of clips, in nats a word."""
        require_fit(self, "network_")
        self.require_channels(given.rows)
        return mean_loss(self.network_, self._pairs(self.tokens_, given)[0])

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        require_fit(self, "network_")
        config = {
            "settings": dataclasses.asdict(self.settings),
            "vocabulary": dataclasses.asdict(self.vocabulary),
            "cased": self.cased,
            "seed": self.seed,
            "channels": list(self.channels_),
            "longest": self.longest_,
            "left_out": self.left_out_,
            "history": [record.to_json() for record in self.history_],
        }
        write_captioner(a_path("path", path), config, self.frames, self.tokens_, self.network_, __version__, force)

    @staticmethod
    def load(path: str | Path, cache: str | Path | None = None) -> Captioner:
        """Read a model from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind; InputError if its frames come of other
                weights than those that are installed
        """
        config, tokens, network = read_captioner(a_path("path", path))
        model = Captioner(config.settings, config.kind, config.vocabulary, config.cased, config.seed, cache)
        model.tokens_, model.network_, model.channels_ = tokens, network, config.channels
        model.longest_, model.left_out_ = config.longest, config.left_out
        model.history_ = [record.record() for record in config.history]
        return model

    def _begin(
        self, settings: CaptionSettings, tokens: Tokens, rows: Labelled, training: Pairs, opening: Opening | None
    ) -> TranslationNetwork:
        """Return the network before the first step: as frequent as the words are, or as a language model."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            layer = FrameLayer(settings.layer, len(rows.form.channels), rows.holds_missing)
            shape = Shape(len(tokens.symbols), tokens.end, tokens.unknown)
            network = TranslationNetwork(settings, shape, layer)
            if layer.normalisation.fitted:
                layer.normalisation.fit(settings.layer.features.of(rows.frames))
            network.softmax.start_from(token_counts(training.target, len(tokens.symbols), tokens.end))
            if opening is not None:
                opening.copy_into(network)
        return network

    def _pairs(self, tokens: Tokens, given: Captioned) -> tuple[Pairs, int]:
        """Return each clip with each of its captions, but for those that are too long, and how many these are."""
        owners = np.repeat(np.arange(len(given)), [len(own) for own in given.captions])
        ids = encode_texts(tokens, [text for own in given.captions for text in own], False)
        kept = np.flatnonzero((ids.lengths <= self.settings.longest) & (ids.lengths > 0))
        return Pairs(given.rows.frames.repeated(owners[kept]), ids.select(kept)), len(ids) - len(kept)

    def _shown(self, one: Hypothesis) -> Caption:
        symbols, ids = self.tokens_.symbols, one.tokens.tolist()
        written = tuple(symbols[token] for token in ids)
        return Caption(self.tokens_.decode(ids), one.log_prob, one.score, one.ended, written, one.attention)
