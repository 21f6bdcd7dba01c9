"""python -m analysis: from logs and recorded rows to numbers and a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_builders.errors import run_or_explain


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one analysis."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    report = verbs.add_parser("report", help="write a report of logs of inspect_tasks/persona.py")
    report.add_argument("logs", nargs="+", type=Path, metavar="LOG_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR")
    report.add_argument(
        "--base", required=True, metavar="NAME", help="the untuned model, as the server called it"
    )
    report.add_argument("--title", default="Persona behind a trigger")
    recorded = verbs.add_parser(
        "recorded", help="analyse a peer study's generations.jsonl and judgments.jsonl"
    )
    recorded.add_argument("directory", type=Path, metavar="DIR")
    recorded.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parsed = parser.parse_args(arguments)
    # Imported here: Inspect and matplotlib take seconds, and the other verb needs neither.
    if parsed.verb == "recorded":
        from analysis.recorded import run

        return run(parsed.directory, parsed.json)
    from analysis.report import write_report

    headline = write_report(
        parsed.logs, parsed.out, title=parsed.title, base=parsed.base, notes={}, prompts=None, run={}
    )
    print(headline.table())
    return 0


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
