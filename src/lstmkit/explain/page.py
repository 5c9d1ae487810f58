"""A study as one HTML page that needs no network, in the look of the forecast's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import torch

import lstmkit
from lstmkit.training import write_atomically

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class Card:
    """A part of a page: title, a sentence or two, and below it a figure, a table, or sentences as a list.

    name  of the figure, unique on the page
    """

    title: str
    text: str
    name: str = ""
    figure: go.Figure | None = None
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    sentences: Sequence[str] = ()


def write_page(path: Path, heading: str, lead: str, finding: tuple[str, str], cards: Sequence[Card]) -> None:
    """Write a page.

    heading, lead  on top of it
    finding        the result in a line, and in a few
    cards          the rest, in order
    """
    from plotly.offline import get_plotlyjs

    template = Template((files("lstmkit.forecasting") / "report.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(heading),
        heading=escape(heading),
        understood=escape(lead),
        kind="equal",
        headline=escape(finding[0]),
        detail=escape(finding[1]),
        plotly=get_plotlyjs(),
        sections="\n".join(_card(card) for card in cards),
        footer=escape(f"Written by lstmkit {lstmkit.__version__} with torch {torch.__version__}."),
    )
    write_atomically(path, page.encode())


def _card(card: Card) -> str:
    parts = [f"<h2>{escape(card.title)}</h2>"]
    if card.text:
        parts.append(f"<p>{escape(card.text)}</p>")
    if card.figure is not None:
        parts.append(
            card.figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"plot-{card.name}", config=CONFIG)
        )
    if card.rows:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in card.head)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in card.rows)
        parts.append(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')
    if card.sentences:
        parts.append("<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in card.sentences) + "</ul>")
    return f'  <section class="card">{"".join(parts)}</section>'


def style(figure: Any, height: int) -> Any:
    """Give a figure the look of the report's figures; return it."""
    figure.update_layout(
        height=height,
        template="plotly_white",
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#24292f"},
        margin={"l": 64, "r": 16, "t": 44, "b": 48},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(gridcolor="#eaeef2", zeroline=False)
    figure.update_yaxes(gridcolor="#eaeef2", zeroline=False)
    return figure
