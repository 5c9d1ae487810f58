"""`SequenceClassifier`: learn classes or numbers of sequences, answer for others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.classifier.beside import Beside
from lstmkit.classification.classifier.explaining import step_weights
from lstmkit.classification.classifier.pieces import mean_of_pieces, pieces, pieces_to_learn
from lstmkit.classification.classifier.settings import SequenceSettings
from lstmkit.classification.classifier.stored import (
    StoredClassifier,
    read_sequence_classifier,
    write_sequence_classifier,
)
from lstmkit.classification.classifier.stream import ClassifierStream
from lstmkit.classification.frames import FrameShape, frame_ensemble
from lstmkit.classification.labels import TASKS, Coding, hold_back
from lstmkit.classification.learning import answers, checkpoint_at, epochs_enough, fit_network
from lstmkit.classification.network import Ensemble
from lstmkit.classification.reading import Form, Labelled, read_labelled
from lstmkit.classification.reading.labelled import MISSING, group_note
from lstmkit.errors import InputError, require_fit
from lstmkit.ranges import NOT_NEGATIVE, SEED, a_path, choice, real, whole, words
from lstmkit.sequences import Examples, Ragged
from lstmkit.training import EpochRecord, Parameters
from lstmkit.training.checkpoint import until_done

VALID_SHARE = 0.2
"""Of the sequences, for early stopping: sets of sequences are often small."""


class SequenceClassifier(Parameters):
    """Tell classes of sequences, or a number for each, by a recurrent network.

    settings  size and training of the network
    task      "classes", or "number" for regression
    seed      of the weights, the sequences that are held back, their order, and dropout
    missing   "refuse" missing values, or "mask" them: the network is told which are
    beside    weights of the losses of further labels, by what they say; the main one has 1. `fit_rows` takes them, in
              `Labelled.beside`
    Raises    InputError if there is no such task or way, or the seed or a weight is negative

    After `fit`: `network_`, `coding_` (what labels mean), `form_` (how sequences lie in what is read, with their
    channels), `history_` (a record per epoch), `notes_` (what was noticed in what was read), `validated_`
    (answers for what early stopping looked at, by a network that had not learnt from it, and the truth).
    """

    def __init__(
        self,
        settings: SequenceSettings | None = None,
        task: str = "classes",
        seed: int = 0,
        missing: str = "refuse",
        beside: Mapping[str, float] | None = None,
    ) -> None:
        self.settings = SequenceSettings() if settings is None else settings
        self.task = choice("task", task, TASKS)
        self.seed = whole("seed", seed, SEED)
        self.missing = choice("missing", missing, MISSING)
        for name, weight in (beside or {}).items():
            real(f"weight of {name!r}", weight, NOT_NEGATIVE)
        self.beside = beside

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        label: str = "label",
        id: str | None = None,
        time: str | None = None,
        group: str | None = None,
        channels: Sequence[str] = (),
        interleaved: int = 1,
        groups: Any = None,
        valid: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> SequenceClassifier:
        """Learn from sequences; earlier fits are forgotten.

        X           a list of arrays (T, channels); an array (N, T, channels), or (N, T) of one channel; a table of
                    polars, pandas or pyarrow; or the path of a table, a .ts, .npz or .npy file, or a folder
        y           (N,) labels of arrays; tables and files have their own
        label       column of the labels
        id          column that tells the sequences of a table with a row a step apart; without, a row is a sequence
        time        column by which steps are put in order
        group       column of the person, machine or source of a sequence: none is both learnt from and validated on
        channels    columns that are read; empty: all other columns of numbers
        interleaved  channels whose values take turns in the columns of a table with a row a sequence: x, y, x, y, ...
        groups      (N,) likewise, of arrays
        valid       further sequences for early stopping, (X, y) or as X; None holds back a fifth
        on_epoch    called with every `EpochRecord`
        checkpoint  file that keeps the state of the training after every epoch; removed when it is complete
        resume      continue from that file, if it exists, to the same weights as without the interruption
        Returns     self
        Raises      InputError if something given cannot be used; one line that says why, where and how to mend it
        """
        names = words("channels", channels)
        form = Form(label, id, time, group, names, self.missing, interleaved=interleaved)
        rows = read_labelled(X, form, True, y, groups)
        held = None
        if valid is not None:
            pair = valid if isinstance(valid, tuple) and len(valid) == 2 else (valid, None)
            held = read_labelled(pair[0], rows.form, True, pair[1])
        with until_done(checkpoint) as path:
            self.fit_rows(rows, held, on_epoch, path, resume)
        return self

    def fit_rows(
        self,
        rows: Labelled,
        held: Labelled | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
        cut: bool = False,
    ) -> SequenceClassifier:
        """Learn from sequences that have been read; as `fit`, but the checkpoint stays.

        held  for early stopping; None holds back a fifth of the rows
        cut   whether `held` was cut off from the same sequences, so that a final fit learns from it
        """
        notes = [*rows.notes, *group_note(rows)]
        if held is None:
            self.require_several(rows)
            rows, held = self.validating(rows, VALID_SHARE)
            cut = True
        coding = Coding.learn(_labels(rows), rows.form.label, self.task, rows.whole)
        targets, wanted = coding.targets(_labels(rows), "training"), coding.targets(_labels(held), "validation")
        beside = Beside.learn(self.beside or {}, rows, held)
        training = self._examples(rows, targets, beside)
        validation = self._examples(held, wanted, beside)
        learnt = self.settings.rows_learnt(len(rows), len(held), cut)
        networks = self.settings.networks_for(learnt)
        notes += self.settings.networks_note(learnt)
        filtered = self.settings.filters_for(training.sides[0].lengths)
        sizes = len(rows.form.channels), coding.outputs, rows.holds_missing
        shape = FrameShape(*sizes, further=beside.heads, networks=networks, filtered=filtered)
        how, again = self.settings, cut and self.settings.final_fit
        if again and how.minutes is not None:
            how = dataclasses.replace(how, minutes=how.minutes / 2)
        first = dataclasses.replace(shape, networks=1) if again else shape  # one says when to stop
        network = self._new_network(first, training)
        own = {"task": self.task, "seed": self.seed, "classes": list(coding.classes)}
        own |= {"beside": dict(self.beside)} if self.beside else {}
        kept = checkpoint_at(checkpoint, self.settings, own, network, training, validation)
        history = fit_network(network, how, training, validation, self.seed, kept, resume, on_epoch)
        self.validated_ = self._answered(network, coding, held.frames), coding.truth(_labels(held))
        enough = epochs_enough(history, len(validation), self.task == "number") if again else 0
        if enough:
            how = dataclasses.replace(how, epochs=enough)
            network = self._fit_again(how, shape, training, validation, history, on_epoch)
        elif again:  # networks that have learnt nothing were best
            network = self._new_network(shape, training)
        self.form_, self.coding_, self.shape_, self.notes_ = rows.form, coding, shape, tuple(notes)
        self.network_, self.history_ = network.eval(), history
        return self

    def _new_network(self, shape: FrameShape, rows: Examples) -> Ensemble:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return frame_ensemble(self.settings, shape, rows.sides[0])

    def _fit_again(
        self,
        how: SequenceSettings,
        shape: FrameShape,
        training: Examples,
        validation: Examples,
        history: list[EpochRecord],
        on_epoch: Callable[[EpochRecord], None] | None,
    ) -> Ensemble:
        """Return a network trained on both parts; its epochs are added to the history, counted on."""
        sides = (training.sides[0].joined(validation.sides[0]),)
        further = tuple(torch.cat(pair) for pair in zip(training.further, validation.further, strict=True))
        everything = Examples(sides, torch.cat([training.targets, validation.targets]), further)
        network, before = self._new_network(shape, everything), history[-1]

        def follow(record: EpochRecord) -> None:
            history.append(record.after(before))
            if on_epoch is not None:
                on_epoch(history[-1])

        fit_network(network, how, everything, None, self.seed, on_epoch=follow)
        return network

    def split(self, rows: Labelled, share: float) -> tuple[Labelled, Labelled]:
        """Return the sequences that stay, and those held back: a share of each class, or whole groups."""
        groups = rows.groups if rows.groups is not None and len(set(rows.groups)) > 1 else None
        stay, cut = hold_back(_labels(rows), rows.form.label, self.task, share, self.seed, groups)
        return rows.select(stay), rows.select(cut)

    def validating(self, rows: Labelled, share: float) -> tuple[Labelled, Labelled]:
        """Return the sequences that are learnt from, and those that say when to stop; as `split`.

        Where there are too few groups to hold one back, a share of each class is: this favours no score, for no
        sequence that is scored is in either part.
        """
        try:
            return self.split(rows, share)
        except InputError:
            if rows.groups is None:
                raise
        return self.split(dataclasses.replace(rows, groups=None), share)

    def require_several(self, rows: Labelled) -> None:
        """Raise InputError if a class has one sequence: it cannot be both learnt and held back."""
        if self.task == "number":
            return
        counted = Counter(_labels(rows))
        single = [name for name, count in counted.items() if count == 1]
        if single and len(counted) > 1 and len(single) < len(counted):
            raise InputError(
                f"label column {rows.form.label!r}: class {single[0]!r} has one sequence, which cannot be both learnt "
                f"and held back; give more of it, or leave it out"
            )

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of every sequence (N,), whole numbers if they were such, or its number.

        X       as in `fit`, in the same form; labels are not needed
        Raises  NotFittedError before `fit`; InputError if its channels are not those that were learnt
        """
        found = self.answers(self.read(X))
        return self.classes_[found.argmax(axis=1)] if self.coding_.classes else found[:, 0]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of every class for every sequence (N, K), in the order of `classes_`.

        Raises  InputError for a classifier of numbers
        """
        rows = self.read(X)
        if not self.coding_.classes:
            raise InputError("predict_proba: this classifier tells numbers, which have no probabilities; use predict")
        return self.answers(rows)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of right answers; of numbers the share of their variance that is explained (R²)."""
        rows = self.read(X, y, True)
        truth, found = self.coding_.truth(_labels(rows)), self.answers(rows)
        if self.coding_.classes:
            return float((found.argmax(axis=1) == truth).mean())
        spread = float(((truth - truth.mean()) ** 2).sum())
        return 1 - float(((truth - found[:, 0]) ** 2).sum()) / spread if spread else float("nan")

    def read(self, X: Any, y: Any = None, labelled: bool = False) -> Labelled:
        """Return sequences read as those that were learnt from.

        Raises  NotFittedError before `fit`
        """
        require_fit(self, "network_")
        rows = read_labelled(X, self.form_, labelled, y)
        if len(rows.form.channels) != self.shape_.channels:
            raise InputError(
                f"the sequences have {len(rows.form.channels)} channels; the model reads {self.shape_.channels}"
            )
        return rows

    def answers(self, rows: Labelled) -> NDArray[np.float64]:
        """Return probabilities (N, K), or numbers in the units of the labels (N, 1)."""
        return self.answers_of(rows.frames)

    def answers_of(self, frames: Ragged) -> NDArray[np.float64]:
        """Return `answers` for frames alone."""
        return self._answered(self.network_, self.coding_, frames)

    def _answered(self, network: Ensemble, coding: Coding, frames: Ragged) -> NDArray[np.float64]:
        cut, owner = pieces(frames, self.settings.max_steps)
        found = answers(network, Examples((cut,), torch.empty(0)), self.settings)
        return coding.restored(mean_of_pieces(found, owner, cut.lengths))

    def _examples(self, rows: Labelled, targets: Tensor, beside: Beside) -> Examples:
        cut, owner = pieces_to_learn(rows.frames, self.settings.max_steps)
        of_piece = torch.from_numpy(owner)
        return Examples((cut,), targets[of_piece], beside.targets(rows, of_piece))

    def stream(self) -> ClassifierStream:
        """Return what takes the steps of one sequence as they come, and always has an answer.

        Raises  NotFittedError before `fit`; InputError for a network that must see the whole sequence
        """
        require_fit(self, "network_")
        masked = self.form_.missing == "mask"
        return ClassifierStream(self.network_, self.settings, self.coding_, self.shape_.channels, masked)

    def explain(self, X: Any) -> list[NDArray[np.float64]]:
        """Return how much each step of each sequence weighed in its answer, (T,) each, of sum one; `step_weights`."""
        return self.weights_of(self.read(X).frames)

    def weights_of(self, frames: Ragged) -> list[NDArray[np.float64]]:
        """Return `explain` for frames alone."""
        return step_weights(self.network_, self.settings, frames)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        write_sequence_classifier(a_path("path", path), self.config(), self.network_, force)

    def config(self) -> dict[str, Any]:
        """Return what a `StoredClassifier` is read from.

        Raises  NotFittedError before `fit`
        """
        require_fit(self, "network_")
        return {
            "task": self.task,
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
            "shape": dataclasses.asdict(self.shape_),
            "form": dataclasses.asdict(self.form_),
            **self.coding_.config(),
            "history": [record.to_json() for record in self.history_],
            "beside": dict(self.beside or {}),
        }

    @staticmethod
    def load(path: str | Path) -> SequenceClassifier:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, of another kind, or from a newer version
        """
        return SequenceClassifier.restored(*read_sequence_classifier(a_path("path", path)))

    @staticmethod
    def restored(config: StoredClassifier, network: Ensemble) -> SequenceClassifier:
        """Return the classifier that a config and a network are of."""
        own = (config.settings, config.task, config.seed, config.form.missing, config.beside or None)
        classifier = SequenceClassifier(*own)
        classifier.form_ = config.form
        classifier.coding_ = config.coding()
        classifier.shape_, classifier.network_, classifier.notes_ = config.shape, network, ()
        classifier.history_ = [record.record() for record in config.history]
        return classifier

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes in the order of the probabilities; none for numbers."""
        return self.coding_.names


def _labels(rows: Labelled) -> list[str]:
    """Return the labels of sequences that were read with them."""
    assert rows.labels is not None
    return rows.labels
