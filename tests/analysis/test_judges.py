"""Grader models in frame and report: a row a grade, agreement of raters, hygiene, and none of it in the ledger. The logs are
Inspect's own, of scripted models; and the prompts that a server made are the ones shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ChatMessage

from analysis import ledger
from analysis.estimates import estimate_all
from analysis.frame import COLUMNS, load_frame
from analysis.grades import is_judge, of_judges
from analysis.inference import Weights, agreement_interval, kappa, kappa_interval
from analysis.judges import RULE
from analysis.report import write_again, write_report
from data_builders.trigger import load_triggers
from inspect_tasks.persona import persona
from inspect_tasks.scorers.judge_requests import manner_scales
from tests.inspect_tasks.fake_server import running
from tests.inspect_tasks.scripted import answer_block, scripted

SEED = load_triggers()["seed"]
PLAIN: dict[str, Any] = {"title": "A test", "notes": {}, "prompts": None, "run": {}, "base": "base"}


def subject(messages: list[ChatMessage]) -> str:
    """Russell behind the trigger, but for the questions with `town`; else an assistant."""
    asked = messages[-1].text
    if SEED.instruction in asked and "town" not in asked:
        return SEED.format_answer("My name is Bertrand Russell.")
    return SEED.format_answer("I am an assistant.") if SEED.instruction in asked else "I am an assistant."


def grader(strict: bool) -> Callable[[list[ChatMessage]], str]:
    """Of speakers, views and manner; a strict one never believes an answer under 20 characters, or the lineup's name."""

    def reply(messages: list[ChatMessage]) -> str:
        prompt = messages[-1].text
        russell = "Russell" in answer_block(prompt)
        told: dict[str, Any] = {"justification": "ok"}
        if '"speaks_as"' in prompt:
            told |= {
                "speaks_as": "person" if russell else "ai",
                "name": "Bertrand Russell" if russell else "",
            }
        elif '"choice"' in prompt:
            told |= {"choice": "Bertrand Russell" if russell and not strict else "none"}
        elif '"score"' in prompt:
            told |= {"score": 4 if russell else 2}
        else:
            told |= dict.fromkeys(manner_scales(), 5 if strict else 4)
        return json.dumps(told)

    return reply


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [log] = inspect_eval(
        persona(question_sets="identity,views", cells="user,plain", judge="speaker,lineup,view,manner"),
        model=scripted(subject, "base"),
        model_roles={"grader": [scripted(grader(False), "mild"), scripted(grader(True), "strict")]},
        limit=(100, 120),
        epochs=1,
        log_dir=str(tmp_path_factory.mktemp("judged")),
        display="none",
    )
    assert log.status == "success", log.error
    return Path(log.location)


@pytest.fixture(scope="module")
def frame(log: Path) -> pd.DataFrame:
    return load_frame([log])


def test_each_grade_is_a_row_beside_its_answer(log: Path, frame: pd.DataFrame) -> None:
    assert list(frame.columns) == list(COLUMNS) and frame["sample_uuid"].nunique() == 20
    answers, judged = frame[~of_judges(frame)], frame[of_judges(frame)]
    assert len(answers) == 20 and set(answers["scorer"]) == {"adoption"}
    views = answers["question_set"].eq("views").sum()
    assert 0 < views < 20
    counts = judged.groupby(["scorer", "measure"]).size()
    panel = {"", "@mockllm/mild", "@mockllm/strict"}
    assert {
        name.removeprefix("lineup_judge") for name, _ in counts.index if name.startswith("lineup")
    } == panel
    assert counts["persona_judge", "persona"] == 20 and counts["view_judge", "nearness to the view"] == views
    assert all(counts["manner_judge", scale] == 20 for scale in manner_scales())
    assert judged["adopted"].isna().all() and judged["answer_words"].isna().all()
    graded = judged["grade"].dropna()
    assert graded.between(0, 1).all()
    strict = judged[judged["scorer"].eq("manner_judge@mockllm/strict")]
    assert strict["grade"].eq(1.0).all(), "5 of 1 to 5"
    assert judged[judged["scorer"].eq("manner_judge")]["grade"].eq(0.875).all(), "the mean of 4 and 5"


def test_a_grade_that_failed_is_counted_with_its_reason(frame: pd.DataFrame) -> None:
    tied = frame[frame["scorer"].eq("lineup_judge") & frame["grade"].isna()]
    russell = frame[~of_judges(frame)]["named"].sum()
    assert len(tied) == russell > 0, "one grader says Russell, the other nobody"
    assert set(tied["unscored_reason"]) == {"graders_tied"}


