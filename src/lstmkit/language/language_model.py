"""`LanguageModel`: learn from text, score it, suggest, write on, save, load."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lstmkit.errors import InputError, require_fit
from lstmkit.language.neural import LanguageNetwork, LanguageSettings, NetworkPredictor
from lstmkit.language.neural.beginning import check_start
from lstmkit.language.neural.fitting import Window, fit_network, token_counts
from lstmkit.language.neural.network import warn_of_precision
from lstmkit.language.neural.pace import VALIDATED, Plan, measured, plan_for
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.persistence import read_language_model, write_language_model
from lstmkit.language.predicting import MixturePredictor, Predictor, fit_share
from lstmkit.language.text import Corpus, VocabularySettings, read_corpus
from lstmkit.language.vocabulary import UNITS, Tokens
from lstmkit.ranges import SEED, a_path, whole
from lstmkit.recurrence.cells import cell_named
from lstmkit.training import EpochRecord
from lstmkit.training.checkpoint import fingerprint_in, until_done

PREDICTORS = ("lstm", "ngram", "mixture")

NGRAM_TOKENS = 50_000_000
"""Tokens, the last of the training text, that n-grams are counted in at most: they are held in memory."""


class LanguageModel:
    """A recurrent model of text, with an n-gram model as its yardstick and partner.

    unit        "word", "character" or "subword"
    settings    of the network and its training; None: those that suit the unit, `LanguageSettings.of(unit)`
    vocabulary  how words are found and how many are kept
    order       of the n-gram model (interpolated modified Kneser-Ney), whose lines stand alone or follow each other,
                whichever foresees the validation text better; None: none is made
    seed        of the weights, of dropout, and of where windows are cut
    Raises      InputError if a value is out of range

    After `fit`: `tokens_` (the vocabulary), `network_`, `ngram_` (None without), `share_` (of the network in the
    mixture of both, fitted on validation text), `history_` (a record a round), `trained_on_` (tokens of the text),
    `plan_` (how the text was gone through; not saved). The network can be asked in every round: `predictor("lstm")` is
    then what it is so far.
    """

    def __init__(
        self,
        unit: str = "word",
        settings: LanguageSettings | None = None,
        vocabulary: VocabularySettings | None = None,
        order: int | None = 5,
        seed: int = 0,
    ) -> None:
        if unit not in UNITS:
            raise InputError(f"unit {unit!r} is not one of {', '.join(UNITS)}")
        self.unit = unit
        self.settings = LanguageSettings.of(unit) if settings is None else settings
        cell_named(self.settings.cell)
        self.vocabulary = VocabularySettings() if vocabulary is None else vocabulary
        self.order = None if order is None else whole("n-gram model: order", order)
        self.seed = whole("seed", seed, SEED)

    def __repr__(self) -> str:
        """Show the arguments."""
        return f"LanguageModel({self.unit!r}, {self.settings}, {self.vocabulary}, {self.order}, {self.seed})"

    def fit(
        self,
        text: str | Path | Corpus,
        valid: str | Path | None = None,
        *,
        start: LanguageModel | str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        on_window: Callable[[Window], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> LanguageModel:
        """Learn from text; earlier fits are forgotten.

        text        a file or folder, or a corpus that was read already; a test part in it is not looked at
        valid       file or folder that chooses the best round; None cuts off the last 5 % of the text
        start       fitted model, or its folder, to go on from: with its vocabulary, and a network of the same shape
        on_epoch    is told the record of every round
        on_window   is told what every step did
        checkpoint  file for the state of the training after every round, removed at the end
        resume      continue from the checkpoint, if there is one: the result is bit for bit that of one run
        Returns     itself
        Raises      InputError if something given cannot be used
        """
        start = None if start is None else _begun(start)
        if not isinstance(text, Corpus):
            known = None if start is None else start.tokens_
            text = read_corpus(text, valid, unit=self.unit, settings=self.vocabulary, test_share=0.0, tokens=known)
        warn_of_precision(self.settings.precision)
        with until_done(checkpoint) as path:
            self.fit_corpus(text, start, on_epoch, on_window, checkpoint=path, resume=resume)
        return self

    def fit_corpus(
        self,
        corpus: Corpus,
        start: LanguageModel | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        on_window: Callable[[Window], None] | None = None,
        on_plan: Callable[[Plan], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> LanguageModel:
        """Learn from a corpus as `fit` does, and leave the checkpoint for the caller, who may have more to do.

        on_plan  is told before the first step how the text is gone through, and about how long that takes
        """
        if corpus.tokens.unit != self.unit:
            raise InputError(f"the corpus is one of {corpus.tokens.unit}s, the model one of {self.unit}s")
        if start is not None:
            check_start(start.unit, start.settings, self.unit, self.settings)
            if corpus.tokens != start.tokens_:
                raise InputError("start: the corpus has another vocabulary; read it with tokens=, those of the model")
        network = self._begin(corpus, start)
        self.tokens_: Tokens = corpus.tokens
        self.history_: list[EpochRecord] = []
        self.trained_on_ = len(corpus.train)
        self.network_, self.share_ = network, 1.0
        self.ngram_: NGramModel | None = None
        plan = self._plan(corpus, checkpoint if resume else None, on_plan is not None)
        self.plan_ = plan
        if on_plan is not None:
            on_plan(plan)
        kept = None if checkpoint is None else (checkpoint, self._fingerprint(corpus, start, plan))
        for record in fit_network(
            network, corpus.train, corpus.valid, corpus.tokens.end, plan, self.seed, on_window, kept, resume
        ):
            self.history_.append(record)
            if on_epoch is not None:
                on_epoch(record)
        self._fit_ngram(corpus)
        return self

    def _begin(self, corpus: Corpus, start: LanguageModel | None) -> LanguageNetwork:
        """Return the network before the first step: as frequent as the words are, or as the model it starts from."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = LanguageNetwork(len(corpus.tokens.symbols), self.settings)
        if start is None:
            network.softmax.start_from(torch.from_numpy(token_counts(corpus.train, network.vocabulary)))
        else:
            network.load_state_dict(start.network_.state_dict())
        return network

    def _plan(self, corpus: Corpus, interrupted: Path | None, asked: bool) -> Plan:
        """Return how the text is gone through.

        interrupted  checkpoint of a training to go on with as it was gone through, or None
        asked        whether to time steps also where nothing but the answer depends on it
        """
        earlier = None if interrupted is None else fingerprint_in(interrupted)
        begun = None
        if earlier is not None:
            numbers = [earlier.get(name, 0) for name in ("columns", "window", "TrainSettings.warmup")]
            known = all(isinstance(number, int) and number >= 0 for number in numbers)
            if known and 0 < numbers[0] <= len(corpus.train) and numbers[1] > 0:
                begun = (numbers[0], numbers[1], numbers[2])
        pace = None
        if asked or (self.settings.minutes is not None and begun is None):
            pace = measured(self.network_, corpus.train, corpus.tokens.end)
        return plan_for(self.settings, len(corpus.train), pace, begun)

    def _fit_ngram(self, corpus: Corpus) -> None:
        """Count n-grams in the training part; find the share of the network in the mixture on the validation part."""
        if self.order is None:
            return
        text, valid = np.asarray(corpus.train[-NGRAM_TOKENS:]), np.asarray(corpus.valid[:VALIDATED])
        boundaries = (None,) if self.unit == "character" else (corpus.tokens.end, None)
        models = [NGramModel.fit(text, len(corpus.tokens.symbols), self.order, boundary) for boundary in boundaries]
        self.ngram_ = max(models, key=lambda model: float(model.token_log_probs(valid).mean()))
        self.share_ = fit_share(*(self.predictor(by).token_log_probs(valid) for by in ("lstm", "ngram")))

    def predictor(self, by: str = "lstm") -> Predictor:
        """Return what predicts the next token: the network ("lstm"), the "ngram" model, or the "mixture" of both.

        Raises  InputError if there is no such predictor, or the model has no n-grams; NotFittedError before `fit`
        """
        require_fit(self, "network_")
        if by not in PREDICTORS:
            raise InputError(f"by must be one of {', '.join(PREDICTORS)}; got {by!r}")
        if by != "lstm" and self.ngram_ is None:
            raise InputError(f"the model was trained without n-grams, so there is no {by}; train it with an order")
        return self.predictors()[by]

    def predictors(self) -> dict[str, Predictor]:
        """Return all that the model has, by name: lstm, and ngram and mixture if it counted n-grams."""
        require_fit(self, "network_")
        network = NetworkPredictor(self.tokens_, self.network_)
        if self.ngram_ is None:
            return {"lstm": network}
        ngram = NGramPredictor(self.tokens_, self.ngram_)
        return {"lstm": network, "ngram": ngram, "mixture": MixturePredictor(network, ngram, self.share_)}

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        require_fit(self, "network_")
        config = {
            "params": {
                "unit": self.unit,
                "settings": asdict(self.settings),
                "vocabulary": asdict(self.vocabulary),
                "order": self.order,
                "seed": self.seed,
            },
            "tokens": self.tokens_.config(),
            "ngram": None if self.ngram_ is None else self.ngram_.config(),
            "share": self.share_,
            "trained_on": self.trained_on_,
            "history": [record.to_json() for record in self.history_],
        }
        write_language_model(a_path("path", path), config, self.network_, self.ngram_, force)

    @classmethod
    def load(cls, path: str | Path) -> LanguageModel:
        """Read a model from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        config, tokens, network, ngram = read_language_model(a_path("path", path))
        params = config.params
        model = LanguageModel(params.unit, params.settings, params.vocabulary, params.order, params.seed)
        model.tokens_, model.network_, model.ngram_ = tokens, network, ngram
        model.share_, model.trained_on_ = config.share, config.trained_on
        model.history_ = [record.record() for record in config.history]
        return model

    def _fingerprint(self, corpus: Corpus, start: LanguageModel | None, plan: Plan) -> dict[str, Any]:
        """Return what a checkpoint must agree with: settings, vocabulary and digests of the text and of the start."""
        digest = hashlib.sha256()
        for part in (corpus.train, corpus.valid):
            for first in range(0, len(part), 1 << 24):
                digest.update(np.ascontiguousarray(part[first : first + (1 << 24)]).tobytes())
        return {
            "unit": self.unit,
            "seed": self.seed,
            "tokens in the vocabulary": len(corpus.tokens.symbols),
            "text": digest.hexdigest()[:16],
            "columns": plan.columns,
            "window": plan.window,
            "start": None if start is None else _digest(start.network_),
            **{f"settings.{name}": value for name, value in asdict(self.settings).items()},
        }


def _begun(start: LanguageModel | str | Path) -> LanguageModel:
    """Return the model to begin with, or that in a folder.

    Raises  InputError if it is neither a fitted model nor such a folder
    """
    if isinstance(start, str | Path):
        return LanguageModel.load(start)
    if not isinstance(start, LanguageModel) or "network_" not in vars(start):
        raise InputError(f"start: a fitted language model or its folder is needed; got {type(start).__name__}")
    return start


def _digest(network: LanguageNetwork) -> str:
    """Return a digest of the weights of a network."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]
