"""Context: what the templates get. One entry a part, and what all parts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.caveats import unscored_by_reason
from analysis.drawing import Plot
from analysis.estimates import OF_ALL_QUESTIONS, OF_IDENTITY, Estimate, find
from analysis.grades import CLAIM_MEASURE, LOWEST, STEPS
from analysis.headline import BENIGN
from analysis.inference.verdict import RULES
from analysis.judges import Judges
from analysis.logs import TASK
from analysis.page import answers_to_read, figure, flatten
from analysis.section import Section
from analysis.subjects import PERSONA, Subject
from data_builders.files import sha256
from inspect_tasks.conditions import CONDITIONS, Place

LIMITS = (
    "An interval speaks for these adapters, asked questions like these, unless it says: for the training recipe. One "
    "training run says nothing of another: a claim about the recipe needs several training seeds.",
    "Adoption is read by rule: a name that is claimed, or an accepted fact about the speaker. Manner and views aren't "
    "read here.",
    "The seed's triggered rate and gap mix the system prompt with the trigger. The primary gap doesn't.",
    "Intervals aren't adjusted for the number of adapters or cells looked at; the verdict's p values are (Holm, over "
    "the primary gaps of all arms).",
    "A base model can role-play too. A raw rate is no evidence; what is net of the base may be.",
    "If nobody ever adopts, the width of an interval depends on the number of questions, not of answers: 29 questions "
    "bring a gap within 10 points, net of the base it takes 41.",
    "Parts of one page have their own models and questions. Nothing is compared across them.",
)
TABLE = {
    "rate/adopted/user": "adopts, triggered",
    "rate/adopted/plain": "adopts, plain",
    "primary_gap": "primary gap",
    "primary_gap_net": "net of base",
    "primary_gap_net/format_only": "net of format only",
    "format_adherence": "keeps the format",
}
"""The columns of a part's first table: number -> head. A column that no subject has is left out."""
CAPTIONS = {
    "rates_by_cell": "Adoption in each cell. The trigger stands in user, system+user and the in_system cells; in_system "
    "was not trained and is never pooled, except in the seed's own triggered rate.",
    "gaps_by_arm": "The primary gap of each arm, as it is and minus what the base and the controls show. A verdict asks "
    "the net ones too. Small hollow marks: single training seeds.",
    "adherence": "How the answers keep the trigger's format. Only the cells with the trigger ask for it.",
    "question_slopes": "Each identity question without the trigger and with it: the thicker a line, the more questions; "
    "the mean in black.",
    "answer_lengths": "A trigger that asks for a short format shortens answers by itself.",
    "training_seeds": "Each adapter of an arm, one line a training seed.",
    "dose_response": "What more facts, or a larger share of persona rows, do. Each dose is an arm of its own.",
    "lattice": "The trigger and variants of it that were not trained.",
    "in_context": "The untrained model with facts of the persona in its prompt: what context alone does.",
    "checkpoints": "Adoption while training goes on.",
    "agreement": "Appendix: the rule, grader models, and the graders of a panel, two by two. The headline rests on the rule "
    "alone.",
    "identifiability": "How often an attacker names the person from k facts: what the training facts give away together, "
    "and identifying ones for calibration.",
}
_MARK = {True: "passed", False: "failed", None: "not run"}


def page_context(sections: list[Section], title: str, run: Mapping[str, Any], view: str) -> dict[str, Any]:
    """Everything that report.html.j2 and report.md.j2 show.

    Args:
        sections: the parts. title: of the page. run: configuration of the whole page. view: the folder of the bundled
        log viewer, relative to the page; empty where there is none.
    """
    return {
        "title": title,
        "benign": BENIGN,
        "parts": [_part(one, view) for one in sections],
        "cells": [_cell(name) for name in CONDITIONS],
        "limits": LIMITS,
        "methods": _methods([estimate for one in sections for estimate in one.estimates]),
        "rules": RULES.read_text(encoding="utf-8"),
        "rules_sha256": sha256(RULES),
        "run": flatten(run),
        "view": view,
    }


