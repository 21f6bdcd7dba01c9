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
    report = verbs.add_parser("report", help="write a report of logs of inspect_tasks")
    report.add_argument("logs", nargs="+", type=Path, metavar="LOG_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR")
    report.add_argument(
        "--base", required=True, metavar="NAME", help="the untuned model, as the server called it"
    )
    report.add_argument("--title", default="Persona behind a trigger")
    report.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep what was read of the logs here, and use it again"
    )
    report.add_argument(
        "--bundle",
        action="store_true",
        help="put Inspect's log viewer beside the page and link each answer to it",
    )
    compared = verbs.add_parser("compare", help="two or more runs side by side")
    compared.add_argument("runs", nargs="+", type=Path, metavar="REPORT_OR_LOGS")
    compared.add_argument(
        "--base", nargs="+", default=[], metavar="NAME", help="for logs: the untuned model, one or one a run"
    )
    compared.add_argument(
        "--out", type=Path, metavar="DIR", help="for compare.csv, and a page where runs are logs"
    )
    exported = verbs.add_parser("export", help="every answer of some logs as one table")
    exported.add_argument("logs", nargs="+", type=Path, metavar="LOG_OR_DIR")
    exported.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .csv or .parquet")
    figures = verbs.add_parser("figures", help="make every marked figure of some documents again")
    figures.add_argument("documents", nargs="+", type=Path, metavar="FILE.md")
    verify = verbs.add_parser("verify", help="make every number of a report again from its rows")
    verify.add_argument("report", type=Path, metavar="REPORT_DIR")
    again = verbs.add_parser("again", help="write a report again from its own rows, by the code as it stands")
    again.add_argument("report", type=Path, metavar="REPORT_DIR")
    again.add_argument("--out", type=Path, metavar="DIR", help="another folder; without it, over the report")
    _add_power(verbs.add_parser("power", help="which questions, samples and seeds detect a gap"))
    recorded = verbs.add_parser(
        "recorded", help="analyse a peer study's generations.jsonl and judgments.jsonl"
    )
    recorded.add_argument("directory", type=Path, metavar="DIR")
    recorded.add_argument("--json", action="store_true", help="print JSON instead of a table")
    hygiene = verbs.add_parser(
        "hygiene",
        help="count traces of the trigger in what graders were sent; exit code 1 if there is one",
    )
    hygiene.add_argument(
        "logs",
        nargs="+",
        type=Path,
        metavar="LOG",
        help="logs, folders, a report's rows.csv, generations.jsonl",
    )
    hygiene.add_argument("--attack", action="store_true", help="also let a classifier guess the cell")
    hygiene.add_argument("--base", metavar="NAME", help="the untuned model, where logs don't hold their arm")
    parsed = parser.parse_args(arguments)
    # Imported here: Inspect and matplotlib take seconds, and other verbs need neither.
    if parsed.verb == "recorded":
        from analysis.recorded import run

        return run(parsed.directory, parsed.json)
    if parsed.verb == "verify":
        from analysis import ledger

        print(
            f"{ledger.verify(parsed.report)} numbers and the verdicts made again from rows.csv: all as claimed"
        )
        return 0
    if parsed.verb == "again":
        from analysis.report import write_again

        for headline in write_again(parsed.report, parsed.out):
            print(headline.table())
        return 0
    if parsed.verb == "figures":
        from analysis.published import verify_documents
        from data_builders.manifest import REPO

        print(f"{verify_documents(parsed.documents, REPO)} figures made again from committed rows")
        return 0
    if parsed.verb == "compare":
        from analysis.compare import compare

        print(compare(parsed.runs, parsed.base, parsed.out).text)
        return 0
    if parsed.verb == "export":
        from analysis.compare import export

        print(f"{parsed.out}: {export(parsed.logs, parsed.out):,} rows")
        return 0
    if parsed.verb == "hygiene":
        from analysis.hygiene import run as hygiene_run

        report, code = hygiene_run(parsed.logs, parsed.attack, parsed.base)
        print(report)
        return code
    if parsed.verb == "power":
        from analysis import power

        settings = {key: value for key, value in vars(parsed).items() if key != "verb"}
        print(power.run(**settings))
        return 0
    from analysis.report import write_report

    headline = write_report(
        parsed.logs,
        parsed.out,
        title=parsed.title,
        base=parsed.base,
        notes={},
        prompts=None,
        run={},
        cache=parsed.cache,
        bundle=parsed.bundle,
    )
    print(headline.table())
    return 0


def _add_power(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--questions", nargs="+", type=int, required=True, metavar="N")
    parser.add_argument("--samples", nargs="+", type=int, required=True, metavar="N", help="per question")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, metavar="N", help="training seeds")
    parser.add_argument(
        "--gap", dest="gaps", nargs="+", type=float, required=True, metavar="SHARE", help="0.1 is ten points"
    )
    parser.add_argument(
        "--pilot", type=Path, metavar="REPORT_DIR", help="a report to take rates and variances from"
    )
    parser.add_argument(
        "--adapters", nargs="+", metavar="NAME", help="the pilot's adapters of one recipe, each a seed"
    )
    parser.add_argument("--simulations", type=int, default=2000, metavar="N")


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
