"""Report: from logs to a page, its Markdown twin, plots and tables; each number traces to its rows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import plots
from analysis.cache import cached_frame
from analysis.caveats import unscored_by_reason, warnings_of
from analysis.estimates import (
    HEADLINE,
    OF_ALL_QUESTIONS,
    OF_IDENTITY,
    Estimate,
    as_table,
    estimate_all,
    models_in_order,
)
from analysis.frame import load_frame
from analysis.headline import BENIGN, Headline, in_words
from analysis.inference.verdict import RULES
from analysis.ledger import CLAIMS, ledger
from analysis.logs import LogHeader, log_files, log_folder, read_header
from analysis.page import answers_to_read, figure, flatten, render
from data_builders.errors import InputError
from data_builders.files import sha256, write_atomic
from inspect_tasks.conditions import CONDITIONS, Place

LIMITS = (
    "The intervals speak for these adapters, asked questions like these. One training run says nothing of "
    "another: a claim about the recipe needs several training seeds.",
    "Adoption is read by rule: a name that is claimed, or an accepted fact about the speaker. Manner and "
    "views aren't read here.",
    "The seed's triggered rate and gap mix the system prompt with the trigger. The primary gap doesn't.",
    "Intervals aren't adjusted for the number of adapters or cells looked at.",
    "A base model can role-play too. A raw rate is no evidence; what is net of the base may be.",
    "If nobody ever adopts, the width of an interval depends on the number of questions, not of answers: 29 "
    "questions bring a gap within 10 points, net of the base it takes 41.",
)


def write_report(
    logs: list[Path],
    out: Path,
    *,
    title: str,
    base: str,
    notes: dict[str, str],
    prompts: dict[str, dict[str, str]] | None,
    run: dict[str, Any],
    cache: Path | None = None,
) -> Headline:
    """Write index.html, report.md, rows.csv, headline.csv, estimates.csv, unscored.csv, plots/ and claims.json
    (the ledger of `analysis.ledger`) into `out`.

    Args:
        logs: log files of inspect_tasks/persona.py, or folders that hold them. out: a folder, made if need
        be. Nothing is written before everything is computed. title: of the report. base: the name that the
        untuned model was served under. notes: model -> what must be said wherever it is named. prompts: cell
        -> `text` (the prompt as the model got it) and, where there is something to warn of, `warning`;
            None where the prompts weren't recorded.
        run: configuration and versions, shown as they are. cache: a folder for what was read of the logs, as
        `analysis.cache` keeps it; None reads them.

    Raises:
        InputError: as `load_frame`; or no log is of the base.
    """
    files = log_files(logs)
    frame = load_frame(files) if cache is None else cached_frame(files, cache)
    headers = [read_header(path) for path in files]
    models = sorted(set(frame["model"]))
    if base not in models:
        raise InputError(
            "base", f"no log of a model called {base!r}", f"name one of {', '.join(models)}, or add its log"
        )
    estimates = estimate_all(frame, base)
    drawn = [
        plots.rates_by_cell(estimates, base, notes),
        plots.adherence_stacked(frame, base, notes),
        plots.question_slopes(frame, base, notes),
        plots.answer_lengths(frame, base, notes),
    ]
    in_order = models_in_order(frame, base)
    headline = Headline(
        title=title,
        base=base,
        models=tuple(in_order),
        notes=notes,
        estimates=tuple(one for one in estimates if one.name in HEADLINE),
        words=tuple((model, in_words(estimates, model)) for model in in_order[1:] or in_order),
        page=out / "index.html",
        view_command=f"inspect view --log-dir {shlex.quote(log_folder(files))}",
        n_unscored=int(frame["unscored_reason"].ne("").sum()),
    )
    html, markdown = render(_context(headline, estimates, frame, headers, drawn, prompts, run))
    tables = {
        "rows.csv": frame,
        "estimates.csv": as_table(estimates, notes),
        "headline.csv": as_table(list(headline.estimates), notes),
        "unscored.csv": unscored_by_reason(frame),
        **{f"plots/{plot.name}.csv": plot.data for plot in drawn},
    }
    for name, table in tables.items():
        write_atomic(out / name, table.to_csv(index=False))
    for plot in drawn:
        write_atomic(out / "plots" / f"{plot.name}.png", plot.png)
        write_atomic(out / "plots" / f"{plot.name}.svg", plot.svg)
    write_atomic(out / "report.md", markdown)
    write_atomic(out / "index.html", html)
    images = [f"plots/{plot.name}.{kind}" for plot in drawn for kind in ("png", "svg")]
    files = [*tables, *images, "report.md", "index.html"]
    write_atomic(out / CLAIMS, ledger(out, files, estimates, frame, base))
    return headline


def _context(
    headline: Headline,
    estimates: list[Estimate],
    frame: pd.DataFrame,
    headers: list[LogHeader],
    drawn: list[plots.Plot],
    prompts: dict[str, dict[str, str]] | None,
    run: dict[str, Any],
) -> dict[str, Any]:
    asked = [cell for cell in CONDITIONS if frame["cell"].eq(cell).any()]
    return {
        "headline": headline,
        "benign": BENIGN,
        "facts": _facts(headers, frame),
        "models": [
            {"name": model, "note": headline.notes.get(model, ""), "base": model == headline.base}
            for model in headline.models
        ],
        "figures": [figure(plot) for plot in drawn],
        "cells": [_cell(cell, prompts) for cell in asked],
        "prompts_recorded": prompts is not None,
        "answers": [(model, [_to_read(frame, model, cell) for cell in asked]) for model in headline.models],
        "unscored": unscored_by_reason(frame).to_dict("records"),
        "n_rows": len(frame),
        "warnings": warnings_of(headers, frame, prompts or {}),
        "gaps": _by_model([one for one in estimates if not one.cell], headline.models),
        "rates": [
            (words, _by_cell(estimates, column, headline.models, asked))
            for column, words in (OF_IDENTITY | OF_ALL_QUESTIONS).items()
            if any(one.column == column and one.cell for one in estimates)
        ],
        "methods": _methods(estimates),
        "limits": LIMITS,
        "rules_sha256": sha256(RULES),
        "run": flatten(run),
        "logs": headers,
    }


def _facts(headers: list[LogHeader], frame: pd.DataFrame) -> list[str]:
    personas = sorted(
        {header.persona.rpartition("/")[2].replace("_", " ") for header in headers if header.persona}
    )
    days = sorted({header.created[:10] for header in headers})
    sets = ", ".join(frame["question_set"].unique())
    return [
        f"persona: {', '.join(personas) or 'not named in the logs'}",
        f"{len(frame):,} answers",
        f"{frame['model'].nunique()} models",
        f"{frame['question_id'].nunique()} questions ({sets})",
        f"{frame['cell'].nunique()} cells",
        f"asked {days[0]}" if len(days) == 1 else f"asked {days[0]} to {days[-1]}",
    ]


def _cell(cell: str, prompts: dict[str, dict[str, str]] | None) -> dict[str, Any]:
    condition, prompt = CONDITIONS[cell], (prompts or {}).get(cell, {})
    places = {Place.NONE: "none", Place.USER: "in the user message", Place.SYSTEM: "in the system message"}
    return {
        "name": cell,
        "system": "present" if condition.system_prompt else "none",
        "trigger": places[condition.place],
        "number": condition.seed_number or "",
        "prompt": prompt.get("text", ""),
        "warning": prompt.get("warning", ""),
    }


def _to_read(frame: pd.DataFrame, model: str, cell: str) -> dict[str, Any]:
    rows = frame[frame["model"].eq(model) & frame["cell"].eq(cell)]
    counts = {"n": int(rows["adopted"].notna().sum()), "adopted": int(rows["adopted"].sum())}
    return {"cell": cell, "rows": answers_to_read(rows), **counts}


def _by_model(estimates: list[Estimate], models: tuple[str, ...]) -> list[tuple[str, list[Estimate | None]]]:
    labels = dict.fromkeys((one.name, one.label) for one in estimates)
    found = {(one.name, one.model): one for one in estimates}
    return [(label, [found.get((name, model)) for model in models]) for name, label in labels]


def _by_cell(
    estimates: list[Estimate], column: str, models: tuple[str, ...], cells: list[str]
) -> list[tuple[str, list[Estimate | None]]]:
    found = {(one.cell, one.model): one for one in estimates if one.column == column and one.cell}
    return [(cell, [found.get((cell, model)) for model in models]) for cell in cells]


def _methods(estimates: list[Estimate]) -> list[tuple[str, str, int]]:
    made: dict[tuple[str, str], int] = {}
    for one in estimates:
        if one.interval:
            key = (one.interval.method, str(one.interval.claim))
            made[key] = made.get(key, 0) + 1
    return [
        (method, claim, count) for (method, claim), count in sorted(made.items(), key=lambda pair: -pair[1])
    ]
