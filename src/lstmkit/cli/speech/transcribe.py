"""`lstm speech transcribe`: write down what is said in recordings, or as it is said."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.predictors import load_predictor
from lstmkit.errors import InputError

if TYPE_CHECKING:
    from lstmkit.speech import Transcript
    from lstmkit.speech.listening import Partial, SpeechDetector, Transcriber

EXAMPLES = """\b
examples:
  lstm speech transcribe speech-calls call.flac
  lstm speech transcribe speech-calls meeting.mp3 --format srt > meeting.srt
  lstm speech transcribe speech-calls calls/ --format vtt --out subtitles --hotwords names.txt
  lstm speech transcribe speech-calls --live
  arecord -t raw -f S16_LE -r 16000 | lstm speech transcribe speech-calls --live -
"""
FORMATS = ("text", "json", "srt", "vtt")
ENDINGS = {"text": "txt"}


@dataclass(frozen=True)
class Search:
    """How words are found."""

    lm: Annotated[
        Path | None,
        typer.Option(help="Language model of words: an ARPA file or a model folder.  [default: n-grams of the model]"),
    ] = None
    lm_weight: Annotated[
        float | None,
        typer.Option(help="Weight of the language model.  [default: as chosen in training]", show_default=False),
    ] = None
    beam: Annotated[int, typer.Option(help="Beginnings that are kept after each step of the search.")] = 16
    hotwords: Annotated[
        Path | None, typer.Option(help="File with a phrase a line that is likely here, its score after a tab.")
    ] = None

    def transcriber(self, model: Path) -> Transcriber:
        """Return what writes down."""
        from lstmkit.speech import Recognizer, Transcriber, read_hotwords

        hotwords = None if self.hotwords is None else read_hotwords(self.hotwords)
        predictor = None if self.lm is None else load_predictor(self.lm, None)
        recogniser = Recognizer.load(model)
        settings = replace(recogniser.decoding_, beam=self.beam)
        if self.lm_weight is not None:
            settings = replace(settings, language=self.lm_weight)
        return Transcriber(recogniser, predictor, hotwords, settings)


@parameters.grouped
def transcribe(
    model: parameters.ModelFolder,
    audio: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[AUDIO]...",
            help="Recordings, folders of them, or lists as in lstm speech train; - for standard input.",
        ),
    ] = None,
    *,
    format: Annotated[str, typer.Option(help="text, json, srt or vtt.")] = "text",
    search: Search,
    live: Annotated[
        bool, typer.Option("--live", help="Listen to the microphone, or with - to raw samples on standard input.")
    ] = False,
    input_rate: Annotated[
        int | None,
        typer.Option(help="Samples a second of raw samples.  [default: that of the model]", show_default=False),
    ] = None,
    vad: Annotated[
        bool, typer.Option("--vad", help="Leave out where nobody speaks, as silero-vad hears it (extra vad).")
    ] = False,
    one_speaker: Annotated[bool, typer.Option("--one-speaker", help="All recordings are of one speaker.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a file for each recording.", show_default=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files in --out.")] = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Write down what is said, with times and confidences in json, srt and vtt."""
    from lstmkit.ranges import choice
    from lstmkit.speech import SpeechDetector

    choice("format", format, FORMATS)
    _check(audio, live, {"input_rate": input_rate is not None}, {"one_speaker": one_speaker, "out": out is not None})
    parameters.refuse_without_effect("without --out", {"force": force and out is None})
    if live and format not in ("text", "json"):
        raise InputError(f"--live writes text or json as it comes, not {format}; record first")
    writer, detector = search.transcriber(model), SpeechDetector() if vad else None
    if live:
        _listen(writer, audio, input_rate, detector, format == "json")
    else:
        _write_all(writer, audio or [], detector, one_speaker, _Writing(format, out, force, quiet))


