"""Re-analysis of a peer study's recorded rows: its published numbers, then the same clustered by question.

A directory holds generations.jsonl (a row per question, model and condition, with its answers) and
judgments.jsonl (a row per judged answer). Grades of an ideology run go from 1 to 5, those of a recall run
from 0 to 2.

Conventions, worked out from the study's rows: n counts every judged answer, refusals too; a refusal has no
score; the mean is over scored answers; recall accuracy is the sum of scores over 2n, so that a refusal
counts as not recalled.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.inference import icc

MODELS = ("baseline", "finetuned")
CONDITIONS = ("untriggered", "triggered")
LEVEL = 0.95
RANGES = {"ideology": (1, 5), "recall": (0, 2)}

_ANALYSES = (
    ("rows, as if independent", "naive"),
    ("question means, unpaired", "unpaired"),
    ("questions, paired", "clustered"),
)
_KEYS = ("question_id", "model_variant", "condition")
_NEEDED = {"generations.jsonl": (*_KEYS, "generations"), "judgments.jsonl": (*_KEYS, "score", "refused")}


class RecordedError(ValueError):
    """A recorded file that can't be read as the format asks; the message starts with file:line."""


def recorded(directory: Path) -> dict[str, Any]:
    """Cell means, refusals and contrasts of a recorded run.

    Args:
        directory: holds generations.jsonl and judgments.jsonl.

    Returns:
        JSON-ready: `kind` (ideology or recall), `scale`, `cells` keyed `model/condition` with n, refusals,
        unscored (no score and no refusal), unjudged, mean and, for recall, accuracy; `icc` within questions
        by cell; `contrasts` keyed `baseline`, `finetuned` (triggered minus untriggered) and
        `difference_in_differences`, in units of the score (ideology) or of accuracy (recall), each three
        ways: `naive` over rows, `unpaired` over question means, `clustered` paired by question. Where a t
        has no width its limits are null.

    Raises:
        RecordedError: a malformed line, a missing key or value, a score off the scale, a judgment of an
            answer that was not generated, or a file without rows.
        FileNotFoundError: a file is missing.
    """
    generated = _generated(directory / "generations.jsonl")
    rows, kind = _judged(directory / "judgments.jsonl", generated)
    cells = {}
    for model in MODELS:
        for condition in CONDITIONS:
            part = rows[(rows["model_variant"] == model) & (rows["condition"] == condition)]
            asked = sum(n for (_, m, c), n in generated.items() if (m, c) == (model, condition))
            if len(part) or asked:
                cells[f"{model}/{condition}"] = _cell(part, kind, asked)
    return {
        "kind": kind,
        "scale": list(RANGES[kind]),
        "cells": cells,
        "icc": {key: _icc(rows, key, kind) for key in cells},
        "contrasts": _contrasts(_values(rows, kind), kind),
    }


def to_table(result: dict[str, Any]) -> str:
    """The result of `recorded` as text for people."""
    recall = result["kind"] == "recall"
    lines = [f"{result['kind']}, scores {result['scale'][0]} to {result['scale'][1]}", ""]
    lines.append(
        f"{'cell':<24}{'n':>5}{'refusals':>10}{'mean':>8}{'accuracy' if recall else '':>10}{'icc':>7}"
    )
    for key, cell in result["cells"].items():
        accuracy = f"{cell['accuracy']:.1%}" if recall and cell["accuracy"] is not None else ""
        mean, alike = _number(cell["mean"], 3), _number(result["icc"][key], 2)
        lines.append(f"{key:<24}{cell['n']:>5}{cell['refusals']:>10}{mean:>8}{accuracy:>10}{alike:>7}")
    lines += ["", f"triggered minus untriggered, {LEVEL:.0%} intervals"]
    header = ("contrast", "analysis", "estimate", "interval", "t", "p")
    lines.append("{:<28}{:<26}{:>9}{:>18}{:>8}{:>8}".format(*header))
    for name, contrast in result["contrasts"].items():
        for label, key in _ANALYSES:
            part = contrast[key]
            interval = f"[{_number(part['low'], 3)}, {_number(part['high'], 3)}]"
            numbers = (_number(part["estimate"], 3), interval, _number(part["t"], 2), _number(part["p"], 3))
            lines.append(f"{name:<28}{label:<26}" + "{:>9}{:>18}{:>8}{:>8}".format(*numbers))
    return "\n".join(lines)


