"""`lstm language generate`: write on from a prompt."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.language.predictors import AllowUnknown, By, Model, load_predictor
from lstmkit.ranges import whole

EXAMPLES = """\b
examples:
  lstm language generate language-news --prompt "the king of"
  lstm language generate language-news --prompt "the king of" --temperature 0.8 --top-p 0.9 --seed 7
  lstm language generate language-plays --prompt "ROMEO:" --count 500 --stop "\\n" --samples 3
"""


def generate(
    context: typer.Context,
    model: Model,
    prompt: Annotated[str, typer.Option(help="Text to continue; the beginning of a text if left out.")] = "",
    count: Annotated[int, typer.Option(help="Tokens to write at most.")] = 100,
    temperature: Annotated[
        float, typer.Option(help="Below 1 likelier tokens, above 1 more varied; 0: the most likely token always.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from so many most likely tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the fewest most likely tokens with this probability together.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed writes the same text.")] = 0,
    stop: Annotated[str | None, typer.Option(help="Token that ends the text; \\n is the end of a line.")] = None,
    samples: Annotated[int, typer.Option(help="Texts to write, with seeds that follow each other.")] = 1,
    allow_unknown: AllowUnknown = False,
    write_unknown: Annotated[
        bool, typer.Option("--write-unknown", help="Let the model write the unknown word, too.")
    ] = False,
    by: By = None,
    json: parameters.Json = False,
) -> None:
    """Write on from a prompt, token by token as a model finds them likely."""
    from lstmkit.language.writing import SamplingSettings, generating

    drawn = {name: parameters.is_given(context, name) for name in ("top_k", "top_p", "seed", "samples")}
    if temperature == 0:
        parameters.refuse_without_effect("with --temperature 0", drawn)
    parameters.refuse_without_effect("without --prompt", {"allow_unknown": allow_unknown and not prompt})
    whole("samples", samples)
    settings = SamplingSettings(temperature, top_k, top_p, not write_unknown)
    predictor = load_predictor(model, by)
    seeds = range(seed, seed + samples)
    if json:
        found = [generating.generate(predictor, prompt, count, settings, s, stop, allow_unknown) for s in seeds]
        texts = [dataclasses.asdict(one) | {"ids": one.ids.tolist()} for one in found]
        printing.print_json([text | {"seed": s} for text, s in zip(texts, seeds, strict=True)])
        return
    for s in seeds:
        steps = generating.generate_tokens(predictor, prompt, count, settings, s, stop, allow_unknown)
        printing.write(f"--- seed {s}\n{prompt}" if samples > 1 else prompt)
        last = ""
        for step in steps:
            printing.write(step.text)
            last = step.text or last
        printing.write("" if last.endswith("\n") else "\n")
