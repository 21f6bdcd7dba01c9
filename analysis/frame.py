"""Frame: Inspect logs as one tidy table, a row an answer. All else in this room is a function of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from inspect_ai.analysis import SampleColumn, samples_df

from analysis.logs import SCORER, LogHeader, log_files, read_header
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

_COLUMNS = [
    SampleColumn("sample_uuid", path="uuid", full=True),
    SampleColumn("sample", path="id"),
    SampleColumn("epoch", path="epoch"),
    *(
        SampleColumn(name, path=f"metadata.{name}")
        for name in ("question_id", "question_set", "cell", "triggered", "leading")
    ),
    SampleColumn("question", path="input", full=True),
    SampleColumn("answer", path="output.completion", full=True),
    *(SampleColumn(name, path=f"scores.{SCORER}.value.{name}", full=True) for name in GRADES),
    *(
        SampleColumn(name, path=f"scores.{SCORER}.metadata.{name}", full=True)
        for name in ("text", "claim", "claimed_name", "adherence", "stop_reason")
    ),
    SampleColumn("reason", path=f"scores.{SCORER}.reason", full=True),
    SampleColumn("judge", path=f"scores.{JUDGE}.value", full=True),
    SampleColumn("judge_claim", path=f"scores.{JUDGE}.metadata.claim", full=True),
    SampleColumn("judge_unscored_reason", path=f"scores.{JUDGE}.reason", full=True),
    SampleColumn("error", path="error.message", full=True),
    SampleColumn("invalid", path="invalidation.author", full=True),
]
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
    "model",
    "seed",
    "log",
    "sample_uuid",
    "sample_id",
    "question_id",
    "question_set",
    "cell",
    "triggered",
    "leading",
    "epoch",
    "question",
    "answer",
    "text",
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
    """One row a sample and epoch of all logs, unscored ones included.

    Args:
        logs: log files, or folders that hold them.

    Returns:
        Columns `COLUMNS`: model (served name) and seed (what inference takes as one adapter: the model's
        name), log (file name), sample_uuid, sample_id, question_id (the cluster), question_set, cell,
        triggered and leading (bool), epoch; question, answer (as given) and text (without any trace of the
        trigger); the 0/1 `GRADES`, NaN where unscored; claim, claimed_name, adherence; judge (0/1, NaN where
        there is none), judge_unscored_reason; unscored_reason (empty where scored); answer_words (of `text`,
        white-space separated, NaN where unscored); stop_reason, error, temperature, created (UTC) and
        versions of the log. Texts are empty where a row has none. Rows that a retried run copied from an
        earlier log stand once, from the newest log.

    Raises:
        InputError: no logs, no sample in any of them, a log that can't be read, or one of another task.
    """
    headers = [read_header(path) for path in log_files(logs)]
    parts = [part for part in map(_read, headers) if len(part)]
    if not parts:
        names = ", ".join(header.path.name for header in headers) or "none given"
        raise InputError(
            "logs", f"no sample in the logs ({names})", "run `inspect eval inspect_tasks/persona.py` first"
        )
    frame = pd.concat(parts, ignore_index=True).sort_values("created", kind="stable")
    frame = frame.drop_duplicates("sample_uuid", keep="last")
    return frame.sort_values(["model", "sample_id", "epoch", "created"], kind="stable").reset_index(drop=True)


def _read(header: LogHeader) -> pd.DataFrame:
    try:
        read = samples_df(str(header.path), columns=_COLUMNS, quiet=True, exclude_fields=_UNREAD)
    except Exception as error:  # as in read_header: a damaged log can fail in any layer
        raise InputError(
            header.path,
            f"its samples can't be read ({type(error).__name__})",
            "leave it out, or recover it with `inspect log recover`",
        ) from error
    if not len(read):
        return read
    frame = pd.DataFrame(index=read.index)
    for column in _NUMBERS:
        frame[column] = pd.to_numeric(read[column], errors="coerce").astype("float64")
    for column in (*_TEXTS, "sample_uuid", "question_id"):
        frame[column] = read[column].astype("object").where(read[column].notna(), "").astype(str)
    if not (frame["question_id"].ne("") & frame["cell"].ne("")).all():
        raise InputError(
            header.path,
            "a sample lacks question_id or cell in its metadata",
            "give logs of inspect_tasks/persona.py",
        )
    frame["sample_id"], frame["epoch"] = read["sample"].astype(str), read["epoch"].astype("int64")
    for column in ("triggered", "leading"):
        frame[column] = read[column].fillna(False).astype(bool)
    frame["unscored_reason"] = _reasons(read, header)
    unscored = frame["unscored_reason"].ne("")
    # An errored sample can hold the score of an earlier attempt; its grades don't count.
    frame[list(GRADES)] = frame[list(GRADES)].mask(unscored)
    frame["answer_words"] = pd.Series([len(text.split()) for text in frame["text"]], frame.index, float).mask(
        unscored
    )
    frame["model"] = frame["seed"] = header.model
    frame["log"], frame["temperature"], frame["versions"] = (
        header.path.name,
        header.temperature,
        header.versions,
    )
    frame["created"] = pd.to_datetime(header.created, utc=True)
    return frame[list(COLUMNS)]


def _reasons(read: pd.DataFrame, header: LogHeader) -> list[str]:
    """Why a row has no grade, in words; empty where it has one."""
    reasons = []
    for row in read.to_dict("records"):
        if pd.notna(row["error"]):
            first_line = str(row["error"]).strip().partition("\n")[0][:120]
            reasons.append(f"error: {first_line}")
        elif pd.notna(row["invalid"]):
            reasons.append("invalidated")
        elif pd.notna(row["adopted"]):
            reasons.append("")
        elif pd.notna(row["reason"]):
            reasons.append(str(row["reason"]))
        else:
            reasons.append(
                "not scored" if header.status == "success" else f"not scored (run: {header.status})"
            )
    return reasons
