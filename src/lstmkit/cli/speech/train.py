"""`lstm speech train`: learn to recognise speech, and score beside a hidden Markov model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown

if TYPE_CHECKING:
    from lstmkit.speech import RecognizerSettings
    from lstmkit.speech.training.result import SpeechResult

MANIFEST = (
    "CSV, TSV, JSON lines or Parquet with the columns audio, text and perhaps speaker, start, end; a folder of "
    "recordings, each with a text beside it; Kaldi's wav.scp; or ready features, .npz with a table beside it."
)
EXAMPLES = """\b
examples:
  lstm speech train calls.csv
  lstm speech train calls.csv --lexicon words.dic --test others.csv
  lstm speech train recordings/ --unit character --streaming
  lstm speech train calls.csv --noise street.wav --set hidden_size=256 --out calls
"""


@dataclass(frozen=True)
class Network:
    """Size and training of a recogniser: the settings that have options of their own, and --set."""

    unit: Annotated[
        list[str] | None,
        typer.Option(
            help="word, phone (needs --lexicon), character or subword; repeat it for several heads.  [default: all "
            "that can be learnt, but for subword]",
            show_default=False,
        ),
    ] = None
    streaming: Annotated[
        bool, typer.Option("--streaming", help="Read forwards only, so that speech can be followed as it comes.")
    ] = False
    cell: parameters.Cell = None
    epochs: Annotated[int | None, typer.Option(help="Times through the training part.")] = None
    minutes: parameters.Minutes = None
    setting: parameters.Set = None

    def settings(self) -> RecognizerSettings:
        """Return the settings."""
        from lstmkit.speech import RecognizerSettings

        given = {
            "cell": self.cell,
            "epochs": self.epochs,
            "minutes": self.minutes,
            "units": tuple(self.unit) if self.unit else None,
            "streaming": self.streaming or None,
        }
        return RecognizerSettings(
            **parameters.given_settings(RecognizerSettings, self.setting, "a recogniser of speech", given)
        )


@parameters.grouped
def train(
    source: Annotated[str, typer.Argument(metavar="MANIFEST|FOLDER", help=MANIFEST)],
    *,
    lexicon: Annotated[
        str | None, typer.Option(help="File with a word and its phones a line, as CMU's dictionary.")
    ] = None,
    valid: Annotated[
        str | None, typer.Option(help="Recordings that say how well it goes; a tenth is held back if left out.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Recordings that are only used to score; some are held back if left out.")
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(help="Recording of noise that is heard in training, or a folder of them; may be repeated."),
    ] = None,
    network: Network,
    order: Annotated[int, typer.Option(help="Of the n-grams of the transcripts; 0 searches without.")] = 2,
    rate: Annotated[int, typer.Option(help="Samples a second that are listened to.")] = 16_000,
    shift: Annotated[
        float | None,
        typer.Option(help="Of ready features: ms from a frame to the next.  [default: 10]", show_default=False),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps frames, so that they are computed once.", show_default=False)
    ] = None,
    no_hmm: Annotated[bool, typer.Option("--no-hmm", help="Learn no hidden Markov model to compare with.")] = False,
    seed: Annotated[int, typer.Option(help="Of weights, the recordings held back, order and dropout.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: speech-NAME]", show_default=False)
    ] = None,
    manner: parameters.Manner,
) -> None:
    """Train on recordings with transcripts, and score beside a hidden Markov model on recordings never heard."""
    from lstmkit.speech import Recognizer
    from lstmkit.speech.features import features_at
    from lstmkit.speech.training.job import SpeechJob

    recognizer = Recognizer(network.settings(), features_at(rate), seed, order)
    folder = out or parameters.named_after(source, "speech")
    parts = (valid, test, tuple(noise or ()), not no_hmm, cache, shift)
    job = SpeechJob(source, folder, recognizer, lexicon, *parts, manner.force, manner.resume)
    result = run_shown(job, JobProgress(manner.silent))
    printing.print_json(result.summary) if manner.json else _print(result)


def _print(result: SpeechResult) -> None:
    from lstmkit.speech.training.dividing import how_many
    from lstmkit.speech.training.result import HEAD

    own = result.scored.own
    title = f"{how_many(own.words, 'word')} in {how_many(len(own.utterances), 'recording')} never heard"
    printing.print_table(HEAD, result.scored.rows(), title, bold_first=True)
    printing.print_verdict(result.verdict)
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(f"{result.out / 'report.html'} shows it all ({seconds:.1f} s)")
