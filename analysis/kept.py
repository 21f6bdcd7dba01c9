"""Kept: what a report needs beside its rows to be written again without the logs, in about.json.

    python -m analysis again REPORT_DIR

makes every number, plot and word again from the report's own rows.csv, by the code as it stands: after a method has
changed, or a page. What only the logs show (each message, the log viewer) isn't made again.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.frame import COLUMNS, GRADES
from analysis.logs import LogHeader
from analysis.parts import Part
from data_builders.errors import InputError
from data_builders.files import dump_json

if TYPE_CHECKING:
    from analysis.section import Section

ABOUT = "about.json"
VERSION = 1
_NUMBERS = ("learning_rate", "grade", *GRADES, "judge", "answer_words", "temperature")
_COUNTS = ("training_seed", "step", "k", "epoch")
_REWRITE = "write the report from its logs with `python -m analysis report`"


@dataclasses.dataclass(frozen=True)
class Read:
    """What was read of a part: from its logs, or from a report."""

    files: list[Path]
    """the logs; empty where they aren't at hand"""
    headers: list[LogHeader]
    frame: pd.DataFrame
    """as `load_frame` returns it, grader models' rows included"""
    prompts: Mapping[str, Mapping[str, str]] | None
    hygiene: tuple[bool, str] | None
    """whether what graders were sent is clean, and in words; None where no grader was asked"""
    log_folder: str
    """what `inspect view --log-dir` takes"""

    @property
    def view_command(self) -> str:
        """How to read every answer with its messages."""
        return f"inspect view --log-dir {shlex.quote(self.log_folder)}"


def about(sections: list[Section], title: str, run: Mapping[str, Any]) -> str:
    """The text of about.json."""
    parts = [
        {
            "key": one.part.key,
            "title": one.part.title,
            "base": one.part.base,
            "notes": dict(one.part.notes),
            "intro": one.part.intro,
            "run": dict(one.part.run),
            "warnings": list(one.part.hygiene),
            "prompts": None
            if one.read.prompts is None
            else {k: dict(v) for k, v in one.read.prompts.items()},
            "hygiene": list(one.read.hygiene) if one.read.hygiene else None,
            "log_folder": one.read.log_folder,
            "logs": [dataclasses.asdict(header) | {"path": header.path.name} for header in one.headers],
            "curve": next(
                (f"plots/{p.name}.csv" for p in one.plots if p.name.endswith("identifiability")), None
            ),
        }
        for one in sections
    ]
    return dump_json({"version": VERSION, "title": title, "run": dict(run), "parts": parts})


def read_report(report: Path, rows: Path) -> tuple[str, dict[str, Any], list[tuple[Part, Read]]]:
    """A report's title, the configuration of its page, and its parts with what was read of them.

    Args:
        report: its folder. rows: its rows.csv, or the copy packed with xz.

    Raises:
        InputError: about.json or the rows are missing or malformed.
    """
    path = report / ABOUT
    if not path.is_file():
        raise InputError(path, "no such file", _REWRITE)
    frame = read_all_rows(rows)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != VERSION:
            raise ValueError(f"version {kept['version']!r}, this code reads {VERSION}")
        parts = [_part(one, report, frame) for one in kept["parts"]]
        return str(kept["title"]), dict(kept["run"]), parts
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            path, f"not what a report keeps ({type(error).__name__}: {error})", _REWRITE
        ) from error


def _part(kept: dict[str, Any], report: Path, frame: pd.DataFrame) -> tuple[Part, Read]:
    headers = [
        LogHeader(
            **one | {"path": Path(one["path"]), "cells": tuple(one["cells"]), "judges": tuple(one["judges"])}
        )
        for one in kept["logs"]
    ]
    part = Part(
        key=kept["key"],
        title=kept["title"],
        logs=[],
        base=kept["base"],
        notes=kept["notes"],
        run=kept["run"],
        intro=kept["intro"],
        curve=report / kept["curve"] if kept["curve"] else None,
        hygiene=tuple(kept["warnings"]),
    )
    own = frame[frame["part"].eq(kept["key"])].drop(columns="part").reset_index(drop=True)
    hygiene = (bool(kept["hygiene"][0]), str(kept["hygiene"][1])) if kept["hygiene"] else None
    return part, Read([], headers, own, kept["prompts"], hygiene, kept["log_folder"])


def read_all_rows(path: Path) -> pd.DataFrame:
    """Every column of a report's rows.csv, with the types that `load_frame` gives, and `part`.

    Raises:
        InputError: no such file, or not such a table.
    """
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame = text.copy()
        for column in (*_NUMBERS, *_COUNTS):
            frame[column] = pd.to_numeric(text[column].where(text[column].ne("")))
            frame[column] = frame[column].astype("float64" if column in _NUMBERS else "Int64")
        for column in ("triggered", "leading"):
            frame[column] = text[column].eq("True")
        frame["epoch"] = frame["epoch"].astype("int64")
        frame["created"] = pd.to_datetime(text["created"], utc=True)
        return frame[["part", *COLUMNS]]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, f"not a report's rows ({error})", _REWRITE) from error
