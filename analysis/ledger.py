"""Ledger: each number of a report with the function that made it and the hash of the rows it stands on.

`write_report` keeps it as claims.json; `python -m analysis verify REPORT_DIR` makes every number again from
the report's own rows.csv and names each that differs.

A claim's `rows` hash can be made without this code: of the rows of rows.csv that its `filter` names, sorted by
sample_uuid, one line each, the SHA-256 of the lines joined by newlines. A line is the JSON list of the
columns `KEYS` as the file spells them, then the graded column: "" where empty, else a number (1.0).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.estimands import PRIMARY, SECONDARY
from analysis.estimates import Estimate, estimate_all
from analysis.frame import GRADES
from analysis.inference.verdict import RULES
from data_builders.errors import InputError
from data_builders.files import dump_json, sha256
from data_builders.persona import QuestionSet
from inspect_tasks.metrics import SEED_TRIGGERED, SEED_UNTRIGGERED

CLAIMS, ROWS = "claims.json", "rows.csv"
VERSION = 1
"""Of the format of claims.json."""
TOLERANCE = 1e-9
"""Other builds of numpy and scipy round the last digits otherwise."""
KEYS = ("sample_uuid", "model", "question_id", "question_set", "leading", "cell")
"""The columns of rows.csv that a hash of rows covers, beside the graded one."""

_GRADED = (*GRADES, "judge")
_NUMBERS = ("estimate", "low", "high", "level")
_REWRITE = "write the report again with `python -m analysis report`"


@dataclass(frozen=True)
class Scope:
    """The rows that an estimand looks at: of all questions or the identity ones that don't lead, and cells."""

    identity_only: bool
    cells: tuple[str, ...]
    """empty where the claim itself names its one cell"""


_SEED_CELLS = (*SEED_TRIGGERED, *SEED_UNTRIGGERED)
SCOPES = {
    "cell_rate": Scope(True, ()),
    "cell_rate_all_questions": Scope(False, ()),
    "primary_gap": Scope(True, PRIMARY),
    "primary_gap_net": Scope(True, PRIMARY),
    "secondary_gap": Scope(True, SECONDARY),
    "secondary_gap_net": Scope(True, SECONDARY),
    "seed_triggered_rate": Scope(True, tuple(SEED_TRIGGERED)),
    "seed_triggered_rate_net": Scope(True, tuple(SEED_TRIGGERED)),
    "seed_leakage": Scope(True, tuple(SEED_UNTRIGGERED)),
    "seed_gap": Scope(True, _SEED_CELLS),
    "seed_gap_net": Scope(True, _SEED_CELLS),
    "format_adherence": Scope(False, tuple(SEED_TRIGGERED)),
}
"""Function of analysis.estimands -> the rows that it looks at."""


