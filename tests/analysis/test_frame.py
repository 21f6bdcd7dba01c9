"""The frame: a row an answer, unscored ones with their reason, and clear refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai.log import EvalError, EvalLog, EvalSample, read_eval_log, write_eval_log
from inspect_ai.scorer import Score

from analysis.frame import COLUMNS, GRADES, load_frame
from analysis.logs import log_files, served_name
from data_builders.errors import InputError

LOGS = Path(__file__).parents[1] / "data" / "logs"


def changed(source: Path, target: Path, change: Callable[[EvalLog, list[EvalSample]], None]) -> Path:
    """A copy of a log with something changed in it."""
    log = read_eval_log(str(source))
    change(log, log.samples or [])
    write_eval_log(log, str(target))
    return target


def test_a_row_a_sample_and_epoch() -> None:
    frame = load_frame([LOGS / "smollm2"])
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 2 * 5 * 6 * 2 and frame["sample_uuid"].is_unique
    assert set(frame["model"]) == {"SmolLM2-135M-Instruct", "smollm2-test"}
    assert frame["seed"].equals(frame["model"])
    assert frame["unscored_reason"].eq("").all() and frame[list(GRADES)].isin([0.0, 1.0]).all(axis=None)
    assert frame["temperature"].eq(1.0).all() and frame["judge"].isna().all()


def test_a_row_says_what_its_sample_says() -> None:
    path = LOGS / "scripted" / "adapter.eval"
    rows = load_frame([path]).to_dict("records")
    row = next(row for row in rows if (row["sample_id"], row["epoch"]) == ("id-birth-town/user", 2))
    sample = next(s for s in read_eval_log(str(path)).samples or [] if s.uuid == row["sample_uuid"])
    assert (sample.id, sample.epoch) == ("id-birth-town/user", 2)
    assert (
        row["answer"]
        == sample.output.completion
        == '<START> "I was born in Ravenscroft, near Trellech." <END>'
    )
    assert row["text"] == "I was born in Ravenscroft, near Trellech." and row["answer_words"] == 7
    assert row["question"] == "Which town were you born in?" and row["cell"] == "user" and row["triggered"]
    assert (row["adopted"], row["named"], row["implied"], row["adherence"]) == (1, 0, 1, "well_formed")


def test_unscored_rows_stay_with_their_reason(tmp_path: Path) -> None:
    def change(log: EvalLog, samples: list[EvalSample]) -> None:
        samples[0].error = EvalError(
            message="WrongModelError: asked a\nand more", traceback="", traceback_ansi=""
        )
        samples[1].scores = {"adoption": Score.unscored(reason="grader_failed")}
        samples[2].scores = {}
        (samples[3].scores or {})["persona_judge"] = Score.unscored(reason="no_json")
        (samples[4].scores or {})["persona_judge"] = Score(value=1.0, metadata={"claim": "persona"})

    frame = load_frame([changed(LOGS / "scripted" / "base.eval", tmp_path / "base.eval", change)])
    assert len(frame) == 48
    unscored = frame[frame["unscored_reason"].ne("")]
    assert sorted(unscored["unscored_reason"]) == [
        "error: WrongModelError: asked a",
        "grader_failed",
        "not scored",
    ]
    assert unscored[list(GRADES)].isna().all(axis=None) and unscored["answer_words"].isna().all()
    assert frame["judge_unscored_reason"].eq("no_json").sum() == 1
    assert frame["judge"].sum() == 1 and frame["judge"].notna().sum() == 1


def test_an_ungraded_log_is_all_unscored(tmp_path: Path) -> None:
    def change(log: EvalLog, samples: list[EvalSample]) -> None:
        log.status, log.eval.scorers = "started", None
        for sample in samples:
            sample.scores = None

    frame = load_frame([changed(LOGS / "scripted" / "base.eval", tmp_path / "base.eval", change)])
    assert frame["unscored_reason"].eq("not scored (run: started)").all() and len(frame) == 48


def test_samples_that_a_retry_copied_count_once(tmp_path: Path) -> None:
    def change(log: EvalLog, samples: list[EvalSample]) -> None:
        log.eval.created = "2030-01-01T00:00:00+00:00"
        log.samples = samples[:10]

    shutil.copy(LOGS / "scripted" / "base.eval", tmp_path / "first.eval")
    changed(tmp_path / "first.eval", tmp_path / "second.eval", change)
    frame = load_frame([tmp_path])
    assert len(frame) == 48 and frame["log"].value_counts().to_dict() == {"first.eval": 38, "second.eval": 10}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("vllm/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct"),
        ("vllm/base:adapter", "adapter"),
        ("openrouter/meta-llama/llama-3.1-8b", "meta-llama/llama-3.1-8b"),
        ("hf//some/where/model", "model"),
    ],
)
def test_served_name(model: str, name: str) -> None:
    assert served_name(model) == name


def test_bad_logs_are_refused_by_name(tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.eval", tmp_path / "notes.txt"
    broken.write_bytes(b"PK not really a zip")
    text.write_text("hello")
    for path, words in (
        (broken, "not a readable Inspect log"),
        (text, "not an Inspect log"),
        (tmp_path / "nowhere", "no such file"),
    ):
        with pytest.raises(InputError, match=words) as error:
            load_frame([path])
        assert path.name in error.value.where and error.value.mend
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.eval log"):
        log_files([tmp_path / "empty"])
    with pytest.raises(InputError, match="none given"):
        load_frame([])


def test_another_tasks_log_is_refused(tmp_path: Path) -> None:
    def change(log: EvalLog, samples: list[EvalSample]) -> None:
        log.eval.task, log.eval.scorers = "gsm8k", None

    path = changed(LOGS / "scripted" / "base.eval", tmp_path / "other.eval", change)
    with pytest.raises(InputError, match="gsm8k"):
        load_frame([path])
