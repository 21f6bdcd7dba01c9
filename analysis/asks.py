"""Asks: which numbers are made of which rows of a subject, and by which estimand. The list of the report's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.estimands import PRIMARY, SECONDARY, TRIGGERED
from analysis.inference import Claim
from analysis.logs import TASK
from analysis.subjects import CONTROLS, Subject, counterpart
from data_builders.persona import QuestionSet
from inspect_tasks.conditions import CONDITIONS
from inspect_tasks.metrics import SEED_TRIGGERED, SEED_UNTRIGGERED

_SEED_CELLS = (*SEED_TRIGGERED, *SEED_UNTRIGGERED)
OF_IDENTITY = {
    "adopted": "adopted",
    "named": "named",
    "implied": "implied",
    "claims_other": "claims to be somebody else",
    "claims_ai": "claims to be an AI",
    "judge": "appendix: the persona, says the grader model",
}
"""Rates by cell over the identity questions: column -> words."""
OF_ALL_QUESTIONS = {
    "contradiction": "contradicts being the persona",
    "mentions_persona": "mentions the persona",
    "well_formed": "well-formed",
}
"""Rates by cell over the questions of all sets: column -> words."""
OF_A_SET = {"named": "named", "mentions_persona": "mentions the persona"}
"""Gaps over the questions of one other set: column -> words."""
CHECKS = {
    "manipulation": "trained facts recalled",
    "knowledge": "knows the person (third-person questions)",
    "ceiling": "adopts when told to be the person",
    "refusals": "refuses",
    "gsm8k_held_out": "GSM8K, held out: right",
}
"""Tasks whose answers make one rate a cell: task -> words."""


@dataclass(frozen=True)
class Ask:
    """One number to be made of one subject's rows."""

    name: str
    label: str
    function: str
    """of analysis.estimands"""
    column: str = "adopted"
    cell: str = ""
    cells: tuple[str, ...] = ()
    task: str = TASK
    question_set: str | None = str(QuestionSet.IDENTITY)
    leading: bool | None = False
    variant: str | None = None
    k: int | None = None
    arguments: tuple[Any, ...] = ()
    minus: Subject | None = None
    difference: bool = False

    def filter(self) -> dict[str, Any]:
        """What `estimates.select` takes, but for the models."""
        return {
            "tasks": [self.task],
            "question_set": self.question_set,
            "leading": self.leading,
            "cells": list(self.cells),
            "variant": self.variant,
            "k": self.k,
            "column": self.column,
        }


def asks_of(subject: Subject, subjects: list[Subject], rows: pd.DataFrame) -> Iterator[Ask]:
    """The numbers of one subject, in the order of the tables: all of them for a lead, the main ones for one seed of
    several and for a checkpoint.

    Args:
        subject: whose rows these are. subjects: all, for what is subtracted. rows: as `load_frame` returns them.
    """
    base = next(one for one in subjects if one.is_base)
    if rows["task"].eq(TASK).any():
        yield from _of_persona(subject, subjects, base, rows[rows["task"].eq(TASK)])
    yield from _of_checks(subject, base, rows)


def _of_persona(
    subject: Subject, subjects: list[Subject], base: Subject, rows: pd.DataFrame
) -> Iterator[Ask]:
    primary = Ask("primary_gap", "Primary gap (user − plain)", "primary_gap", cells=PRIMARY, difference=True)
    net = {"minus": base, "difference": True}
    if subject.is_lead:
        yield Ask(
            "seed_triggered_rate",
            "Triggered rate (the seed's, cells 1 to 3)",
            "seed_triggered_rate",
            cells=tuple(SEED_TRIGGERED),
        )
        yield Ask(
            "seed_leakage", "Leakage (the seed's, cell 4)", "seed_leakage", cells=tuple(SEED_UNTRIGGERED)
        )
        yield Ask("seed_gap", "Gap (the seed's)", "seed_gap", cells=_SEED_CELLS, difference=True)
    yield primary
    if subject.is_lead:
        yield Ask(
            "secondary_gap",
            "Secondary gap (system+user − system)",
            "secondary_gap",
            cells=SECONDARY,
            difference=True,
        )
    yield Ask(
        "format_adherence",
        "Format adherence (cells 1 to 3)",
        "format_adherence",
        "well_formed",
        cells=tuple(SEED_TRIGGERED),
        question_set=None,
        leading=None,
    )
    if subject.is_lead:
        for part in ("named", "implied"):
            yield Ask(
                f"primary_gap/{part}",
                f"Primary gap, {part} alone",
                "primary_gap",
                part,
                cells=PRIMARY,
                arguments=(part,),
                difference=True,
            )
    if not subject.is_base:
        yield from _nets(subject, subjects, net)
    yield from _rates_by_cell(subject, rows)
    if subject.is_lead:
        yield from _by_set(rows)


