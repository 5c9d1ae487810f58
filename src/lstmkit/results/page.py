"""The pieces of an HTML page that needs no network: the look of the report, and of every page beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from lstmkit.results.packing import Packing, to_script
from lstmkit.results.verdict import Verdict
from lstmkit.training import write_atomically
from lstmkit.visible import visible, visible_line

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, BLUE, ORANGE, GREY, GRID = "#24292f", "#2f6fed", "#e07b39", "#8c959f", "#eaeef2"
TEMPLATE = "plotly_white"


def write_page(
    path: Path,
    heading: str,
    lead: str,
    finding: Verdict,
    sections: Sequence[str],
    footer: str,
    title: str | None = None,
) -> None:
    """Write a page.

    heading, lead  on top of it
    finding        what came of it
    sections       HTML of `card` and the like, in order
    footer         a sentence or two below
    title          of the browser's window; the heading if None
    """
    from plotly.offline import get_plotlyjs

    own = files("lstmkit.results")
    template = Template((own / "page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=words(heading if title is None else title),
        heading=words(heading),
        understood=words(lead),
        kind=finding.kind,
        headline=words(finding.headline),
        detail=sentence(finding.detail),
        plotly=get_plotlyjs(),
        template=to_script(_template()),
        script=(own / "page.js").read_text(encoding="utf-8"),
        sections="\n".join(sections),
        footer=words(footer),
    )
    write_atomically(path, page.encode())


def _template() -> Any:
    """Return what all figures of a page have in common."""
    import plotly.io

    template = Packing().pack(plotly.io.templates[TEMPLATE].to_plotly_json())
    for axis in ("xaxis", "yaxis"):
        template["layout"][axis]["title"] = {"standoff": 10, "font": {"size": 13}}
    return template


def made_by(command: str, summary: Mapping[str, Any]) -> str:
    """Return the sentences below the page of a job: which command made it, how long it took, with which seed.

    summary  what summary.json holds
    """
    seconds, version = summary["seconds"]["total"], summary["versions"]["lstmkit"]
    return f"{command}, {seconds:.0f} s, seed {summary['seed']}, lstmkit {version}. This page needs no network."


def settings_card(settings: Mapping[str, Any]) -> str:
    """Return the card with every setting of a training, as JSON has them."""
    return card("Settings", "", table(("", ""), [(name, json.dumps(value)) for name, value in settings.items()]))


def words(text: str) -> str:
    """Return a text as HTML that shows it as it is, also where plotly reads a name as HTML (of a series, a button)."""
    return escape(visible_line(text), quote=False)


def key(colours: Mapping[str, str]) -> str:
    """Return names beside the colours that stand for them, as HTML."""
    return "".join(f'<span><i style="background:{colour}"></i>{words(name)}</span>' for name, colour in colours.items())


def attribute(text: str) -> str:
    """Return a text as the value of an HTML attribute between double quotes."""
    return escape(visible_line(text), quote=True)


def sentence(text: str) -> str:
    """Return a text as `words` does, in which no line ends between a number and its percent sign."""
    return re.sub(r"(?<=\d) %", "\u00a0%", words(text))


def card(title: str, text: str, body: str) -> str:
    """Return a part of a page: a title, a sentence or two, and below them HTML."""
    lead = f"<p>{sentence(text)}</p>" if text else ""
    return f'  <section class="card"><h2>{words(title)}</h2>{lead}{body}</section>'


class Html(str):
    """Text that is HTML already."""


@dataclass(frozen=True)
class Step:
    """One of several states of a figure.

    label   what it shows
    group   steps of one group follow each other; the groups are chosen from
    traces  for each trace of the figure what differs, such as its `x` and `y`
    layout  what differs in the layout
    """

    label: str
    group: str
    traces: Sequence[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)


def plot(figure: go.Figure, name: str, steps: Sequence[Step] = ()) -> str:
    """Return a figure as HTML; its name is unique on the page.

    steps  states of the figure that a reader chooses from; without any it is shown as it is
    """
    height = int(figure.layout.height)
    whole = {key: value for key, value in figure.to_plotly_json().items() if key in ("data", "layout")}
    whole["layout"].pop("template", None)  # the same for all, so the page holds it once
    if steps:
        whole["steps"] = [
            {"label": visible_line(s.label), "group": visible_line(s.group), "traces": s.traces, "layout": s.layout}
            for s in steps
        ]
    packing = Packing()
    packed = packing.pack(whole)
    data = to_script({"arrays": packing.arrays, "figure": packed})
    return (
        f"{_steps_bar(name) if steps else ''}"
        f'<div id="plot-{name}" class="plot" style="height:{height}px"></div>'
        f'<script type="application/json" id="data-{name}">{data}</script><script>draw("{name}")</script>'
    )


def _steps_bar(name: str) -> str:
    return (
        f'<div class="steps" id="steps-{name}"><select aria-label="series"></select>'
        '<button type="button" class="back" aria-label="back">◀</button>'
        '<input type="range" min="0" step="1" aria-label="cutoff">'
        '<button type="button" class="on" aria-label="on">▶</button><output></output></div>'
    )


def shows(name: str, step: int, text: str) -> Html:
    """Return a button that takes a figure with steps to one of them, as HTML."""
    return Html(f'<button type="button" class="show" data-shows="{name}" data-step="{step}">{words(text)}</button>')


def code(text: str) -> str:
    """Return a text to copy as HTML, in letters of one width."""
    copy = '<button type="button" class="copy" onclick="copy(this)">copy</button>'
    return f'<div class="code">{copy}<pre><code>{escape(visible(text), quote=False)}</code></pre></div>'


def table(head: Sequence[Any], rows: Sequence[Sequence[Any]], first: str = "", prose: bool = False) -> str:
    """Return a table as HTML. A cell of `Html` stands as it is.

    first  class of the first row
    prose  whether cells hold sentences, which begin at the left and go on in further lines
    """
    cells = "".join(f"<th>{words(str(h))}</th>" for h in head)
    header = f"<thead><tr>{cells}</tr></thead>" if any(head) else ""
    body = []
    for k, row in enumerate(rows):
        mark = f' class="{first}"' if first and k == 0 else ""
        body.append(
            f"<tr{mark}>" + "".join(f"<td>{c if isinstance(c, Html) else words(str(c))}</td>" for c in row) + "</tr>"
        )
    kind = ' class="prose"' if prose else ""
    return f"<table{kind}>{header}<tbody>{''.join(body)}</tbody></table>"


def scrolling(html: str) -> str:
    """Return HTML that scrolls sideways where the window is narrow."""
    return f'<div class="scroll">{html}</div>'


def new_figure(height: int) -> go.Figure:
    """Return an empty figure with the look of the pages."""
    import plotly.graph_objects as go

    return style(go.Figure(layout={"template": "none"}), height)  # the page brings a template, which is slow to copy


def style(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the look of the pages; return it."""
    figure.update_layout(
        height=height,
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": INK},
        margin={"l": 56, "r": 12, "t": 48, "b": 44},
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    return figure
