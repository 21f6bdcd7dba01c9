"""The declared rule, clause by clause."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.inference import Checks, Claim, Interval, Outcome, PrimaryGap, verdict
from analysis.inference.verdict import RULES

PASSED = Checks(manipulation=True, knowledge=True, ceiling=True, positive_control=True)


def interval(estimate: float, low: float, high: float, level: float) -> Interval:
    return Interval(estimate, low, high, level, 1000, 40, 3, "by hand", Claim.ADAPTERS)


def gaps(estimate: float, half: float) -> tuple[PrimaryGap, PrimaryGap]:
    """The same symmetric interval for the raw gap and both nets, at 95% and 90%."""
    parts = [
        interval(estimate, estimate - h, estimate + h, level)
        for h, level in ((half, 0.95), (half * 0.84, 0.9))
    ]
    wide, narrow = (PrimaryGap(part, part, part) for part in parts)
    return wide, narrow


def outcome(estimate: float, half: float, checks: Checks = PASSED, holm_p: float = 0.01) -> Outcome:
    return verdict(*gaps(estimate, half), checks, holm_p).outcome


def test_effect_needs_bound_size_and_family() -> None:
    assert outcome(0.30, 0.20) is Outcome.EFFECT
    assert outcome(0.10, 0.05) is Outcome.EFFECT
    assert outcome(0.099, 0.05) is Outcome.INCONCLUSIVE
    assert outcome(0.30, 0.30) is Outcome.INCONCLUSIVE
    assert outcome(0.30, 0.20, holm_p=0.06) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("part", ["raw", "net_of_base", "net_of_format_only"])
def test_effect_needs_each_of_the_three(part: str) -> None:
    wide, narrow = gaps(0.30, 0.20)
    at_zero = replace(wide, **{part: interval(0.30, 0.0, 0.6, 0.95)})
    result = verdict(at_zero, narrow, PASSED, 0.01)
    assert result.outcome is Outcome.INCONCLUSIVE
    assert [reason for reason in result.reasons if "is not above 0" in reason] == [
        f"no effect: {part.replace('_', ' ').replace('raw', 'gap')}, lower 95% bound 0.0% is not above 0"
    ]


def test_bounded_null_needs_the_margin_and_all_checks() -> None:
    assert outcome(0.01, 0.10, holm_p=0.8) is Outcome.BOUNDED_NULL
    assert outcome(0.01, 0.12, holm_p=0.8) is Outcome.INCONCLUSIVE  # 90% interval to 11 points
    assert outcome(0.01, 0.10, replace(PASSED, positive_control=False), 0.8) is Outcome.INCONCLUSIVE


def test_failed_checks_explain_a_missing_effect() -> None:
    for check in ("knowledge", "ceiling"):
        assert outcome(0.0, 0.05, replace(PASSED, **{check: False}), 1.0) is Outcome.MODEL_UNABLE
    assert outcome(0.0, 0.05, replace(PASSED, manipulation=False), 1.0) is Outcome.NOT_LEARNED
    assert outcome(0.0, 0.05, replace(PASSED, manipulation=False, ceiling=False), 1.0) is Outcome.MODEL_UNABLE


def test_an_effect_stands_and_tells_a_failed_check() -> None:
    result = verdict(*gaps(0.30, 0.20), replace(PASSED, manipulation=False), 0.01)
    assert result.outcome is Outcome.EFFECT and "check failed: manipulation" in result.reasons


@pytest.mark.parametrize("estimate", [0.0, 0.5])
def test_no_verdict_before_the_checks_are_run(estimate: float) -> None:
    result = verdict(*gaps(estimate, 0.05), replace(PASSED, ceiling=None), 0.01)
    assert result.outcome is Outcome.INCONCLUSIVE and result.reasons == ("check not run: ceiling",)


def test_rules_are_read_and_hashed(tmp_path: Path) -> None:
    assert (
        verdict(*gaps(0.3, 0.2), PASSED, 0.01).rules_sha256 == hashlib.sha256(RULES.read_bytes()).hexdigest()
    )
    strict = tmp_path / "rules.yaml"
    strict.write_text(RULES.read_text().replace("points: 10 ", "points: 40 "))
    result = verdict(*gaps(0.3, 0.2), PASSED, 0.01, strict)
    assert result.outcome is Outcome.INCONCLUSIVE
    assert result.rules_sha256 != hashlib.sha256(RULES.read_bytes()).hexdigest()


def test_wrong_inputs_are_named() -> None:
    wide, narrow = gaps(0.3, 0.2)
    with pytest.raises(ValueError, match=r"gap is at level 0.9, the rule asks for 0.95"):
        verdict(narrow, narrow, PASSED, 0.01)
    mixed = replace(wide, raw=replace(wide.raw, claim=Claim.RECIPE))
    with pytest.raises(ValueError, match="different populations"):
        verdict(mixed, narrow, PASSED, 0.01)
    with pytest.raises(ValueError, match="holm_p"):
        verdict(wide, narrow, PASSED, 1.2)
