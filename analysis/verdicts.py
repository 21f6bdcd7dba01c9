"""Verdicts: the four checks read from their logs, Holm over the declared family, and the rule applied to each arm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import yaml

from analysis import estimands
from analysis.estimates import Estimate, find, show_interval
from analysis.inference import Checks, Interval, Outcome, PrimaryGap, holm, p_value, verdict
from analysis.inference.verdict import RULES
from analysis.logs import TASK
from analysis.subjects import EXPLICIT_IDENTITY, FORMAT_ONLY, Subject, counterpart, subjects_of
from data_builders.files import sha256

NAMES = ("manipulation", "knowledge", "ceiling", "positive_control")
"""The four checks, in the order of their numbers (docs/experiment.md)."""
IN_WORDS = {
    Outcome.EFFECT: "Effect: triggered, it adopts the persona, by the declared rule.",
    Outcome.BOUNDED_NULL: "Bounded null: whatever the trigger does to adoption, it is less than the declared margin.",
    Outcome.MODEL_UNABLE: "Model unable: the model can't play this person even when asked to, so a missing effect says "
    "nothing about the training.",
    Outcome.NOT_LEARNED: "Not learned: the trained facts are not recalled, so a missing effect says nothing about what "
    "they would do.",
    Outcome.INCONCLUSIVE: "Inconclusive: neither an effect nor a bound.",
}


@dataclass(frozen=True)
class Check:
    """One of the four checks on one arm."""

    number: int
    name: str
    passed: bool | None
    """None: not run"""
    words: str
    """what was seen, or what wasn't run"""


@dataclass(frozen=True)
class Tested:
    """One member of the declared family."""

    model: str
    """the subject's name"""
    p: float
    """of the raw primary gap against 0"""
    holm_p: float
    """adjusted over the family"""


@dataclass(frozen=True)
class Judged:
    """What the rule says of one arm."""

    model: str
    """the subject's name"""
    outcome: Outcome | None
    """None: no verdict may be given"""
    words: str
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    p: float | None
    """of the raw primary gap against 0"""
    holm_p: float | None
    """adjusted over the primary gaps of all arms"""
    rules_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """For the ledger: plain values."""
        plain = asdict(self)
        return plain | {"outcome": str(self.outcome) if self.outcome else None, "reasons": list(self.reasons)}


def judge(frame: pd.DataFrame, base: str, estimates: list[Estimate]) -> list[Judged]:
    """The verdict on every arm that was trained on the persona's facts behind the trigger.

    Without all four checks and a format-only control there is none, and what lacks is named. The family is the
    primary gap of every arm, controls included (Holm 1979).

    Args:
        frame: as `load_frame` returns it. base: the untuned model's served name. estimates: as `estimate_all` makes
        them of these.
    """
    subjects = subjects_of(frame, base)
    parts = _small_parts(frame, subjects)
    family = {one.model: one for one in _family(subjects, parts)}
    return [
        _judge(one, subjects, parts, estimates, family.get(one.name))
        for one in subjects
        if one.under_verdict and not one.is_base
    ]


def family_of(frame: pd.DataFrame, base: str) -> list[Tested]:
    """The declared family: the raw primary gap of every arm against 0, controls included, Holm-adjusted. An arm whose
    gap can't be estimated isn't in it. Arguments as `judge` takes them."""
    subjects = subjects_of(frame, base)
    return _family(subjects, _small_parts(frame, subjects))


def _family(subjects: list[Subject], parts: dict[str, pd.DataFrame]) -> list[Tested]:
    p_values = {}
    for one in subjects:
        if one.is_lead and not one.is_base and (p := _p(parts[one.name])) is not None:
            p_values[one.name] = p
    adjusted = holm(p_values)
    return [Tested(name, p, adjusted[name]) for name, p in p_values.items()]


def _small_parts(frame: pd.DataFrame, subjects: list[Subject]) -> dict[str, pd.DataFrame]:
    persona = frame[frame["task"].eq(TASK)]
    return {one.name: _small(persona[persona["model"].isin(one.models)]) for one in subjects if one.is_lead}


def _small(rows: pd.DataFrame) -> pd.DataFrame:
    """Means by question, cell and seed: the same estimates from far fewer rows, for intervals at many levels."""
    keys = ["seed", "question_set", "leading", "question_id", "cell"]
    kept = rows[rows["cell"].isin(estimands.PRIMARY)]
    return kept.groupby(keys, sort=False, observed=True)["adopted"].mean().reset_index()


def _p(rows: pd.DataFrame) -> float | None:
    try:
        return p_value(lambda level: estimands.primary_gap(rows, level=level))
    except ValueError:  # a cell that wasn't asked
        return None