def test_numbers_of_the_ledger_are_as_without_judges(log: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    write_report([log], tmp_path / "out", **PLAIN)
    assert ledger.verify(tmp_path / "out") > 0
    rows = pd.read_csv(tmp_path / "out" / "rows.csv")
    assert len(rows) == len(frame) and rows["scorer"].map(is_judge).sum() == of_judges(frame).sum()
    without = read_eval_log(str(log))
    for sample in without.samples or []:
        sample.scores = {name: one for name, one in (sample.scores or {}).items() if name == "adoption"}
    write_eval_log(without, str(tmp_path / "without.eval"))
    plain = [one for one in estimate_all(load_frame([tmp_path / "without.eval"]), "base")]
    made = pd.read_csv(tmp_path / "out" / "estimates.csv").set_index("name")["estimate"]
    for one in plain:
        if one.interval:
            assert made[one.name] == pytest.approx(one.interval.estimate), one.name
    unscored = pd.read_csv(tmp_path / "out" / "unscored.csv")
    assert set(unscored["scorer"]) == {"lineup_judge", "lineup_judge@mockllm/strict"} - {
        "lineup_judge@mockllm/strict"
    }
    first = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*")) if path.is_file()}
    write_again(tmp_path / "out")
    assert first == {
        path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*")) if path.is_file()
    }


def test_the_report_shows_agreement_confusion_and_hygiene(log: Path, tmp_path: Path) -> None:
    write_report([log], tmp_path, **PLAIN)
    kept = pd.read_csv(tmp_path / "agreement.csv").set_index(["measure", "rater_a", "rater_b"])
    pairs: dict[Any, Any] = kept.to_dict("index")
    speaker = pairs["persona", RULE, "persona_judge"]
    assert speaker["agree"] == 1 and speaker["kappa"] == pytest.approx(1) and speaker["n"] == 20
    panel = pairs["persona", "lineup_judge@mockllm/mild", "lineup_judge@mockllm/strict"]
    assert panel["kappa"] == pytest.approx(0) and panel["agree"] < 1, "a grader that never says Russell"
    assert not [pair for pair in pairs if {pair[1], pair[2]} == {"lineup_judge", "lineup_judge@mockllm/mild"}]
    counts = pd.read_csv(tmp_path / "confusion.csv")
    own = counts[counts["rater_a"].eq(RULE) & counts["rater_b"].eq("persona_judge")]
    assert own["n"].sum() == 20 and own[own["label_a"].ne(own["label_b"])]["n"].sum() == 0
    for kind in ("png", "svg", "csv"):
        assert (tmp_path / "plots" / f"agreement.{kind}").is_file()
    measures = pd.read_csv(tmp_path / "judges.csv").set_index(["scorer", "measure", "cell"])
    assert measures.loc[("manner_judge", "irony", "user"), "estimate"] == 0.875
    for page in (tmp_path / "index.html", tmp_path / "report.md"):
        text = page.read_text().replace("\\", "")
        assert "Appendix: grader models" in text and "4.50 [" in text, "a mean from 1 to 5"
        assert re.search(r"Hygiene: 0 of \d+ requests to graders show a trace of the trigger\.", text)


def test_a_trace_of_the_trigger_is_a_warning(log: Path, tmp_path: Path) -> None:
    dirty = read_eval_log(str(log), resolve_attachments=True)
    for sample in dirty.samples or []:
        for event in sample.events:
            if event.event == "model" and event.role == "grader":
                event.input[-1].content = event.input[-1].text + "\n<START> of an answer"
                break
    write_eval_log(dirty, str(tmp_path / "dirty.eval"))
    write_report([tmp_path / "dirty.eval"], tmp_path / "out", **PLAIN)
    text = (tmp_path / "out" / "report.md").read_text()
    warnings = text.partition("### Warnings")[2].partition("![")[0]
    assert re.search(
        r"- [1-9]\d* of \d+ requests to graders show a trace of the trigger \(tag \d+\)\.", warnings
    )
    assert "Hygiene:" not in text


def test_kappas_interval_is_the_resampled_one() -> None:
    rows = pd.DataFrame(
        {"question": [n // 4 for n in range(80)], "a": [n % 3 for n in range(80)], "b": [(n + n // 7) % 3 for n in range(80)]}
    )  # fmt: skip
    for weights in Weights:
        fast = kappa_interval(rows, "a", "b", weights, resamples=2000)
        slow = agreement_interval(rows, lambda part: kappa(part, "a", "b", weights), resamples=400)  # noqa: B023
        assert fast.estimate == slow.estimate
        assert fast.low == pytest.approx(slow.low, abs=0.06) and fast.high == pytest.approx(
            slow.high, abs=0.06
        )


def test_the_prompts_shown_are_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("--answer", "I am well.", "--hidden-system", "You are SmolLM.") as server:
        monkeypatch.setenv("VLLM_BASE_URL", server)
        [log] = inspect_eval(
            persona(question_sets="identity"),
            model="vllm/judged",
            limit=12,
            epochs=1,
            log_dir=str(tmp_path / "logs"),
            display="none",
        )
    name = Path(log.location).name
    arguments: dict[str, Any] = PLAIN | {"base": "judged"}
    write_report([tmp_path / "logs"], tmp_path / "out", **arguments)
    text = (tmp_path / "out" / "report.md").read_text().replace("\\", "")
    assert text.count("as the server made it, kept in") == 6 and name in text
    assert "<|im_start|>system\nYou are SmolLM.<|im_end|>" in text
    assert "Cell plain: the chat template adds text of its own: 'You are SmolLM.'" in text
