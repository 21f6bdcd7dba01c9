"""Frame: Inspect logs as one tidy table, a row an answer. All else in this room is a function of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from inspect_ai.analysis import SampleColumn, samples_df
from joblib import Parallel, delayed

from analysis import grades
from analysis.logs import SCORER, TASK, LogHeader, log_files, read_header
from data_builders.errors import InputError

JUDGE = "persona_judge"
GRADES = (
    "adopted",
    "named",
    "implied",
    "claims_other",
    "claims_ai",
    "mentions_persona",
    "contradiction",
    "well_formed",
)
"""The 0/1 columns of the deterministic scorer."""
POOL_BYTES = 20_000_000
"""Logs of this size together are read by several processes: starting them takes as long as reading this much."""

_SAMPLE = [
    SampleColumn("sample_uuid", path="uuid", full=True),
    SampleColumn("sample", path="id"),
    SampleColumn("epoch", path="epoch"),
    *(
        SampleColumn(name, path=f"metadata.{name}")
        for name in ("question_id", "question_set", "cell", "triggered", "leading", "variant", "k")
    ),
    SampleColumn("question", path="input", full=True),
    SampleColumn("answer", path="output.completion", full=True),
    SampleColumn("ended", path="output.choices[0].stop_reason", full=True),
    SampleColumn("error", path="error.message", full=True),
    SampleColumn("invalid", path="invalidation.author", full=True),
]
_ADOPTION = [
    *(SampleColumn(name, path=f"scores.{SCORER}.value.{name}", full=True) for name in GRADES),
    *(
        SampleColumn(name, path=f"scores.{SCORER}.metadata.{name}", full=True)
        for name in ("text", "claim", "claimed_name", "adherence", "stop_reason")
    ),
    SampleColumn("reason", path=f"scores.{SCORER}.reason", full=True),
    SampleColumn("judge", path=f"scores.{JUDGE}.value", full=True),
    SampleColumn("judge_claim", path=f"scores.{JUDGE}.metadata.claim", full=True),
    SampleColumn("judge_unscored_reason", path=f"scores.{JUDGE}.reason", full=True),
]
_OTHER = [SampleColumn("scores", path="scores", full=True)]
# Nothing above needs them, and they are nine tenths of a log.
_UNREAD = {
    "events",
    "events_data",
    "store",
    "attachments",
    "messages",
    "timelines",
    "model_usage",
    "role_usage",
}

COLUMNS = (
    "task",
    "model",
    "seed",
    "arm",
    "training_seed",
    "learning_rate",
    "base",
    "step",
    "log",
    "sample_uuid",
    "sample_id",
    "question_id",
    "question_set",
    "cell",
    "variant",
    "k",
    "triggered",
    "leading",
    "epoch",
    "question",
    "answer",
    "text",
    "scorer",
    "measure",
    "grade",
    *GRADES,
    "claim",
    "claimed_name",
    "adherence",
    "judge",
    "judge_claim",
    "judge_unscored_reason",
    "unscored_reason",
    "answer_words",
    "stop_reason",
    "error",
    "temperature",
    "created",
    "versions",
)
_NUMBERS = (*GRADES, "judge")
_TEXTS = (
    "question_set",
    "cell",
    "question",
    "answer",
    "text",
    "claim",
    "claimed_name",
    "adherence",
    "judge_claim",
    "judge_unscored_reason",
    "stop_reason",
    "error",
)


def load_frame(logs: list[Path]) -> pd.DataFrame:
    """One row a sample and epoch of all logs, unscored ones included, and one more for each grade that a grader model
    gave it; logs are read on all cores.

    Args:
        logs: log files of any tasks of `analysis.logs.TASKS`, or folders that hold them.

    Returns:
        Columns `COLUMNS`: task; model (served name) and seed (what inference takes as one adapter: the model's
        name); arm, training_seed (Int64), learning_rate, base and step (Int64, of a checkpoint) as the run's
        metadata says, else empty; log (file name), sample_uuid, sample_id, question_id (the cluster),
        question_set, cell, variant (of the trigger) and k (facts in the prompt), triggered and leading (bool),
        epoch; question, answer (as given) and text (without any trace of the trigger); scorer, measure (what
        it says, as adopted or recalled) and grade (0/1, NaN where unscored); the 0/1 `GRADES`, NaN where that
        scorer didn't grade; claim, claimed_name, adherence; judge (0/1, NaN where there is none),
        judge_unscored_reason; unscored_reason (empty where scored); answer_words (of `text`, white-space
        separated, NaN where unscored); stop_reason, error, temperature, created (UTC) and versions of the log.
        A grader model's rows (`grades.of_judges` finds them) have the scorer persona_judge, lineup_judge, view_judge
        or manner_judge, `@` and a grader's name for one of a panel; measure is `persona` (1 where the speaker is),
        the nearness to the view, or a scale of manner, 1 to 5 as 0 to 1; claim is what was said of the speaker. All
        else that grades is empty in them, and their answer's own row stands beside.
        Texts are empty where a row has none. Rows that a retried run copied from an earlier log stand once,
        from the newest log.

    Raises:
        InputError: no logs, no sample in any of them, a log that can't be read, or one of another task.
    """
    files = log_files(logs)
    parts = [part for part in _on_all_cores(files) if len(part)]
    if not parts:
        names = ", ".join(file.name for file in files) or "none given"
        raise InputError(
            "logs", f"no sample in the logs ({names})", "run `inspect eval inspect_tasks/persona.py` first"
        )
    frame = pd.concat(parts, ignore_index=True).sort_values("created", kind="stable")
    judged = grades.of_judges(frame)
    answers = frame[~judged].drop_duplicates("sample_uuid", keep="last")
    kept = pd.MultiIndex.from_frame(frame[["sample_uuid", "log"]])
    judged &= kept.isin(pd.MultiIndex.from_frame(answers[["sample_uuid", "log"]]))
    frame = pd.concat([answers, frame[judged]]) if judged.any() else answers
    order = ["model", "task", "sample_id", "epoch", "created"]
    return frame.sort_values(order, kind="stable").reset_index(drop=True)


def _on_all_cores(files: list[Path]) -> list[pd.DataFrame]:
    cores = min(os.cpu_count() or 1, len(files))
    if cores < 2 or sum(file.stat().st_size for file in files) < POOL_BYTES:
        read = {file: _read_file(file) for file in files}
    else:
        # The largest first, or one core reads it alone at the end.
        by_size = sorted(files, key=lambda file: -file.stat().st_size)
        parts = Parallel(n_jobs=cores)(delayed(_read_file)(file) for file in by_size)
        read = dict(zip(by_size, parts, strict=True))
    found = []
    for file in files:
        part = read[file]
        if isinstance(part, tuple):
            raise InputError(*part)
        found.append(part)
    return found


def _read_file(path: Path) -> pd.DataFrame | tuple[str, str, str]:
    """A log's rows; or, since an InputError doesn't travel between processes, what it says."""
    try:
        return _read(read_header(path))
    except InputError as error:
        return error.where, error.rule, error.mend


def _read(header: LogHeader) -> pd.DataFrame:
    adoption, other = header.adoption, header.task in grades.OF_TASK or not header.adoption
    columns = [*_SAMPLE, *(_ADOPTION if adoption else ()), *(_OTHER if other or header.judges else ())]
    try:
        read = samples_df(str(header.path), columns=columns, quiet=True, exclude_fields=_UNREAD)
    except Exception as error:  # as in read_header: a damaged log can fail in any layer
        raise InputError(
            header.path,
            f"its samples can't be read ({type(error).__name__})",
            "leave it out, or recover it with `inspect log recover`",
        ) from error
    if not len(read):
        return read
    by_judges = [list(grades.judge_rows(one)) for one in read["scores"]] if header.judges else []
    read = grades.with_grades(read, header.task) if other else read
    read = read.reindex(columns=[*dict.fromkeys([*read.columns, *(c.name for c in _ADOPTION)])])
    frame = pd.DataFrame(index=read.index)
    for column in _NUMBERS:
        frame[column] = pd.to_numeric(read[column], errors="coerce").astype("float64")
    for column in (*_TEXTS, "sample_uuid", "question_id"):
        frame[column] = _text(read[column])
    frame["stop_reason"] = frame["stop_reason"].where(frame["stop_reason"].ne(""), _text(read["ended"]))
    _require_cells(frame, header)
    frame["sample_id"], frame["epoch"] = read["sample"].astype(str), read["epoch"].astype("int64")
    frame["question_id"] = frame["question_id"].where(frame["question_id"].ne(""), frame["sample_id"])
    for column in ("triggered", "leading"):
        frame[column] = read[column].fillna(False).astype(bool)
    for column in ("variant", "k"):
        own = _text(read[column])
        frame[column] = own.where(own.ne(""), header.about.get(column, ""))
    frame["k"] = pd.to_numeric(frame["k"], errors="coerce").astype("Int64")
    if other:
        frame["scorer"], frame["measure"] = _text(read["scorer"]), _text(read["measure"])
        frame["grade"] = read["grade"].astype("float64")
    else:
        frame["scorer"], frame["measure"], frame["grade"] = SCORER, "adopted", frame["adopted"]
    frame["unscored_reason"] = _reasons(read.assign(grade=frame["grade"]), header)
    unscored = frame["unscored_reason"].ne("")
    # An errored sample can hold the score of an earlier attempt; its grades don't count.
    frame[[*GRADES, "grade"]] = frame[[*GRADES, "grade"]].mask(unscored)
    words = pd.Series([len(text.split()) for text in frame["text"]], frame.index, float)
    frame["answer_words"] = words.mask(unscored)
    _say(frame, header)
    frame = frame[list(COLUMNS)]
    return _with_judges(frame, by_judges) if by_judges else frame


def _with_judges(frame: pd.DataFrame, by_judges: list[list[dict[str, Any]]]) -> pd.DataFrame:
    """The rows, and below them one for each grade by a grader model, with the answer's own columns and none of its
    grades. An answer that has an error has none."""
    where = [place for place, told in enumerate(by_judges) for _ in told]
    told = pd.DataFrame([one for judged in by_judges for one in judged])
    if told.empty:
        return frame
    rows = frame.iloc[where].reset_index(drop=True)
    rows[["scorer", "measure"]], rows["grade"] = told[["scorer", "measure"]], told["grade"].astype("float64")
    rows[[*GRADES, "judge", "answer_words"]] = float("nan")
    rows["claim"] = _text(told["claim"])
    rows[["claimed_name", "adherence", "judge_claim", "judge_unscored_reason"]] = ""
    lost = rows["error"].ne("") | rows["unscored_reason"].eq("invalidated")
    rows["grade"] = rows["grade"].mask(lost)
    rows["unscored_reason"] = rows["unscored_reason"].where(lost, _text(told["reason"]))
    return pd.concat([frame, rows], ignore_index=True)


def _text(column: pd.Series) -> pd.Series:
    return column.astype("object").where(column.notna(), "").astype(str)


def _require_cells(frame: pd.DataFrame, header: LogHeader) -> None:
    """Adoption is counted by question and cell: a sample of it that names neither belongs to another task."""
    if header.task == TASK and not (frame["question_id"].ne("") & frame["cell"].ne("")).all():
        raise InputError(
            header.path,
            "a sample lacks question_id or cell in its metadata",
            "give logs of inspect_tasks/persona.py",
        )


def _say(frame: pd.DataFrame, header: LogHeader) -> None:
    """Put what the log says of all its rows into them."""
    frame["task"], frame["model"], frame["seed"] = header.task, header.model, header.model
    frame["arm"], frame["base"] = header.arm, header.base
    for column, value in (("training_seed", header.training_seed), ("step", header.step)):
        frame[column] = pd.Series(pd.NA if value is None else value, frame.index, "Int64")
    frame["learning_rate"] = pd.Series(header.learning_rate, frame.index, "float64")
    frame["log"], frame["temperature"] = (
        header.path.name,
        pd.Series(header.temperature, frame.index, "float64"),
    )
    frame["versions"], frame["created"] = header.versions, pd.to_datetime(header.created, utc=True)


def _reasons(read: pd.DataFrame, header: LogHeader) -> list[str]:
    """Why a row has no grade, in words; empty where it has one."""
    wanted = ["error", "invalid", "grade", "reason"]
    rows: list[dict[Any, Any]] = read[wanted].to_dict("records")
    return [_reason(row, header.status) for row in rows]


def _reason(row: dict[Any, Any], status: str) -> str:
    if pd.notna(row["error"]):
        return f"error: {str(row['error']).strip().partition(chr(10))[0][:120]}"
    if pd.notna(row["invalid"]):
        return "invalidated"
    if pd.notna(row["grade"]):
        return ""
    if pd.notna(row["reason"]):
        return str(row["reason"])
    return "not scored" if status == "success" else f"not scored (run: {status})"