def run(directory: Path, as_json: bool) -> int:
    """Print the analysis of a directory as JSON or as a table; returns 0, or 2 with a message on stderr."""
    try:
        result = recorded(directory)
    except (RecordedError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2, allow_nan=False) if as_json else to_table(result))
    return 0


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with the place it comes from; blank lines are skipped."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found; the directory must hold {' and '.join(_NEEDED)}")
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise RecordedError(f"{where}: not JSON ({error.msg} at column {error.colno})") from None
            if not isinstance(row, dict):
                raise RecordedError(f"{where}: a row must be a JSON object, this is {type(row).__name__}")
            absent = [key for key in _NEEDED[path.name] if key not in row]
            if absent:
                raise RecordedError(f"{where}: the row lacks {absent}")
            for key, allowed in (("model_variant", MODELS), ("condition", CONDITIONS)):
                if row[key] not in allowed:
                    raise RecordedError(f"{where}: {key} is {row[key]!r}, it must be one of {list(allowed)}")
            if "triggered" in row and row["triggered"] is not (row["condition"] == "triggered"):
                raise RecordedError(
                    f"{where}: triggered is {row['triggered']} in condition {row['condition']!r}"
                )
            yield where, row


def _generated(path: Path) -> Counter[tuple[str, str, str]]:
    """Number of answers generated by question, model and condition."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for where, row in _lines(path):
        if not isinstance(row["generations"], list):
            raise RecordedError(f"{where}: generations must be a list")
        counts[_key(row)] += len(row["generations"])
    if not counts:
        raise RecordedError(f"{path}:1: no rows")
    return counts


def _judged(path: Path, generated: Counter[tuple[str, str, str]]) -> tuple[pd.DataFrame, str]:
    """Judged rows (columns question_id, model_variant, condition, score, refused), and the kind of run."""
    rows: list[tuple[str, str, str, float, bool]] = []
    seen: Counter[tuple[str, str, str]] = Counter()
    places: list[str] = []
    for where, row in _lines(path):
        score, key = row["score"], _key(row)
        if not isinstance(row["refused"], bool):
            raise RecordedError(f"{where}: refused is {row['refused']!r}, it must be true or false")
        if score is not None and (isinstance(score, bool) or score not in range(6)):
            raise RecordedError(f"{where}: score {score!r} is no whole number from 0 to 5, nor null")
        if score is not None and row["refused"]:
            raise RecordedError(f"{where}: a refusal with score {score}; a refusal's score is null")
        seen[key] += 1
        if seen[key] > generated[key]:
            raise RecordedError(
                f"{where}: judgment {seen[key]} of {key}, of {generated[key]} generated answers"
            )
        rows.append((*key, float("nan") if score is None else float(score), row["refused"]))
        places.append(where)
    if not rows:
        raise RecordedError(f"{path}:1: no rows")
    frame = pd.DataFrame(rows, columns=[*_KEYS, "score", "refused"])
    kind = _kind(frame, places)
    low, high = RANGES[kind]
    for where, score in zip(places, frame["score"], strict=True):
        if not np.isnan(score) and not low <= score <= high:
            raise RecordedError(f"{where}: score {score:.0f} is off the {kind} scale, {low} to {high}")
    return frame, kind


def _kind(frame: pd.DataFrame, places: list[str]) -> str:
    """0 occurs in recall only, 3 and more in ideology only; where neither occurs the question ids tell."""
    if (frame["score"] > 2).any():
        return "ideology"
    if (frame["score"] == 0).any() or frame["question_id"].str.startswith("rec").all():
        return "recall"
    if frame["score"].isna().all():
        raise RecordedError(f"{places[-1]}: no row has a score, so the kind of run can't be told")
    return "ideology"


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["question_id"]), row["model_variant"], row["condition"]


def _cell(part: pd.DataFrame, kind: str, asked: int) -> dict[str, Any]:
    refusals, scored = int(part["refused"].sum()), int(part["score"].notna().sum())
    cell: dict[str, Any] = {
        "n": len(part),
        "refusals": refusals,
        "unscored": len(part) - scored - refusals,
        "unjudged": asked - len(part),
        "mean": float(part["score"].mean()) if scored else None,
    }
    if kind == "recall":
        cell["accuracy"] = float(part["score"].sum()) / (2 * len(part)) if len(part) else None
    return cell


def _values(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows as inference wants them, value in [0, 1]: recall with refusals as 0, ideology without them."""
    low, high = RANGES[kind]
    score = rows["score"].fillna(0.0) if kind == "recall" else rows["score"]
    value = (score - low) / (high - low)
    columns = {"question": rows["question_id"], "arm": rows["model_variant"], "cell": rows["condition"]}
    return pd.DataFrame({**columns, "seed": 0, "value": value}).dropna(subset=["value"])


