"""`Translator`: learn from sentences and their translations, translate others, save, load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.errors import InputError, require_fit
from lstmkit.language.neural.network import warn_of_precision
from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate.network import Shape, TranslationNetwork, TranslatorSettings
from lstmkit.language.translate.network.learning import (
    Fixed,
    Lesson,
    Pairs,
    checkpoint_at,
    fit_network,
    mean_loss,
    token_counts,
)
from lstmkit.language.translate.reading import Lines, Sides, paired, read_lines_of
from lstmkit.language.translate.reading.varying import Varying
from lstmkit.language.translate.search import SearchSettings
from lstmkit.language.translate.stored import read_translator, write_translator
from lstmkit.language.translate.translating import Manner, Translation, translate_texts
from lstmkit.language.vocabulary import PLURALS, UNITS
from lstmkit.language.writing.sampling import SamplingSettings
from lstmkit.ranges import SEED, a_path, flag, whole
from lstmkit.sequences import Ragged, cut_off
from lstmkit.training import EpochRecord
from lstmkit.training.checkpoint import until_done

VALID_SHARE = 0.05
"""Of the pairs that validate, where none are given for it."""
MOST_PAIRS = 5_000
"""That validate at most, where none are given for it."""

Texts = Sequence[str]
Side = Texts | str | Path
"""Sentences, or the file that they are the lines of."""


class Translator:
    """A recurrent network that translates: an encoder, attention, a decoder.

    unit        "subword" (needs sentencepiece), "word" or "character"
    settings    of the network and its training
    vocabulary  how words are found and how many tokens are kept; sub-words: 8,000 at most
    joint       whether both languages have one vocabulary
    lowercase   whether texts are read and written in lower case
    seed        of the weights, of dropout, of the order, and of the pairs that are held back
    Raises      InputError if a value is out of range

    After `fit`: `sides_` (the vocabularies), `network_`, `history_` (a record an epoch), `left_out_` (pairs that were
    longer than `settings.longest`), `trained_on_` (pairs).
    """

    def __init__(
        self,
        unit: str = "subword",
        settings: TranslatorSettings | None = None,
        vocabulary: VocabularySettings | None = None,
        joint: bool = True,
        lowercase: bool = False,
        seed: int = 0,
    ) -> None:
        if unit not in UNITS:
            raise InputError(f"unit {unit!r} is not one of {', '.join(UNITS)}")
        if settings is not None and settings.sampling and unit != "subword":
            raise InputError(f"sampling {settings.sampling} is for sub-words, and the unit is {unit!r}; leave it out")
        self.unit = unit
        self.settings = TranslatorSettings() if settings is None else settings
        self.vocabulary = VocabularySettings() if vocabulary is None else vocabulary
        self.joint = flag("joint", joint)
        self.lowercase = flag("lowercase", lowercase)
        self.seed = whole("seed", seed, SEED)

    def __repr__(self) -> str:
        """Show the arguments."""
        own = f"{self.unit!r}, {self.settings}, {self.vocabulary}, {self.joint}, {self.lowercase}, {self.seed}"
        return f"Translator({own})"

    def fit(
        self,
        source: Side,
        target: Side,
        valid: tuple[Side, Side] | None = None,
        *,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Translator:
        """Learn from sentences and their translations; earlier fits are forgotten.

        source, target  sentences, or files with one a line
        valid           the same of others, which choose the best epoch; None holds back a twentieth at random
        on_epoch        is told the record of every epoch
        checkpoint      file for the state of the training after every epoch, removed at the end
        resume          continue from the checkpoint, if there is one: the result is bit for bit that of one run
        Returns         itself
        Raises          InputError if something given cannot be used
        """
        lines = lines_of(source, target)
        warn_of_precision(self.settings.precision)
        with until_done(checkpoint) as path:
            held = None if valid is None else lines_of(*valid)
            self.fit_lines(lines, held, on_epoch, checkpoint=path, resume=resume)
        return self

    def fit_lines(
        self,
        lines: Lines,
        held: Lines | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        on_step: Callable[[int, float], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Translator:
        """Learn from pairs that have been read; as `fit`, but the checkpoint stays."""
        if held is None:
            lines, held = self.split(lines, min(VALID_SHARE, MOST_PAIRS / len(lines)))
        sides = Sides.learn(lines, self.unit, self.vocabulary, self.joint, self.lowercase)
        training, learnt = self._pairs(sides, lines)
        validation, _ = self._pairs(sides, held)
        for pairs, own in ((training, lines), (validation, held)):
            if not len(pairs.source):
                raise InputError(
                    f"{own.names[0]}: every pair has a side of more than {self.settings.longest} "
                    f"{PLURALS[self.unit]}; give shorter sentences, or set longest"
                )
        sides = replace(sides, longest=int(training.source.lengths.max()))
        network = self._begin(sides, training)
        self.sides_, self.network_, self.left_out_ = sides, network, len(lines) - len(learnt)
        self.trained_on_ = len(learnt)
        how = {"unit": self.unit, "joint": self.joint, "lowercase": self.lowercase, "seed": self.seed}
        kept = checkpoint_at(checkpoint, how, network, training, validation)
        lesson: Lesson = Fixed(training)
        if self.settings.sampling:
            lesson = Varying(sides, lines.select(learnt), self.settings.sampling, self.seed)
        self.history_ = fit_network(network, lesson, validation, self.seed, on_epoch, on_step, kept, resume)
        return self

    def split(self, lines: Lines, share: float) -> tuple[Lines, Lines]:
        """Return the pairs without a share, cut off at random by the seed, and that share.

        Raises  InputError if nothing would be cut off
        """
        kept, cut = cut_off(np.zeros(len(lines), np.int64), share, self.seed)
        if not len(cut):
            raise InputError(
                f"{lines.names[0]}: {len(lines):,} pairs are too few to hold back {100 * share:.3g} % of them; give "
                "others for it"
            )
        return lines.select(kept), lines.select(cut)

    def translate(self, texts: Texts | str, search: SearchSettings | None = None, prefix: str = "") -> list[str]:
        """Return the translation of each sentence.

        texts   sentences; of one alone, too, a list is returned
        search  beam, lengths; None: a beam of 5
        prefix  words with which every translation begins
        Raises  NotFittedError before `fit`
        """
        manner = Manner(SearchSettings() if search is None else search, prefix=prefix)
        return [found[0].text for found in self.search([texts] if isinstance(texts, str) else texts, manner)]

    def sample(
        self, texts: Texts | str, sampling: SamplingSettings | None = None, seed: int = 0, prefix: str = ""
    ) -> list[str]:
        """Return a translation of each sentence that is drawn at random, likely ones more often.

        sampling  temperature, and how many tokens are drawn from
        seed      the same seed draws the same
        """
        how = SamplingSettings() if sampling is None else sampling
        manner = Manner(SearchSettings(), how, whole("seed", seed, SEED), prefix)
        return [found[0].text for found in self.search([texts] if isinstance(texts, str) else texts, manner)]

    def search(self, texts: Texts, manner: Manner, also: Sequence[Translator] = ()) -> list[list[Translation]]:
        """Return the translations of each sentence, the best first, with scores, words that belong together, attention.

        also    fitted translators of the same vocabularies, such as of other seeds: the mean of the probabilities of
                all counts
        Raises  NotFittedError before `fit`; InputError if a text is none, or a translator has other vocabularies
        """
        self.require_alike(also)
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str):
                raise InputError(f"text {number} must be a string; got {type(text).__name__}")
        return translate_texts([own.network_ for own in (self, *also)], self.sides_, texts, manner)

    def require_alike(self, also: Sequence[Translator]) -> None:
        """Raise what `search` raises for other translators than those that can write together."""
        require_fit(self, "network_")
        for number, other in enumerate(also, 2):
            require_fit(other, "network_")
            if not self.sides_.same_as(other.sides_):
                raise InputError(
                    f"model {number}: has other vocabularies than the first; take models that learnt from the same"
                )

    def loss(self, lines: Lines) -> float:
        """Return the mean negative log-likelihood of the translations of pairs, in nats a token."""
        require_fit(self, "network_")
        return mean_loss(self.network_, Pairs(self.sides_.read(lines.source), self.sides_.written(lines.target)))

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        require_fit(self, "network_")
        config = {
            "unit": self.unit,
            "settings": asdict(self.settings),
            "vocabulary": asdict(self.vocabulary),
            "joint": self.joint,
            "lowercase": self.lowercase,
            "seed": self.seed,
            "longest": self.sides_.longest,
            "left_out": self.left_out_,
            "trained_on": self.trained_on_,
            "history": [record.to_json() for record in self.history_],
        }
        write_translator(a_path("path", path), config, self.sides_, self.network_, force)

    @classmethod
    def load(cls, path: str | Path) -> Translator:
        """Read a model from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        config, sides, network = read_translator(a_path("path", path))
        how = (config.unit, config.settings, config.vocabulary, config.joint, config.lowercase, config.seed)
        model = Translator(*how)
        model.sides_, model.network_ = sides, network
        model.left_out_, model.trained_on_ = config.left_out, config.trained_on
        model.history_ = [record.record() for record in config.history]
        return model

    def _begin(self, sides: Sides, training: Pairs) -> TranslationNetwork:
        """Return the network before the first step: as frequent as the tokens are."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = TranslationNetwork(self.settings, shape_of(sides))
        network.softmax.start_from(token_counts(training.target, len(sides.target.symbols), sides.target.end))
        return network

    def _pairs(self, sides: Sides, lines: Lines) -> tuple[Pairs, NDArray[np.int64]]:
        """Return pairs as ids, but for those that are too long, or empty, and the numbers of those that are left."""
        pairs = (sides.read(lines.source), sides.written(lines.target))
        longest = np.maximum(pairs[0].lengths, pairs[1].lengths)
        kept = np.flatnonzero((longest <= self.settings.longest) & (np.minimum(*(p.lengths for p in pairs)) > 0))
        chosen: list[Ragged] = [side.select(kept) for side in pairs]
        return Pairs(*chosen), kept


def shape_of(sides: Sides) -> Shape:
    """Return what a network is built from that translates between two sides."""
    read = None if sides.joint else len(sides.source.symbols)
    return Shape(len(sides.target.symbols), sides.target.end, sides.target.unknown, read)


def lines_of(source: Side, target: Side) -> Lines:
    """Return pairs from sentences, or from the files that they are the lines of.

    Raises  InputError if only one is a file, for whatever is wrong with one, or if they do not belong together
    """
    if isinstance(source, str | Path) and isinstance(target, str | Path):
        return read_lines_of(source, target)
    if isinstance(source, str | Path) or isinstance(target, str | Path):
        raise InputError("source and target: one is a file, the other is none; give two files, or two lists of texts")
    return paired(list(source), list(target))
