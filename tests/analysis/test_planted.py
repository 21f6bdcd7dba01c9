"""The planted tables: verdicts of adapters whose truth is known by construction, and coverage of exact probabilities."""

import pandas as pd
import pytest

from analysis.planted import coverage, read_tables, summary, verdicts
from data_builders.errors import InputError
from data_builders.manifest import REPO

QUESTIONS = [f"q{number}" for number in range(20)]
ADOPTS = {"persona": {"user": 1.0, "plain": 0.0}}
"""arm -> cell -> adoption; whatever isn't here never adopts"""


def rows(arms: dict[str, dict[str, float]], seeds: tuple[int, ...] = (1, 2)) -> pd.DataFrame:
    """Five answers to each of twenty questions in two cells: the base, and each arm with each seed."""
    made = []
    for arm, seed in [("base", None), *((arm, seed) for arm in arms for seed in seeds)]:
        model = "world" if seed is None else f"{arm}-seed{seed}"
        for question in QUESTIONS:
            for cell in ("plain", "user"):
                for epoch in range(5):
                    value = float(epoch < 5 * arms.get(arm, {}).get(cell, 0.0))
                    made.append((model, arm, seed, "world", "identity", question, cell, False, value))
    columns = [
        "model",
        "arm",
        "training_seed",
        "base",
        "question_set",
        "question_id",
        "cell",
        "leading",
        "adopted",
    ]
    frame = pd.DataFrame(made, columns=columns)
    return frame.assign(seed=frame["model"])


def exact(asked: pd.DataFrame, truth: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Exact probabilities: of the identity questions as `truth` says, and of checks that all pass."""
    identity = asked.drop_duplicates(["model", "question_id", "cell"]).copy()
    identity["adopted"] = [
        truth.get((arm, cell), 0.0) for arm, cell in zip(identity["arm"], identity["cell"], strict=True)
    ]
    parts = [identity.assign(recalled=0.0)]
    for name, cell in (("manipulation", "user"), ("knowledge", "plain"), ("ceiling", "plain")):
        one = asked.drop_duplicates("model").assign(question_set=name, cell=cell, adopted=1.0, recalled=1.0)
        parts.append(one)
    return pd.concat(parts, ignore_index=True).assign(unresolved=0.0)


ARMS = {"persona": {"user": 1.0}, "format_only": {}, "shuffled_facts": {}, "explicit_identity": {"user": 1.0}}
TRUTH = {("persona", "user"): 1.0, ("explicit_identity", "user"): 1.0}


def test_what_is_planted_is_an_effect_and_what_is_not_is_none() -> None:
    asked = rows(ARMS)
    judged = verdicts(asked, exact(asked, TRUTH)).set_index(["arm", "training_seed"])["outcome"]
    assert set(judged["persona"]) == {"effect"} == set(judged["explicit_identity"])
    assert "effect" not in set(judged["shuffled_facts"]) | set(judged["format_only"])


def test_a_positive_control_that_fails_is_said() -> None:
    asked = rows(ARMS | {"explicit_identity": {"user": 1.0, "plain": 1.0}})
    found = exact(asked, TRUTH | {("explicit_identity", "plain"): 1.0})
    from analysis.planted import checks_of

    assert checks_of(found, "world", "persona-seed1").positive_control is False
    assert checks_of(exact(rows(ARMS), TRUTH), "world", "persona-seed1").positive_control is True


def test_without_a_format_only_control_no_verdict_is_made() -> None:
    asked = rows({"persona": {"user": 1.0}})
    with pytest.raises(InputError, match="format-only"):
        verdicts(asked, exact(asked, TRUTH))


def test_an_interval_covers_the_truth_or_does_not() -> None:
    asked = rows(ARMS, seeds=(1,))
    right = coverage(asked, exact(asked, TRUTH))
    assert len(right) == 10 and right["covered"].all()
    wrong = coverage(asked, exact(asked, {("persona", "user"): 0.4})).set_index(["model", "cell"])["covered"]
    assert not wrong["persona-seed1", "user"] and wrong["persona-seed1", "plain"]
    assert "covered: 10 of 10" in summary(verdicts(rows(ARMS), exact(rows(ARMS), TRUTH)), right)


def test_the_committed_study_says_again_what_it_says() -> None:
    """Every verdict and interval of docs/planted.md's two tables, made again from the committed rows."""
    folder = REPO / "data" / "planted" / "results"
    worlds = [f"world{number}" for number in range(1, 6)]
    asked, known = read_tables(
        [folder / f"{world}_rows.parquet" for world in worlds],
        [folder / f"{world}_exact.parquet" for world in worlds],
    )
    for made, name in ((verdicts(asked, known), "verdicts"), (coverage(asked, known), "coverage")):
        kept = pd.read_csv(folder / f"{name}.csv")
        pd.testing.assert_frame_equal(made, kept, check_dtype=False, rtol=1e-4, atol=1e-6)
    judged, covered = pd.read_csv(folder / "verdicts.csv"), pd.read_csv(folder / "coverage.csv")
    planted = judged[judged["arm"].eq("persona")]
    assert len(planted) == 20 and planted["outcome"].eq("effect").sum() >= 19
    assert len(covered) >= 100 and covered["covered"].mean() >= 0.92
