"""What every classifier of recordings or clips is: one of their frames, and the probability from which on it tells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.classifier.stored import StoredClassifier, network_of
from lstmkit.classification.unsure import least_probability, told
from lstmkit.errors import require_fit
from lstmkit.ranges import PROBABILITY, a_path, real
from lstmkit.training import ModelFolder, Parameters
from lstmkit.training.folder import StoredModel

RIGHT = 0.9
"""Share of the answers told that shall be right."""


class TellingClassifier(Parameters, ABC):
    """A `SequenceClassifier` of frames, and what it takes to tell its answer.

    kind     of the model folder
    right    share of the answers that shall be right where one is told; a constructor of every task sets it

    After `fit`: `classifier_` and `threshold_`.
    """

    kind: ClassVar[str]
    right: float
    classifier_: SequenceClassifier
    threshold_: float

    @abstractmethod
    def predict_proba(self, source: Any, pattern: str | None = None) -> NDArray[np.float64]:
        """Return the probability of every class for every recording or clip (N, K), in the order of `classes_`.

        source   a file, a list of them, a folder or a table
        pattern  of the names of a folder's files
        Raises   NotFittedError before `fit`; InputError for a file that cannot be used
        """

    def predict(self, source: Any, pattern: str | None = None) -> NDArray[Any]:
        """Return the class of each recording or clip (N,), "unsure" where none is probable enough; `predict_proba`."""
        return self.told(self.predict_proba(source, pattern))

    def fitted(self, classifier: SequenceClassifier) -> Self:
        """Take a fitted classifier of frames, and choose the threshold by what it said of its validation part."""
        self.classifier_ = classifier
        self.threshold_ = least_probability(*classifier.validated_, self.right)
        return self

    def told(self, found: NDArray[np.float64], threshold: float | None = None) -> NDArray[Any]:
        """Return what probabilities (N, K) tell, (N,).

        threshold  least probability of a class that is told; None is `threshold_`
        """
        return told(found, self.classes_, self.threshold_ if threshold is None else threshold)

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes in the order of the probabilities."""
        return self.classifier_.classes_

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        require_fit(self, "classifier_")
        config = {**self.own_config(), "threshold": self.threshold_, "classifier": self.classifier_.config()}
        folder = ModelFolder(self.kind, config, self.classifier_.network_.state_dict())
        folder.write(a_path("path", path), __version__, force)

    @abstractmethod
    def own_config(self) -> dict[str, Any]:
        """Return what the folder holds beside the classifier of frames and the threshold."""


def restored(folder: StoredModel, config: StoredClassifier, threshold: float) -> SequenceClassifier:
    """Return the classifier of frames within a folder.

    Raises  ModelFolderError if the threshold is none, or the weights do not agree with the config
    """
    with folder.agreeing():
        real("threshold", threshold, PROBABILITY)
        if config.task != "classes":
            raise ValueError("a network of numbers")
    return SequenceClassifier.restored(config, network_of(folder, config))