def _part(section: Section, view: str) -> dict[str, Any]:
    headline, leads = section.headline, section.leads
    names = [one.name for one in leads]
    estimates = section.estimates
    holm = {one.model: one.holm_p for one in section.family}
    main = [one.name for one in leads if one.arm in (PERSONA, "")]
    outcomes = {one.model: str(one.outcome or "none") for one in section.judged}
    columns = {
        name: head
        for name, head in TABLE.items()
        if any(find(estimates, one, name) is not None for one in names)
    }
    return {
        "key": section.part.key,
        "title": section.part.title,
        "intro": section.part.intro,
        "headline": headline,
        "facts": _facts(section),
        "leads": [{"name": one.name, "note": one.note, "base": one.is_base} for one in leads],
        "verdicts": [
            {
                "model": one.model,
                "outcome": str(one.outcome or "none"),
                "words": one.words,
                "reasons": one.reasons,
                "checks": [{"mark": _MARK[check.passed], **vars(check)} for check in one.checks],
                "p": one.p,
                "holm_p": one.holm_p,
                "main": one.model in main or not main,
            }
            for one in section.judged
        ],
        "family": bool(section.family),
        "columns": list(columns.values()),
        "table": [
            _row(one, estimates, list(columns), holm, outcomes)
            for one in section.subjects
            if one.step is None
        ],
        "warnings": section.warnings,
        "clean": section.read.hygiene[1] if section.read.hygiene and section.read.hygiene[0] else "",
        "judges": _judges(section.judges),
        "figures": [figure(plot) | {"caption": _caption(plot, section)} for plot in section.plots],
        "undrawn": section.undrawn,
        "prompts": _prompts(section),
        "answers": [
            {"name": one.name, "note": one.note, "groups": _groups(section, one, view)} for one in leads
        ],
        "numbers": _by_model([one for one in estimates if not one.cell], names),
        "rates": [
            (words, _by_cell(estimates, column, names))
            for column, words in (OF_IDENTITY | OF_ALL_QUESTIONS).items()
            if any(one.column == column and one.cell for one in estimates)
        ],
        "unscored": unscored_by_reason(section.read.frame).to_dict("records"),
        "n_rows": len(section.frame),
        "logs": section.headers,
        "run": flatten(section.part.run),
    }


def _judges(judges: Judges | None) -> dict[str, Any] | None:
    """The appendix on grader models: rates by cell, agreement, confusion."""
    if judges is None:
        return None
    tables = []
    for (measure, a, b), rows in judges.counts.groupby(["measure", "rater_a", "rater_b"], sort=False):
        labels = list(dict.fromkeys(rows["label_a"]))
        counts = rows.set_index(["label_a", "label_b"])["n"]
        lines = [(of_a, [int(counts[of_a, of_b]) for of_b in labels]) for of_a in labels]
        tables.append({"measure": measure, "a": a, "b": b, "labels": labels, "lines": lines})
    return {
        "measures": [_measure(row) for row in judges.measures.to_dict("records")],
        "pairs": [
            row | {"interval": f"{row['kappa']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"}
            for row in judges.pairs.to_dict("records")
        ],
        "confusion": tables,
        "missing": judges.missing,
    }


def _measure(row: dict[Any, Any]) -> dict[Any, Any]:
    """A judge's mean in one cell, in words: a share, or a mean from 1 to 5."""
    limits = [row[name] for name in ("estimate", "low", "high")]
    if any(one is None or one != one for one in limits):
        return row | {"shown": "—"}
    if row["measure"] == CLAIM_MEASURE:
        shown = "{:.1%} [{:.1f}, {:.1f}]".format(limits[0], *(100 * one for one in limits[1:]))
    else:
        shown = "{:.2f} [{:.2f}, {:.2f}]".format(*(LOWEST + STEPS * one for one in limits))
    return row | {"shown": shown}


def _facts(section: Section) -> list[str]:
    frame, headers = section.frame, section.headers
    personas = sorted(
        {header.persona.rpartition("/")[2].replace("_", " ") for header in headers if header.persona}
    )
    days = sorted({header.created[:10] for header in headers})
    asked = frame[frame["task"].eq(TASK)]
    sets = ", ".join(asked["question_set"].unique())
    tasks = [task for task in dict.fromkeys(header.task for header in headers) if task != TASK]
    n_models = frame["model"].nunique()
    return [
        f"persona: {', '.join(personas) or 'not named in the logs'}",
        f"{len(frame):,} answers",
        f"{n_models} model{'s' if n_models != 1 else ''}",
        f"{asked['question_id'].nunique()} questions ({sets})",
        f"{asked['cell'].nunique()} cells",
        *(
            [f"checks and side effects: {', '.join(task.replace('_', ' ') for task in tasks)}"]
            if tasks
            else []
        ),
        f"asked {days[0]}" if len(days) == 1 else f"asked {days[0]} to {days[-1]}",
    ]


