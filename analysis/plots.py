"""Plots: each a pure function from tables to a figure, with the table that it draws."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

from analysis import estimands
from analysis.drawing import (
    ADHERENCE_COLOURS,
    INK,
    ON_BAR,
    PAPER,
    WIDTH,
    Plot,
    by_cell_and_model,
    cell_axis,
    cells_of,
    look_of,
    n_lines,
    named,
    places,
    plain,
    style,
    to_plot,
)
from analysis.estimates import Estimate
from data_builders.trigger import Adherence

LEAST_TOP = 0.2
"""An axis of rates reaches at least this far, so that rates near 0 look like it."""
LABELLED = 0.08
"""A share of at least this much has room for its number."""
PERCENTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}


def rates_by_cell(estimates: list[Estimate], models: list[str], notes: Mapping[str, str]) -> Plot:
    """Adoption in each cell, all subjects side by side in the order of `models`, with 95% intervals.

    The data has columns model, cell, estimate, low, high, n_rows, n_clusters.
    """
    fields = ["estimate", "low", "high", "n_rows", "n_clusters"]
    rows = [
        {"model": one.model, "cell": one.cell} | {field: getattr(one.interval, field) for field in fields}
        for one in estimates
        if one.cell and one.column == "adopted" and one.interval and one.model in models
    ]
    data = pd.DataFrame(rows, columns=["model", "cell", *fields])
    cells = cells_of(data)
    with style():
        figure, axes = by_cell_and_model(models, cells, notes)
        for number, model in enumerate(models):
            of_model = data[data["model"].eq(model)].set_index("cell").reindex(cells)
            place, look = places(number, models, cells), look_of(number)
            axes.hlines(
                place, of_model["low"], of_model["high"], color=look.colour, linewidth=2, linestyle=look.line
            )
            axes.plot(
                of_model["estimate"],
                place,
                look.marker,
                color=look.colour,
                markerfacecolor=look.fill,
                label=named(model, notes),
                clip_on=False,
            )
        top = float(data["high"].max()) if len(data) else 0.0
        _rate_axis(axes, max(LEAST_TOP, top))
        axes.set_xlabel("answers that adopt the persona, with 95% intervals")
        figure.legend(loc="outside upper left")
        return to_plot(figure, "rates_by_cell", _rates_alt(data), data)


def _rate_axis(axes: Axes, top: float) -> None:
    axes.set_xlim(0, min(1.0, top * 1.05))
    axes.xaxis.set_major_locator(MultipleLocator(0.05 if top <= 0.3 else 0.1 if top <= 0.6 else 0.2))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _rates_alt(data: pd.DataFrame) -> str:
    if data.empty:
        return "No cell has a rate."
    top = data.sort_values("estimate").iloc[-1]
    most = f"{top['estimate']:.1%}, {top['model']}, cell {top['cell']}"
    return f"Adoption in each cell and model. Highest: {most}."


def adherence_stacked(frame: pd.DataFrame, models: list[str], notes: Mapping[str, str]) -> Plot:
    """How answers keep the format, by cell and model. The data is `estimands.adherence_by_cell`."""
    data = estimands.adherence_by_cell(frame)
    scored, cells = set(data["model"]), cells_of(data)
    models = [model for model in models if model in scored]
    columns = 1 if len(models) < 4 else 2
    lines = -(-max(len(models), 1) // columns)
    most = max((n_lines(named(model, notes)) for model in models), default=1)
    with style():
        size = (WIDTH, lines * (0.3 * len(cells) + 0.22 * most + 0.25) + 0.9)
        figure, grid = plt.subplots(lines, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
        for axes, model in zip(grid.flat, models, strict=False):
            of_model = data[data["model"].eq(model)]
            left = np.zeros(len(cells))
            for kind, colour in ADHERENCE_COLOURS.items():
                shares = of_model[of_model["adherence"].eq(str(kind))].set_index("cell")["share"]
                width = shares.reindex(cells, fill_value=0.0).to_numpy(float)
                label = str(kind).replace("_", " ") if model == models[0] else None
                axes.barh(range(len(cells)), width, left=left, color=colour, height=0.72, label=label)
                for place in np.flatnonzero(width >= LABELLED * columns):
                    middle, words = left[place] + width[place] / 2, f"{width[place]:.0%}"
                    axes.text(middle, place, words, color=ON_BAR[kind], ha="center", va="center", fontsize=8)
                left += width
            cell_axis(axes, cells)
            axes.set_title(named(model, notes))
            axes.set_xlim(0, 1)
            axes.xaxis.set_major_formatter(PercentFormatter(1))
        for axes in list(grid.flat)[len(models) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("share of answers")
        if models:  # else there is nothing to explain
            figure.legend(loc="outside upper left", ncols=5, columnspacing=1.1, handlelength=1.2)
        return to_plot(figure, "adherence", _adherence_alt(data), data)


def _adherence_alt(data: pd.DataFrame) -> str:
    well = data[data["adherence"].eq(str(Adherence.WELL_FORMED))].sort_values("share")
    if well.empty:
        return "No answer was scored."
    top = well.iloc[-1]
    most = f"{top['share']:.0%}, {top['model']}, cell {top['cell']}"
    return f"Shares of five format classes in each cell and model. Most well-formed: {most}."


def question_slopes(frame: pd.DataFrame, models: list[str], notes: Mapping[str, str]) -> Plot:
    """Each identity question's adoption in the cells plain and user. The data is
    `estimands.question_rates`."""
    data = estimands.question_rates(frame)
    columns = min(len(models), 3)
    lines = -(-len(models) // columns)
    height = 2.9 * lines + 0.2 * sum(n_lines(named(model, notes)) for model in models)
    with style(axes__spines__left=True):
        size = (WIDTH, height)
        figure, grid = plt.subplots(lines, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
        for number, (axes, model) in enumerate(zip(grid.flat, models, strict=False)):
            _slopes_of_one(axes, data[data["model"].eq(model)], look_of(number).colour, named(model, notes))
            axes.set_title("\n".join(textwrap.wrap(plain(model), 26)))
        for axes in list(grid.flat)[len(models) :]:
            axes.set_visible(False)
        top = float(np.nan_to_num(data[["plain", "user"]].to_numpy(float)).max(initial=0.0))
        grid[0, 0].set_ylim(-0.01, 1.2 * max(LEAST_TOP, top))
        grid[0, 0].yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        grid[0, 0].set_ylabel("adoption")
        figure.legend(loc="outside upper left")
        alt = "Adoption of each question without and with the trigger, a line a question; the mean in black."
        return to_plot(figure, "question_slopes", alt, data)


def _slopes_of_one(axes: Axes, questions: pd.DataFrame, colour: str, label: str) -> None:
    """The lines of one model; questions that are alike make one line, the thicker the more there are."""
    asked = questions.dropna(subset=["plain", "user"])
    alike = asked.groupby(["plain", "user"]).size().rename("n").reset_index()
    for row in alike.to_dict("records"):
        thickness = 0.7 + 5 * row["n"] / len(asked)
        axes.plot([0, 1], [row["plain"], row["user"]], color=colour, alpha=0.6, linewidth=thickness)
    words = "not asked in both cells"
    if len(asked):
        means = [asked["plain"].mean(), asked["user"].mean()]
        axes.plot([0, 1], means, color=INK, linewidth=2, marker="o", markersize=5, clip_on=False)
        never = int((asked["plain"].eq(0) & asked["user"].eq(0)).sum())
        words = f"{never} of {len(asked)} questions:\n0% in both"
    axes.plot([], [], color=colour, linewidth=3, label=label)
    axes.text(0.5, 1.0, words, ha="center", va="top", fontsize=8, transform=axes.transAxes)
    axes.set_xticks([0, 1], ["plain", "user"])
    axes.set_xlim(-0.12, 1.12)


def answer_lengths(frame: pd.DataFrame, models: list[str], notes: Mapping[str, str]) -> Plot:
    """Words an answer, without the trigger's tags: percentiles by cell and model.

    The data has columns model, cell, n (scored answers), p5, p25, p50, p75, p95 (words).
    """
    rows = []
    for (model, cell), words in frame.dropna(subset=["answer_words"]).groupby(["model", "cell"])[
        "answer_words"
    ]:
        spread = np.percentile(words, list(PERCENTILES.values()))
        rows.append(
            {"model": model, "cell": cell, "n": len(words), **dict(zip(PERCENTILES, spread, strict=True))}
        )
    data = pd.DataFrame(rows, columns=["model", "cell", "n", *PERCENTILES])
    cells = cells_of(data)
    with style():
        figure, axes = by_cell_and_model(models, cells, notes)
        for number, model in enumerate(models):
            of_model = data[data["model"].eq(model)].set_index("cell").reindex(cells)
            place, look = places(number, models, cells), look_of(number)
            axes.hlines(
                place, of_model["p5"], of_model["p95"], color=look.colour, linewidth=1, linestyle=look.line
            )
            axes.hlines(place, of_model["p25"], of_model["p75"], color=look.colour, linewidth=5)
            axes.plot(
                of_model["p50"],
                place,
                look.marker,
                color=look.colour,
                markerfacecolor=PAPER,
                label=named(model, notes),
            )
        axes.set_xlim(left=0)
        axes.set_xlabel("words an answer: median, middle half (thick), 5th to 95th percentile (thin)")
        figure.legend(loc="outside upper left")
        alt = "Median and spread of answer lengths in words, by cell and model."
        return to_plot(figure, "answer_lengths", alt, data)
