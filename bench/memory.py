"""Up to which lag does each cell learn to add and to tell the order of two symbols? What `lstm explain memory` runs.

Run from the repository root with the environment of lstmkit: python -m bench.memory [remark].
"""

import sys
from importlib.metadata import version

import torch

from bench.machine import header, write
from lstmkit.explain import MemorySettings, measure_memory, parse_variants
from lstmkit.explain.problems import PROBLEMS
from lstmkit.explain.report import memory_head, memory_in_words, memory_rows, trial_in_words

CELLS = "rnn,gru,lstm,lstm+1,alstm"
REMARK = " ".join(sys.argv[1:])
"""Whatever else should be known about the run, such as that the machine was shared."""


def main() -> None:
    result = measure_memory(
        parse_variants(CELLS),
        MemorySettings(),
        on_trial=lambda trial, left: print(trial_in_words(trial, left), file=sys.stderr, flush=True),
    )
    lines = header("Up to which lag each cell learns: lstm explain memory", {"torch": torch.__version__})
    lines[-1] += f", lstmkit {version('lstmkit')}"
    lines += [f"remark    {REMARK}"] if REMARK else []
    lines += ["", *memory_in_words(result).replace(". ", ".\n").splitlines()]
    lines += ["x: not learnt; ?: not learnt when its time was up", ""]
    for problem in PROBLEMS:
        lines.append(f"{problem.name}: {problem.measure}")
        table = [memory_head(result), *memory_rows(result, problem)]
        widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
        for row in table:
            cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
            lines.append("  ".join(cells).rstrip())
        lines.append("")
    lines.append(f"{result.seconds:.0f} s in all")
    write("memory.txt", lines)


if __name__ == "__main__":
    main()
