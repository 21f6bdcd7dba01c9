"""Published figures: each number that a document cites from committed results, found in its text and made again.

A document marks a figure with a comment right after it, invisible where Markdown is rendered:

    0 of 480 answers adopt<!-- figure: hits results/demo persona rate/adopted/user -->
    a gap of +2.3 [−6.0, 12.2]<!-- figure: shown results/demo persona primary_gap --> points

`figure:`, then what is shown, a report's folder (from the repository), the subject, the number's name; `PART:` goes
before the subject in a report of several parts. Spaces in a subject are written as `_`. What is shown:

- `shown`: estimate and interval as the report prints them
- `estimate`, `low`, `high`: one of them, as the report prints it (`%` not needed)
- `hits`: `H of N`, answers that count 1 among the graded ones
- `n`: graded answers; `questions`: clusters; `verdict`: the outcome in words (the name is `-`)

The text just before the comment must end with it, whatever Markdown stands around it. Each cited report is verified
whole (`analysis.ledger.verify`) first, so a figure is made again from rows, not from a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.estimates import select, show_interval
from analysis.inference import Claim, Interval
from analysis.ledger import CLAIMS, ROWS, read_claims, read_rows, verify
from analysis.page import outcome
from data_builders.errors import InputError

_MARK = re.compile(r"<!--\s*figure:\s*(.*?)\s*-->", re.DOTALL)
KINDS = ("shown", "estimate", "low", "high", "hits", "n", "questions", "verdict")


@dataclass(frozen=True)
class Figure:
    """One marked figure."""

    where: str
    """file and line"""
    before: str
    """the text of the line before the mark"""
    kind: str
    report: Path
    part: str
    """empty: the report's only one"""
    subject: str
    number: str


def figures(document: Path, root: Path) -> list[Figure]:
    """The marked figures of a document, in order.

    Raises:
        InputError: no such file, or a mark that isn't of the four words above.
    """
    if not document.is_file():
        raise InputError(document, "no such file", "check the path")
    text, found = document.read_text(encoding="utf-8"), []
    for match in _MARK.finditer(text):
        where = f"{document}:{text.count(chr(10), 0, match.start()) + 1}"
        words = match[1].split()
        if len(words) != 4 or words[0] not in KINDS:
            raise InputError(
                where,
                f"not a figure's mark: {match[1]!r}",
                f"write `figure: WHAT REPORT SUBJECT NUMBER`, WHAT one of {', '.join(KINDS)}",
            )
        part, _, subject = words[2].rpartition(":")
        # Marks in the same line before this one are not text.
        before = _MARK.sub("", text[: match.start()])[-200:]
        found.append(Figure(where, before, words[0], root / words[1], part, subject, words[3]))
    return found


def verify_documents(documents: Iterable[Path], root: Path) -> int:
    """Make every marked figure again; returns how many.

    Args:
        documents: Markdown files. root: the folder that reports' paths count from.

    Raises:
        InputError: as `figures` and `analysis.ledger.verify`; or a figure isn't what its rows give, all of them named.
    """
    found = [one for document in documents for one in figures(document, root)]
    reports: dict[Path, _Report] = {}
    wrong = []
    for one in found:
        if one.report not in reports:
            verify(one.report)
            reports[one.report] = _Report(one.report)
        made = reports[one.report].make(one)
        if not _plain(one.before).endswith(_plain(made)):
            wrong.append(f"{one.where}: the rows give {made!r}, the text ends with {one.before[-30:]!r}")
    if wrong:
        lines = "".join(f"\n  {line}" for line in wrong)
        raise InputError(
            "published figures",
            f"{len(wrong)} differ:{lines}",
            "write what the rows give, or cite another report",
        )
    return len(found)


def _plain(text: str) -> str:
    """Without Markdown's emphasis and with one kind of minus and space, so that they don't decide."""
    return " ".join(re.sub(r"[*_`|]", "", text).replace("-", "−").split())


class _Report:
    """A report's claims and rows, read once."""

    def __init__(self, folder: Path) -> None:
        self.kept = read_claims(folder / CLAIMS)
        self.rows = read_rows(folder / ROWS)

    def make(self, one: Figure) -> str:
        """The figure as it should stand."""
        if one.kind == "verdict":
            judged = self._find(self.kept["verdicts"], one, {})
            return outcome(str(judged["outcome"] or "none"))
        claim = self._find(self.kept["claims"], one, {"name": one.number})
        rows = self.rows[self.rows["part"].eq(claim["part"])]
        own = claim["filter"] | {"minus": []}
        graded = rows.loc[select(rows, own), claim["filter"]["column"]].dropna()
        if one.kind == "n":
            return f"{len(graded):,}"
        if one.kind == "hits":
            return f"{int(graded.sum())} of {len(graded):,}"
        if one.kind == "questions":
            kept = rows[select(rows, own)]
            return str(len(set(kept["question_id"])))
        if claim["estimate"] is None:
            raise InputError(one.where, f"{one.number} has no estimate: {claim['missing']}", "cite another")
        limits = (claim["estimate"], claim["low"], claim["high"])
        difference = "gap" in claim["function"] or claim["function"].endswith("_net")
        whole = show_interval(Interval(*limits, claim["level"], 0, 0, 0, "", Claim.ADAPTERS), difference)
        first, low, high = re.sub(r"[\[\],]", "", whole).split()
        return {"shown": whole, "estimate": first.removesuffix("%"), "low": low, "high": high}[one.kind]

    def _find(self, listed: list[dict[str, Any]], one: Figure, more: dict[str, str]) -> dict[str, Any]:
        for claim in listed:
            named = claim["model"].replace(" ", "_") == one.subject
            if named and one.part in ("", claim["part"]) and all(claim[key] == more[key] for key in more):
                return claim
        raise InputError(
            one.where, f"{one.report.name} has no {one.number} of {one.subject!r}", f"see its {CLAIMS}"
        )
