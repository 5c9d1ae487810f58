"""`lstm language translate score`: BLEU and chrF of a model on sentences and their translations."""

from __future__ import annotations

from typing import Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.translate.searching import Also, Searching

EXAMPLES = """\b
examples:
  lstm language translate score translate-train test.en test.de
  lstm language translate score translate-train test.en test.de --beam 10 --json
"""


@parameters.grouped
def score(
    model: parameters.ModelFolder,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Text file with a sentence a line (also .gz).")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Their true translations, line for line.")],
    *,
    searching: Searching,
    also: Also = None,
    json: parameters.Json = False,
) -> None:
    """Translate sentences, and score that against the true translations: BLEU, chrF, perplexity."""
    import math

    from lstmkit.language.translate import Translator
    from lstmkit.language.translate.judgement.scoring import require_sacrebleu
    from lstmkit.language.translate.judgement.verdict import HEAD, score_rows
    from lstmkit.language.translate.reading import read_lines_of
    from lstmkit.language.translate.result import score_all

    require_sacrebleu()
    search, loaded = searching.settings(), Translator.load(model)
    searching.refuse_without_attention(loaded.settings)
    others = [Translator.load(path) for path in also or ()]
    loaded.require_alike(others)
    lines = read_lines_of(source, target)
    loaded.sides_.refuse_swapped(lines)
    scored, loss = score_all(loaded, lines, search, others), loaded.loss(lines)
    signatures = next(iter(scored.scores.values())).signatures
    notes = lines.notes()
    if json:
        own = {name: score.to_json() for name, score in scored.scores.items()}
        beside = {"nats_per_token": loss, "sentences": len(lines), "seconds": scored.seconds, "notes": notes}
        printing.print_json({"scores": own, "signatures": signatures, **beside})
        return
    printing.remark(notes)
    title = f"{len(lines):,} sentences, perplexity {math.exp(min(loss, 700)):,.2f}, {scored.seconds:.1f} s"
    printing.print_table(HEAD, score_rows(scored.scores), title, bold_first=True)
    for name, text in signatures.items():
        printing.stdout().print(f"{name}: {text}")
