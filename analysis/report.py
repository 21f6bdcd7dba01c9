"""Report: from logs to a page, its Markdown twin, plots and tables; each number traces to its rows."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from inspect_ai.log import bundle_log_dir

from analysis.caveats import unscored_by_reason
from analysis.context import page_context
from analysis.estimates import as_table
from analysis.headline import Headline
from analysis.kept import ABOUT, about, read_report
from analysis.ledger import CLAIMS, ROWS, claims, kept_file, ledger, require_unchanged, write_packed
from analysis.page import render
from analysis.parts import Part, require_parts
from analysis.section import Section, make_section, section_of
from data_builders.files import write_atomic

VIEW = "view"
"""The folder of the bundled log viewer, below the report's."""


def write_report(
    logs: list[Path],
    out: Path,
    *,
    title: str,
    base: str,
    notes: Mapping[str, str],
    prompts: Mapping[str, Mapping[str, str]] | None,
    run: Mapping[str, Any],
    cache: Path | None = None,
    bundle: bool = False,
) -> Headline:
    """As `write_parts`, of one study.

    Args:
        logs: log files of inspect_tasks, or folders that hold them. The rest: as `Part` and `write_parts` take
        them.
    """
    part = Part("study", title, list(logs), base, notes, prompts, run)
    return write_parts([part], out, title=title, cache=cache, bundle=bundle)[0]


def write_parts(
    parts: list[Part],
    out: Path,
    *,
    title: str,
    run: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    bundle: bool = False,
) -> list[Headline]:
    """Write one page of all parts into `out`: index.html, report.md, rows.csv, headline.csv, estimates.csv,
    verdicts.csv, unscored.csv, plots/, about.json (`analysis.kept`) and claims.json (the ledger of `analysis.ledger`);
    where grader models graded, judges.csv, agreement.csv and confusion.csv too.

    Args:
        parts: the studies, in the order of the page. out: a folder, made if need be. Nothing is written before
        everything is computed. title: of the page. run: what binds the whole page, shown as it is. cache: a folder
        for what was read of the logs, as `analysis.cache` keeps it; None reads them. bundle: also put Inspect's log
        viewer with these logs under view/, and link each shown answer into it; it is read over HTTP
        (`python -m http.server -d OUT`).

    Returns:
        The parts' headlines, in their order.

    Raises:
        InputError: as `load_frame`; no log is of a part's base; or two parts share a key.
    """
    require_parts(parts)
    return _write([make_section(part, out, cache) for part in parts], out, title, run or {}, bundle)


def write_again(report: Path, out: Path | None = None) -> list[Headline]:
    """Write a report again from its own rows, by the code as it stands.

    Args:
        report: its folder. out: where to; None writes over it. Rows that were packed (rows.csv.xz) stay packed.

    Raises:
        InputError: the rows aren't those that its ledger vouches for, or as `kept.read_report`. Nothing is written then.
    """
    packed = kept_file(report / ROWS)
    require_unchanged(report, ROWS)
    title, run, parts = read_report(report, packed)
    target = out or report
    headlines = _write([section_of(part, read, target) for part, read in parts], target, title, run, False)
    if target == report and packed.name != ROWS:
        write_packed(packed, (report / ROWS).read_bytes())
        (report / ROWS).unlink()
    return headlines


def _write(
    sections: list[Section], out: Path, title: str, run: Mapping[str, Any], bundle: bool
) -> list[Headline]:
    if len(sections) > 1:  # one folder of plots for all: each part's have its key in their names
        sections = [
            dataclasses.replace(one, plots=[_prefixed(plot, one.part.key) for plot in one.plots])
            for one in sections
        ]
    html, markdown = render(page_context(sections, title, run, VIEW if bundle else ""))
    tables = _tables(sections)
    for name, table in tables.items():
        write_atomic(out / name, table.to_csv(index=False))
    drawn = [plot for one in sections for plot in one.plots]
    for plot in drawn:
        write_atomic(out / "plots" / f"{plot.name}.png", plot.png)
        write_atomic(out / "plots" / f"{plot.name}.svg", plot.svg)
    write_atomic(out / ABOUT, about(sections, title, run))
    write_atomic(out / "report.md", markdown)
    write_atomic(out / "index.html", html)
    if bundle:
        _bundle(sections, out / VIEW)
    images = [f"plots/{plot.name}.{kind}" for plot in drawn for kind in ("png", "svg")]
    listed = [claim for one in sections for claim in claims(one.part.key, one.estimates, one.frame)]
    bases = {one.part.key: one.part.base for one in sections}
    judged = {one.part.key: one.judged for one in sections}
    files = [*tables, *images, ABOUT, "report.md", "index.html"]
    write_atomic(out / CLAIMS, ledger(out, files, bases, listed, judged))
    return [one.headline for one in sections]


def _prefixed(plot: Any, key: str) -> Any:
    return dataclasses.replace(plot, name=f"{key}-{plot.name}")


def _tables(sections: list[Section]) -> dict[str, pd.DataFrame]:
    def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
        keyed = zip((one.part.key for one in sections), tables, strict=True)
        kept = [table.assign(part=key) for key, table in keyed if len(table)] or [tables[0].assign(part="")]
        table = pd.concat(kept, ignore_index=True)
        return table[["part", *(column for column in table.columns if column != "part")]]

    return {
        ROWS: joined([one.read.frame for one in sections]),
        "estimates.csv": joined([as_table(one.estimates, one.notes) for one in sections]),
        "headline.csv": joined([as_table(list(one.headline.estimates), one.notes) for one in sections]),
        "verdicts.csv": joined([_verdicts(one) for one in sections]),
        "unscored.csv": joined([unscored_by_reason(one.read.frame) for one in sections]),
        **_judged([one for one in sections if one.judges]),
        **{f"plots/{plot.name}.csv": plot.data for one in sections for plot in one.plots},
    }


def _judged(sections: list[Section]) -> dict[str, pd.DataFrame]:
    """What grader models said, where any did."""
    tables = {"judges.csv": "measures", "agreement.csv": "pairs", "confusion.csv": "counts"}
    return {
        name: pd.concat([getattr(one.judges, table).assign(part=one.part.key) for one in sections])
        for name, table in tables.items()
        if sections
    }


def _verdicts(section: Section) -> pd.DataFrame:
    """Columns model, outcome (empty where there is none), words, reasons, p, holm_p, and a column a check."""
    rows = [
        {
            "model": one.model,
            "outcome": str(one.outcome or ""),
            "words": one.words,
            "reasons": "; ".join(one.reasons),
            "p": one.p,
            "holm_p": one.holm_p,
            **{check.name: "not run" if check.passed is None else check.words for check in one.checks},
        }
        for one in section.judged
    ]
    return pd.DataFrame(rows, columns=None if rows else ["model", "outcome", "words"])


def _bundle(sections: list[Section], folder: Path) -> None:
    """Inspect's viewer with the logs of all parts, in place of an older one."""
    with tempfile.TemporaryDirectory() as temporary:
        for section in sections:
            for file in section.read.files:
                shutil.copy(file, Path(temporary) / file.name)
        bundle_log_dir(temporary, str(folder), overwrite=True)
