"""`lstm language translate translate`: line in, line out."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.translate.searching import Also, Searching
from lstmkit.cli.streams import input_blocks
from lstmkit.errors import InputError
from lstmkit.ranges import SEED, whole

if TYPE_CHECKING:
    from lstmkit.language.translate import Translation, Translator

EXAMPLES = """\b
examples:
  lstm language translate translate translate-train "a dog runs across the grass"
  lstm language translate translate translate-train new.en > new.de
  cat new.en | lstm language translate translate translate-train - --beam 10 --best 3 --json
"""
AT_ONCE = 512
"""Lines that are translated together, at most; of standard input those that are there."""
FILE = re.compile(r"\S+\.[a-z]{2,4}")
"""One word that ends as names of files do: if there is none, that is said rather than the name translated."""
TELLING = 20
"""Lines, the first ones, by which it is told whether they are of the language that the model writes."""


@parameters.grouped
def translate(
    model: parameters.ModelFolder,
    text: Annotated[
        list[str],
        typer.Argument(metavar="FILE|TEXT...", help="A file of lines; or sentences; or - for standard input."),
    ],
    *,
    searching: Searching,
    also: Also = None,
    best: Annotated[
        int, typer.Option(help="Translations of each sentence, with the number of its line and their scores.")
    ] = 1,
    prefix: Annotated[str, typer.Option(help="Words with which every translation begins.")] = "",
    sample: Annotated[
        bool, typer.Option("--sample", help="Draw a translation at random, in place of the best.")
    ] = False,
    temperature: Annotated[float, typer.Option(help="Of --sample: below 1 likelier words, above 1 more varied.")] = 1.0,
    top_p: Annotated[
        float | None, typer.Option(help="Of --sample: draw from the fewest tokens of this probability together.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of --sample.")] = 0,
    alignment: Annotated[
        Path | None, typer.Option(help="File for which word was written of which, a line each: 0-0 1-2 2-1.")
    ] = None,
    keep_unknown: Annotated[
        bool, typer.Option("--keep-unknown", help="Write <unk> for what is not in the vocabulary, copy nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --alignment names.")] = False,
    json: parameters.Json = False,
) -> None:
    """Translate: a line for every line, in order. An empty line stays one; a long one is translated in parts."""
    from lstmkit.language.translate import Manner, Translator
    from lstmkit.language.writing.sampling import SamplingSettings

    if sample:
        searching.refuse_with_sample(best)
    else:
        options = {"temperature": temperature != 1.0, "top_p": top_p is not None, "seed": seed != 0}
        parameters.refuse_without_effect("without --sample", options)
    whole("--seed", seed, SEED)
    drawing = SamplingSettings(temperature, top_p=top_p) if sample else None
    manner = Manner(searching.settings(best), drawing, seed, prefix, not keep_unknown)
    parameters.check_out(alignment, force, "--alignment")
    loaded = Translator.load(model)
    if alignment is not None and loaded.settings.attention == "none":
        raise InputError("--alignment needs a model with attention, and this one was trained without; leave it out")
    searching.refuse_without_attention(loaded.settings)
    beside = [Translator.load(path) for path in also or ()]
    loaded.require_alike(beside)
    links: list[str] = []
    for block in _blocks(text):
        _notice(loaded, block, len(links))
        for line, found in zip(block, loaded.search(block, manner, beside), strict=True):
            links.append(_alignment(found[0]))
            _print(len(links), line, found, best, json)
    if alignment is not None:
        from lstmkit.training import write_atomically

        write_atomically(alignment, "".join(line + "\n" for line in links).encode())


def _blocks(text: list[str]) -> Iterator[list[str]]:
    """Yield lines, as many as are translated together."""
    from lstmkit.language.text.reading import read_lines

    if text == ["-"]:
        yield from input_blocks(AT_ONCE)
        return
    if len(text) == 1 and (os.path.isfile(text[0]) or FILE.fullmatch(text[0])):
        lines = _whole(read_lines(text[0]))
    else:
        lines = iter(text)
    while block := [line.removesuffix("\n") for line in itertools.islice(lines, AT_ONCE)]:
        yield block


def _whole(pieces: Iterator[str]) -> Iterator[str]:
    """Yield lines of which very long ones come in pieces."""
    held = ""
    for piece in pieces:
        held += piece
        if held.endswith("\n"):
            yield held
            held = ""
    if held:
        yield held


def _notice(model: Translator, block: list[str], before: int) -> None:
    """Say what may be wrong with lines, of which so many came before."""
    sides, longest = model.sides_, model.sides_.longest
    if not before and sides.otherwise(block[:TELLING]):
        printing.remark(["the text looks like the language that this model writes: is it one of the other direction?"])
    ids = sides.read(block)
    unknown, long = int((ids.values == sides.source.unknown).sum()), int((ids.lengths > longest).sum())
    lines = f"line {before + 1:,}" if len(block) == 1 else f"lines {before + 1:,} to {before + len(block):,}"
    if unknown:
        are = "tokens are" if unknown > 1 else "token is"
        printing.remark([f"{lines}: {unknown:,} {are} not in the vocabulary of the model"])
    if long:
        have = "sentences have" if long > 1 else "sentence has"
        printing.remark(
            [f"{lines}: {long:,} {have} more than {longest} tokens, as none in training: translated in parts"]
        )


def _print(number: int, line: str, found: list[Translation], best: int, json: bool) -> None:
    if json:
        from json import dumps

        printing.write(
            dumps({"text": line, "translations": [_record(one) for one in found]}, ensure_ascii=False) + "\n"
        )
        return
    for one in found:
        printing.write(f"{number}\t{one.score:.4f}\t{one.text}\n" if best > 1 else one.text + "\n")


def _record(one: Translation) -> dict[str, Any]:
    return {
        "text": one.text,
        "score": one.score,
        "log_prob": one.log_prob,
        "complete": one.ended,
        "alignment": _alignment(one),
    }


def _alignment(one: Translation) -> str:
    from lstmkit.language.translate.reading.words import pharaoh

    return pharaoh(one.links)
