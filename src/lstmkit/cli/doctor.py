"""`lstm doctor`: versions, backends and why, a speed check."""

from __future__ import annotations

from lstmkit.cli import parameters, printing


def doctor(json: parameters.Json = False) -> None:
    """Show versions, which backend runs an LSTM and why, and how fast a training step is on this machine.

    \b
    example:
      lstm doctor
    """
    from lstmkit.checkup import checkup

    found = checkup()
    if json:
        printing.print_json(found)
        return
    out = printing.stdout()
    printing.print_table(("package", "version"), list(found["versions"].items()))
    out.print(f"threads: {found['threads']}")
    for backend in found["backends"]:
        state = "in use" if backend["name"] == found["chosen"] else backend["unsupported"] or "can run"
        out.print(f"backend {backend['name']} ({state}): {backend['description']}")
    rows = [(s["what"], f"{s['lstmkit']:.2f}", f"{s['torch']:.2f}", f"{s['ratio']:.2f}") for s in found["speed"]]
    printing.print_table(("training step, milliseconds", "lstmkit", "torch", "ratio"), rows)
