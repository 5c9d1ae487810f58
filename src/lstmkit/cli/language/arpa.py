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
  lstm language arpa language-news for-kenlm.arpa --sentences
"""

STREAM = "Lines follow each other in these n-grams; KenLM and SRILM, which begin each line afresh, need --sentences"


def arpa(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .arpa, or .arpa.gz to compress it.")],
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Lines stand alone, between <s> and </s>, as KenLM and SRILM read them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT.")] = False,
) -> None:
    """Write the n-gram model of MODEL as an ARPA file, which score, suggest, generate and other tools read.

    A comment in the file says how a text is cut into words, so that it scores a text as MODEL does. Other tools want
    words and marks with white space around each.
    """
    from lstmkit.language.ngrams.arpa_predictor import save_arpa

    predictor = load_ngram(model)
    written = save_arpa(predictor, out, force, sentences)
    if written.boundary is None:
        printing.stderr().print(STREAM)
    ngrams = ", ".join(f"{len(level) - (n == 1):,} of order {n}" for n, level in enumerate(written.levels, start=1))
    printing.stdout().print(f"{out} holds the n-grams: {ngrams}", soft_wrap=True)
