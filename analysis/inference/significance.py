"""p values that agree with the intervals, families of tests, and equivalence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from scipy.optimize import brentq

from analysis.inference.interval import Interval

SMALLEST_P = 1e-9
"""Smaller p values are reported as this: quantiles that far out are not to be trusted."""

IntervalAt = Callable[[float], Interval]
"""An estimate's interval as a function of its level: `lambda level: gap(frame, "user", "plain", level)`."""


def p_value(interval_at: IntervalAt, null: float = 0.0) -> float:
    """Two-sided p value of `null`: 1 minus the level at which the interval first reaches it.

    By construction p < alpha exactly where the 1 - alpha interval excludes `null` (inversion of the test;
    Casella and Berger 2002, theorem 9.2.2), whatever the method of the interval.
    """

    def inside(alpha: float) -> float:
        interval = interval_at(1 - alpha)
        return min(null - interval.low, interval.high - null)

    if inside(SMALLEST_P) < 0:
        return SMALLEST_P
    if inside(1 - SMALLEST_P) >= 0:
        return 1.0
    return _root(inside, SMALLEST_P, 1 - SMALLEST_P)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return cast(float, brentq(function, low, high, xtol=1e-10))


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests against a margin, in the units of the estimate."""

    interval: Interval
    """At level 1 - 2 alpha."""
    margin: float
    alpha: float
    p: float
    """The larger of the two one-sided p values."""
    bound: float
    """The smallest margin within which the estimate would be equivalent to 0: what a null is reported as."""

    @property
    def equivalent(self) -> bool:
        return self.bound < self.margin


def equivalence(interval_at: IntervalAt, margin: float, alpha: float = 0.05) -> Equivalence:
    """TOST: is the estimate within +-margin of 0? (Schuirmann 1987; Westlake's interval form.)

    Equivalent at `alpha` exactly where the 1 - 2 alpha interval lies inside of +-margin.

    Raises:
        ValueError: margin not above 0, or alpha outside of (0, 0.5).
    """
    if margin <= 0:
        raise ValueError(
            f"margin {margin} must be above 0, in the units of the estimate (0.10 is ten points)"
        )
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha {alpha} must lie in (0, 0.5)")
    interval = interval_at(1 - 2 * alpha)

    def slack(one_sided: float) -> float:
        at = interval_at(1 - 2 * one_sided)
        return margin - max(-at.low, at.high)

    if slack(SMALLEST_P) > 0:
        p = SMALLEST_P
    elif slack(0.5 - SMALLEST_P) <= 0:
        p = 0.5  # the estimate itself lies outside: each further step only tells by how much
    else:
        p = _root(slack, SMALLEST_P, 0.5 - SMALLEST_P)
    return Equivalence(interval, margin, alpha, p, max(-interval.low, interval.high))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p values adjusted for the family-wise error rate (Holm 1979), by name."""
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Mapping[str, float]) -> dict[str, float]:
    """p values adjusted for the false discovery rate (Benjamini and Hochberg 1995), by name."""
    return _adjusted(p_values, "fdr_bh")


def _adjusted(p_values: Mapping[str, float], method: str) -> dict[str, float]:
    # Here and not above: the import takes a second, and few callers come this way.
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return {}
    adjusted = cast(Any, multipletests(list(p_values.values()), method=method)[1])
    return {name: float(p) for name, p in zip(p_values, adjusted, strict=True)}