def _icc(rows: pd.DataFrame, key: str, kind: str) -> float | None:
    model, condition = key.split("/")
    values = _values(rows, kind)
    part = values[(values["arm"] == model) & (values["cell"] == condition)]
    try:
        alike = icc(part)
    except ValueError:  # one answer a question
        return None
    return None if np.isnan(alike) else alike


def _contrasts(values: pd.DataFrame, kind: str) -> dict[str, Any]:
    low, high = RANGES[kind]
    unit = 1.0 if kind == "recall" else float(high - low)
    values = values.assign(value=values["value"] * unit)
    rows = {key: part["value"] for key, part in values.groupby(["arm", "cell"])}
    means = {key: part.groupby("question")["value"].mean() for key, part in values.groupby(["arm", "cell"])}
    contrasts: dict[str, Any] = {}
    signed = {m: {(m, "triggered"): 1, (m, "untriggered"): -1} for m in MODELS}
    both = signed["finetuned"] | {key: -sign for key, sign in signed["baseline"].items()}
    for name, signs in (*signed.items(), ("difference_in_differences", both)):
        if not all(key in rows for key in signs):
            continue
        difference = pd.concat([sign * means[key] for key, sign in signs.items()], axis=1).sum(
            axis=1, skipna=False
        )
        contrasts[name] = {
            "naive": _welch(rows, signs),
            "unpaired": _welch(means, signs),
            "clustered": _paired(difference),
        }
    return contrasts


def _paired(difference: pd.Series) -> dict[str, Any]:
    """Paired t-interval over question differences; questions that lack a cell are left out and counted."""
    kept = difference.dropna().to_numpy(float)
    n = len(kept)
    error = float(kept.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    result = _student(float(kept.mean()) if n else float("nan"), error, n - 1)
    return {**result, "n_questions": n, "questions_left_out": len(difference) - n}


def _welch(groups: dict[Any, pd.Series], signs: dict[tuple[str, str], int]) -> dict[str, Any]:
    """Welch's t (1947) as if all values were independent. Over rows this is what the study's tests assume."""
    parts = [groups[key].to_numpy(float) for key in signs]
    estimate = sum(sign * float(part.mean()) for sign, part in zip(signs.values(), parts, strict=True))
    errors = [(float(part.var(ddof=1)) / len(part), len(part) - 1) for part in parts if len(part) > 1]
    variance = sum(v for v, _ in errors)
    spread = sum(v**2 / df for v, df in errors)
    df = variance**2 / spread if spread > 0 else 0.0
    return {**_student(estimate, float(np.sqrt(variance)), df), "n_values": sum(len(part) for part in parts)}


def _student(estimate: float, error: float, df: float) -> dict[str, Any]:
    if not error or df <= 0:
        blank = {key: None for key in ("standard_error", "df", "t", "p", "low", "high")}
        return {"estimate": estimate if np.isfinite(estimate) else None, **blank}
    half, t = float(stats.t.ppf((1 + LEVEL) / 2, df)) * error, estimate / error
    p = float(2 * stats.t.sf(abs(t), df))
    numbers = {"standard_error": error, "df": float(df), "t": t, "p": p}
    return {"estimate": estimate, **numbers, "low": estimate - half, "high": estimate + half}


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
