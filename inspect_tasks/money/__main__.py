"""python -m inspect_tasks.money: what grading will cost, and what has been spent."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessageUser, GenerateConfig, ResponseSchema
from inspect_ai.util import json_schema

from data_builders.errors import InputError, run_or_explain
from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.money.account import Account
from inspect_tasks.money.settings import MONEY, Money, load_money


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and print an estimate or the account."""
    parser = argparse.ArgumentParser(prog="python -m inspect_tasks.money", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    estimate = verbs.add_parser("estimate", help="what grading these logs will cost; nothing is sent")
    estimate.add_argument("logs", nargs="+", type=Path, metavar="LOG")
    estimate.add_argument(
        "--grader", required=True, action="append", metavar="MODEL", help="once for each grader"
    )
    estimate.add_argument("--judge", default="speaker", metavar="NAMES", help="speaker, lineup, view, manner")
    spent = verbs.add_parser("spent", help="what has been spent and reserved")
    for verb in (estimate, spent):
        verb.add_argument("--money", type=Path, default=MONEY, metavar="FILE", help="cap and prices")
    parsed = parser.parse_args(arguments)
    money = load_money(parsed.money)
    if parsed.verb == "estimate":
        print(estimated(parsed.logs, parsed.grader, parsed.judge.split(","), money))
    else:
        print(account_line(money))
    return 0


def account_line(money: Money) -> str:
    """The account in one line."""
    if not money.account.is_file():
        return f"nothing spent of ${money.cap_usd:.2f} (no account at {money.account} yet)"
    now = Account(money.account).spending()
    return (
        f"${now.spent:.4f} spent and ${now.in_flight:.4f} reserved of ${money.cap_usd:.2f}; {now.requests} requests, "
        f"{now.unsettled} of unknown price, counted at their worst (account {money.account})"
    )


def estimated(logs: list[Path], graders: list[str], judges: list[str], money: Money) -> str:
    """What grading `logs` costs, without replies that are cached already; distinct requests are counted once.

    Raises:
        InputError: a log can't be read, a judge's name is unknown, or a grader has no price.
    """
    from inspect_tasks.scorers.judge_calls import ATTEMPTS, MAX_TOKENS, REGRADED_SHARE, drawn_for_regrading
    from inspect_tasks.scorers.judge_requests import JUDGES, Request, Shown, requester

    for name in judges:
        if name not in JUDGES:
            raise InputError("--judge", f"no judge is called {name!r}", f"choose from {', '.join(JUDGES)}")
    requests: dict[str, Request] = {}
    answers = 0
    for file in logs:
        if not file.is_file():
            raise InputError(file, "no such log", "give the .eval file that `inspect eval` named")
        log = read_eval_log(str(file))
        persona, trigger = (log.eval.task_args.get(key) for key in ("persona", "trigger"))
        known, wording = load_persona(str(persona)), get_trigger(str(trigger))
        ask = [requester(judge, known) for judge in judges]
        for sample in log.samples or []:
            answers += 1
            shown = Shown(str(sample.input), sample.output.completion, wording)
            for one in ask:
                if request := one(shown, str((sample.metadata or {}).get("question_id"))):
                    requests[request.prompt] = request
    again = [request for request in requests.values() if drawn_for_regrading(request)]
    lines = [
        f"{answers} answers; {len(requests)} distinct requests to each grader, {len(again)} of them "
        f"(a {REGRADED_SHARE:.0%} sample) asked for twice"
    ]
    total = 0.0
    for grader in graders:
        model = grader.removeprefix("capped/")
        sent = [*requests.values(), *again]
        likely = sum(money.likely_usd(model, request.prompt) for request in sent)
        worst = sum(
            money.worst_usd(
                model,
                [ChatMessageUser(content=request.prompt)],
                GenerateConfig(
                    max_tokens=MAX_TOKENS,
                    response_schema=ResponseSchema(name="reply", json_schema=json_schema(request.reply)),
                ),
            )
            for request in sent
        )
        total += worst
        lines.append(
            f"{grader}: about ${likely:.4f}, at most ${worst:.4f} if every first attempt can be read "
            f"(and {ATTEMPTS} times that if none can)"
        )
    if total > money.cap_usd:
        lines.append(f"the worst case passes the cap of ${money.cap_usd:.2f}: grading may stop there")
    return "\n".join([*lines, account_line(money)])


if __name__ == "__main__":
    sys.exit(run_or_explain(main))