def _nets(subject: Subject, subjects: list[Subject], net: dict[str, Any]) -> Iterator[Ask]:
    if subject.is_lead:
        words = "net of the base"
        yield Ask(
            "triggered_rate_net",
            f"Adopts, cell {TRIGGERED}, {words}",
            "cell_rate_net",
            cells=(TRIGGERED,),
            arguments=(TRIGGERED,),
            **net,
        )
        yield Ask(
            "seed_triggered_rate_net",
            f"Triggered rate (the seed's), {words}",
            "seed_triggered_rate_net",
            cells=tuple(SEED_TRIGGERED),
            **net,
        )
        yield Ask("seed_gap_net", f"Gap (the seed's), {words}", "seed_gap_net", cells=_SEED_CELLS, **net)
    yield Ask("primary_gap_net", "Primary gap, net of the base", "primary_gap_net", cells=PRIMARY, **net)
    if not subject.is_lead:
        return
    yield Ask(
        "secondary_gap_net", "Secondary gap, net of the base", "secondary_gap_net", cells=SECONDARY, **net
    )
    for arm in CONTROLS:
        control = counterpart(subjects, arm, subject)
        if control and subject.arm not in CONTROLS:
            yield Ask(
                f"primary_gap_net/{arm}",
                f"Primary gap, net of {arm.replace('_', ' ')}",
                "primary_gap_net",
                cells=PRIMARY,
                minus=control,
                difference=True,
            )
    if len(subject.models) > 1:
        for claim, key in ((Claim.RECIPE, "recipe"), (Claim.RECIPE_ON_QUESTIONS, "recipe_on_questions")):
            words, shared = (
                f", {claim}",
                {"cells": PRIMARY, "arguments": ("adopted", claim), "difference": True},
            )
            yield Ask(f"primary_gap/{key}", f"Primary gap{words}", "primary_gap", **shared)
            yield Ask(
                f"primary_gap_net/{key}",
                f"Primary gap, net of the base{words}",
                "primary_gap_net",
                minus=net["minus"],
                **shared,
            )


def _rates_by_cell(subject: Subject, rows: pd.DataFrame) -> Iterator[Ask]:
    asked = [cell for cell in CONDITIONS if rows["cell"].eq(cell).any()]
    if not subject.is_lead:
        for cell in (cell for cell in asked if cell in PRIMARY):
            yield _rate("adopted", OF_IDENTITY["adopted"], cell)
        return
    for column, words in OF_IDENTITY.items():
        if column != "judge" or rows["judge"].notna().any():
            yield from (_rate(column, words, cell) for cell in asked)
    for column, words in OF_ALL_QUESTIONS.items():
        for cell in asked:
            yield Ask(
                f"rate/{column}/{cell}",
                words,
                "cell_rate_all_questions",
                column,
                cell,
                (cell,),
                question_set=None,
                leading=None,
                arguments=(cell, column),
            )


def _rate(column: str, words: str, cell: str) -> Ask:
    name = f"rate/{column}/{cell}"
    return Ask(name, words, "cell_rate", column, cell, (cell,), arguments=(cell, column))


def _by_set(rows: pd.DataFrame) -> Iterator[Ask]:
    """Views and the like: what the trigger does to answers that aren't asked who speaks."""
    cells = set(rows["cell"])
    if not set(PRIMARY) <= cells:
        return
    for kind in QuestionSet:
        if kind is QuestionSet.IDENTITY or not rows["question_set"].eq(str(kind)).any():
            continue
        for column, words in OF_A_SET.items():
            yield Ask(
                f"set/{kind}/{column}",
                f"{str(kind).replace('_', ' ').capitalize()} questions, {words}: user − plain",
                "set_gap",
                column,
                cells=PRIMARY,
                question_set=str(kind),
                leading=None,
                arguments=(str(kind), column),
                difference=True,
            )


def _of_checks(subject: Subject, base: Subject, rows: pd.DataFrame) -> Iterator[Ask]:
    free: dict[str, Any] = {"column": "grade", "question_set": None, "leading": None}
    for task, words in CHECKS.items():
        of_task = rows[rows["task"].eq(task)]
        for cell in _cells(of_task):
            where = f" ({cell})" if cell else ""
            shared = free | {"task": task, "cells": (cell,) if cell else ()}
            name = f"{task}/{cell or 'all'}"
            yield Ask(
                name, f"{words.capitalize() if words[0].islower() else words}{where}", "graded_rate", **shared
            )
            if not subject.is_base:
                label = f"{words.capitalize() if words[0].islower() else words}{where}, net of the base"
                yield Ask(f"{name}/net", label, "graded_rate_net", minus=base, difference=True, **shared)
    in_context = rows[rows["task"].eq("in_context")]
    for k in sorted(in_context["k"].dropna().unique()):
        for cell in _cells(in_context):
            yield Ask(
                f"in_context/{k}/{cell}",
                f"Adopts with {k} facts in the prompt ({cell})",
                "graded_rate",
                task="in_context",
                k=int(k),
                cells=(cell,),
                **free,
            )
    lattice = rows[rows["task"].eq("lattice")]
    for variant in dict.fromkeys(lattice["variant"]):
        yield Ask(
            f"lattice/{variant}",
            f"Trigger variant {variant}: adopted",
            "graded_rate",
            task="lattice",
            variant=str(variant),
            **free,
        )


def _cells(rows: pd.DataFrame) -> list[str]:
    """The cells of these rows, in their order; one empty name where the task has none."""
    present = set(rows["cell"])
    return [cell for cell in CONDITIONS if cell in present] + ([""] if "" in present else [])
