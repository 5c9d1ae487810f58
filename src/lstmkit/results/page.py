"""The pieces of an HTML page that needs no network: the look of the report, and of every page beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from lstmkit.training import write_atomically
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {"displayModeBar": False, "responsive": True}
INK, BLUE, ORANGE, GREY, GRID = "#24292f", "#2f6fed", "#e07b39", "#8c959f", "#eaeef2"


def write_page(
    path: Path,
    heading: str,
    lead: str,
    finding: tuple[str, str, str],
    sections: Sequence[str],
    footer: str,
    title: str | None = None,
) -> None:
    """Write a page.

    heading, lead  on top of it
    finding        the kind of the result (better, equal or worse), the result in a line, and in a few
    sections       HTML of `card` and the like, in order
    footer         a sentence or two below
    title          of the browser's window; the heading if None
    """
    from plotly.offline import get_plotlyjs

    template = Template((files("lstmkit.results") / "page.html").read_text(encoding="utf-8"))
    kind, headline, detail = finding
    page = template.substitute(
        title=words(heading if title is None else title),
        heading=words(heading),
        understood=words(lead),
        kind=kind,
        headline=words(headline),
        detail=words(detail),
        plotly=get_plotlyjs(),
        sections="\n".join(sections),
        footer=words(footer),
    )
    write_atomically(path, page.encode())


def words(text: str) -> str:
    """Return a text as HTML that shows it as it is, also where plotly reads a name as HTML (of a series, a button)."""
    return escape(visible_line(text), quote=False)


def card(title: str, text: str, body: str) -> str:
    """Return a part of a page: a title, a sentence or two, and below them HTML."""
    lead = f"<p>{words(text)}</p>" if text else ""
    return f'  <section class="card"><h2>{words(title)}</h2>{lead}{body}</section>'


def plot(figure: go.Figure, name: str) -> str:
    """Return a figure as HTML; its name is unique on the page."""
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"plot-{name}", config=CONFIG))


def table(head: Sequence[Any], rows: Sequence[Sequence[Any]], first: str = "") -> str:
    """Return a table as HTML; `first` is the class of its first row."""
    cells = "".join(f"<th>{words(str(h))}</th>" for h in head)
    header = f"<thead><tr>{cells}</tr></thead>" if any(head) else ""
    body = []
    for k, row in enumerate(rows):
        mark = f' class="{first}"' if first and k == 0 else ""
        body.append(f"<tr{mark}>" + "".join(f"<td>{words(str(c))}</td>" for c in row) + "</tr>")
    return f"<table>{header}<tbody>{''.join(body)}</tbody></table>"


def scrolling(html: str) -> str:
    """Return HTML that scrolls sideways where the window is narrow."""
    return f'<div class="scroll">{html}</div>'


def style(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the look of the pages; return it."""
    figure.update_layout(
        height=height,
        template="plotly_white",
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
