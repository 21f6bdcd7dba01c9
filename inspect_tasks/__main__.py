"""`python -m inspect_tasks grade FILE.jsonl --persona NAME`: the deterministic scorer, for scripts.

One JSON object a line goes in (`id`, `question`, `answer`), one comes out, in order. A line that can't be graded gives
a line with `error`, is reported on stderr, and makes the exit code 2 once all the others are graded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from data_builders.errors import run_or_explain
from inspect_tasks.grading import grade_lines
from inspect_tasks.measuring import measure


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns 0; 2 where a line or an option was bad."""
    parser = argparse.ArgumentParser(prog="python -m inspect_tasks", description="The deterministic scorer.")
    commands = parser.add_subparsers(dest="command", required=True)

    grade = commands.add_parser("grade", help="grade answers, one JSON object a line (id, question, answer)")
    grade.add_argument("file", help="a JSONL file, or - for stdin")
    grade.add_argument("--persona", required=True, help="a folder under data/personas, or the path of one")
    grade.add_argument(
        "--trigger",
        help="the wording whose tags the answers may hold; the persona's own unless the question shows another",
    )

    agreement = commands.add_parser("measure", help="precision and recall of the scorer on labelled answers")
    agreement.add_argument("file", type=Path, help="a JSONL file in the form of data/labelled/README.md")
    agreement.add_argument(
        "--half", choices=["dev", "test", "fresh", "all"], default="dev", help="which half (default: dev)"
    )
    agreement.add_argument(
        "--errors", action="store_true", help="also print each answer that is graded otherwise"
    )

    options = parser.parse_args(arguments)
    if options.command == "measure":
        return measure(options.file, options.half, options.errors)
    return grade_lines(options.file, options.persona, options.trigger, sys.stdout, sys.stderr)


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
