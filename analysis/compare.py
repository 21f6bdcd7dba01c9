"""Compare: the headline numbers of two or more runs side by side, and rows for those who do their own statistics.

Nothing is tested across runs: they may have other questions, models and days. What can be tested is an arm against a
control of the same run, and a report does it.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.estimates import HEADLINE, as_table, estimate_all, head_of, show_interval
from analysis.frame import load_frame
from analysis.grades import of_judges
from analysis.inference import Claim, Interval
from analysis.parts import Part
from analysis.report import write_parts
from data_builders.errors import InputError
from data_builders.files import write_atomic

ESTIMATES = "estimates.csv"
KINDS = (".csv", ".parquet")
_LABEL, _COLUMN, _PER_BLOCK = 34, 24, 3


@dataclass(frozen=True)
class Compared:
    """Runs side by side."""

    table: pd.DataFrame
    """columns number, label, run, model, estimate, low, high, n_rows, n_clusters, n_seeds; a row a number, run and
    subject"""
    text: str
    """for a terminal, under 110 columns"""


def compare(runs: list[Path], bases: list[str], out: Path | None) -> Compared:
    """Headline numbers of several runs.

    Args:
        runs: each a report's folder, or a log or folder of logs. bases: the untuned model's name, one for all runs or
        one each; needed for logs alone. out: a folder for compare.csv and, where every run is of logs, one page with a
        part a run; None writes nothing.

    Raises:
        InputError: fewer than two runs, no base for logs, or as `load_frame`.
    """
    if len(runs) < 2:
        raise InputError("compare", f"{len(runs)} run given", "give two or more")
    from_logs = [not (run / ESTIMATES).is_file() for run in runs]
    if any(from_logs) and len(bases) not in (1, len(runs)):
        raise InputError(
            "--base", f"{len(bases)} names for {len(runs)} runs", "give one for all runs, or one a run"
        )
    each = bases if len(bases) == len(runs) else bases * len(runs)
    names = _names(runs)
    tables = []
    for number, (name, run) in enumerate(zip(names, runs, strict=True)):
        table = _from_logs(run, each[number]) if from_logs[number] else pd.read_csv(run / ESTIMATES)
        tables.append(table[table["name"].isin(HEADLINE)].assign(run=name))
    columns = ["name", "label", "run", "model", "estimate", "low", "high", "n_rows", "n_clusters", "n_seeds"]
    table = pd.concat(tables, ignore_index=True)[columns].rename(columns={"name": "number"})
    if out:
        if all(from_logs):
            parts = [
                Part(f"run-{number}", name, [run], base)
                for number, (name, run, base) in enumerate(zip(names, runs, each, strict=True), 1)
            ]
            write_parts(parts, out, title="Runs side by side")
        write_atomic(out / "compare.csv", table.to_csv(index=False))
    return Compared(table, _text(table))


def _names(runs: list[Path]) -> list[str]:
    """The runs' own names where they differ, else their paths."""
    short = [run.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run) for run in runs]


def _from_logs(run: Path, base: str) -> pd.DataFrame:
    frame = load_frame([run])
    if not frame["model"].eq(base).any():
        models = ", ".join(sorted(set(frame["model"])))
        raise InputError("--base", f"no log of a model called {base!r} in {run}", f"name one of {models}")
    return as_table(estimate_all(frame[~of_judges(frame)], base), {})


def _text(table: pd.DataFrame) -> str:
    heads = list(dict.fromkeys(zip(table["run"], table["model"], strict=True)))
    found = {
        (row["run"], row["model"], row["number"]): _shown(row)
        for row in table.to_dict("records")
        if pd.notna(row["estimate"])
    }
    labels = dict(zip(table["number"], table["label"], strict=True))
    lines: list[str] = []
    for start in range(0, len(heads), _PER_BLOCK):
        block = heads[start : start + _PER_BLOCK]
        wrapped = [
            [*textwrap.wrap(run, _COLUMN - 2), *textwrap.wrap(model, _COLUMN - 2)] for run, model in block
        ]
        for line in range(max(map(len, wrapped))):
            lines.append(
                " " * _LABEL
                + "".join(f"{(one[line] if line < len(one) else ''):<{_COLUMN}}" for one in wrapped)
            )
        lines.append("-" * (_LABEL + _COLUMN * len(block)))
        for number in HEADLINE:
            cells = [found.get((run, model, number), "") for run, model in block]
            if any(cells):
                shown = textwrap.shorten(head_of(number, labels[number]), _LABEL - 1, placeholder="…")
                lines.append(f"{shown:<{_LABEL}}" + "".join(f"{cell:<{_COLUMN}}" for cell in cells))
        lines.append("")
    lines += ["95% intervals, clustered by question, each within its own run: nothing is tested across runs."]
    return "\n".join(line.rstrip() for line in lines)


def _shown(row: dict) -> str:
    difference = row["number"].endswith("_net") or "_gap" in row["number"]
    interval = Interval(row["estimate"], row["low"], row["high"], 0.95, 0, 0, 0, "", Claim.ADAPTERS)
    return show_interval(interval, difference)


def export(logs: list[Path], out: Path) -> int:
    """Every row of these logs as `load_frame` gives them, as CSV or Parquet; returns how many.

    Raises:
        InputError: as `load_frame`; or the name ends in neither .csv nor .parquet.
    """
    if out.suffix not in KINDS:
        raise InputError(out, "the name's end says the format", f"let it end in {' or '.join(KINDS)}")
    frame = load_frame(logs)
    content = frame.to_csv(index=False) if out.suffix == ".csv" else frame.to_parquet(None, index=False)
    write_atomic(out, content)
    return len(frame)
