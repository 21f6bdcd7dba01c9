"""Power: which questions, samples and training seeds detect a gap, before a study and after it.

    python -m analysis power --questions 10 30 60 --samples 1 5 10 --seeds 1 3 5 --gap 0.1 0.2
    python -m analysis power --questions 30 --samples 10 --seeds 3 --gap 0.1 --pilot REPORT_DIR

By simulation with the very intervals that a report shows (Arnold, Hogan, Colford and Hubbard 2011, Simulation
methods to estimate design power, BMC Med Res Methodol 11:94): studies are drawn from the worlds of
analysis/simulation/worlds.py, and power is the share whose 95% interval lies above 0. A closed form would take
the normal's quantile times a standard error. Near 0%, where a persona that stays hidden without its trigger
lives, the exact limits rule instead, and it would promise power that no report could show: at a question share
of 0.5, 10 against 0 points is detected by one study in four with 30 questions, however many answers there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from analysis.inference._claims import claim_limits
from analysis.inference.interval import Claim
from analysis.ledger import CLAIMS, ROWS, read_claims, read_rows
from analysis.simulation.worlds import Setting, draw
from analysis.variance import Components, Study, components
from data_builders.errors import InputError

LEVEL, TARGET = 0.95, 0.8
SIMULATIONS = 2000
"""A power of 80% then has a standard error of 0.9 points."""
SEED = 20_250_801
_AT_ONCE = 600_000
"""Seeds times questions times worlds drawn at a time, to keep memory under 300 MB."""


@dataclass(frozen=True)
class Power:
    """Share of simulated studies that detect a gap; in [0, 1], None for a recipe with one seed."""

    gap: float
    """of the raw primary gap, for these adapters"""
    net: float
    """of the gap net of a control with as many seeds and no gap, for these adapters"""
    gap_recipe: float | None
    net_recipe: float | None


def power(study: Study, gap: float, world: Components, simulations: int = SIMULATIONS) -> Power:
    """Power of one design: how often the lower 95% limit of the gap lies above 0.

    The cells' rates are world.plain_rate and that plus `gap`; a control has world.plain_rate in both. Random
    numbers are fixed by the design, the same for every gap.

    Args:
        study: the design. gap: user minus plain, 0.1 is ten points. world: the variance components.
        simulations: studies drawn.

    Raises:
        InputError: a rate above 1, or a design that has no interval (fewer than 2 questions, no answer).
    """
    _check(study, gap, world, simulations)
    low = world.plain_rate
    rates = (min(low + gap, 1.0), low, low, low)
    setting = Setting(rates, world.question_icc, world.seed_icc, study.questions, study.seeds)
    rng = np.random.default_rng([SEED, study.questions, study.samples, study.seeds])
    claims = [Claim.ADAPTERS] if study.seeds == 1 else [Claim.ADAPTERS, Claim.RECIPE]
    hits, done = np.zeros((2, 2)), 0
    while done < simulations:
        worlds = min(max(1, _AT_ONCE // (study.questions * study.seeds)), simulations - done)
        means = draw(setting, worlds, rng, study.samples, world.shared).means
        for number, claim in enumerate(claims):
            arm, control = (_as_taken(part, claim) for part in (means[:2], means[2:]))
            hits[number, 0] += (claim_limits(arm, None, LEVEL, claim).low > 0).sum()
            hits[number, 1] += (claim_limits(arm, control, LEVEL, claim).low > 0).sum()
        done += worlds
    shares = hits / simulations
    recipe = (None, None) if study.seeds == 1 else (float(shares[1, 0]), float(shares[1, 1]))
    return Power(float(shares[0, 0]), float(shares[0, 1]), *recipe)


def _as_taken(means: np.ndarray, claim: Claim) -> np.ndarray:
    """As `analysis.inference.gap` takes them: for these adapters seeds are pooled."""
    return means.mean(-2, keepdims=True) if claim is Claim.ADAPTERS else means


def _check(study: Study, gap: float, world: Components, simulations: int) -> None:
    for name, value, least in (
        ("--questions", study.questions, 2),
        ("--samples", study.samples, 1),
        ("--seeds", study.seeds, 1),
        ("--simulations", simulations, 1),
    ):
        if value < least:
            raise InputError(name, f"{value} is too few", f"give {least} or more")
    if not 0 <= gap <= 1 - world.plain_rate:
        raise InputError(
            "--gap",
            f"{gap:g} on top of a rate of {world.plain_rate:.1%} in cell plain is no rate",
            f"give a gap from 0 to {1 - world.plain_rate:.2f}, 0.1 for ten points",
        )


def minimum_detectable_gap(
    study: Study, world: Components, *, net: bool, simulations: int = SIMULATIONS
) -> float | None:
    """Smallest gap, in whole points, that the design detects with 80% power, for these adapters.

    It rests on the design, the components and the rate in cell plain, never on the gap that was seen: power at
    the observed effect is the p-value said again (Hoenig and Heisey 2001, The Abuse of Power).

    Args:
        study: the design. world: the components. net: of the gap net of a control, else of the raw one.

    Returns:
        The gap, 0.1 is ten points; None if the design detects none with 80% power.

    Raises:
        InputError: as `power`.
    """
    low, high = 0, int(100 * (1 - world.plain_rate) + 1e-9)

    def detects(points: int) -> bool:
        found = power(study, points / 100, world, simulations)
        return (found.net if net else found.gap) >= TARGET

    if not detects(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detects(middle) else (middle, high)
    return high / 100


def from_pilot(report: Path, adapters: Sequence[str] | None) -> tuple[Components, Study]:
    """Components and design of a report's study.

    Args:
        report: a folder that `write_report` wrote. adapters: those of one recipe, each a training seed; None
            takes the one model that isn't the base.

    Raises:
        InputError: no such report; an adapter that it lacks; several adapters and none named; or rows that
            allow no gap.
    """
    frame = read_rows(report / ROWS)
    models = sorted(set(frame["model"]))
    if not adapters:
        bases = set(read_claims(report / CLAIMS)["bases"].values())
        adapters = [model for model in models if model not in bases]
        if len(adapters) != 1:
            raise InputError(
                "--adapters",
                f"{report} has {len(adapters)} models beside the base: which are seeds of one recipe?",
                f"name them, of {', '.join(models)}",
            )
    for name in adapters:
        if name not in models:
            raise InputError("--adapters", f"no model called {name!r}", f"name some of {', '.join(models)}")
    try:
        return components(frame[frame["model"].isin(adapters)])
    except ValueError as error:  # what inference says where there is nothing to estimate
        raise InputError(report / ROWS, f"no gap in it ({error})", "give a report with both cells") from error


def run(
    *,
    questions: list[int],
    samples: list[int],
    seeds: list[int],
    gaps: list[float],
    pilot: Path | None,
    adapters: list[str] | None,
    simulations: int,
) -> str:
    """The table for a terminal: every design with every gap, what is cheapest, and a pilot's own reach.

    Raises:
        InputError: as `power` and `from_pilot`.
    """
    world, own = from_pilot(pilot, adapters) if pilot else (Components(), None)
    designs = [Study(*design) for design in product(questions, samples, seeds)]
    for design, gap in product(designs, gaps):
        _check(design, gap, world, simulations)  # before minutes are spent on the others
    lines = [*_said(world, simulations), "", *_HEAD]
    cheapest: dict[float, Study] = {}
    for gap in gaps:
        for design in sorted(designs, key=answers):
            found = power(design, gap, world, simulations)
            lines.append(_row(design, gap, found))
            if found.gap >= TARGET:
                cheapest.setdefault(gap, design)
    lines.append("")
    for gap in gaps:
        best = cheapest.get(gap)
        words = f"{_design(best)}, {answers(best):,} answers" if best else "none of these designs"
        lines.append(f"Fewest answers with {TARGET:.0%} power for {100 * gap:g} points (raw gap): {words}.")
    if own:
        lines += ["", *_reach(own, world, simulations)]
    return "\n".join(lines)


def answers(study: Study) -> int:
    """Answers that a design asks of the adapters, in the two cells of the primary gap."""
    return 2 * study.questions * study.samples * study.seeds


_HEAD = (
    "                                           these adapters      the recipe",
    "   gap  questions  samples  seeds  answers     raw     net     raw     net",
)


def _row(design: Study, gap: float, found: Power) -> str:
    shares = (found.gap, found.net, found.gap_recipe, found.net_recipe)
    shown = "".join("       —" if share is None else f"{share:>8.0%}" for share in shares)
    size = f"{design.questions:>11}{design.samples:>9}{design.seeds:>7}{answers(design):>9,}"
    return f"{100 * gap:>6g}{size}{shown}"


def _said(world: Components, simulations: int) -> list[str]:
    def told(name: str, words: str) -> str:
        value = getattr(world, name)
        return f"  {words:<50}{value:>7.3f}{'  assumed' if name in world.assumed else ''}"

    return [
        f"Power: share of {simulations:,} simulated studies whose {LEVEL:.0%} interval lies above 0. Raw: user",
        "minus plain, in points. Net: of a control with as many seeds and no gap.",
        "",
        f"  {'adoption in cell plain':<50}{world.plain_rate:>7.3f}",
        told("question_icc", "variance between questions (share)"),
        told("seed_icc", "variance between training seeds (share)"),
        f"  {'variance between answers to a question (share)':<50}{world.residual:>7.3f}",
        told("shared", "correlation of question effects of the two cells"),
    ]


def _reach(own: Study, world: Components, simulations: int) -> list[str]:
    lines = [f"The pilot itself ({_design(own)}), with {TARGET:.0%} power for these adapters:"]
    for net, words in ((False, "raw gap"), (True, "net of a control")):
        least = minimum_detectable_gap(own, world, net=net, simulations=simulations)
        shown = "no gap at all" if least is None else f"{100 * least:.0f} points or more"
        lines.append(f"  {words}: {shown}")
    return lines


def _design(study: Study) -> str:
    return f"{study.questions} questions, {study.samples} samples, {study.seeds} seeds"
