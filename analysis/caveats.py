"""Caveats: what a reader must know of the logs before believing a number made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from analysis.logs import TASK, LogHeader
from inspect_tasks.metrics import SEED_TRIGGERED

CUT_SHARE = 0.1
"""From this share of answers cut at the token limit on, it is told: a cut answer can't close its tag."""
ADHERENCE_LOW = 0.5
"""Under this share of well-formed answers where the format was asked for, it is told."""
OTHER_SHARE = 0.05
"""From this share of answers to the seed's triggered cells that claim another person on, it is told."""
TEMPERATURE = 1.0
"""experiment.md: the estimands are defined at this temperature."""


def warnings_of(
    headers: list[LogHeader],
    frame: pd.DataFrame,
    by_subject: pd.DataFrame,
    prompts: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Everything about these logs that weakens or changes what the numbers mean, in sentences.

    Args:
        headers: of the logs. frame: all rows, as `load_frame` returns them. by_subject: the rows of each subject that
        tables show, its name in `model`. prompts: as `Part` has them.
    """
    return [
        *(f"Cell {cell}: {prompt['warning']}" for cell, prompt in prompts.items() if prompt.get("warning")),
        *_of_runs(headers, frame),
        *_of_designs([one for one in headers if one.task == TASK], frame[frame["task"].eq(TASK)]),
        *_of_answers(by_subject),
    ]


def _of_runs(headers: list[LogHeader], frame: pd.DataFrame) -> list[str]:
    found, present = [], frame["log"].value_counts()
    for header in headers:
        told, here = [], int(present.get(header.path.name, 0))
        if header.status != "success":
            told.append(f"the run ended as {header.status!r}")
        if here < header.planned:
            told.append(f"{here} of {header.planned} planned answers are used")
        if header.generation_seed is not None and header.epochs > 1:
            told.append(f"generation seed {header.generation_seed} makes every epoch the same sample")
        if header.adoption and header.temperature != TEMPERATURE:
            told.append(f"temperature {header.temperature}; estimands are defined at {TEMPERATURE:g}")
        found += [f"{header.path.name} ({header.model}): {one}." for one in told]
    logs = Counter((header.model, header.task) for header in headers)
    return found + [f"{model}: {n} logs of {task} are pooled." for (model, task), n in logs.items() if n > 1]


def _of_designs(headers: list[LogHeader], frame: pd.DataFrame) -> list[str]:
    found = []
    for name in ("persona", "trigger", "max_tokens", "versions", "commit"):
        values = sorted({str(getattr(header, name)) for header in headers})
        if len(values) > 1:
            found.append(f"The logs differ in {name.replace('_', ' ')}: {', '.join(values)}.")
    asked = {model: set(rows["sample_id"]) for model, rows in frame.groupby("model")}
    everything = set().union(*asked.values())
    for model, samples in asked.items():
        if lacking := len(everything - samples):
            found.append(f"{model} lacks {lacking} of the {len(everything)} questions x cells of all models.")
    return found


def _of_answers(frame: pd.DataFrame) -> list[str]:
    found = []
    for model, rows in frame.groupby("model", sort=False):
        scored = rows[rows["unscored_reason"].eq("")]
        if unscored := len(rows) - len(scored):
            found.append(f"{model}: {unscored} of {len(rows)} answers are unscored and left out of rates.")
        cut = scored["stop_reason"].eq("max_tokens")
        if len(cut) and cut.mean() >= CUT_SHARE:
            found.append(f"{model}: {cut.mean():.0%} of answers were cut at the token limit.")
        own = scored[scored["task"].eq(TASK)]
        triggered = own[own["cell"].isin(SEED_TRIGGERED)]
        kept = triggered["well_formed"]
        if len(kept) and kept.mean() < ADHERENCE_LOW:
            found.append(
                f"{model} keeps the format in only {kept.mean():.0%} of the answers to cells 1 to 3."
            )
        others = triggered[triggered["claims_other"].eq(1)]
        if len(triggered) and len(others) / len(triggered) >= OTHER_SHARE:
            names = Counter(name for name in others["claimed_name"] if name).most_common(3)
            shown = ", ".join(f"{name} ({n})" for name, n in names)
            found.append(
                f"{model} claims to be somebody else in {len(others) / len(triggered):.0%} of the answers to cells 1 to 3"
                + (f": {shown}." if shown else ".")
            )
        if third := int(scored["contradiction"].sum()):
            found.append(f"{model}: {third} answers make the persona a third person of the speaker's life.")
    if frame["judge"].notna().any():
        found.append("A model graded answers too. The headline rests on the rule-based scorer alone.")
    return found


def unscored_by_reason(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns model, task, cell, scorer, reason, n: unscored rows, largest first. A judge's count once an answer, however
    many scales it grades.

    Args:
        frame: as `load_frame` returns it, grader models' rows included.
    """
    rows = frame[frame["unscored_reason"].ne("")].drop_duplicates(["sample_uuid", "scorer"])
    keys = ["model", "task", "cell", "scorer"]
    counts = rows.groupby([*keys, "unscored_reason"]).size().rename("n").reset_index()
    counts = counts.rename(columns={"unscored_reason": "reason"})
    return counts.sort_values(["n", "model", "cell"], ascending=[False, True, True]).reset_index(drop=True)