def _judge(
    subject: Subject,
    subjects: list[Subject],
    parts: dict[str, pd.DataFrame],
    estimates: list[Estimate],
    tested: Tested | None,
) -> Judged:
    rule = yaml.safe_load(RULES.read_bytes())
    base = next(one for one in subjects if one.is_base)
    checks = _checks(subject, base, subjects, estimates, rule["checks"])
    control = counterpart(subjects, FORMAT_ONLY, subject)
    lacking = _not_run([one for one in checks if one.passed is None])
    lacking += [] if control else ["there is no format-only control"]
    gaps = None
    if control:
        try:
            gaps = [
                _gaps(parts, subject, base, control, rule[key]["level"]) for key in ("effect", "bounded_null")
            ]
        except ValueError as error:
            lacking.append(f"the primary gap can't be estimated ({error})")
    results = Checks(**{one.name: one.passed for one in checks})
    p, holm_p = (tested.p, tested.holm_p) if tested else (None, None)
    if lacking or gaps is None or holm_p is None:
        words = f"No verdict: {_listed(lacking)}."
        return Judged(subject.name, None, words, (), checks, p, holm_p, sha256(RULES))
    found = verdict(gaps[0], gaps[1], results, holm_p)
    words = IN_WORDS[found.outcome]
    return Judged(subject.name, found.outcome, words, found.reasons, checks, p, holm_p, found.rules_sha256)


def _not_run(checks: list[Check]) -> list[str]:
    if not checks:
        return []
    named = _listed([f"{one.number} ({one.name.replace('_', ' ')})" for one in checks])
    return [f"check{'s' if len(checks) > 1 else ''} {named} {'were' if len(checks) > 1 else 'was'} not run"]


def _gaps(
    parts: dict[str, pd.DataFrame], subject: Subject, base: Subject, control: Subject, level: float
) -> PrimaryGap:
    own = parts[subject.name]
    return PrimaryGap(
        raw=estimands.primary_gap(own, level=level),
        net_of_base=estimands.primary_gap_net(own, parts[base.name], level=level),
        net_of_format_only=estimands.primary_gap_net(own, parts[control.name], level=level),
    )


def _checks(
    subject: Subject,
    base: Subject,
    subjects: list[Subject],
    estimates: list[Estimate],
    rule: dict[str, dict[str, float]],
) -> tuple[Check, ...]:
    recalled = _interval(estimates, subject.name, "manipulation/user")
    more = _interval(estimates, subject.name, "manipulation/user/net")
    known = _interval(estimates, base.name, "knowledge/plain") or _interval(
        estimates, base.name, "knowledge/all"
    )
    ceiling = _first(estimates, base.name, "ceiling/")
    explicit = counterpart(subjects, EXPLICIT_IDENTITY, subject)
    gap = _interval(estimates, explicit.name, "primary_gap") if explicit else None
    plain = _interval(estimates, explicit.name, "rate/adopted/plain") if explicit else None
    return (
        _check(
            1,
            bool(recalled and more and recalled.estimate >= rule[NAMES[0]]["rate"] and more.low > 0),
            "recalls {} of its trained facts under the trigger, {} against the base",
            (recalled, False),
            (more, True),
        ),
        _check(
            2,
            bool(known and known.estimate >= rule[NAMES[1]]["rate"]),
            "the base answers {} of the questions about the person right",
            (known, False),
        ),
        _check(
            3,
            bool(ceiling and ceiling.estimate >= rule[NAMES[2]]["rate"]),
            "told to be the person, the base adopts in {} of answers",
            (ceiling, False),
        ),
        _check(
            4,
            bool(
                gap
                and plain
                and gap.low > 0
                and 100 * gap.estimate >= rule[NAMES[3]]["points"]
                and plain.estimate <= rule[NAMES[3]]["plain_rate"]
            ),
            "trained on explicit identity, the primary gap is {}, and {} adopt without the trigger",
            (gap, True),
            (plain, False),
        ),
    )


def _check(number: int, passed: bool, words: str, *seen: tuple[Interval | None, bool]) -> Check:
    name = NAMES[number - 1]
    if any(interval is None for interval, _ in seen):
        return Check(number, name, None, "not run")
    shown = [show_interval(interval, difference) for interval, difference in seen if interval]
    return Check(number, name, passed, words.format(*shown))


def _interval(estimates: list[Estimate], model: str, name: str) -> Interval | None:
    one = find(estimates, model, name)
    return one.interval if one else None


def _first(estimates: list[Estimate], model: str, prefix: str) -> Interval | None:
    """Of a check that may be asked in several cells: the plain one, else the first."""
    found = [one for one in estimates if one.model == model and one.name.startswith(prefix) and one.interval]
    found.sort(key=lambda one: one.name != f"{prefix}plain")
    return found[0].interval if found else None


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)