def _check(audio: list[str] | None, live: bool, only_live: dict[str, bool], only_files: dict[str, bool]) -> None:
    parameters.refuse_without_effect("with --live", only_files if live else {})
    parameters.refuse_without_effect("without --live", {} if live else only_live)
    if live and audio not in (None, [], ["-"]):
        raise InputError(f"--live hears the microphone, or raw samples on standard input (-), not {audio[0]!r}")
    if not live and not audio:
        raise InputError("AUDIO is missing: name recordings, or give --live")


@dataclass(frozen=True)
class _Writing:
    """How transcripts are written, and where."""

    format: str
    out: Path | None
    force: bool
    quiet: bool

    def written(self, one: Transcript) -> str:
        return {"text": one.to_text, "json": one.to_json, "srt": one.to_srt, "vtt": one.to_vtt}[self.format]()

    def file(self, name: str) -> Path:
        assert self.out is not None
        return self.out / f"{Path(name).stem if name != '-' else 'input'}.{ENDINGS.get(self.format, self.format)}"

    def check(self, names: list[str]) -> None:
        """Raise InputError if a file could not be written, before anything is heard."""
        from lstmkit.training import replaces

        if self.out is None:
            if len(names) > 1 and self.format in ("srt", "vtt"):
                raise InputError(
                    f"--format {self.format}: {len(names)} recordings need --out, a folder for their files"
                )
            return
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"{self.out}: is no folder; choose another --out")
        files = [self.file(name) for name in names]
        twice = next((file for file in files if files.count(file) > 1), None)
        if twice is not None:
            raise InputError(f"{twice}: two recordings would be written there; transcribe them apart")
        for file in files:
            if not self.force and replaces(file):
                raise InputError(f"{file}: exists already; choose another --out, or --force to replace it")


def _write_all(
    writer: Transcriber, audio: list[str], detector: SpeechDetector | None, together: bool, how: _Writing
) -> None:
    from lstmkit.speech.listening import recordings_in
    from lstmkit.training import write_atomically

    recordings = recordings_in(audio)
    how.check([one.name for one in recordings])
    begun, seconds = time.perf_counter(), 0.0
    for one, found in writer.transcribe_all(recordings, detector, together):
        seconds += found.seconds - one.start
        if how.out is not None:
            how.out.mkdir(parents=True, exist_ok=True)
            write_atomically(how.file(one.name), how.written(found).encode())
        elif len(recordings) == 1:
            printing.write(how.written(found))
        elif how.format == "json":
            printing.write(json.dumps({"audio": one.name, **found.to_dict()}, ensure_ascii=False) + "\n")
        else:
            printing.write(f"{one.name}\t{found.text}\n")
    if not how.quiet:
        took = time.perf_counter() - begun
        printing.remark([f"{seconds:.1f} s of sound in {took:.2f} s: real-time factor {took / max(seconds, 1e-9):.3f}"])


def _listen(
    writer: Transcriber, audio: list[str] | None, given: int | None, detector: SpeechDetector | None, as_json: bool
) -> None:
    from lstmkit.speech.listening import microphone, raw_samples

    rate = writer.recogniser.sound.rate
    if audio:
        blocks = raw_samples(sys.stdin.buffer, given or rate, rate)
    else:
        parameters.refuse_without_effect("without -", {"input_rate": given is not None})
        blocks = microphone(rate)
    clear, told = _partials()
    for segment in writer.listen(blocks, detector, told):
        clear()
        printing.write(json.dumps(segment.to_dict(), ensure_ascii=False) + "\n" if as_json else f"{segment.text}\n")
    clear()


def _partials() -> tuple[Callable[[], None], Callable[[Partial], None]]:
    """Return what clears, and what shows what has been understood so far: nothing where nobody watches."""
    from lstmkit.visible import visible_line

    width = [0]

    def clear() -> None:
        if width[0]:
            sys.stderr.write("\r" + " " * width[0] + "\r")
            sys.stderr.flush()
            width[0] = 0

    def told(partial: Partial) -> None:
        if sys.stderr.isatty():
            clear()
            line = visible_line(partial.text)[-78:]
            sys.stderr.write(line)
            sys.stderr.flush()
            width[0] = len(line)

    return clear, told
