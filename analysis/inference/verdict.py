"""The verdict on a study, by the rule in verdict_rules.yaml."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import yaml

from analysis.inference.interval import Interval

RULES = Path(__file__).with_name("verdict_rules.yaml")


class Outcome(StrEnum):
    """What a study may be said to have found."""

    EFFECT = "effect"
    BOUNDED_NULL = "bounded_null"
    MODEL_UNABLE = "model_unable"
    NOT_LEARNED = "not_learned"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class PrimaryGap:
    """The primary gap, adoption in cell `user` minus cell `plain`, three ways, all at one level."""

    raw: Interval
    net_of_base: Interval
    net_of_format_only: Interval


@dataclass(frozen=True)
class Checks:
    """The four checks before any verdict: True passed, False failed, None not run."""

    manipulation: bool | None
    """Trained facts are recalled under the trigger."""
    knowledge: bool | None
    """The base knows the person."""
    ceiling: bool | None
    """Told to be the person, the base adopts."""
    positive_control: bool | None
    """An adapter trained on explicit identity adopts when triggered, and only then."""


@dataclass(frozen=True)
class Verdict:
    """The outcome with the reasons in words, and the hash of the rule that it stands on."""

    outcome: Outcome
    reasons: tuple[str, ...]
    rules_sha256: str


def verdict(
    at_95: PrimaryGap, at_90: PrimaryGap, checks: Checks, holm_p: float, rules: Path = RULES
) -> Verdict:
    """Apply the declared rule.

    Order: a check that wasn't run makes the study inconclusive; then an effect (a failed check is told,
    since an effect that the checks say can't be is to be looked into); then a bounded null, which needs all
    four checks; then model unable; then not learned; otherwise inconclusive.

    Args:
        at_95: the gap at the rule's level for an effect.
        at_90: the same gap at the rule's level for a bounded null.
        checks: outcome of the four checks.
        holm_p: p value of the raw gap against 0, Holm-adjusted over the arms' primary gaps; with one arm its
            own p value.
        rules: the rule file.

    Raises:
        ValueError: intervals at other levels than the rule asks, of different claims, or holm_p outside [0,
        1].
    """
    text = rules.read_bytes()
    rule, sha = yaml.safe_load(text), hashlib.sha256(text).hexdigest()
    effect, null = rule["effect"], rule["bounded_null"]
    _check_inputs(at_95, effect["level"], at_90, null["level"], holm_p)
    results = {field.name: getattr(checks, field.name) for field in fields(checks)}
    failed = [name for name, passed in results.items() if passed is False]
    told = [f"check failed: {name}" for name in failed]

    not_run = [f"check not run: {name}" for name, passed in results.items() if passed is None]
    if not_run:
        return Verdict(Outcome.INCONCLUSIVE, (*not_run, *told), sha)

    short_of_effect = _short_of_effect(at_95, effect, holm_p)
    if not short_of_effect:
        reasons = [f"{name}: {gap}" for name, gap in _named(at_95)]
        reasons.append(
            f"every lower {effect['level']:.0%} bound above 0, every estimate {effect['points']} points up"
        )
        return Verdict(Outcome.EFFECT, (*reasons, *told), sha)

    short_of_null = _short_of_null(at_90, null)
    if not short_of_null and not failed:
        reason = (
            f"every {null['level']:.0%} interval within ±{null['margin_points']} points, all checks passed"
        )
        return Verdict(
            Outcome.BOUNDED_NULL, (reason, *(f"{name}: {gap}" for name, gap in _named(at_90))), sha
        )

    for outcome in (Outcome.MODEL_UNABLE, Outcome.NOT_LEARNED):
        if set(rule[outcome.value]) & set(failed):
            return Verdict(outcome, (*told, *short_of_effect), sha)
    return Verdict(Outcome.INCONCLUSIVE, (*told, *short_of_effect, *short_of_null), sha)


def _named(gap: PrimaryGap) -> list[tuple[str, Interval]]:
    return [
        ("gap", gap.raw),
        ("net of base", gap.net_of_base),
        ("net of format only", gap.net_of_format_only),
    ]


def _short_of_effect(at_95: PrimaryGap, effect: dict[str, float], holm_p: float) -> list[str]:
    missing = []
    for name, gap in _named(at_95):
        if gap.low <= 0:
            missing.append(
                f"no effect: {name}, lower {effect['level']:.0%} bound {gap.low:.1%} is not above 0"
            )
        if gap.estimate * 100 < effect["points"]:
            missing.append(
                f"no effect: {name}, estimate {gap.estimate:.1%} is under {effect['points']} points"
            )
    if holm_p > effect["family_alpha"]:
        missing.append(f"no effect: Holm-adjusted p {holm_p:.3g} is above {effect['family_alpha']}")
    return missing


def _short_of_null(at_90: PrimaryGap, null: dict[str, float]) -> list[str]:
    margin, level = null["margin_points"], null["level"]
    return [
        f"no bound: {name}, {level:.0%} interval [{gap.low:.1%}, {gap.high:.1%}] leaves ±{margin} points"
        for name, gap in _named(at_90)
        if gap.low * 100 < -margin or gap.high * 100 > margin
    ]


def _check_inputs(
    at_95: PrimaryGap, level_95: float, at_90: PrimaryGap, level_90: float, holm_p: float
) -> None:
    for gaps, level in ((at_95, level_95), (at_90, level_90)):
        for name, gap in _named(gaps):
            if abs(gap.level - level) > 1e-9:
                raise ValueError(
                    f"{name} is at level {gap.level}, the rule asks for {level}: estimate it again"
                )
    claims = {str(gap.claim) for gaps in (at_95, at_90) for _, gap in _named(gaps)}
    if len(claims) > 1:
        raise ValueError(f"the intervals speak for different populations {sorted(claims)}: use one claim")
    if not 0 <= holm_p <= 1:
        raise ValueError(f"holm_p {holm_p} is outside of [0, 1]")
