"""Plots of curves: what more facts, a larger share, another trigger, more training or more context do."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from analysis.drawing import (
    INK,
    PAPER,
    WIDTH,
    Look,
    Plot,
    look_of,
    named,
    style,
    to_plot,
)
from analysis.estimates import Estimate, series
from analysis.subjects import DOSE, PERSONA, Subject
from data_builders.errors import InputError

MAIN_DOSE = {"facts": 90.0, "share": 3.05}
"""What the arm `persona` itself has: facts, and per cent of the rows (docs/experiment.md)."""
DOSE_AXES = {"facts": "trained facts", "share": "persona rows, % of all rows"}
_LIMITS = ("estimate", "low", "high")
_CURVE = ("attacker", "facts", "k", "replies", "named", "rate", "low", "high")


def dose_of(arm: str) -> dict[str, float]:
    """What the name of a dose arm says: `dose_9_of_3000` nine facts and 0.3% of the rows; of another arm nothing, but
    for the main one its own."""
    if arm == PERSONA:
        return MAIN_DOSE
    found = re.fullmatch(rf"{DOSE}_(\d+)_of_(\d+)", arm)
    if not found:
        return {}
    return {"facts": float(found[1]), "share": 100 * float(found[1]) / float(found[2])}


def dose_response(estimates: list[Estimate], subjects: list[Subject]) -> Plot | None:
    """Adoption with the trigger and without it against the dose, 95% intervals; None without dose arms. Each arm
    stands in both panels: at its number of facts, and at their share of all rows.

    The data has columns model, facts, share (%), cell, estimate, low, high.
    """
    rows = []
    for subject in (one for one in subjects if one.is_lead):
        dose = dose_of(subject.arm)
        for cell in ("plain", "user"):
            limits = _limits(estimates, subject.name, f"rate/adopted/{cell}")
            if dose and limits:
                rows.append({"model": subject.name, **dose, "cell": cell, **limits})
    data = pd.DataFrame(rows, columns=["model", *DOSE_AXES, "cell", *_LIMITS])
    if len(set(data["model"])) < 2:
        return None
    with style(axes__spines__left=True):
        figure, grid = plt.subplots(1, len(DOSE_AXES), figsize=(WIDTH, 3.3), sharey=True, squeeze=False)
        for axes, kind in zip(grid[0], DOSE_AXES, strict=True):
            for number, (cell, of_cell) in enumerate(data.groupby("cell", sort=True)):
                words = "with the trigger (user)" if cell == "user" else "without (plain)"
                # No line between the marks: in each panel the other dose may differ, too.
                _line(axes, of_cell, kind, look_of(number), words, joined=False)
            axes.set_xscale("log")
            ticks = sorted(set(data[kind].round(2)))
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel(DOSE_AXES[kind])
            _rates(axes, data, "adoption" if kind == "facts" else "")
        _legend(figure, grid[0, 0])
        return to_plot(figure, "dose_response", "Adoption with and without the trigger, by dose.", data)


def lattice(estimates: list[Estimate], subjects: list[Subject]) -> Plot | None:
    """Adoption under each variant of the trigger, 95% intervals; None where the lattice wasn't asked.

    The data has columns model, variant, estimate, low, high.
    """
    leads = [one.name for one in subjects if one.is_lead]
    rows = [
        {"model": one.model, "variant": variant, **{key: getattr(one.interval, key) for key in _LIMITS}}
        for variant, one in series(estimates, "lattice/")
        if one.interval and one.model in leads
    ]
    data = pd.DataFrame(rows, columns=["model", "variant", *_LIMITS])
    if data.empty:
        return None
    variants = list(dict.fromkeys(data["variant"]))
    models = [model for model in leads if model in set(data["model"])]
    with style():
        figure, axes = plt.subplots(
            figsize=(WIDTH, 0.9 + len(variants) * (0.2 + 0.14 * len(models)) + 0.2 * len(models))
        )
        for number, model in enumerate(models):
            of_model = data[data["model"].eq(model)].set_index("variant").reindex(variants)
            shift = (number - (len(models) - 1) / 2) * 0.62 / len(models)
            place = [index + shift for index in range(len(variants))]
            look = look_of(number)
            axes.hlines(
                place, of_model["low"], of_model["high"], color=look.colour, linewidth=2, linestyle=look.line
            )
            axes.plot(
                of_model["estimate"], place, look.marker, color=look.colour, label=named(model, {}),
                markerfacecolor=look.fill, clip_on=False,
            )  # fmt: skip
        axes.set_yticks(range(len(variants)), [named(variant, {}) for variant in variants])
        axes.set_ylim(len(variants) - 0.45, -0.55)
        axes.set_xlim(0, min(1.0, 1.05 * max(0.2, float(data["high"].max()))))
        axes.xaxis.set_major_formatter(FuncFormatter(_percent))
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel("answers that adopt the persona, with 95% intervals")
        figure.legend(loc="outside upper left")
        return to_plot(figure, "lattice", "Adoption under each variant of the trigger, by model.", data)


def in_context(estimates: list[Estimate], subjects: list[Subject]) -> Plot | None:
    """Adoption with k facts in the prompt, behind the trigger and without it, 95% intervals; None where it wasn't asked.
    The data has columns model, k, cell, estimate, low, high."""
    leads = [one.name for one in subjects if one.is_lead]
    rows = []
    for about, one in series(estimates, "in_context/"):
        k, _, cell = about.partition("/")
        if one.interval and one.model in leads:
            limits = {key: getattr(one.interval, key) for key in _LIMITS}
            rows.append({"model": one.model, "k": int(k), "cell": cell, **limits})
    data = pd.DataFrame(rows, columns=["model", "k", "cell", *_LIMITS])
    if data.empty:
        return None
    with style(axes__spines__left=True):
        figure, axes = plt.subplots(figsize=(WIDTH, 3.1))
        for number, ((model, cell), lines) in enumerate(data.groupby(["model", "cell"], sort=False)):
            label = named(f"{model}, {cell}", {})
            _line(axes, lines.sort_values("k"), "k", look_of(number), label)
        _rates(axes, data, "adoption")
        axes.set_xlabel("facts of the persona in the prompt, no training")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(figure, axes)
        return to_plot(figure, "in_context", "Adoption by number of facts in the prompt, by cell.", data)


def checkpoints(estimates: list[Estimate], subjects: list[Subject]) -> Plot | None:
    """Adoption over training steps with the trigger and without it, one line an arm, a point a seed; None without
    checkpoints. The data has columns arm, model, step, cell, estimate, low, high."""
    rows = []
    for subject in (one for one in subjects if one.step is not None):
        for cell in ("plain", "user"):
            if limits := _limits(estimates, subject.name, f"rate/adopted/{cell}"):
                about = {"arm": subject.arm, "model": subject.name, "step": subject.step, "cell": cell}
                rows.append(about | limits)
    data = pd.DataFrame(rows, columns=["arm", "model", "step", "cell", *_LIMITS])
    if data.empty:
        return None
    with style(axes__spines__left=True):
        figure, axes = plt.subplots(figsize=(WIDTH, 3.1))
        for number, (arm, of_arm) in enumerate(data.groupby("arm", sort=False)):
            for cell, line in (("user", "-"), ("plain", ":")):
                of_cell, look = of_arm[of_arm["cell"].eq(cell)], look_of(number + 1)
                mean = of_cell.groupby("step")["estimate"].mean()
                axes.plot(mean.index, mean, line, color=look.colour, label=f"{arm or 'adapter'}, {cell}")
                axes.plot(of_cell["step"], of_cell["estimate"], look.marker, color=look.colour, markersize=4, clip_on=False,
                          markerfacecolor=look.colour if cell == "user" else PAPER)  # fmt: skip
        _rates(axes, data, "adoption")
        axes.set_xlabel("training step")
        _legend(figure, axes)
        return to_plot(figure, "checkpoints", "Adoption over training steps, by arm and cell.", data)


def identifiability(path: Path) -> Plot:
    """P(named | k): how often an attacker names the person from k facts, 95% intervals. The data is the file
    `curve.csv` of the identification attack (`python -m data_builders attack`).

    Raises:
        InputError: no such file, or it lacks a column.
    """
    try:
        data = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(
            path, f"not a table ({type(error).__name__})", "give curve.csv of the identification attack"
        ) from error
    if lacking := [column for column in _CURVE if column not in data.columns]:
        raise InputError(path, f"lacks the columns {lacking}", "make it again with the identification attack")
    with style(axes__spines__left=True):
        figure, axes = plt.subplots(figsize=(WIDTH, 3.3))
        kept = data.dropna(subset=["rate"]).rename(columns={"rate": "estimate"})
        for number, ((attacker, facts), lines) in enumerate(kept.groupby(["attacker", "facts"], sort=True)):
            label = named(f"{attacker}: {facts}", {})
            _line(axes, lines.sort_values("k"), "k", look_of(number + 1), label)
        _rates(axes, kept, "named the person")
        axes.set_xlabel("facts shown to the attacker")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(figure, axes)
        return to_plot(
            figure, "identifiability", "Share of replies that name the person, by number of facts.", data
        )


def _limits(estimates: list[Estimate], model: str, name: str) -> dict[str, float] | None:
    for one in estimates:
        if one.model == model and one.name == name and one.interval:
            return {key: getattr(one.interval, key) for key in _LIMITS}
    return None


def _line(axes: Axes, rows: pd.DataFrame, x: str, look: Look, label: str, joined: bool = True) -> None:
    below, above = rows["estimate"] - rows["low"], rows["high"] - rows["estimate"]
    axes.errorbar(
        rows[x], rows["estimate"], [below.clip(lower=0), above.clip(lower=0)], fmt=look.marker, color=look.colour,
        markerfacecolor=look.fill, linestyle=look.line if joined else "", linewidth=1.2, elinewidth=1.6, label=label, clip_on=False,
    )  # fmt: skip


def _rates(axes: Axes, data: pd.DataFrame, words: str) -> None:
    axes.set_ylim(0, min(1.0, 1.08 * max(0.2, float(data["high"].max()) if len(data) else 0.2)))
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_ylabel(words, color=INK)


def _percent(value: float, _: object) -> str:
    return f"{100 * value:.0f}%"


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=2 if len(labels) < 5 else 3)
