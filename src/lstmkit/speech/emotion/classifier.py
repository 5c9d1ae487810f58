"""`EmotionClassifier`: learn how recordings are said, answer for others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier import SequenceClassifier, SequenceSettings
from lstmkit.classification.classifier.stored import StoredClassifier
from lstmkit.classification.classifier.telling import RIGHT, TellingClassifier, restored
from lstmkit.classification.reading import Form, Labelled
from lstmkit.classification.reading.labelled import settled
from lstmkit.errors import require_fit
from lstmkit.ranges import PROBABILITY, a_path, real
from lstmkit.speech.emotion.clips import SPEAKER, Clips, clip_frames, read_clips
from lstmkit.speech.emotion.frames import VoiceSettings
from lstmkit.training import EpochRecord
from lstmkit.training.folder import StoredModel
from lstmkit.training.schema import Natural

KIND = "emotion classifier"
USUAL: Mapping[str, Any] = {"pooling": "attention", "measure": "uar", "class_weights": "balanced"}
"""Settings that are others than those of any sequences: every class counts alike, and it can be seen what weighed."""


@dataclass(frozen=True)
class StoredEmotion:
    """The config of a folder, its types and ranges checked; see `EmotionClassifier.save`."""

    seed: Natural
    frames: VoiceSettings
    threshold: float
    classifier: StoredClassifier


class EmotionClassifier(TellingClassifier):
    """Tell how recordings are said, by a recurrent network that reads frames of the voice.

    settings  size and training of the network; None: the usual ones, with attention
    frames    what is computed of a recording; None: the usual
    seed      of the weights, the recordings that are held back, their order, and dropout
    beside    weights of the losses of further labels that are learnt beside the main one, such as {"speaker": 0.3}
    right     share of the answers that shall be right where one is told; below the probability from which on they
              were on the validation part, `predict` says "unsure"
    Raises    InputError if a value is out of range

    After `fit`: `classifier_`, a `SequenceClassifier` of the frames, and `threshold_`.
    Source    attention, further labels and their weights: Tao & Liu 2018, arXiv 1710.10197
    """

    kind = KIND

    def __init__(
        self,
        settings: SequenceSettings | None = None,
        frames: VoiceSettings | None = None,
        seed: int = 0,
        beside: Mapping[str, float] | None = None,
        right: float = RIGHT,
    ) -> None:
        self.settings = SequenceSettings(**USUAL) if settings is None else settings
        self.frames = VoiceSettings() if frames is None else frames
        self.seed, self.beside, self.right = seed, beside, real("right", right, PROBABILITY)
        self.unfitted()

    def unfitted(self) -> SequenceClassifier:
        """Return the classifier of frames that `fit` will fit; a missing pitch is masked."""
        return SequenceClassifier(self.settings, "classes", self.seed, "mask", self.beside)

    def fit(
        self,
        source: Any,
        *,
        label: str = "label",
        pattern: str | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> EmotionClassifier:
        """Learn from recordings; earlier fits are forgotten. No speaker is both learnt from and validated on.

        source    a folder, a table or its path, as `read_clips` reads it
        label     column or field of the classes
        pattern   of the names of a folder's files
        on_epoch  called with every `EpochRecord`
        Returns   self
        Raises    InputError if something given cannot be used; one line that says why, where and how to mend it
        """
        rows = self.rows(read_clips(source, label, pattern), label)
        return self.fitted(self.unfitted().fit_rows(rows, on_epoch=on_epoch))

    def rows(self, clips: Clips, label: str | None = None) -> Labelled:
        """Return recordings as sequences of frames.

        label   name of the classes; None reads none
        Raises  InputError naming the recording or label that cannot be used
        """
        groups = clips.groups() if label is not None else None
        labels = None if label is None else clips.fact(label)
        beside = {name: clips.fact(name) for name in self.beside or {}} if label is not None else {}
        group = None if groups is None else SPEAKER
        name = label or self.classifier_.form_.label
        form = Form(name, group=group, channels=self.frames.channels, missing="mask", layout="arrays")
        frames = clip_frames(clips, self.frames)
        found = Labelled(frames, clips.names, labels, form, groups, notes=clips.manifest.notes, beside=beside)
        return settled(found, label is not None)

    def predict_proba(self, source: Any, pattern: str | None = None) -> NDArray[np.float64]:
        """Return the probability of every class for every recording (N, K), in the order of `classes_`.

        source   a recording, a list of them, a folder or a table
        pattern  of the names of a folder's files; its field speaker says whose units frames are put into
        Raises   NotFittedError before `fit`; InputError for a recording that cannot be used
        """
        require_fit(self, "classifier_")
        return self.classifier_.answers(self.rows(read_clips(source, pattern=pattern, labelled=False)))

    def own_config(self) -> dict[str, Any]:
        """Return what the folder holds beside the classifier of frames and the threshold."""
        return {"seed": self.seed, "frames": dataclasses.asdict(self.frames)}

    @staticmethod
    def load(path: str | Path) -> EmotionClassifier:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, of another kind, or from a newer version
        """
        folder = StoredModel.open(a_path("path", path), KIND)
        config = folder.checked(StoredEmotion)
        with folder.agreeing():
            if config.classifier.form.channels != config.frames.channels:
                raise ValueError("a network of other frames")
        inner = restored(folder, config.classifier, config.threshold)
        found = EmotionClassifier(inner.settings, config.frames, config.seed, inner.beside)
        found.classifier_, found.threshold_ = inner, config.threshold
        return found
