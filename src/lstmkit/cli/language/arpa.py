"""`lstm language arpa`: the n-grams of a model in a file, for this and other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lstmkit.cli import printing
from lstmkit.cli.language.predictors import Model, load_ngram

EXAMPLES = """\b
examples:
  lstm language arpa language-news news.arpa.gz
  lstm language score news.arpa.gz test.txt
"""


def arpa(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .arpa, or .arpa.gz to compress it.")],
    force: Annotated[bool, typer.Option("--force", help="Replace OUT.")] = False,
) -> None:
    """Write the n-gram model of MODEL as an ARPA file, which score, suggest, generate and other tools read.

    The file says which words there are, not how a text is cut into them: where it is used, white space separates words,
    and marks too.
    """
    from lstmkit.language.arpa_predictor import save_arpa

    predictor = load_ngram(model)
    save_arpa(predictor, out, force)
    ngrams = ", ".join(
        f"{len(level) - (n == 1):,} of order {n}" for n, level in enumerate(predictor.model.levels, start=1)
    )
    printing.stdout().print(f"{out} holds the n-grams: {ngrams}", soft_wrap=True)
