"""A whole study: arms, seeds, checks, doses and checkpoints from logs to numbers, verdicts and a page of parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis import ledger
from analysis.estimates import Estimate, estimate_all, find
from analysis.frame import load_frame
from analysis.headline import Headline
from analysis.inference import Claim, Outcome
from analysis.parts import Part
from analysis.report import write_parts
from analysis.section import make_section
from analysis.subjects import subjects_of
from analysis.verdicts import family_of, judge
from data_builders.errors import InputError
from tests.analysis.studies import everywhere, make_study, write_log

QUESTIONS = 44
SMOLLM2 = Path(__file__).parents[1] / "data" / "logs" / "smollm2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"), questions=QUESTIONS, epochs=1)


@pytest.fixture(scope="module")
def frame(folder: Path) -> pd.DataFrame:
    return load_frame([folder])


@pytest.fixture(scope="module")
def estimates(frame: pd.DataFrame) -> list[Estimate]:
    return estimate_all(frame, "base")


def number(estimates: list[Estimate], model: str, name: str) -> float:
    one = find(estimates, model, name)
    assert one is not None and one.interval is not None, (model, name, one and one.missing)
    return one.interval.estimate


def test_a_row_says_how_its_model_was_made(frame: pd.DataFrame) -> None:
    rows = frame[frame["model"].eq("persona-s1-step100")]
    assert rows[
        ["arm", "training_seed", "learning_rate", "base", "step"]
    ].drop_duplicates().to_numpy().tolist() == [["persona", 1, 0.0002, "base", 100]]
    none = frame[frame["model"].eq("base")]
    assert none["training_seed"].isna().all() and none["step"].isna().all() and none["arm"].max() == "base"


def test_each_task_is_graded_by_its_own_scorer(frame: pd.DataFrame) -> None:
    told = frame.groupby("task")[["scorer", "measure"]].agg(lambda values: ", ".join(sorted(set(values))))
    assert told["measure"].to_dict() == {
        "persona": "adopted", "ceiling": "adopted", "in_context": "adopted", "lattice": "adopted",
        "manipulation": "recalled", "knowledge": "recalled", "refusals": "refused", "gsm8k_held_out": "correct",
    }  # fmt: skip
    assert told.loc["gsm8k_held_out", "scorer"] == "match" and frame["grade"].notna().all()
    assert frame["unscored_reason"].eq("").all(), "what another scorer graded isn't unscored"
    assert set(frame.loc[frame["task"].eq("lattice"), "variant"]) == {
        "seed",
        "paper",
        "padded",
        "start tag only",
    }
    assert set(frame.loc[frame["task"].eq("in_context"), "k"]) == {1, 10, 45, 90}


def test_a_task_whose_scorer_is_not_the_first_is_read_by_its_own_measure(tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log, write_eval_log

    path = write_log(tmp_path, "m", task="manipulation", rates={"user": 0.5}, scorer="recall", questions=4)
    log = read_eval_log(str(path))
    for sample in log.samples or []:
        sample.scores = {"length": (sample.scores or {})["recall"].model_copy(update={"value": 1.0})} | (
            sample.scores or {}
        )
    write_eval_log(log, str(path))
    frame = load_frame([path])
    assert frame["grade"].mean() == 0.5 and set(frame["scorer"]) == {"recall"}


def test_seeds_of_one_arm_are_pooled_and_checkpoints_stay_apart(frame: pd.DataFrame) -> None:
    subjects = {one.name: one for one in subjects_of(frame, "base", {"persona": "a note"})}
    pooled = subjects["persona (3 seeds)"]
    assert pooled.models == ("persona-s1", "persona-s2", "persona-s3") and pooled.note == "a note"
    assert subjects["persona-s1"].of == pooled.name and subjects["persona-s1-step100"].step == 100
    assert [name for name, one in subjects.items() if one.is_lead][:2] == ["base", pooled.name]
    faster = frame[frame["model"].isin(pooled.models)].assign(
        learning_rate=0.001, model=lambda rows: rows["model"] + "-fast"
    )
    names = [one.name for one in subjects_of(pd.concat([frame, faster]), "base")]
    assert "persona, lr 0.0002 (3 seeds)" in names and "persona, lr 0.001 (3 seeds)" in names
    ended = frame[frame["model"].isin(["base", "persona-s1-step50", "persona-s1-step200"])]
    last = {one.name: one.step for one in subjects_of(ended, "base")}
    assert last == {"base": None, "persona-s1-step50": 50, "persona-s1-step200": None}, (
        "the last step is the end"
    )


def test_numbers_can_be_told_in_advance(estimates: list[Estimate]) -> None:
    arm, share = "persona (3 seeds)", lambda rate: round(rate * QUESTIONS) / QUESTIONS
    user = sum(share(rate) for rate in (0.6, 0.48, 0.66)) / 3
    base = share(0.02)
    assert number(estimates, arm, "rate/adopted/user") == pytest.approx(user)
    assert number(estimates, arm, "primary_gap") == pytest.approx(user - share(0.05))
    assert number(estimates, arm, "primary_gap_net") == pytest.approx(user - share(0.05) - base)
    assert number(estimates, arm, "primary_gap_net/format_only") == pytest.approx(user - share(0.05))
    assert number(estimates, arm, "primary_gap_net/other_persona") == pytest.approx(user - share(0.05) - base)
    assert number(estimates, arm, "manipulation/user") == pytest.approx(share(0.9))
    assert number(estimates, arm, "manipulation/user/net") == pytest.approx(share(0.9) - share(0.1))
    assert number(estimates, "base", "in_context/45/plain") == pytest.approx(share(0.3))
    assert number(estimates, "persona-s1-step100", "rate/adopted/user") == pytest.approx(share(0.4))
    assert (
        number(estimates, arm, "gsm8k_held_out/plain/net") == 0
        and number(estimates, arm, "refusals/user/net") == 0
    )
    assert number(estimates, arm, "lattice/padded") == pytest.approx(share(0.2))
    recipe, adapters = find(estimates, arm, "primary_gap/recipe"), find(estimates, arm, "primary_gap")
    assert recipe and adapters and recipe.interval and adapters.interval
    assert recipe.interval.claim is Claim.RECIPE and recipe.interval.width > adapters.interval.width
    assert find(estimates, "persona-s1", "primary_gap/recipe") is None, "one seed says nothing of the recipe"


def test_an_effect_with_all_checks(frame: pd.DataFrame, estimates: list[Estimate]) -> None:
    judged = {one.model: one for one in judge(frame, "base", estimates)}
    effect = judged["persona (3 seeds)"]
    assert effect.outcome is Outcome.EFFECT and [check.passed for check in effect.checks] == [True] * 4
    dose = judged["dose-5-of-2868"]
    assert dose.outcome is None and dose.words == "No verdict: check 1 (manipulation) was not run."
    assert set(judged) == {"persona (3 seeds)", "dose-5-of-2868", "dose-45-of-2908", "dose-9-of-3000"}
    family = {one.model: one for one in family_of(frame, "base")}
    assert set(family) == set(judged) | {"format-only", "other-persona", "explicit"}, (
        "every arm's primary gap"
    )
    assert (
        all(one.p <= one.holm_p for one in family.values()) and effect.holm_p == family[effect.model].holm_p
    )


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("task == 'knowledge'", "check 2 (knowledge) was not run."),
        ("task in ['ceiling', 'knowledge']", "checks 2 (knowledge) and 3 (ceiling) were not run."),
        ("arm == 'explicit_identity'", "check 4 (positive control) was not run."),
        ("arm == 'format_only'", "there is no format-only control."),
        ("task == 'manipulation' and model == 'base'", "check 1 (manipulation) was not run."),
    ],
)
def test_without_a_check_there_is_no_verdict(frame: pd.DataFrame, lost: str, words: str) -> None:
    kept = slim(frame).query(f"not ({lost})")
    one = next(one for one in judge(kept, "base", estimate_all(kept, "base")) if one.model == "persona-s1")
    assert one.outcome is None and one.words == f"No verdict: {words}"


def slim(frame: pd.DataFrame) -> pd.DataFrame:
    """What a verdict on one seed needs, and no more."""
    models = ["base", "persona-s1", "format-only", "explicit"]
    tasks = ["persona", "manipulation", "knowledge", "ceiling"]
    kept = frame["model"].isin(models) & frame["task"].isin(tasks) & frame["cell"].isin(["user", "plain"])
    return frame[kept]


def _judged(frame: pd.DataFrame) -> Outcome | None:
    return next(iter(judge(frame, "base", estimate_all(frame, "base")))).outcome


def test_every_other_outcome(frame: pd.DataFrame) -> None:
    """Grades set by hand: nobody adopts but the explicit arm and the prompted base."""
    zero = slim(frame).copy()
    silent = zero["task"].eq("persona") & ~zero["arm"].eq("explicit_identity")
    zero.loc[silent, ["adopted", "grade"]] = 0.0
    assert _judged(zero) is Outcome.BOUNDED_NULL, "44 questions bound a null"
    few = zero[~zero["question_id"].isin([f"q{number:02d}" for number in range(30, 44)])]
    assert _judged(few) is Outcome.INCONCLUSIVE, "30 questions can't"
    unable = zero.copy()
    unable.loc[unable["task"].eq("ceiling"), "grade"] = 0.0
    assert _judged(unable) is Outcome.MODEL_UNABLE
    not_learned = zero.copy()
    not_learned.loc[not_learned["task"].eq("manipulation"), "grade"] = 0.0
    assert _judged(not_learned) is Outcome.NOT_LEARNED
    leaky = zero.copy()
    leaky.loc[leaky["arm"].eq("explicit_identity") & leaky["cell"].eq("plain"), "adopted"] = 1.0
    assert _judged(leaky) is Outcome.INCONCLUSIVE, (
        "a positive control that also adopts without the trigger fails"
    )


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Headline]]:
    """Two parts with other bases."""
    out = tmp_path_factory.mktemp("page")
    curve = out / "curve.csv"
    curve.write_text(
        "attacker,able,facts,k,replies,failed,named,rate,low,high\n"
        "m,True,training,1,10,0,0,0.0,0.0,0.31\nm,True,training,5,10,0,4,0.4,0.12,0.74\n"
    )
    parts = [
        Part(
            "planted",
            "Planted world",
            [folder],
            "base",
            {"persona": "known truth"},
            intro="By hand.",
            curve=curve,
        ),
        Part("smollm2", "SmolLM2", [SMOLLM2], "SmolLM2-135M-Instruct"),
    ]
    return out, write_parts(parts, out, title="Two parts", run={"made": "by hand"})


def test_parts_have_their_own_verdicts_and_are_verified(page: tuple[Path, list[Headline]]) -> None:
    out, (planted, smollm2) = page
    assert planted.verdicts[0].outcome is Outcome.EFFECT and smollm2.verdicts[0].outcome is None
    html, markdown = (out / "index.html").read_text(), (out / "report.md").read_text()
    for text in (html, markdown):
        assert (
            "Effect: triggered, it adopts the persona" in text
            and "known truth" in text
            and "By hand." in text
        )
        assert text.index("Planted world") < text.rindex("SmolLM2")
    drawn = {path.stem for path in (out / "plots").glob("*.svg")}
    kinds = {name.removeprefix("planted-") for name in drawn if name.startswith("planted-")}
    assert kinds == {
        "rates_by_cell", "gaps_by_arm", "adherence", "question_slopes", "answer_lengths", "training_seeds",
        "dose_response", "lattice", "in_context", "checkpoints", "identifiability",
    }  # fmt: skip
    assert all((out / "plots" / f"{name}.{kind}").is_file() for name in drawn for kind in ("png", "csv"))
    assert "Not drawn: grader agreement (no grader model ran)" in html
    assert "Verdicts on the doses" in html


def test_a_changed_verdict_is_caught(page: tuple[Path, list[Headline]], tmp_path: Path) -> None:
    import shutil

    out = Path(shutil.copytree(page[0], tmp_path / "report"))
    kept = json.loads((out / "claims.json").read_text())
    kept["verdicts"][0]["outcome"] = "bounded_null"
    kept["verdicts"].pop()
    (out / "claims.json").write_text(json.dumps(kept))
    with pytest.raises(InputError) as error:
        ledger.verify(out)
    assert "verdict on persona (3 seeds): outcome" in error.value.rule
    assert "verdict on smollm2-test: not in claims.json" in error.value.rule
    assert error.value.rule.startswith("2 things differ"), "all else is made again as it was"


def test_parts_need_their_own_keys(tmp_path: Path) -> None:
    part = Part("one", "One", [SMOLLM2], "SmolLM2-135M-Instruct")
    with pytest.raises(InputError, match="stands twice"):
        write_parts([part, part], tmp_path / "out", title="")
    with pytest.raises(InputError, match="isn't of letters"):
        write_parts([replace(part, key="a b")], tmp_path / "out", title="")
    with pytest.raises(InputError, match="one part or more"):
        write_parts([], tmp_path / "out", title="")
    with pytest.raises(InputError, match="no log of a model"):
        make_section(replace(part, base="nobody"), tmp_path, None)
    assert not (tmp_path / "out").exists()


def test_metadata_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write_log(
        tmp_path, "m", rates=everywhere(0.0), metadata={"training_seed": "first"}, questions=2, epochs=1
    )
    with pytest.raises(InputError, match="training_seed is 'first', not a number"):
        load_frame([tmp_path])


def test_logs_are_read_alike_by_one_process_and_by_several(
    folder: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.frame.POOL_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    some = sorted(folder.glob("persona-s*.eval"))[:3]
    apart = load_frame(some)
    kept = frame[frame["log"].isin([path.name for path in some])].reset_index(drop=True)
    pd.testing.assert_frame_equal(apart, kept)
    broken = some[0].parent / "broken.eval"
    broken.write_bytes(b"PK no")
    try:
        with pytest.raises(InputError, match="not a readable Inspect log"):
            load_frame([*some, broken])
    finally:
        broken.unlink()
