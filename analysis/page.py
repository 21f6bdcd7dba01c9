"""Page: the report as one HTML file and its Markdown twin, from the same context."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.drawing import Plot

TEMPLATES = Path(__file__).with_name("templates")
ADOPTED_SHOWN, SAMPLED = 3, 2
"""Answers to read in each cell of each model: adopted ones first, then a random sample of the others."""
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
        environment.filters |= {"image": as_image, "cell": table_cell, "fence": fence}
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


def fence(text: str) -> str:
    """Text as a Markdown code block that it can't close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{text}\n{marks}"


def answers_to_read(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A few of these answers: adopted ones first, then a random sample of the others (always the same one).

    Returns:
        Dicts with question, answer, adopted, flags (words), stop_reason, sample_id, epoch, sample_uuid, log.
    """
    adopted = rows[rows["adopted"].eq(1)].head(ADOPTED_SHOWN)
    others = rows[rows["adopted"].ne(1) & rows["answer"].ne("")]
    # Another seed for each cell, or every cell would show the same questions.
    seed = zlib.crc32(str(rows[["model", "cell"]].head(1).to_numpy().tolist()).encode())
    sampled = others.sample(min(SAMPLED, len(others)), random_state=seed)
    return [_to_read(row) for row in pd.concat([adopted, sampled]).to_dict("records")]


def _to_read(row: dict[Any, Any]) -> dict[str, Any]:
    flags = [flag.replace("_", " ") for flag in FLAGS if row[flag] == 1]
    answer = row["answer"]
    return {
        "question": row["question"],
        "answer": answer if len(answer) <= CUT else f"{answer[:CUT]} … (cut here; rows.csv has it whole)",
        "adopted": row["adopted"] == 1,
        "flags": [*flags, *([f"unscored: {row['unscored_reason']}"] if row["unscored_reason"] else [])],
        **{key: row[key] for key in ("stop_reason", "sample_id", "epoch", "sample_uuid", "log")},
    }


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