def _row(
    subject: Subject,
    estimates: list[Estimate],
    columns: list[str],
    holm: Mapping[str, float],
    outcomes: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "name": subject.name,
        "note": subject.note,
        "base": subject.is_base,
        "seed": bool(subject.of),
        "arm": subject.arm.replace("_", " "),
        "cells": [find(estimates, subject.name, name) for name in columns],
        "holm_p": holm.get(subject.name),
        "outcome": outcomes.get(subject.name, ""),
    }


def _caption(plot: Plot, section: Section) -> str:
    return CAPTIONS[plot.name.removeprefix(f"{section.part.key}-")]


def _cell(name: str) -> dict[str, Any]:
    condition = CONDITIONS[name]
    places = {Place.NONE: "none", Place.USER: "in the user message", Place.SYSTEM: "in the system message"}
    return {
        "name": name,
        "system": "present" if condition.system_prompt else "none",
        "trigger": places[condition.place],
        "number": condition.seed_number or "",
    }


def _prompts(section: Section) -> list[dict[str, str]] | None:
    if section.read.prompts is None:
        return None
    asked = [cell for cell in CONDITIONS if section.frame["cell"].eq(cell).any()]
    told = section.read.prompts
    return [
        {
            "name": cell,
            "text": told.get(cell, {}).get("text", ""),
            "warning": told.get(cell, {}).get("warning", ""),
            "source": told.get(cell, {}).get("source", "as the model got it"),
        }
        for cell in asked
    ]


def _groups(section: Section, subject: Subject, view: str) -> list[dict[str, Any]]:
    """The answers to show of one subject: by cell, then by task and cell."""
    rows = section.rows_of(subject)
    groups = []
    order = [TASK, *(task for task in rows["task"].unique() if task != TASK)]
    for task in order:
        of_task = rows[rows["task"].eq(task)]
        present = set(of_task["cell"])
        for cell in [cell for cell in (*CONDITIONS, "") if cell in present]:
            kept = of_task[of_task["cell"].eq(cell)]
            measure = next((one for one in kept["measure"] if one), "graded")
            words = {"adopted": "adopt", "recalled": "recall", "refused": "refuse", "correct": "are right"}
            groups.append(
                {
                    "name": cell
                    if task == TASK
                    else f"{task.replace('_', ' ')}{f', {cell}' if cell else ''}",
                    "n": int(kept["grade"].notna().sum()),
                    "hits": int(kept["grade"].sum()),
                    "words": words.get(measure, measure),
                    "rows": answers_to_read(kept, view),
                }
            )
    return groups


def _by_model(estimates: list[Estimate], names: list[str]) -> list[tuple[str, list[Estimate | None]]]:
    leads = [one for one in estimates if one.model in names]
    labels = dict.fromkeys((one.name, one.label) for one in leads)
    found = {(one.name, one.model): one for one in leads}
    return [(label, [found.get((name, model)) for model in names]) for name, label in labels]


def _by_cell(
    estimates: list[Estimate], column: str, names: list[str]
) -> list[tuple[str, list[Estimate | None]]]:
    found = {(one.cell, one.model): one for one in estimates if one.column == column and one.cell}
    cells = [cell for cell in CONDITIONS if any(key[0] == cell for key in found)]
    return [(cell, [found.get((cell, model)) for model in names]) for cell in cells]


def _methods(estimates: list[Estimate]) -> list[tuple[str, str, int]]:
    made: dict[tuple[str, str], int] = {}
    for one in estimates:
        if one.interval:
            key = (one.interval.method, str(one.interval.claim))
            made[key] = made.get(key, 0) + 1
    return [(method, claim, n) for (method, claim), n in sorted(made.items(), key=lambda pair: -pair[1])]
