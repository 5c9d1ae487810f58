"""`lstm speech score`: how well a saved recogniser understands recordings."""

from __future__ import annotations

from typing import Annotated

import typer

from lstmkit.cli import parameters, printing

EXAMPLES = """\b
examples:
  lstm speech score speech-calls others.csv
  lstm speech score speech-calls others.csv --errors
"""


def score(
    model: parameters.ModelFolder,
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST|FOLDER", help="As in lstm speech train.")],
    errors: Annotated[bool, typer.Option("--errors", help="Show each recording with errors, word below word.")] = False,
    json: parameters.Json = False,
) -> None:
    """Score a saved recogniser: errors of words and characters, and by speaker."""
    from lstmkit.speech import Recognizer, aligned, read_manifest
    from lstmkit.speech.training.job import score_all
    from lstmkit.speech.training.result import HEAD, score_json

    part = read_manifest(manifest)
    found = score_all(Recognizer.load(model), part)
    if json:
        told = {name: score_json(own) for name, own in found.own.by_speaker().items()}
        printing.print_json({**found.to_json(), "recordings": len(part), "by_speaker": told})
        return
    printing.remark(part.notes)
    title = f"{found.own.words:,} words in {len(part):,} recordings"
    printing.print_table(HEAD, found.rows(), title, bold_first=True)
    if speakers := found.own.by_speaker():
        rows = [(name, f"{100 * own.wer:.2f} %", f"{own.words:,}") for name, own in speakers.items()]
        printing.print_table(("speaker", "WER", "words"), rows)
    for one in found.own.utterances if errors else ():
        if one.errors:
            printing.stdout().print("\n".join([one.name, *aligned(one.edits)]))
