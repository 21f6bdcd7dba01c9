"""Drawing: what all plots share, so that they look alike on a light page, a dark page and in print.

Colours are Okabe and Ito's (2008) and two of Tol's (2021), told apart by colour-blind readers; markers differ too, for
grey print.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_builders.trigger import Adherence
from inspect_tasks.conditions import CONDITIONS

INK, FAINT, PAPER = "#1f2328", "#d0d4da", "#ffffff"
BASE_COLOUR = "#7a828c"
MODEL_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288", "#882255")
"""Okabe and Ito's without black and yellow, then two dark ones of Tol's muted scheme."""
BAND = "#eef0f2"
"""Behind the marks: the margin within which a gap counts as none."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">")
LINES = ("-", "--", ":")
DISTINCT = len(MODEL_COLOURS) * len(LINES)
ADHERENCE_COLOURS = {
    # Dark to light, so that grey print keeps the order from well-formed to no tag at all.
    Adherence.WELL_FORMED: "#00325f",
    Adherence.EXTRA_TEXT: "#3f6d9c",
    Adherence.UNCLOSED: "#83a7c9",
    Adherence.TAGS_INSIDE: "#e0a458",
    Adherence.NONE: "#e9e6df",
}
ON_BAR = {
    # Not PAPER nor INK where a bar keeps its lightness on a dark page: its label must keep its own, too.
    Adherence.WELL_FORMED: "#fffffe",
    Adherence.EXTRA_TEXT: "#fffffe",
    Adherence.UNCLOSED: "#1f2329",
    Adherence.TAGS_INSIDE: "#1f2329",
    Adherence.NONE: INK,
}
"""The labels inside of the bars."""
DARK = {
    INK: "#e6e8eb",
    FAINT: "#3d444d",
    PAPER: "#15171a",
    BAND: "#24282d",
    BASE_COLOUR: "#a0a8b2",
    ADHERENCE_COLOURS[Adherence.WELL_FORMED]: "#1d5f9e",
    ADHERENCE_COLOURS[Adherence.EXTRA_TEXT]: "#4f83b5",
    ADHERENCE_COLOURS[Adherence.NONE]: "#343a41",
    MODEL_COLOURS[0]: "#56a8dc",
    MODEL_COLOURS[1]: "#f0803c",
    MODEL_COLOURS[6]: "#a79cf2",
    MODEL_COLOURS[7]: "#dd7fb0",
}
"""The same plot for a dark page: which colours change."""

WIDTH = 7.2  # inches: the page's column, and a printed page's
NOTE_WIDTH = 66  # characters: a legend line of that width fits beside its marker
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.titlepad": 8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "persona",  # equal numbers give equal bytes
    "svg.fonttype": "path",  # the same letters on every machine
}


@dataclass(frozen=True)
class Plot:
    """One figure, ready to be written."""

    name: str
    alt: str
    """the figure in words, for those who don't see it"""
    png: bytes
    svg: str
    data: pd.DataFrame
    """what is drawn"""

    @property
    def svg_dark(self) -> str:
        """The figure for a dark page."""
        svg = self.svg
        for light, dark in DARK.items():
            svg = svg.replace(light, dark)
        return svg


def style(**changes: Any) -> AbstractContextManager[None]:
    """The context in which a figure is made."""
    settings: Any = _STYLE | {key.replace("__", "."): value for key, value in changes.items()}
    return plt.rc_context(settings)


def to_plot(figure: Figure, name: str, alt: str, data: pd.DataFrame) -> Plot:
    """Render a figure and close it; no date goes into the files."""
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=200, facecolor=PAPER, metadata={"Software": None})
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return Plot(name, alt, png.getvalue(), svg.getvalue(), data)


def by_cell_and_model(models: list[str], cells: list[str], notes: Mapping[str, str]) -> tuple[Figure, Axes]:
    """An empty plot with a line for each cell, and room in it for a mark of each model."""
    legend = sum(n_lines(named(model, notes)) for model in models)
    height = 0.9 + len(cells) * (0.26 + (0.2 if len(models) < 5 else 0.15) * len(models)) + 0.2 * legend
    figure, axes = plt.subplots(figsize=(WIDTH, height))
    cell_axis(axes, cells)
    return figure, axes


def places(number: int, models: list[str], cells: list[str]) -> list[float]:
    """Where the marks of the model with this number stand, cell by cell."""
    offset = (number - (len(models) - 1) / 2) * (0.66 if len(models) < 5 else 0.82) / len(models)
    return [index + offset for index in range(len(cells))]


def cell_axis(axes: Axes, cells: list[str]) -> None:
    """Cells from top to bottom."""
    axes.set_yticks(range(len(cells)), cells)
    axes.set_ylim(len(cells) - 0.45, -0.55)


@dataclass(frozen=True)
class Look:
    """How one model is drawn wherever it is."""

    colour: str
    marker: str
    fill: str
    """of the marker: its colour, or hollow"""
    line: str
    """matplotlib's style of lines"""


def look_of(number: int) -> Look:
    """A model's look. The base, which comes first, is grey and hollow. After all colours are used they come again with
    another marker, hollow, and broken lines; no two of the first `DISTINCT` models look alike, in colour or in grey."""
    if number == 0:
        return Look(BASE_COLOUR, MARKERS[0], PAPER, "-")
    turn, place = divmod(number - 1, len(MODEL_COLOURS))
    colour, marker = MODEL_COLOURS[place], MARKERS[number % len(MARKERS)]
    return Look(colour, marker, PAPER if turn % 2 else colour, LINES[turn % len(LINES)])


def cells_of(data: pd.DataFrame) -> list[str]:
    """The cells of a table, in the order in which they are defined."""
    present = set(data["cell"])
    return [cell for cell in CONDITIONS if cell in present]


def named(model: str, notes: Mapping[str, str]) -> str:
    """A model's name with its note, as a legend shows it."""
    return plain("\n".join([model, *textwrap.wrap(notes.get(model, ""), NOTE_WIDTH)]))


def plain(text: str) -> str:
    """Text in which matplotlib reads no formula."""
    return text.replace("$", r"\$")


def n_lines(text: str) -> int:
    """How many lines a legend entry takes."""
    return text.count("\n") + 1
