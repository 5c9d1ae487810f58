"""Size, regularisation and training of a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lstmkit.errors import InputError
from lstmkit.ranges import BELOW_1, BETWEEN_0_AND_1, MORE_THAN_0, NOT_NEGATIVE, PROBABILITY, Range, check_fields
from lstmkit.recurrence.cells import cell_named
from lstmkit.speech.units import KINDS
from lstmkit.training import Amount

FRONTS = ("stack", "convolution")
NORMALISATIONS = ("speaker", "utterance", "features")


@dataclass(frozen=True)
class RecognizerSettings:
    """Size and training of a recogniser.

    units          of its heads, which are trained together: "word", "phone" (needs a lexicon), "character", "subword";
                   empty: characters, phones where there is a lexicon, and words where they are few
    subwords       how many sub-words there are
    cell           member of the LSTM family
    hidden_size    units of a layer in each direction
    num_layers     recurrent layers
    streaming      whether sound is read forwards only, so that it can be followed as it comes
    lookahead      steps after its own of which a step of a streaming network knows
    front          what makes a step of frames: "stack", side by side, or "convolution"
    stack          frames of a step
    filters        of the convolution
    reach          frames before and after those of a step that the convolution sees
    layer_dropout  between recurrent layers
    output_dropout before the heads
    weight_drop    of entries of the recurrent matrices
    normalise      by the frames of the "speaker", so far as they are known, of the "utterance", or "features": by those
                   of the training part. A streaming network knows what it has heard so far
    shrink         frames that the utterance, or while streaming the training part, weighs beside those of the speaker
    speed          frames are drawn out or pressed together by a factor within this of 1
    tract          frequencies are stretched by a factor within this of 1, as by another vocal tract; of bands
    level          utterances are louder or softer by decibels within this; of bands
    joined         share of utterances that is followed by another of the same speaker
    time_masks     a second, each of up to `time_mask` seconds
    band_masks     of an utterance, each of up to `band_mask` of the bands
    noise          share of utterances that hear noise, where noise is given; of bands
    least_snr, most_snr  decibels from the noise to what is said
    epochs         over the training part; None: about 5,500 steps, in 4 epochs at least and 150 at most
    batch_steps    steps of a batch, about; fewer where utterances are short or few
    learning_rate  of AdamW, rising for a tenth of the steps, then falling to zero along a cosine
    weight_decay   of AdamW
    average        decay of the moving average of the weights that is validated and kept; None keeps the weights
    minutes        training ends after this time, and cannot be repeated exactly then; None is no bound
    Raises         InputError if a value is out of range
    """

    amount: ClassVar[Amount] = Amount(steps=5500, least=4, most=150)

    units: tuple[str, ...] = ()
    subwords: int = 256
    cell: str = "lstm"
    hidden_size: int = 160
    num_layers: int = 3
    streaming: bool = False
    lookahead: int = 8
    front: str = "stack"
    stack: int = 3
    filters: int = 256
    reach: int = 3
    layer_dropout: float = 0.35
    output_dropout: float = 0.35
    weight_drop: float = 0.2
    normalise: str = "speaker"
    shrink: float = 400.0
    speed: float = 0.1
    tract: float = 0.1
    level: float = 3.0
    joined: float = 0.1
    time_masks: float = 1.0
    time_mask: float = 0.2
    band_masks: int = 2
    band_mask: float = 0.2
    noise: float = 0.5
    least_snr: float = 5.0
    most_snr: float = 30.0
    epochs: int | None = None
    batch_steps: int = 1600
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    average: float | None = 0.995
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        cell_named(self.cell)
        whole = dict.fromkeys(("lookahead", "reach", "band_masks"), NOT_NEGATIVE)
        shares = dict.fromkeys(
            ("layer_dropout", "output_dropout", "weight_drop", "speed", "band_mask", "joined"), BELOW_1
        )
        amounts = dict.fromkeys(
            ("level", "time_masks", "time_mask", "weight_decay", "shrink", "least_snr", "most_snr"), NOT_NEGATIVE
        )
        positive = dict.fromkeys(("learning_rate", "minutes"), MORE_THAN_0)
        own: dict[str, Range | Sequence[str]] = {
            "front": FRONTS,
            "normalise": NORMALISATIONS,
            "units": KINDS,
            "noise": PROBABILITY,
            "average": BETWEEN_0_AND_1,
        }
        tract = {"tract": Range("must be at least 0 and at most 0.5", least=0, most=0.5)}
        check_fields(self, {**whole, **shares, **amounts, **positive, **own, **tract}, "RecognizerSettings")
        if self.least_snr > self.most_snr:
            raise InputError(
                f"RecognizerSettings: least_snr must not be above most_snr, {self.most_snr:g}; got {self.least_snr:g}"
            )

    @property
    def frames_around(self) -> int:
        """Frames before and after its own that a step is made of."""
        return self.reach if self.front == "convolution" else 0

    @property
    def frames_ahead(self) -> int:
        """Frames after those of a step that its output depends on; of a network that reads both ways, it is all."""
        return self.frames_around + (self.stack * self.lookahead if self.streaming else 0)

    @property
    def batch_frames(self) -> int:
        """Frames of a batch, about."""
        return self.batch_steps * self.stack

    def epochs_for(self, batches: int) -> int:
        """Return how many epochs there are of so many batches."""
        return self.epochs or self.amount.epochs(batches)
