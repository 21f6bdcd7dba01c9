"""Judges a persona's facts by the logs of `inspect_tasks/identify.py`: who could name the person, from how much?"""

from __future__ import annotations

from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from data_builders.attack_log import FactSet, Reply, facts_path, read_facts, read_replies
from data_builders.files import dump_json, dump_jsonl, sha256, write_atomic
from data_builders.logs import finished_log, require_distinct
from data_builders.manifest import write_manifest
from data_builders.persona import Fact, Persona

ABLE_SHARE = 0.5
"""An attacker is able if it names the person from at least this share of the identifying facts, one at a time; a fact
that it wasn't asked about counts as not named."""
LEVEL = 0.95
RULE = (
    "able: names the person from at least half of the identifying facts, each alone. "
    "rejected: any attacker, able or not, named the person from the fact alone. "
    "accepted: an able attacker gave a readable reply, and no reply mentions the person in any way. "
    "undecided: anything else."
)


class Verdict(StrEnum):
    """What the attack says of one fact; `RULE` defines each."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


def calibrate(replies: list[Reply], identifying: list[Fact]) -> pd.DataFrame:
    """How each attacker does on the identifying facts alone, one row an attacker, by name.

    Returns:
        Columns attacker; able (bool, `ABLE_SHARE`); of (identifying facts), asked, named (facts); unreadable, failed
        (replies); rate (named / of), low, high (Clopper and Pearson 1934, `LEVEL`).
    """
    rows = []
    for attacker in sorted({reply.attacker for reply in replies}):
        own = [
            reply
            for reply in replies
            if reply.attacker == attacker and reply.which is FactSet.IDENTIFYING and reply.k == 1
        ]
        named = len({reply.facts for reply in own if reply.named})
        rows.append(
            {
                "attacker": attacker,
                "able": named >= ABLE_SHARE * len(identifying),
                "of": len(identifying),
                "asked": len({reply.facts for reply in own}),
                "named": named,
                "unreadable": sum(reply.unreadable for reply in own),
                "failed": sum(reply.failed for reply in own),
                **interval(named, len(identifying)),
            }
        )
    return pd.DataFrame(rows)


def judge_facts(replies: list[Reply], facts: list[Fact], able: set[str]) -> list[dict[str, Any]]:
    """A verdict on each fact by `RULE`: {id, topic, verdict, reason, evidence}, in the facts' order.

    The evidence of a rejection is the replies that named the person; of an acceptance, the able attackers' readable
    replies; else all there are.
    """
    rows = []
    for fact in facts:
        seen = [reply for reply in replies if reply.facts == (fact.id,) and reply.which is FactSet.FACTS]
        pinned = [reply for reply in seen if reply.named]
        heard = [reply for reply in seen if reply.attacker in able and not (reply.unreadable or reply.failed)]
        hints = [reply for reply in seen if reply.mentions]
        if pinned:
            verdict, evidence = Verdict.REJECTED, pinned
            reason = f"named by {', '.join(sorted({reply.attacker for reply in pinned}))}"
        elif hints:
            verdict, evidence, reason = (
                Verdict.UNDECIDED,
                hints,
                "a reply mentions the person, but not as its one name",
            )
        elif heard:
            verdict, evidence = Verdict.ACCEPTED, heard
            reason = f"not named by {', '.join(sorted({reply.attacker for reply in heard}))}"
        else:
            verdict, evidence, reason = Verdict.UNDECIDED, seen, "no able attacker gave a readable reply"
        rows.append(
            {
                "id": fact.id,
                "topic": fact.topic,
                "verdict": str(verdict),
                "reason": reason,
                "evidence": [_evidence(reply, able) for reply in evidence],
            }
        )
    return rows


def curve(replies: list[Reply], able: set[str]) -> pd.DataFrame:
    """P(named | k): one row for each attacker, set of facts and k, in that order.

    Returns:
        Columns attacker, able, facts (a `FactSet`), k, replies (failed ones left out), failed, sets (different sets
        of facts), named, unreadable and mentioned_only (not named, but mentioned somewhere in the reply), rate, low, high (Clopper and Pearson 1934, `LEVEL`;
        over the replies to this persona's facts, taken as independent, though draws share facts).
    """
    rows = []
    for attacker, which, k in sorted({(reply.attacker, reply.which, reply.k) for reply in replies}):
        asked = [reply for reply in replies if (reply.attacker, reply.which, reply.k) == (attacker, which, k)]
        own = [reply for reply in asked if not reply.failed]
        named = sum(reply.named for reply in own)
        rows.append(
            {
                "attacker": attacker,
                "able": attacker in able,
                "facts": str(which),
                "k": k,
                "replies": len(own),
                "failed": len(asked) - len(own),
                "sets": len({frozenset(reply.facts) for reply in own}),
                "named": named,
                "unreadable": sum(reply.unreadable for reply in own),
                "mentioned_only": sum(reply.mentions and not reply.named for reply in own),
                **interval(named, len(own)),
            }
        )
    return pd.DataFrame(rows)


def interval(hits: int, of: int) -> dict[str, float | None]:
    """{rate, low, high} of `hits` in `of`; all None where `of` is 0."""
    if not of:
        return {"rate": None, "low": None, "high": None}
    exact = binomtest(hits, of).proportion_ci(LEVEL, method="exact")
    return {
        "rate": round(hits / of, 6),
        "low": round(float(exact.low), 6),
        "high": round(float(exact.high), 6),
    }


def attack(log_files: list[Path], persona: Persona, output: Path) -> dict[str, Any]:
    """Write identification.json (with its manifest), facts_verdicts.jsonl and curve.csv into the folder `output`.

    Returns:
        {persona, attackers, able, verdicts (facts by verdict)}.

    Raises:
        InputError: as `finished_log`, `require_distinct` and `read_replies`.
    """
    logs = [(path, finished_log(path, "identify")) for path in log_files]
    require_distinct(logs)
    read = [read_replies(path, log, persona) for path, log in logs]
    replies = [reply for some, _ in read for reply in some]
    attackers = calibrate(replies, read_facts(persona, FactSet.IDENTIFYING))
    able = {row["attacker"] for row in _records(attackers) if row["able"]}
    verdicts = judge_facts(replies, read_facts(persona, FactSet.FACTS), able)
    rates = curve(replies, able)
    counts = {str(verdict): sum(row["verdict"] == verdict for row in verdicts) for verdict in Verdict}
    table = StringIO()
    rates.to_csv(table, index=False, lineterminator="\n")
    write_atomic(output / "facts_verdicts.jsonl", dump_jsonl(verdicts))
    write_atomic(output / "curve.csv", table.getvalue())
    result = {
        "persona": persona.slug,
        "rule": RULE,
        "attackers": _records(attackers),
        "verdicts": counts,
        "rejected": [row["id"] for row in verdicts if row["verdict"] == Verdict.REJECTED],
        "curve": _records(rates),
    }
    write_atomic(output / "identification.json", dump_json(result))
    sets = [facts_path(persona, which) for which in FactSet]
    write_manifest(
        output / "identification.json",
        builder="inspect eval inspect_tasks/identify.py for each run, then "
        f"python -m data_builders attack LOG... --persona {persona.slug} --output DIR",
        settings={"able_share": ABLE_SHARE, "level": LEVEL, "runs": [made for _, made in read]},
        inputs=[persona.folder / "persona.yaml", *sets, *log_files],
        counts={"logs": len(log_files), "replies": len(replies), "facts": counts},
        extra={"also": {name: sha256(output / name) for name in ("facts_verdicts.jsonl", "curve.csv")}},
    )
    return {"persona": persona.slug, "attackers": len(attackers), "able": sorted(able), "verdicts": counts}


def _evidence(reply: Reply, able: set[str]) -> dict[str, Any]:
    return {
        "attacker": reply.attacker,
        "able": reply.attacker in able,
        "name": reply.name,
        "confidence": reply.confidence,
        "reply": reply.text,
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values, missing numbers as None."""
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]