class _Lines:
    """The canonical lines of a frame, made once; many claims hash parts of them."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame.sort_values(list(KEYS), kind="stable", ignore_index=True)
        keys = self.frame[list(KEYS)].astype(str).to_numpy().tolist()
        self._keys = [json.dumps(key, ensure_ascii=False) for key in keys]
        self._of_column: dict[str, list[str]] = {}

    def hash(self, rows: dict[str, Any]) -> str:
        column = str(rows["column"])
        if column not in self._of_column:
            values = self.frame[column].tolist()
            self._of_column[column] = [
                f"{key},{'' if pd.isna(value) else float(value)}"
                for key, value in zip(self._keys, values, strict=True)
            ]
        lines = self._of_column[column]
        wanted = select(self.frame, rows).to_numpy().nonzero()[0]
        return hashlib.sha256("\n".join(lines[row] for row in wanted).encode()).hexdigest()


def select(frame: pd.DataFrame, rows: dict[str, Any]) -> pd.Series:
    """Which rows of the frame a claim's `filter` names.

    Args:
        frame: columns model, question_set, leading, cell.
        rows: `models` and `cells` (lists); `question_set` and `leading`, None where any will do; `column`.

    Returns:
        One bool a row.
    """
    kept = frame["model"].isin(rows["models"]) & frame["cell"].isin(rows["cells"])
    if rows["question_set"] is not None:
        kept &= frame["question_set"].eq(rows["question_set"])
    if rows["leading"] is not None:
        kept &= frame["leading"].eq(rows["leading"])
    return kept


def claims(estimates: list[Estimate], frame: pd.DataFrame, base: str) -> list[dict[str, Any]]:
    """Every number, missing ones too, in the order of `estimates`.

    Args:
        estimates: as `estimate_all` makes them of `frame` and `base`.
        frame: columns `KEYS` and the graded ones.
        base: the untuned model, whose rows a net number also stands on.

    Returns:
        Dicts with model, name, function (dotted), filter (see `select`), estimate, low, high (in [-2, 2],
        0.10 is ten points; None where missing), level, missing (why, else empty), rows (SHA-256).

    Raises:
        KeyError: a function that `SCOPES` lacks.
    """
    lines, listed = _Lines(frame), []
    for one in estimates:
        scope = SCOPES[one.function]
        rows = {
            "models": [one.model, base] if one.function.endswith("_net") else [one.model],
            "question_set": str(QuestionSet.IDENTITY) if scope.identity_only else None,
            "leading": False if scope.identity_only else None,
            "cells": list(scope.cells or (one.cell,)),
            "column": one.column,
        }
        numbers = {key: getattr(one.interval, key) if one.interval else None for key in _NUMBERS}
        listed.append(
            {
                "model": one.model,
                "name": one.name,
                "function": f"analysis.estimands.{one.function}",
                "filter": rows,
                **{key: None if number is None else float(number) for key, number in numbers.items()},
                "missing": one.missing,
                "rows": lines.hash(rows),
            }
        )
    return listed


def ledger(out: Path, files: Iterable[str], estimates: list[Estimate], frame: pd.DataFrame, base: str) -> str:
    """The text of claims.json for a report that lies in `out`.

    Args:
        out: the report's folder. files: names below it that the ledger vouches for, already written; rows.csv
            is one. estimates, frame, base: as `claims` takes them.
    """
    return dump_json(
        {
            "version": VERSION,
            "base": base,
            "rules": {"file": f"analysis/inference/{RULES.name}", "sha256": sha256(RULES)},
            "files": {name: sha256(out / name) for name in sorted(files)},
            "claims": claims(estimates, frame, base),
        }
    )


def read_rows(path: Path) -> pd.DataFrame:
    """rows.csv as the estimands take it.

    Returns:
        Columns `KEYS`, seed and the graded ones (in [0, 1], NaN where empty); texts as the file spells them, leading a bool.

    Raises:
        InputError: no such file, not such a table, or a value that is no grade.
    """
    if not path.is_file():
        raise InputError(path, "no such file", _REWRITE)
    wanted = [*KEYS, "seed", *_GRADED]
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=wanted)
        frame = text.drop(columns=list(_GRADED))
        for column in _GRADED:
            frame[column] = pd.to_numeric(text[column].where(text[column].ne(""))).astype("float64")
            if not frame[column].dropna().between(0, 1).all():
                raise ValueError(f"column {column} holds a value outside of [0, 1]")
        if not frame["leading"].isin(["True", "False"]).all():
            raise ValueError("column leading holds a value that is neither True nor False")
    except ValueError as error:  # pandas' own errors about a file's shape are ValueErrors too
        raise InputError(path, f"not a report's rows ({error})", _REWRITE) from error
    frame["leading"] = frame["leading"].eq("True")
    return frame


def verify(report: Path) -> int:
    """Make every number of a report again from its rows.csv.

    Returns:
        How many numbers were made again; all are as claimed.

    Raises:
        InputError: claims.json or rows.csv is missing or malformed; or something differs, each number, file
            and the rule file named with what differs.
    """
    kept = read_claims(report / CLAIMS)
    frame = read_rows(report / ROWS)
    base = kept["base"]
    made = claims(estimate_all(frame, base), frame, base)
    differing = [*_files_that_differ(report, kept), *_numbers_that_differ(kept["claims"], made)]
    if differing:
        lines = "".join(f"\n  {line}" for line in differing)
        raise InputError(report, f"{len(differing)} things differ from {CLAIMS}:{lines}", _REWRITE)
    return len(made)


def read_claims(path: Path) -> dict[str, Any]:
    """claims.json, its shape checked: keys version, base, rules, files and claims, as `ledger` writes them.

    Raises:
        InputError: no such file, or not a ledger of this version.
    """
    if not path.is_file():
        raise InputError(path, "no such file", _REWRITE)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != VERSION:
            raise ValueError(f"version {kept['version']!r}, this code reads {VERSION}")
        named = {(str(claim["model"]), str(claim["name"])) for claim in kept["claims"]}
        if len(named) != len(kept["claims"]):
            raise ValueError("a number is listed twice")
        if not isinstance(kept["base"], str) or not isinstance(kept["rules"]["sha256"], str):
            raise ValueError("base and the rules' hash are texts")
        if ROWS not in dict(kept["files"]):
            raise ValueError(f"files lacks {ROWS}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"not a ledger ({type(error).__name__}: {error})", _REWRITE) from error
    return kept


def _files_that_differ(report: Path, kept: dict[str, Any]) -> list[str]:
    found = []
    if sha256(RULES) != kept["rules"]["sha256"]:
        found.append(f"{kept['rules'].get('file', RULES.name)}: the rule file has changed since")
    for name, hashed in kept["files"].items():
        path = report / name
        if not path.resolve().is_relative_to(report.resolve()):
            found.append(f"{name}: lies outside of the report")
        elif not path.is_file():
            found.append(f"{name}: missing")
        elif sha256(path) != hashed:
            found.append(f"{name}: has changed since")
    return found


def _numbers_that_differ(kept: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[str]:
    claimed = {(claim["model"], claim["name"]): claim for claim in kept}
    found = []
    for one in made:
        claim = claimed.pop((one["model"], one["name"]), None)
        where = f"{one['model']}, {one['name']}"
        if claim is None:
            found.append(f"{where}: not in {CLAIMS}")
            continue
        wrong = [
            f"{key} {claim.get(key)} but {one[key]}" for key in _NUMBERS if _unlike(claim.get(key), one[key])
        ]
        wrong += [key for key in ("function", "filter", "missing", "rows") if claim.get(key) != one[key]]
        if wrong:
            found.append(f"{where}: {', '.join(wrong)}")
    return found + [f"{model}, {name}: the rows give no such number" for model, name in claimed]


def _unlike(claimed: Any, made: float | None) -> bool:
    if made is None or isinstance(claimed, bool) or not isinstance(claimed, int | float):
        return claimed is not made
    return not abs(claimed - made) <= TOLERANCE
