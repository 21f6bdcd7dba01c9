"""Page: the report as one HTML file and its Markdown twin, from the same context."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.drawing import Plot

TEMPLATES = Path(__file__).with_name("templates")
BEST, WORST, SAMPLED = 3, 2, 2
"""Answers to read in each cell of each subject: hits, odd ones, and a random sample of the others."""
CUT = 1500
"""An answer is shown up to here, in characters; rows.csv has it whole."""
FLAGS = ("named", "implied", "claims_other", "claims_ai", "contradiction", "well_formed")


def render(context: Mapping[str, Any]) -> tuple[str, str]:
    """The report as HTML and as Markdown. Model text is hostile: HTML is escaped by Jinja, Markdown is
    fenced."""
    loader = FileSystemLoader(TEMPLATES)
    settings: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    html = Environment(loader=loader, autoescape=True, **settings)
    markdown = Environment(loader=loader, autoescape=False, **settings)
    for environment in (html, markdown):
        environment.filters |= {
            "image": as_image,
            "cell": table_cell,
            "fence": fence,
            "outcome": outcome,
            "whole": whole,
        }
    return html.get_template("report.html.j2").render(context), markdown.get_template("report.md.j2").render(
        context
    )


def as_image(svg: str) -> str:
    """An SVG as a data address. In an `img` no script of it can run, and nothing of it is markup of the
    page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def table_cell(text: object) -> str:
    """Text that can't leave its cell of a Markdown table, nor be markup."""
    flat = " ".join(str(text).split())
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", flat)


def outcome(name: str) -> str:
    """A verdict's name in words: `bounded_null` as bounded null, `none` as no verdict."""
    return "no verdict" if name == "none" else name.replace("_", " ")


def whole(number: Any) -> str:
    """A count, empty where there is none."""
    return "" if number is None or number != number else f"{int(number):,}"


def fence(text: str) -> str:
    """Text as a Markdown code block that it can't close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{text}\n{marks}"


def answers_to_read(rows: pd.DataFrame, view: str = "") -> list[dict[str, Any]]:
    """A few of these answers: the best (hits, well-formed ones first), the worst (contradictions, claims to be somebody
    else, unscored ones, broken format where the trigger asked for one), then a random sample of the others, always the
    same one.

    Args:
        rows: answers of one subject and cell, columns as `load_frame` returns. view: the folder of the bundled log
        viewer, relative to the page; empty where there is none.

    Returns:
        Dicts with kind (hit, odd, sample), why, question, answer, flags (words), stop_reason, sample_id, epoch,
        sample_uuid, log, link (empty where there is no viewer).
    """
    hit = rows["grade"].eq(1) & rows["contradiction"].ne(1)
    best = rows[hit].sort_values("well_formed", ascending=False, kind="stable").head(BEST)
    worst, left = [], rows[~hit]
    for why, odd in _odd(left).items():
        kept = left[odd & ~left.index.isin([index for part, _ in worst for index in part.index])]
        room = WORST - sum(len(part) for part, _ in worst)
        worst.append((kept.head(min(1, room)), why))
    taken = [*best.index, *(index for part, _ in worst for index in part.index)]
    others = rows[~rows.index.isin(taken) & ~hit & rows["answer"].ne("")]
    # Another seed for each cell, or every cell would show the same questions.
    seed = zlib.crc32(str(rows[["model", "cell"]].head(1).to_numpy().tolist()).encode())
    sampled = others.sample(min(SAMPLED, len(others)), random_state=seed)
    return [
        *(_to_read(row, "hit", "", view) for row in best.to_dict("records")),
        *(_to_read(row, "odd", why, view) for part, why in worst for row in part.to_dict("records")),
        *(_to_read(row, "sample", "", view) for row in sampled.to_dict("records")),
    ]


def _odd(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """What makes an answer one of the worst, the gravest first."""
    broken = rows["triggered"] & rows["adherence"].isin(["tags_inside", "unclosed", "extra_text"])
    return {
        "contradicts being the persona": rows["contradiction"].eq(1),
        "claims to be somebody else": rows["claims_other"].eq(1),
        "unscored": rows["unscored_reason"].ne(""),
        "breaks the format": broken,
    }


def _to_read(row: dict[Any, Any], kind: str, why: str, view: str) -> dict[str, Any]:
    flags = [flag.replace("_", " ") for flag in FLAGS if row[flag] == 1]
    if row["measure"] not in ("", "adopted") and row["grade"] == 1:
        flags.append(row["measure"])
    answer = row["answer"]
    keys = ("stop_reason", "sample_id", "epoch", "sample_uuid", "log", "question")
    return {
        "kind": kind,
        "why": why,
        "answer": answer if len(answer) <= CUT else f"{answer[:CUT]} … (cut here; rows.csv has it whole)",
        "flags": [*flags, *([f"unscored: {row['unscored_reason']}"] if row["unscored_reason"] else [])],
        "link": viewer_link(view, row["log"], row["sample_id"], row["epoch"]) if view else "",
        **{key: row[key] for key in keys},
    }


def viewer_link(view: str, log: str, sample_id: object, epoch: object) -> str:
    """The address of one sample in a viewer that `inspect view bundle` made, relative to the page."""
    return f"{view}/index.html#/logs/{quote(log, '')}/samples/sample/{quote(str(sample_id), '')}/{epoch}/"


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted key, value) pairs, in the order given."""
    if isinstance(value, Mapping):
        return [
            pair
            for key, part in value.items()
            for pair in flatten(part, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list | tuple):
        return [(prefix, ", ".join(str(part) for part in value))]
    return [(prefix, str(value))]


def figure(plot: Plot) -> dict[str, str]:
    """What the templates need of a plot."""
    return {"name": plot.name, "alt": plot.alt, "light": plot.svg, "dark": plot.svg_dark}
