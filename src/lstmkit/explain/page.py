"""A study as one HTML page: cards with figures, tables and sentences, on the pieces that the report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import lstmkit
from lstmkit.results import page
from lstmkit.results.verdict import EQUAL, Verdict

if TYPE_CHECKING:
    import plotly.graph_objects as go


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


def write_study(path: Path, heading: str, lead: str, finding: tuple[str, str], cards: Sequence[Card]) -> None:
    """Write a page.

    heading, lead  on top of it
    finding        the result in a line, and in a few
    cards          the rest, in order
    """
    footer = f"Written by lstmkit {lstmkit.__version__} with torch {torch.__version__}."
    page.write_page(path, heading, lead, Verdict(EQUAL, *finding), [_section(card) for card in cards], footer)


def _section(card: Card) -> str:
    body = "" if card.figure is None else page.plot(card.figure, card.name)
    if card.rows:
        body += page.scrolling(page.table(card.head, card.rows))
    if card.sentences:
        body += "<ul>" + "".join(f"<li>{page.words(sentence)}</li>" for sentence in card.sentences) + "</ul>"
    return page.card(card.title, card.text, body)


def style(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the look of the pages, with room for the wider labels of the studies; return it."""
    page.style(figure, height)
    figure.update_layout(
        margin={"l": 64, "r": 16, "t": 44, "b": 48}, hovermode="closest", legend={"traceorder": "normal"}
    )
    return figure
