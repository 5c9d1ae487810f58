"""From recordings to transcripts: a recogniser, what it knows of the language, and the search between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.predicting import Predictor
from lstmkit.sequences import Ragged
from lstmkit.speech.audio import RATE, Samples, given_samples, stream_audio
from lstmkit.speech.ctc.learning import emitted
from lstmkit.speech.ctc.normalising import Heard, Moments, nobody
from lstmkit.speech.decoding import DecodingSettings, Hotwords
from lstmkit.speech.features import ReadyFrames, frames_of
from lstmkit.speech.listening.detector import LoudnessDetector, SpeechDetector, speech_pieces
from lstmkit.speech.listening.pauses import Piece, cut_at_pauses, nobody_speaks
from lstmkit.speech.listening.stream import EndPoints, Partial, RecognizerStream
from lstmkit.speech.ready import ReadyFiles
from lstmkit.speech.recogniser import Recognizer
from lstmkit.speech.transcript import Segment, Transcript
from lstmkit.speech.utterance import Utterance
from lstmkit.training import threads_for


@final
class Transcriber:
    """Writes down what is said in recordings.

    recogniser  that has been fitted
    predictor   of words; None takes the n-grams that the recogniser keeps, if any
    hotwords    phrases that count more
    settings    of the search; None takes those that the recogniser keeps
    Raises      NotFittedError before `fit`; InputError if nothing can be searched so
    """

    def __init__(
        self,
        recogniser: Recognizer,
        predictor: Predictor | None = None,
        hotwords: Hotwords | None = None,
        settings: DecodingSettings | None = None,
    ) -> None:
        self.recogniser = recogniser
        self.decoder = recogniser.decoder(predictor, hotwords, settings)

    def transcribe(
        self,
        source: str | Path | Samples,
        start: float = 0.0,
        end: float | None = None,
        detector: SpeechDetector | None = None,
        session: Session | None = None,
    ) -> Transcript:
        """Return what is said in a recording of any length.

        source      a file of sound, or samples at the rate of the recogniser's features
        start, end  seconds of the file; None is its end. Times are those of the file
        detector    leaves out where nobody speaks
        session     what has been heard of the same speaker before; what is heard here is added
        Raises      InputError if it is no recording
        """
        rate = self.recogniser.sound.rate
        if isinstance(source, str | Path):
            blocks: Iterable[Samples] = stream_audio(source, rate, start, end)
        else:
            blocks = [given_samples(source, rate)]
        heard = _Counted(blocks)
        if self.recogniser.settings.streaming and detector is None:
            segments = list(self._followed(heard))
        else:
            session = session or Session()
            pieces = cut_at_pauses(heard, rate) if detector is None else speech_pieces(heard, self._fitting(detector))
            segments = [self.segment(piece, session) for piece in pieces]
        moved = tuple(one.moved(start) for one in segments)
        return Transcript(moved, start + heard.samples / rate)

    def transcribe_all(
        self, recordings: Iterable[Utterance], detector: SpeechDetector | None = None, together: bool = False
    ) -> Iterator[tuple[Utterance, Transcript]]:
        """Yield what is said in each of several recordings.

        What was heard of a speaker before makes what follows comparable, where speakers are known.

        detector  leaves out where nobody speaks
        together  whether all are of one speaker
        """
        if detector is not None:
            self._fitting(detector)
        sessions: dict[str | None, Session] = {}
        features, files = self.recogniser.features, ReadyFiles()
        for one in recordings:
            known = together or one.speaker is not None
            session = sessions.setdefault(None if together else one.speaker, Session()) if known else None
            if isinstance(features, ReadyFrames):
                frames = files.frames(one, features.channels)
                segment = self._heard(frames, 0.0, session or Session())
                yield one, Transcript((segment,), len(frames) * features.shift / 1000)
            else:
                files.refuse(one)
                yield one, self.transcribe(one.audio, one.start, one.end, detector, session)

    def _followed(self, blocks: Iterable[Samples]) -> Iterator[Segment]:
        stream = self.stream()
        for block in blocks:
            yield from stream.accept(block)
        yield from stream.finish()

    def segment(self, piece: Piece, session: Session) -> Segment:
        """Return what is said in a piece of a recording."""
        features = self.recogniser.sound
        short = len(piece.samples) < features.rate * features.window / 1000
        if short or nobody_speaks(piece.samples, features.rate):
            return Segment(piece.start, piece.start + len(piece.samples) / features.rate, ())
        return self._heard(frames_of(piece.samples, features), piece.start, session)

    def _heard(self, frames: NDArray[np.float32], start: float, session: Session) -> Segment:
        with threads_for(self.recogniser.settings.hidden_size):
            own = Ragged.of([frames], frames.shape[1], dtype=np.float32)
            ((_, emissions),) = emitted(self.recogniser.network_.eval(), own, session.heard(frames))
        return self.decoder.decode(emissions, start)

    def stream(self, ends: EndPoints | None = None) -> RecognizerStream:
        """Return what takes samples as they come.

        ends    when an utterance ends
        Raises  InputError if the network reads both ways
        """
        return RecognizerStream(self.recogniser.stream(), self.decoder, ends)

    def listen(
        self,
        blocks: Iterable[Samples],
        detector: SpeechDetector | None = None,
        told: Callable[[Partial], None] = lambda partial: None,
    ) -> Iterator[Segment]:
        """Yield utterances as they end, while samples come.

        A network that reads both ways hears an utterance when it has ended.

        blocks    samples at the rate of the features, as they come
        detector  of speech; None goes by loudness, for a network that reads both ways
        told      is given what has been understood so far, after every block, where that is known
        """
        if not self.recogniser.settings.streaming:
            rate, session = self.recogniser.sound.rate, Session()
            heard = LoudnessDetector(rate) if detector is None else self._fitting(detector)
            for piece in speech_pieces(blocks, heard, rate=rate, silence=EndPoints().after):
                segment = self.segment(piece, session)
                if segment.words:
                    yield segment
            return
        stream, before = self.stream(), Partial((), ())
        for block in blocks:
            yield from stream.accept(block)
            partial = stream.partial
            if partial != before:
                before = partial
                told(partial)
        yield from stream.finish()

    def _fitting(self, detector: SpeechDetector) -> SpeechDetector:
        rate = self.recogniser.sound.rate
        if rate != RATE:
            raise InputError(
                f"the detector of speech hears {RATE:,} samples a second, this recogniser {rate:,}; leave --vad out"
            )
        return detector


class _Counted:
    """Blocks of samples, and how many samples there were."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks, self.samples = blocks, 0

    def __iter__(self) -> Iterator[Samples]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


@final
class Session:
    """What has been heard of one speaker, or through one microphone: it makes what follows comparable."""

    def __init__(self) -> None:
        self._all: Heard | None = None

    def heard(self, frames: NDArray[np.float32]) -> Moments:
        """Add frames (N, C), and return the moments of all."""
        if self._all is None:  # alone, a recording is its own speaker
            self._all = Heard(frames.shape[1])
            self._all.add(frames)
            return nobody(1, frames.shape[1])
        self._all.add(frames)
        return self._all.moments
