"""`ActionClassifier`: learn what is done in clips or by skeletons, answer for others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier import SequenceClassifier, SequenceSettings
from lstmkit.classification.classifier.stored import StoredClassifier
from lstmkit.classification.classifier.telling import RIGHT, TellingClassifier, restored
from lstmkit.classification.reading import Labelled
from lstmkit.errors import InputError, require_fit
from lstmkit.ranges import PROBABILITY, a_path, flag, real
from lstmkit.training import EpochRecord
from lstmkit.training.folder import StoredModel
from lstmkit.training.schema import Natural
from lstmkit.video.clips import Clips
from lstmkit.video.pictures import PIXELS, PictureSettings, usual_features
from lstmkit.video.rows import Asked, Watch, channels_differ, frame_rows
from lstmkit.video.skeletons import SkeletonSettings, mirror_of

KIND = "action classifier"
OF_PICTURES: Mapping[str, Any] = {
    "convolution": 1,
    "hidden_size": 32,
    "input_dropout": 0.5,
    "noise": 0.0,
    "stretch": 0.0,
    "batch_size": 16,
    "epochs": 40,
    "patience": 40,
}
"""Settings for videos that are others than those of any sequences: a frame has many numbers, and they become few before
the recurrent layers read them; half of them are left out in training, in place of noise on each."""
OF_PIXELS: Mapping[str, Any] = {
    **OF_PICTURES,
    "picture": (PIXELS, PIXELS),
    "convolution": 0,
    "input_dropout": 0.2,
    "normalise": "together",
}
"""Settings for pixels likewise: filters that are learnt see them first."""
OF_FLOW: Mapping[str, Any] = {
    **OF_PICTURES,
    "convolution": 0,
    "input_dropout": 0.2,
    "pooling": "mean",
    "differences": (),
    "epochs": 25,
    "patience": 25,
}
"""Settings for the flow likewise: few numbers, which are changes already, and are read as they are."""
OF_SKELETONS: Mapping[str, Any] = {"relative": 2, "differences": (1, 3), "normalise": "together", "crop": 0.1}
"""Settings for skeletons likewise: how far joints move from where they begin, in one unit for all."""


def usual_settings(frames: PictureSettings | SkeletonSettings) -> Mapping[str, Any]:
    """Return the settings of a network that are others than those of any sequences."""
    if isinstance(frames, SkeletonSettings):
        return OF_SKELETONS
    return {"pixels": OF_PIXELS, "flow": OF_FLOW}.get(frames.features, OF_PICTURES)


@dataclass(frozen=True)
class StoredAction:
    """The config of a folder, its types and ranges checked; see `ActionClassifier.save`."""

    seed: Natural
    pictures: PictureSettings | None
    skeletons: SkeletonSettings | None
    threshold: float
    classifier: StoredClassifier


class ActionClassifier(TellingClassifier):
    """Tell what is done in clips, or by skeletons, by a recurrent network that reads frames of them.

    settings  size and training of the network; None: the usual ones for what is read
    frames    how videos or skeletons become frames: `PictureSettings` or `SkeletonSettings`; None: the former
    seed      of the weights, the clips that are held back, their order, and dropout
    right     share of the answers that shall be right where one is told; below the probability from which on they
              were on the validation part, `predict` says "unsure"
    cache     folder where frames of videos are kept; None: LSTMKIT_CACHE, or one in the user's own folder for such
    mirror    whether clips or skeletons are seen in a mirror, too, while they are learnt from: where left and right are
              the same
    Raises    InputError if a value is out of range

    After `fit`: `classifier_`, a `SequenceClassifier` of the frames, and `threshold_`.
    """

    kind = KIND

    def __init__(
        self,
        settings: SequenceSettings | None = None,
        frames: PictureSettings | SkeletonSettings | None = None,
        seed: int = 0,
        right: float = RIGHT,
        cache: str | Path | None = None,
        mirror: bool = False,
    ) -> None:
        self.frames = PictureSettings(usual_features()) if frames is None else frames
        self.settings = SequenceSettings(**usual_settings(self.frames)) if settings is None else settings
        self.seed, self.right, self.cache = seed, real("right", right, PROBABILITY), cache
        self.mirror = flag("mirror", mirror)
        self.unfitted()

    @property
    def reads_skeletons(self) -> bool:
        """Whether skeletons are read, not videos."""
        return isinstance(self.frames, SkeletonSettings)

    def unfitted(self, channels: Sequence[str] = ()) -> SequenceClassifier:
        """Return the classifier of frames that `fit` will fit; a joint that is missing is masked.

        channels  of the frames, by whose names the sides are told
        Raises    InputError if they have none, and are to be seen in a mirror
        """
        settings = self.settings
        if self.mirror and channels:
            sides = self.frames.mirror if isinstance(self.frames, PictureSettings) else mirror_of(channels)
            settings = dataclasses.replace(settings, mirror=sides)
        return SequenceClassifier(settings, "classes", self.seed, "mask")

    def fit(
        self,
        source: Any,
        *,
        label: str = "label",
        group: str | None = None,
        pattern: str | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> ActionClassifier:
        """Learn from clips or skeletons; earlier fits are forgotten. No source is both learnt from and validated on.

        source    a folder, a table or its path, as `read_clips` reads it; of skeletons also a table with a row a step
        label     column or field of the classes
        group     column or field of the sources: of the person, or of the film that a clip is cut from
        pattern   of the names of a folder's files
        on_epoch  called with every `EpochRecord`
        Returns   self
        Raises    InputError if something given cannot be used; one line that says why, where and how to mend it
        """
        rows, _ = self.rows(source, Asked(label, group, pattern))
        return self.fitted(self.unfitted(rows.form.channels).fit_rows(rows, on_epoch=on_epoch))

    def rows(self, source: Any, asked: Asked, watch: Watch | None = None) -> tuple[Labelled, Clips | None]:
        """Return clips or skeletons as sequences of frames, and the files that they are of, if each is of one.

        asked   what says of which class and source each is
        watch   is told how far it is
        Raises  InputError naming the clip or label that cannot be used
        """
        return frame_rows(source, self.frames, asked, self.cache, watch)

    def read(
        self, source: Any, pattern: str | None = None, watch: Watch | None = None
    ) -> tuple[Labelled, Clips | None]:
        """Return clips or skeletons as frames that the fitted network reads, and the files, if each is of one.

        Raises  NotFittedError before `fit`; InputError if they have other numbers than those that were learnt from
        """
        require_fit(self, "classifier_")
        rows, clips = self.rows(source, Asked(None, None, pattern), watch)
        wrong = channels_differ(rows.form.channels, self.classifier_.form_.channels)
        if wrong:
            raise InputError(f"{rows.ids[0]}: {wrong}; give what the model learnt from")
        return rows, clips

    def predict_proba(self, source: Any, pattern: str | None = None) -> NDArray[np.float64]:
        """Return the probability of every class for every clip (N, K), in the order of `classes_`.

        source   a clip, a list of them, a folder or a table
        pattern  of the names of a folder's files
        Raises   NotFittedError before `fit`; InputError for a clip that cannot be used
        """
        require_fit(self, "classifier_")
        return self.classifier_.answers(self.read(source, pattern)[0])

    def own_config(self) -> dict[str, Any]:
        """Return what the folder holds beside the classifier of frames and the threshold."""
        pictures = self.frames.with_weights() if isinstance(self.frames, PictureSettings) else None
        return {
            "seed": self.seed,
            "pictures": None if pictures is None else dataclasses.asdict(pictures),
            "skeletons": dataclasses.asdict(self.frames) if isinstance(self.frames, SkeletonSettings) else None,
        }

    @staticmethod
    def load(path: str | Path, cache: str | Path | None = None) -> ActionClassifier:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        cache   as of the class
        Raises  ModelFolderError if it is missing, damaged, of another kind, or from a newer version; InputError if its
                frames come of other weights than those that are installed
        """
        folder = StoredModel.open(a_path("path", path), KIND)
        config = folder.checked(StoredAction)
        with folder.agreeing():
            if (config.pictures is None) == (config.skeletons is None):
                raise ValueError("videos or skeletons")
            if config.pictures is not None and config.classifier.form.channels != config.pictures.channels:
                raise ValueError("a network of other frames")
        if config.pictures is not None:
            config.pictures.require_weights(str(path))
        inner = restored(folder, config.classifier, config.threshold)
        found = ActionClassifier(inner.settings, config.pictures or config.skeletons, config.seed, cache=cache)
        found.classifier_, found.threshold_ = inner, config.threshold
        return found
