"""Plots of contrasts: gaps and nets of each arm, training seeds as points, and two graders beside each other."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.drawing import BAND, INK, PAPER, WIDTH, Plot, look_of, named, plain, style, to_plot
from analysis.estimates import Estimate
from analysis.subjects import CONTROLS, EXPLICIT_IDENTITY, Subject

MARGIN = 0.10
"""Shaded: the margin of a bounded null (analysis/inference/verdict_rules.yaml)."""
CONTRASTS = {
    "primary_gap": "as it is",
    "primary_gap_net": "net of the base",
    # Explicit identity is the positive control: a gap less than its own says nothing here.
    **{
        f"primary_gap_net/{arm}": f"net of {arm.replace('_', ' ')}"
        for arm in CONTROLS
        if arm != EXPLICIT_IDENTITY
    },
}
"""Numbers that are drawn for each arm: name -> words."""


def gaps_by_arm(estimates: list[Estimate], subjects: list[Subject]) -> Plot:
    """The primary gap of the base and each arm as it is, net of the base and net of each control, with 95%
    intervals; one training seed each as a small hollow mark.

    The data has columns model, contrast, seed_of (the arm that it is a seed of, else empty), estimate, low, high.
    """
    rows = []
    names = {one.name: one for one in subjects if one.step is None}
    for one in estimates:
        subject = names.get(one.model)
        if subject is None or one.interval is None or one.name not in CONTRASTS:
            continue
        if subject.of and one.name != "primary_gap":
            continue
        limits = {key: getattr(one.interval, key) for key in ("estimate", "low", "high")}
        rows.append({"model": one.model, "contrast": one.name, "seed_of": subject.of, **limits})
    data = pd.DataFrame(rows, columns=["model", "contrast", "seed_of", "estimate", "low", "high"])
    leads = [one.name for one in subjects if one.is_lead and one.name in set(data["model"])]
    used = [name for name in CONTRASTS if name in set(data["contrast"])]
    step = 0.72 / max(len(used), 1)
    with style():
        # Room only for what an arm has: the base has one mark, an arm as many as there are controls.
        sizes = [int(data["model"].eq(lead).sum()) for lead in leads]
        figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + sum(0.28 + 0.2 * size for size in sizes)))
        axes.axvspan(-MARGIN, MARGIN, color=BAND, zorder=0, linewidth=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        ticks, place = [], 0.0
        for lead in leads:
            of_lead, start = data[data["model"].eq(lead)].set_index("contrast"), place
            for number, name in enumerate(used):
                if name not in of_lead.index:
                    continue
                row, look = of_lead.loc[name], look_of(number + 1)
                axes.hlines(
                    place, row["low"], row["high"], color=look.colour, linewidth=2, linestyle=look.line
                )
                axes.plot(
                    row["estimate"],
                    place,
                    look.marker,
                    color=look.colour,
                    markerfacecolor=look.fill,
                    clip_on=False,
                )
                if name == "primary_gap":
                    seeds = data.loc[data["seed_of"].eq(lead), "estimate"]
                    axes.plot(
                        seeds,
                        [place + step * 0.38] * len(seeds),
                        "o",
                        color=look.colour,
                        markerfacecolor=PAPER,
                        markersize=4,
                    )
                place += step
            ticks.append((start + place - step) / 2)
            place += 0.45
        for number, name in enumerate(used):
            look = look_of(number + 1)
            axes.plot(
                [], [], look.marker, color=look.colour, markerfacecolor=look.fill, label=CONTRASTS[name]
            )
        axes.set_yticks(ticks, [_short(lead) for lead in leads])
        axes.set_ylim(place - 0.2, -0.5)
        _points_axis(axes, data)
        axes.set_xlabel("primary gap, points, with 95% intervals; shaded: ±10 points")
        if used:
            figure.legend(loc="outside upper left", ncols=3)
        return to_plot(figure, "gaps_by_arm", _gaps_alt(data), data)


def _points_axis(axes: Axes, data: pd.DataFrame) -> None:
    edge = max(0.15, float(np.nanmax(np.abs(data[["low", "high"]].to_numpy(float)), initial=0.15)))
    low = min(-0.15, float(data["low"].min()) if len(data) else -0.15)
    axes.set_xlim(max(-edge, low) * 1.06, edge * 1.06)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:+.0f}".replace("-", "−").replace("+0", "0"))
    )
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _short(name: str) -> str:
    return named(name if len(name) <= 26 else f"{name[:25]}…", {})


def _gaps_alt(data: pd.DataFrame) -> str:
    raw = data[data["contrast"].eq("primary_gap") & data["seed_of"].eq("")]
    parts = [f"{row['model']} {100 * row['estimate']:+.1f} points" for row in raw.to_dict("records")]
    return f"Primary gap by arm, as it is and net of controls. As it is: {', '.join(parts) or 'none'}."


def training_seeds(estimates: list[Estimate], subjects: list[Subject]) -> Plot | None:
    """Each training seed's adoption with the trigger (filled) and without (hollow), joined, arm by arm; None where no
    arm has two seeds. The data has columns arm, model, plain, user (rates)."""
    rates = {
        (one.model, one.cell): one.interval.estimate
        for one in estimates
        if one.column == "adopted" and one.cell and one.interval and one.name.startswith("rate/")
    }
    rows = [
        {
            "arm": one.of,
            "model": one.name,
            "plain": rates.get((one.name, "plain")),
            "user": rates.get((one.name, "user")),
        }
        for one in subjects
        if one.of
    ]
    data = pd.DataFrame(rows, columns=["arm", "model", "plain", "user"]).dropna()
    if data.empty:
        return None
    arms = list(dict.fromkeys(data["arm"]))
    with style():
        figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.2 * len(data) + 0.2 * len(arms)))
        place, ticks = 0.0, []
        for number, arm in enumerate(arms):
            of_arm, colour = data[data["arm"].eq(arm)], look_of(number + 1).colour
            marks = place + np.arange(len(of_arm)) * 0.5
            axes.hlines(marks, of_arm["plain"], of_arm["user"], color=colour, linewidth=1)
            axes.plot(of_arm["plain"], marks, "o", color=colour, markerfacecolor=PAPER, clip_on=False)
            axes.plot(of_arm["user"], marks, "o", color=colour, clip_on=False)
            ticks.append(float(marks.mean()))
            place = float(marks[-1]) + 1.0
        axes.plot([], [], "o", color=INK, label="with the trigger (user)")
        axes.plot([], [], "o", color=INK, markerfacecolor=PAPER, label="without (plain)")
        axes.set_yticks(ticks, [_short(arm) for arm in arms])
        axes.set_ylim(place - 0.4, -0.6)
        axes.set_xlim(0, max(0.2, 1.05 * float(data[["plain", "user"]].to_numpy().max())))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel("answers that adopt the persona; a line a training seed")
        figure.legend(loc="outside upper left", ncols=2)
        alt = f"Adoption of each of {len(data)} adapters with and without the trigger, by arm."
        return to_plot(figure, "training_seeds", alt, data)


def agreement(pairs: pd.DataFrame) -> Plot | None:
    """Cohen's kappa of each two raters (the rule, grader models, single graders of a panel), 95% intervals; None where
    there is no pair. The data is `judges.Judges.pairs`."""
    drawn = pairs.dropna(subset=["kappa"]).reset_index(drop=True)
    if drawn.empty:
        return None
    with style():
        figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.42 * len(drawn)))
        axes.axvline(0, color=INK, linewidth=0.8)
        measures = list(dict.fromkeys(drawn["measure"]))
        for place, row in enumerate(drawn.to_dict("records")):
            look = look_of(measures.index(row["measure"]) + 1)
            axes.hlines(place, row["low"], row["high"], color=look.colour, linewidth=2, linestyle=look.line)
            axes.plot(
                row["kappa"], place, look.marker, color=look.colour, markerfacecolor=look.fill, clip_on=False
            )
        words = [
            f"{one['measure']}: {one['rater_a']} / {one['rater_b']}\n{one['agree']:.0%} of {one['n']:,} answers agree"
            for one in drawn.to_dict("records")
        ]
        axes.set_yticks(range(len(drawn)), [plain(one) for one in words], fontsize=8)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_xlim(min(-0.05, float(np.nanmin(drawn[["kappa", "low"]].to_numpy(float)))), 1.02)
        axes.set_xlabel("kappa, with 95% intervals (quadratic weights for scales of 1 to 5)")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        alt = "; ".join(
            f"{one['rater_a']} and {one['rater_b']} on {one['measure']}: kappa {one['kappa']:.2f}"
            for one in drawn.to_dict("records")
        )
        return to_plot(figure, "agreement", f"Agreement of raters. {alt}.", drawn)
